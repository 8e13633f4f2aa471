"""The WebSocket: its order, its limits, and how it ends."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
import json

from aiohttp import ClientWebSocketResponse, WSMsgType, WSServerHandshakeError
import pytest

from meter_bridge.api.http import listener
from meter_bridge.api.routes import websocket
from meter_bridge.api.server import ApiServer, ListenSettings
from meter_bridge.protocol.messages import EventKind, Update
from tests.api.factories import account, event
from tests.api.fake_bridge import StandIn
from tests.api.serving import Served, serving

SOON_S = 60.0
SUBSCRIBE = {"type": "subscribe", "schema_version": 1}


@asynccontextmanager
async def opened(api: Served, name: str = "owner", **headers: str) -> AsyncGenerator[ClientWebSocketResponse]:
    """Open a WebSocket and read the server info."""
    sent = {**api.headers(name), **headers}
    async with api.session.ws_connect(api.url / "api/v1/ws", headers=sent) as socket:
        info = await socket.receive_json(timeout=SOON_S)
        assert info["type"] == "server_info"
        yield socket


async def until(condition: Callable[[], object]) -> None:
    """Wait until something that another task does has come about."""
    async with asyncio.timeout(SOON_S):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.01)


async def test_server_info_comes_first_and_unasked(api: Served) -> None:
    async with api.session.ws_connect(api.url / "api/v1/ws", headers=api.headers("tenant")) as socket:
        info = await socket.receive_json(timeout=SOON_S)
    assert info == {
        "type": "server_info",
        "schema_version": 1,
        "min_schema_version": 1,
        "version": "0.1.0",
        "installation_id": "a1b2",
        "name": "Rose Street",
        "latest_version": None,
    }


async def test_a_subscription_is_answered_with_a_snapshot_then_events_and_updates(api: Served) -> None:
    async with opened(api) as socket:
        await socket.send_json(SUBSCRIBE)
        snapshot = await socket.receive_json(timeout=SOON_S)
        assert snapshot["type"] == "snapshot"
        assert [each["id"] for each in snapshot["accounts"]] == ["flat-1", "flat-2", "shop-1"]
        api.port.tell(event(1))
        api.port.tell(Update(type="update", accounts=(account("flat-1", 5),), removed=(), alerts=None))
        told = await socket.receive_json(timeout=SOON_S)
        assert (told["type"], told["seq"], told["kind"]) == ("event", 1, "top_up")
        update = await socket.receive_json(timeout=SOON_S)
        assert (update["type"], update["accounts"][0]["available"]) == ("update", 5)


@pytest.mark.parametrize(
    "wanted, words",
    [
        ("de-CH,fr;q=0.8", "Flat 1: Das Guthaben ist niedrig, noch 4,00 ZAR (Warnung bei 5,00 ZAR)"),
        ("tlh, en", "Flat 1: credit is low, ZAR 4.00 left (warning at ZAR 5.00)"),
        ("", "Flat 1: credit is low, ZAR 4.00 left (warning at ZAR 5.00)"),
    ],
)
async def test_an_alert_is_told_in_the_language_that_the_client_asks_for(
    api: Served, wanted: str, words: str
) -> None:
    facts = {"name": "Flat 1", "currency": "ZAR", "left_amount": 4_000_000, "threshold_amount": 5_000_000}
    data: dict[str, object] = {"id": "low", "kind": "low_credit", "facts": facts, "detail": ""}
    async with opened(api, **{"Accept-Language": wanted}) as socket:
        await socket.send_json(SUBSCRIBE)
        await socket.receive_json(timeout=SOON_S)
        api.port.tell(replace(event(1), kind=EventKind.ALERT_OPENED, data=data))
        told = await socket.receive_json(timeout=SOON_S)
    assert told["data"]["message"] == words


async def test_with_since_the_missed_events_follow_the_snapshot(api: Served) -> None:
    api.port.events = [event(seq) for seq in (1, 2, 3)]
    async with opened(api) as socket:
        await socket.send_json(SUBSCRIBE | {"since": 1})
        assert (await socket.receive_json(timeout=SOON_S))["type"] == "snapshot"
        assert [(await socket.receive_json(timeout=SOON_S))["seq"] for _ in range(2)] == [2, 3]


def test_the_event_of_an_alert_has_its_text_on_the_wire() -> None:
    facts = {"name": "Flat 1", "currency": "ZAR", "left_amount": 4_000_000, "threshold_amount": 5_000_000}
    data: dict[str, object] = {"id": "alert-1", "kind": "low_credit", "facts": facts, "detail": "5000000"}
    sent = json.loads(websocket.encode(replace(event(1), kind=EventKind.ALERT_OPENED, data=data)))
    assert sent["data"] == {
        "id": "alert-1",
        "kind": "low_credit",
        "message": "Flat 1: credit is low, ZAR 4.00 left (warning at ZAR 5.00)",
        "detail": "5000000",
    }


@pytest.mark.parametrize("version,code", [(0, "schema_too_old"), (2, "schema_too_new")])
async def test_a_schema_out_of_range_is_told_and_closed(api: Served, version: int, code: str) -> None:
    async with opened(api) as socket:
        await socket.send_json(SUBSCRIBE | {"schema_version": version})
        error = await socket.receive_json(timeout=SOON_S)
        assert (error["type"], error["code"]) == ("error", code)
        assert (await socket.receive()).type is WSMsgType.CLOSE
    assert api.port.readers == []


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{}",
        "nonsense",
        '{"type": "hello", "schema_version": 1}',
        '{"type": "subscribe"}',
        '{"type": "subscribe", "schema_version": 1, "since": -1}',
        '{"type": "subscribe", "schema_version": 1, "more": 1}',
        '{"type": "subscribe", "schema_version": "1"}',
    ],
)
async def test_anything_but_a_subscription_is_refused(api: Served, message: str) -> None:
    async with opened(api) as socket:
        await socket.send_str(message)
        error = await socket.receive_json(timeout=SOON_S)
        assert (error["type"], error["code"]) == ("error", "bad_request")
        assert (await socket.receive()).type is WSMsgType.CLOSE
        assert socket.close_code == 1008


async def test_a_message_after_the_subscription_is_refused(api: Served) -> None:
    async with opened(api) as socket:
        await socket.send_json(SUBSCRIBE)
        await socket.receive_json(timeout=SOON_S)
        await socket.send_json(SUBSCRIBE)
        assert (await socket.receive_json(timeout=SOON_S))["code"] == "bad_request"
        assert (await socket.receive()).type is WSMsgType.CLOSE
    await until(lambda: not api.port.readers)


async def test_a_message_that_is_too_large_ends_the_connection(api: Served) -> None:
    async with opened(api) as socket:
        await socket.send_str("x" * 10_000)
        assert (await socket.receive()).type in {WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR}


async def test_a_client_that_never_subscribes_is_not_waited_for(
    api: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "SUBSCRIBE_TIMEOUT_S", 0.05)
    async with opened(api) as socket:
        assert (await socket.receive_json(timeout=SOON_S))["code"] == "bad_request"


async def test_a_revoked_token_is_told_and_cut_off_at_once(api: Served) -> None:
    async with opened(api, "tenant") as socket:
        await socket.send_json(SUBSCRIBE)
        await socket.receive_json(timeout=SOON_S)
        api.port.revoke("tenant")
        error = await socket.receive_json(timeout=SOON_S)
        assert (error["type"], error["code"]) == ("error", "not_authenticated")
        assert (await socket.receive()).type is WSMsgType.CLOSE
    with pytest.raises(WSServerHandshakeError, match="401"):
        await api.session.ws_connect(api.url / "api/v1/ws", headers=api.headers("tenant"))


async def test_a_reader_that_falls_behind_in_the_engine_is_told_to_come_again(api: Served) -> None:
    api.port.queue_size = 1
    async with opened(api) as socket:
        await socket.send_json(SUBSCRIBE)
        await socket.receive_json(timeout=SOON_S)
        for seq in range(3):
            api.port.tell(event(seq))
        messages = [await socket.receive(timeout=SOON_S) for _ in range(2)]
        assert messages[0].json()["code"] == "too_many_requests"
        assert messages[1].type is WSMsgType.CLOSE
        assert socket.close_code == 1013


async def test_a_client_that_does_not_read_is_cut_off(api: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "SEND_TIMEOUT_S", 0.2)
    api.port.queue_size = 10_000
    async with opened(api) as socket:
        await socket.send_json(SUBSCRIBE)
        await until(lambda: api.port.readers)
        assert socket._conn is not None
        assert socket._conn.transport is not None
        socket._conn.transport.pause_reading()
        large = Update(
            type="update", accounts=tuple(account("flat-1") for _ in range(500)), removed=(), alerts=None
        )
        for _ in range(100):
            api.port.tell(large)
        await until(lambda: not api.port.readers)
        socket._conn.transport.abort()


async def test_a_client_that_leaves_ends_its_stream(api: Served) -> None:
    async with opened(api) as socket:
        await socket.send_json(SUBSCRIBE)
        await until(lambda: api.port.readers)
    await until(lambda: not api.port.readers)


async def test_a_failure_of_the_engine_is_told_without_details(api: Served) -> None:
    async with opened(api) as socket:
        api.port.failure = RuntimeError("secret detail")
        await socket.send_json(SUBSCRIBE)
        message = await socket.receive(timeout=SOON_S)
        assert message.json()["code"] == "internal"
        assert "secret detail" not in message.data


async def test_web_pages_of_other_origins_are_refused(api: Served) -> None:
    headers = api.headers("owner") | {"Origin": "https://evil.example"}
    with pytest.raises(WSServerHandshakeError, match="403"):
        await api.session.ws_connect(api.url / "api/v1/ws", headers=headers)


async def test_web_pages_of_a_configured_origin_are_served() -> None:
    listen = ListenSettings(host="127.0.0.1", port=0, origins=["https://dash.example"])
    async with serving(StandIn(), listen) as api:
        headers = api.headers("owner") | {"Origin": "https://dash.example"}
        async with api.session.ws_connect(api.url / "api/v1/ws", headers=headers) as socket:
            assert (await socket.receive_json(timeout=SOON_S))["type"] == "server_info"


async def test_a_plain_request_is_told_that_a_websocket_is_wanted(api: Served) -> None:
    response = await api.ask("GET", "/api/v1/ws")
    assert response.status == 400
    assert (await response.json())["code"] == "bad_request"


async def test_frames_are_not_compressed(api: Served) -> None:
    async with api.session.ws_connect(
        api.url / "api/v1/ws", headers=api.headers("owner"), compress=15
    ) as socket:
        assert socket.compress == 0


async def test_more_websockets_than_the_bridge_keeps_are_refused(
    api: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "MAX_SOCKETS", 1)
    async with opened(api):
        with pytest.raises(WSServerHandshakeError, match="429"):
            await api.session.ws_connect(api.url / "api/v1/ws", headers=api.headers("owner"))
    async with opened(api):
        pass


async def test_a_stopping_bridge_says_that_it_goes_away() -> None:
    port = StandIn()
    server = ApiServer(port.application(), ListenSettings(host="127.0.0.1", port=0))
    async with serving(port) as other:
        await server.start()
        url = f"{server.url}/api/v1/ws"
        async with other.session.ws_connect(url, headers=other.headers("owner")) as socket:
            await socket.receive_json(timeout=SOON_S)
            await socket.send_json(SUBSCRIBE)
            await socket.receive_json(timeout=SOON_S)
            stopping = asyncio.create_task(server.stop())
            assert (await socket.receive(timeout=SOON_S)).type is WSMsgType.CLOSE
            assert socket.close_code == 1001
            await stopping
