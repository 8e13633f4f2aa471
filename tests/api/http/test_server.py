"""Where the API listens, whom it takes for the local operator, and what it writes about it."""

import asyncio
from collections.abc import Iterator
import logging
from pathlib import Path
import ssl
import tempfile

from aiohttp import ClientSession, TCPConnector, UnixConnector
import pytest

from meter_bridge.api import server as server_module
from meter_bridge.api.http.listener import SocketError
from meter_bridge.api.server import ApiServer, ListenSettings
from tests.api.factories import SECRET, token_of
from tests.api.fake_bridge import StandIn
from tests.api.serving import Served, serving, serving_locally
from tests.certificates import certificate


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder whose name is short enough for a Unix socket in it."""
    with tempfile.TemporaryDirectory(prefix="pm-") as name:
        yield Path(name)


async def test_over_the_unix_socket_no_token_is_wanted(folder: Path) -> None:
    async with serving_locally(StandIn(), folder / "bridge.sock") as served:
        me = await (await served.ask("GET", "/api/v1/me", None)).json()
        assert me == {"role": "landlord", "name": "local operator", "accounts": None, "sites": None}
        assert (await served.ask("GET", "/api/v1/tokens", None)).status == 200


async def test_a_token_that_is_shown_over_the_unix_socket_counts(folder: Path) -> None:
    async with serving_locally(StandIn(), folder / "bridge.sock") as served:
        assert (await served.ask("GET", "/api/v1/tokens", "tenant")).status == 403
        wrong = {"Authorization": "Bearer pmb_x_y"}
        assert (await served.ask("GET", "/api/v1/tokens", None, headers=wrong)).status == 401


async def test_the_unix_socket_belongs_to_its_owner_alone_and_goes_with_the_bridge(folder: Path) -> None:
    path = folder / "bridge.sock"
    async with serving_locally(StandIn(), path):
        assert path.is_socket()
        assert path.stat().st_mode & 0o777 == 0o600
    assert not path.exists()


async def test_both_listeners_serve_but_only_the_local_one_without_a_token(folder: Path) -> None:
    listen = ListenSettings(host="127.0.0.1", port=0, socket=folder / "bridge.sock")
    async with serving(StandIn(), listen) as served:
        assert (await served.ask("GET", "/api/v1/me", None)).status == 401
        async with ClientSession(connector=UnixConnector(str(listen.socket))) as local:
            assert (await local.get("http://bridge/api/v1/me")).status == 200


async def test_the_socket_of_a_killed_bridge_is_replaced(folder: Path) -> None:
    path = folder / "bridge.sock"
    killed = await asyncio.start_unix_server(lambda _reader, _writer: None, path, cleanup_socket=False)
    killed.close()
    assert path.is_socket()
    async with serving_locally(StandIn(), path) as served:
        assert (await served.ask("GET", "/api/v1/me", None)).status == 200


async def test_the_socket_of_a_living_bridge_is_left_alone(folder: Path) -> None:
    path = folder / "bridge.sock"
    async with serving_locally(StandIn(), path) as served:
        with pytest.raises(SocketError, match="another bridge"):
            await ApiServer(StandIn().application(), ListenSettings(socket=path)).start()
        assert (await served.ask("GET", "/api/v1/me", None)).status == 200


async def test_a_path_too_long_for_a_socket_is_named_with_the_way_out(folder: Path) -> None:
    long = folder / ("x" * 120)
    long.mkdir()
    with pytest.raises(SocketError, match="shorter name"):
        await ApiServer(StandIn().application(), ListenSettings(socket=long / "bridge.sock")).start()


async def test_a_port_in_use_is_told_and_nothing_is_left_behind(folder: Path) -> None:
    async with serving(StandIn()) as served:
        path = folder / "bridge.sock"
        taken = ListenSettings(host="127.0.0.1", port=served.url.port or 0, socket=path)
        with pytest.raises(OSError, match="address already in use"):
            await ApiServer(StandIn().application(), taken).start()
        assert not path.exists()


async def test_with_a_certificate_the_api_is_served_over_tls(folder: Path) -> None:
    cert, key = certificate(folder)
    server = ApiServer(
        StandIn().application(), ListenSettings(host="127.0.0.1", port=0, tls_certificate=cert, tls_key=key)
    )
    await server.start()
    try:
        assert server.url is not None
        assert server.url.startswith("https://127.0.0.1:")
        trust = ssl.create_default_context(cafile=cert)
        async with ClientSession(connector=TCPConnector(ssl=trust)) as session:
            headers = {"Authorization": f"Bearer {token_of('owner')}"}
            async with session.get(f"{server.url}/api/v1/me", headers=headers) as response:
                assert response.status == 200
            async with session.get(f"{server.url}/api/v1/me") as response:
                assert response.status == 401
    finally:
        await server.stop()


@pytest.mark.parametrize(
    "host,local", [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), (None, True)]
)
def test_what_only_this_machine_reaches_is_local(host: str | None, *, local: bool) -> None:
    assert ListenSettings(host=host).is_local is local


@pytest.mark.parametrize("announce", [False, True])
async def test_loopback_is_announced_only_when_asked_for(
    monkeypatch: pytest.MonkeyPatch, *, announce: bool
) -> None:
    announced: list[str] = []

    async def note(_server: ApiServer, host: str) -> None:
        announced.append(host)

    monkeypatch.setattr(server_module.ApiServer, "_announce", note)
    async with serving(StandIn(), ListenSettings(host="127.0.0.1", port=0, announce=announce)):
        assert announced == (["127.0.0.1"] if announce else [])


async def test_every_answer_has_the_security_headers_and_names_no_version(api: Served) -> None:
    for path, name in (("/health", None), ("/api/v1/accounts", "owner"), ("/nowhere", None)):
        response = await api.ask("GET", path, name)
        assert response.headers["Server"] == "meter-bridge"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert not any(each.startswith("Access-Control") for each in response.headers)


async def test_the_access_log_shows_neither_parameters_nor_tokens(
    api: Served, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await api.ask("GET", f"/api/v1/alerts?open=true&token={token_of('owner')}")
    await api.ask("GET", f"/api/v1/accounts/{token_of('owner')}")
    await api.ask("GET", "/api/v1/accounts/a%0d%0aforged")
    lines = [each for each in caplog.messages if "/api/v1/" in each]
    assert any("landlord:'owner' GET /api/v1/alerts 400" in each for each in lines)
    assert SECRET not in caplog.text
    assert "open=true" not in caplog.text
    assert not any("\n" in each for each in lines)


async def test_what_is_not_http_is_not_logged_with_its_content(
    api: Served, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    reader, writer = await asyncio.open_connection(api.url.host, api.url.port)
    writer.write(f"GET / HTTP/1.1\r\nAuthorization\x00: Bearer {token_of('owner')}\r\n\r\n".encode())
    await reader.read()
    writer.close()
    assert "what is not HTTP" in caplog.text
    assert SECRET not in caplog.text


async def test_a_failure_is_logged_with_the_reference_that_the_client_gets(
    api: Served, caplog: pytest.LogCaptureFixture
) -> None:
    api.port.failure = RuntimeError("the disk is on fire")
    response = await api.ask("GET", "/api/v1/accounts")
    assert response.status == 500
    problem = await response.json()
    assert problem["code"] == "internal"
    assert "fire" not in await response.text()
    reference = problem["remedy"].rsplit(" ", 1)[1]
    assert f"reference {reference}" in caplog.text
    assert "the disk is on fire" in caplog.text


async def test_health_is_503_when_down(api: Served) -> None:
    api.port.health_status = "degraded"
    response = await api.ask("GET", "/health", "owner")
    assert (response.status, await response.json()) == (
        200,
        {"status": "degraded", "reasons": ["the broker is away"]},
    )
    api.port.health_status = "down"
    assert (await api.ask("GET", "/health", None)).status == 503


async def test_metrics_are_prometheus_text(api: Served) -> None:
    response = await api.ask("GET", "/metrics")
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert await response.text() == "prepaid_meter_accounts 3\n"


async def test_me_tells_what_a_token_sees(api: Served) -> None:
    landlord = await (await api.ask("GET", "/api/v1/me", "landlord")).json()
    tenant = await (await api.ask("GET", "/api/v1/me", "tenant")).json()
    assert landlord == {"role": "landlord", "name": "landlord", "accounts": None, "sites": ["rose"]}
    assert tenant == {"role": "tenant", "name": "tenant", "accounts": ["flat-1"], "sites": None}
