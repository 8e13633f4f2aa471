"""The API over the real engine and its database, without meters."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
import json
from pathlib import Path
import tempfile

from aiohttp import ClientResponse, ClientSession, UnixConnector
import pytest
import pytest_asyncio

from meter_bridge.api.app import ENDPOINTS
from meter_bridge.api.server import ApiServer, ListenSettings
from meter_bridge.runtime.bridge import offline
from tests.api.serving import filled
from tests.api.test_openapi import operation_of, validator
from tests.storage.template import settings_of

pytestmark = pytest.mark.both_databases

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "house-with-flats.yaml"
SOON_S = 60.0
FOREIGN = ("flat-2", "flat-3", "caretaker")
LANDLORD = {"name": "landlord", "role": "landlord", "sites": ["*"]}
CARETAKER = {"name": "caretaker", "role": "caretaker", "sites": ["rose-street"]}
TENANT = {"name": "tenant", "role": "tenant", "accounts": ["flat-1"]}
DEVICE = {"name": "device", "role": "device", "accounts": ["flat-1"]}


@dataclass(slots=True)
class Bridge:
    """A served engine with a token of each role."""

    session: ClientSession
    url: str
    tokens: dict[str, str]

    async def ask(
        self, method: str, path: str, name: str, body: object = None, key: str | None = None
    ) -> ClientResponse:
        """Send a request with a token; the answer is read whole."""
        headers = {"Authorization": f"Bearer {self.tokens[name]}"} | ({"Idempotency-Key": key} if key else {})
        async with self.session.request(method, self.url + path, json=body, headers=headers) as response:
            await response.read()
            return response


@pytest_asyncio.fixture
async def bridge() -> AsyncGenerator[Bridge]:
    """Serve the example of the documentation."""
    with tempfile.TemporaryDirectory(prefix="pm-") as name:
        socket = Path(name) / "bridge.sock"
        with settings_of(Path(name)) as settings:
            async with offline(settings) as port, ClientSession() as session:
                server = ApiServer(port, ListenSettings(host="127.0.0.1", port=0, socket=socket))
                await server.start()
                try:
                    yield Bridge(session, str(server.url), await _prepare(socket))
                finally:
                    await server.stop()


async def _prepare(socket: Path) -> dict[str, str]:
    """Apply the site file and make the tokens, as the local operator does."""
    async with ClientSession(connector=UnixConnector(str(socket))) as operator:
        async with operator.post("http://bridge/api/v1/site", data=EXAMPLE.read_text()) as response:
            assert response.status == 200, await response.text()
        made = {}
        for body in (LANDLORD, CARETAKER, TENANT, DEVICE):
            async with operator.post("http://bridge/api/v1/tokens", json=body) as response:
                assert response.status == 201, await response.text()
                made[str(body["name"])] = (await response.json())["token"]
    return made


async def test_every_reading_route_answers_as_documented(bridge: Bridge) -> None:
    path, body = "/api/v1/accounts/flat-1/top-ups", {"amount": "100.00", "method": "cash"}
    assert (await bridge.ask("POST", path, "landlord", body, "k")).status == 201
    for each in ENDPOINTS:
        if (
            each.method == "GET"
            and isinstance(each.answer, type)
            and not {"{batch}", "{payment}"} & set(each.path.split("/"))
        ):
            response = await bridge.ask("GET", filled(each.path, "flat-1"), "landlord")
            assert response.status == 200, each.path
            content = operation_of(each)["responses"]["200"]["content"]["application/json"]
            validator(content["schema"]).validate(await response.json())


async def test_metrics_are_served(bridge: Bridge) -> None:
    response = await bridge.ask("GET", "/metrics", "landlord")
    assert response.status == 200
    assert "# TYPE" in await response.text()


@pytest.mark.invariant(4)
async def test_a_top_up_counts_once_for_each_key(bridge: Bridge) -> None:
    path, body = "/api/v1/accounts/flat-1/top-ups", {"amount": "100.00", "method": "cash"}
    first = await bridge.ask("POST", path, "landlord", body, "k")
    again = await bridge.ask("POST", path, "landlord", body, "k")
    other = await bridge.ask("POST", path, "landlord", body | {"amount": "50.00"}, "k")
    assert (first.status, again.status, other.status) == (201, 200, 409)
    assert await first.json() == await again.json()
    account = await (await bridge.ask("GET", "/api/v1/accounts/flat-1", "tenant")).json()
    assert account["balance"] == 100_000_000


@pytest.mark.invariant(15)
async def test_a_tenant_reads_and_changes_no_other_account(bridge: Bridge) -> None:
    for account in FOREIGN:
        for each in ENDPOINTS:
            if "/accounts/{id}" in each.path:
                path = filled(each.path, account)
                body = {"action": "confirm"} if each.name == "set_supply" else None
                response = await bridge.ask(each.method, path, "tenant", body)
                assert response.status in {403, 404}
    for path in ("/api/v1/accounts", "/api/v1/alerts", "/api/v1/me"):
        text = await (await bridge.ask("GET", path, "tenant")).text()
        assert not any(account in text for account in FOREIGN)


async def test_the_stream_tells_a_tenant_of_the_own_top_up_alone(bridge: Bridge) -> None:
    headers = {"Authorization": f"Bearer {bridge.tokens['tenant']}"}
    async with bridge.session.ws_connect(f"{bridge.url}/api/v1/ws", headers=headers) as socket:
        await socket.receive_json(timeout=SOON_S)
        await socket.send_json({"type": "subscribe", "schema_version": 1})
        snapshot = await socket.receive_json(timeout=SOON_S)
        assert [each["id"] for each in snapshot["accounts"]] == ["flat-1"]
        for account in ("flat-2", "flat-1"):
            path, body = f"/api/v1/accounts/{account}/top-ups", {"amount": "100.00", "method": "cash"}
            await bridge.ask("POST", path, "landlord", body, account)
        told = [await socket.receive_json(timeout=SOON_S)]
        while told[-1].get("kind") != "top_up":
            told.append(await socket.receive_json(timeout=SOON_S))
        assert told[-1]["account_id"] == "flat-1"
        assert not any(account in json.dumps(told) for account in FOREIGN)


async def test_a_revoked_token_ends_its_stream_at_once(bridge: Bridge) -> None:
    token = bridge.tokens["tenant"]
    async with bridge.session.ws_connect(
        f"{bridge.url}/api/v1/ws", headers={"Authorization": f"Bearer {token}"}
    ) as socket:
        await socket.receive_json(timeout=SOON_S)
        await socket.send_json({"type": "subscribe", "schema_version": 1})
        await socket.receive_json(timeout=SOON_S)
        response = await bridge.ask("DELETE", f"/api/v1/tokens/{token.split('_')[1]}", "landlord")
        assert response.status == 204
        message = await socket.receive_json(timeout=SOON_S)
        while message["type"] != "error":
            message = await socket.receive_json(timeout=SOON_S)
        assert message["code"] == "not_authenticated"
    assert (await bridge.ask("GET", "/api/v1/me", "tenant")).status == 401


async def test_supply_is_held_and_released(bridge: Bridge) -> None:
    path = "/api/v1/accounts/flat-1/supply"
    held = await bridge.ask("POST", path, "caretaker", {"action": "off", "reason": "inspection"})
    assert (held.status, (await held.json())["reason"]) == (200, "landlord_off")
    tried = await bridge.ask("POST", path, "tenant", {"action": "confirm"})
    assert tried.status == 409
    released = await bridge.ask("POST", path, "caretaker", {"action": "auto"})
    assert (await released.json())["note"] is None


async def test_a_device_tells_its_own_readings_and_a_caretaker_replaces_it(bridge: Bridge) -> None:
    path = "/api/v1/meters/flat-1%2Fmain"
    first = await bridge.ask("POST", f"{path}/readings", "device", {"register": "812.4"})
    assert (first.status, (await first.json())["outcome"]) == (200, "first")
    foreign = await bridge.ask("POST", "/api/v1/meters/flat-3%2Fmain/readings", "device", {"register": "1"})
    assert foreign.status == 404
    assert (await bridge.ask("GET", "/api/v1/meters", "device")).status == 403
    body = {"closing": "812.5", "opening": "0.2", "reason": "burnt"}
    assert (await bridge.ask("POST", f"{path}/replacement", "device", body, "k")).status == 403
    assert (await bridge.ask("POST", f"{path}/replacement", "caretaker", body)).status == 400
    made = await bridge.ask("POST", f"{path}/replacement", "caretaker", body, "k")
    again = await bridge.ask("POST", f"{path}/replacement", "caretaker", body, "k")
    other = await bridge.ask("POST", f"{path}/replacement", "caretaker", body | {"opening": "3"}, "k")
    assert (made.status, again.status, other.status) == (201, 200, 409)
    assert await made.json() == await again.json()
    assert ((await made.json())["register_wh"], (await made.json())["epoch"]) == (200, 1)
    wrong = await bridge.ask("POST", f"{path}/replacement", "caretaker", body | {"closing": "99"}, "j")
    assert ((await wrong.json())["field"], wrong.status) == ("closing", 409)
