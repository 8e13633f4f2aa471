"""A database server that is away: every route says so, and none fails with an error of the program."""

from collections.abc import AsyncIterator
import json
from pathlib import Path
import tempfile
from typing import Any, Final

from aiohttp import ClientSession
import msgspec
import pytest
import pytest_asyncio
from sqlalchemy import exc

from meter_bridge.api.app import ENDPOINTS
from meter_bridge.api.http.authentication import PAGE_HEADER
from meter_bridge.api.http.endpoint import Endpoint
from meter_bridge.api.server import ApiServer, ListenSettings
from meter_bridge.config.settings import Settings
from meter_bridge.protocol.patterns import KEY_HEADER
from meter_bridge.runtime.bridge import offline
from meter_bridge.storage.errors import StorageError
from meter_bridge.storage.failures import is_storage_failure
from meter_bridge.storage.location import written
from tests import postgresql_server
from tests.api.real_engine import PROVIDERS, RealEngine, prepared
from tests.api.serving import filled

pytestmark = [pytest.mark.postgresql, pytest.mark.sqlite("has a server of its own in any run")]

UNAVAILABLE: Final = 503


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def away() -> AsyncIterator[tuple[RealEngine, str]]:
    """Serve the house with a session of its page; its database server is stopped once all is prepared."""
    with tempfile.TemporaryDirectory(prefix="pm-") as name, postgresql_server.running() as server:
        folder = Path(name)
        server.execute("CREATE DATABASE prepaid")
        (folder / "payments.yaml").write_text(PROVIDERS)
        (folder / "payments.yaml").chmod(0o600)
        settings = Settings(data=folder, database=written(server.url("prepaid")))
        async with offline(settings) as app:
            served = ApiServer(app, ListenSettings(host="127.0.0.1", port=0, socket=folder / "bridge.sock"))
            await served.start()
            engine = RealEngine(
                str(served.url), folder / "bridge.sock", await prepared(folder / "bridge.sock")
            )
            cookie = await signed_in(engine)
            server.stop()
            try:
                yield engine, cookie
            finally:
                await served.stop()
                server.start()


async def signed_in(engine: RealEngine) -> str:
    """Return the session of the page of flat-1."""
    async with ClientSession() as session:
        made = await session.post(
            f"{engine.url}/api/v1/accounts/flat-1/access", headers=engine.headers("owner")
        )
        body = {"number": "flat-1", "code": (await made.json())["code"]}
        url = f"{engine.url}/api/v1/page/sign-in"
        async with session.post(url, json=body, headers={PAGE_HEADER: "1"}) as response:
            return response.headers["Set-Cookie"].partition(";")[0]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("sender", ["owner", "tenant", "page"])
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda each: each.name)
async def test_every_route_says_that_storage_is_unavailable(
    away: tuple[RealEngine, str], endpoint: Endpoint, sender: str, caplog: pytest.LogCaptureFixture
) -> None:
    engine, cookie = away
    headers = {"Cookie": cookie, PAGE_HEADER: "1"} if sender == "page" else engine.headers(sender)
    body = None if endpoint.body is None else msgspec.json.encode(endpoint.example)
    url = engine.url + filled(endpoint.path, "flat-1")
    async with ClientSession() as session:
        answer = await session.request(
            endpoint.method, url, data=body, headers=headers | {KEY_HEADER: f"{endpoint.name}-{sender}"}
        )
        text = await answer.text()
    if answer.status >= 500:
        assert answer.status == UNAVAILABLE
        if endpoint.path != "/health":
            assert json.loads(text)["code"] == "storage_unavailable"
            assert "Retry-After" in answer.headers
    assert not any(record.exc_info for record in caplog.records)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_websocket_says_that_storage_is_unavailable(away: tuple[RealEngine, str]) -> None:
    engine, _ = away
    heard = await said_over_websocket(engine)
    assert heard["type"] in {"snapshot", "error"}
    assert heard.get("code") in {None, "storage_unavailable"}


async def said_over_websocket(engine: RealEngine) -> dict[str, Any]:
    async with (
        ClientSession() as session,
        session.ws_connect(f"{engine.url}/api/v1/ws", headers=engine.headers("owner")) as socket,
    ):
        await socket.receive_json(timeout=30)
        await socket.send_json({"type": "subscribe", "schema_version": 1, "since": 1})
        heard: dict[str, Any] = await socket.receive_json(timeout=30)
        return heard


@pytest.mark.parametrize(
    "error, is_it",
    [
        (StorageError("away"), True),
        (exc.OperationalError("SELECT", {}, Exception("away")), True),
        (exc.InterfaceError("SELECT", {}, Exception("away")), True),
        (exc.TimeoutError("all connections are in use"), True),
        (exc.DatabaseError("SELECT", {}, Exception("database disk image is malformed")), True),
        (exc.ProgrammingError("SELECT", {}, Exception("no such column"), connection_invalidated=True), True),
        (exc.ProgrammingError("SELECT", {}, Exception("no such column")), False),
        (exc.IntegrityError("INSERT", {}, Exception("twice")), False),
        (ValueError("a mistake of the program"), False),
    ],
)
def test_a_mistake_of_the_program_is_not_taken_for_storage(error: Exception, *, is_it: bool) -> None:
    assert is_storage_failure(error) is is_it
