"""The client on its own: loadable without Home Assistant, tolerant of newer bridges, strict about types."""

import asyncio
from dataclasses import asdict
import importlib.util
import json
from pathlib import Path
import subprocess
import sys
from typing import Any
from unittest.mock import patch

import aiohttp
import pytest

from custom_components.prepaid_meter.client import (
    BridgeAddress,
    BridgeConnection,
    BridgeStream,
    CannotConnectError,
    NotAllowedError,
    NotAuthenticatedError,
    PrepaidMeterError,
    ProtocolError,
    RequestRefusedError,
    from_dict,
    stream as stream_module,
)
from custom_components.prepaid_meter.client.connection import negotiate_schema
from custom_components.prepaid_meter.client.errors import BridgeTooNewError, BridgeTooOldError, refusal
from custom_components.prepaid_meter.client.protocol import (
    AccountView,
    ErrorCode,
    Event,
    MeterView,
    Problem,
    Role,
    ServerInfo,
    Update,
)
from custom_components.prepaid_meter.client.vocabulary import AlertKind, SupplyState
from tests.component.fake_bridge import FakeBridge, account_view, alert_view, meter_view

CLIENT = Path(importlib.util.find_spec("custom_components.prepaid_meter.client").origin or "")  # type: ignore[union-attr]


def test_the_client_is_loadable_by_path_and_without_home_assistant() -> None:
    program = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location("bridge_client", {str(CLIENT)!r},
    submodule_search_locations=[{str(CLIENT.parent)!r}])
module = importlib.util.module_from_spec(spec)
sys.modules["bridge_client"] = module
spec.loader.exec_module(module)
assert module.BridgeConnection
assert not [name for name in sys.modules if name.partition(".")[0] == "homeassistant"]
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def as_sent(account: AccountView) -> dict[str, Any]:
    """Return an account as sent by the bridge."""
    sent: dict[str, Any] = json.loads(json.dumps(asdict(account)))
    return sent


def test_unknown_fields_and_values_of_a_newer_bridge_are_tolerated() -> None:
    message = as_sent(account_view(alerts=(alert_view(),))) | {"new_field": 1}
    message["supply"] = message["supply"] | {"state": "half_open"}
    account = from_dict(AccountView, message | {"low_credit_thresholds": [1, 2]})
    assert account.supply.state is SupplyState.UNKNOWN
    assert account.low_credit_thresholds == (1, 2)


def test_an_unknown_relay_position_is_not_known() -> None:
    message = asdict(meter_view()) | {"phases": []}
    message["relay"]["reported"] = "halfway"
    meter = from_dict(MeterView, message)
    assert meter.relay is not None
    assert meter.relay.reported is None


@pytest.mark.parametrize(
    "change, place",
    [
        ({"available": 1.5}, "AccountView.available: expected int, got float"),
        ({"available": True}, "AccountView.available: expected int, got bool"),
        ({"name": None}, "AccountView.name: expected str, got NoneType"),
        ({"meters": {}}, "AccountView.meters: expected list, got dict"),
        ({"meters": [1]}, r"AccountView.meters\[0\]: expected object, got int"),
        ({"supply": {}}, "AccountView.supply.note: missing"),
        ({"last_top_up": {"split": 1}}, "AccountView.last_top_up.amount: missing"),
    ],
)
def test_a_wrong_type_is_rejected_with_its_path(change: dict[str, object], place: str) -> None:
    message = as_sent(account_view()) | change
    with pytest.raises(ProtocolError, match=place):
        from_dict(AccountView, message)


def test_enums_and_objects_require_the_correct_types() -> None:
    message = asdict(alert_view())
    with pytest.raises(ProtocolError, match="kind: expected AlertKind, got int"):
        from_dict(type(alert_view()), message | {"kind": 4})
    assert from_dict(type(alert_view()), message | {"kind": "news"}).kind is AlertKind.UNKNOWN
    event = {"seq": 1, "at": "", "kind": "top_up", "account_id": None, "meter_id": None}
    with pytest.raises(ProtocolError, match="data: expected object, got list"):
        from_dict(Event, event | {"data": []})
    assert from_dict(Event, event | {"data": {"any": [1]}}).data == {"any": [1]}


def info(newest: int, oldest: int) -> ServerInfo:
    return ServerInfo(
        schema_version=newest, min_schema_version=oldest, version="9", installation_id="i", name="n"
    )


def test_the_newest_common_schema_is_used() -> None:
    assert negotiate_schema(info(1, 1)) == 1
    assert negotiate_schema(info(5, 1)) == 1
    with pytest.raises(BridgeTooNewError):
        negotiate_schema(info(5, 2))
    with pytest.raises(BridgeTooOldError):
        negotiate_schema(info(0, 0))


def test_a_refusal_has_its_class_and_its_remedy() -> None:
    error = refusal(Problem(code=ErrorCode.CONFLICT, message="Taken.", remedy="Wait."))
    assert type(error) is RequestRefusedError
    assert str(error) == "Taken. Wait."
    assert str(refusal(Problem(code=ErrorCode.NOT_ALLOWED, message="No."))) == "No."


class Recorder:
    """Records the messages of the stream."""

    def __init__(self) -> None:
        self.lost: list[PrepaidMeterError] = []
        self.updates: list[Update] = []

    def on_snapshot(self, info: ServerInfo, snapshot: object) -> None: ...

    def on_event(self, event: Event) -> None: ...

    def on_update(self, update: Update) -> None:
        self.updates.append(update)

    def on_lost(self, error: PrepaidMeterError) -> None:
        self.lost.append(error)


@pytest.fixture
async def connection(bridge: FakeBridge):  # type: ignore[no-untyped-def]  # noqa: ANN201
    async with aiohttp.ClientSession() as session:
        yield BridgeConnection(session, BridgeAddress(host="127.0.0.1", port=bridge.port), bridge.token)


def follow(connection: BridgeConnection, recorder: Recorder) -> BridgeStream:
    return BridgeStream(connection, recorder, first_retry_seconds=0.01)


@pytest.mark.parametrize(
    "greeting, error",
    [
        ("not json", ProtocolError),
        ("[]", ProtocolError),
        ('{"type": "news"}', ProtocolError),
        ('{"type": "error", "code": "schema_too_old", "message": ""}', BridgeTooNewError),
        ('{"type": "error", "code": "schema_too_new", "message": ""}', BridgeTooOldError),
        ('{"type": "error", "code": "not_authenticated", "message": ""}', NotAuthenticatedError),
    ],
)
async def test_an_invalid_greeting_is_rejected(
    bridge: FakeBridge, connection: BridgeConnection, greeting: str, error: type[Exception]
) -> None:
    bridge.raw_greeting = greeting
    stream = follow(connection, Recorder())
    with pytest.raises(error):
        await stream.connect()


@pytest.mark.parametrize(
    "status, error",
    [(401, NotAuthenticatedError), (403, NotAllowedError), (503, CannotConnectError)],
)
async def test_a_refused_websocket_raises_the_reason(
    bridge: FakeBridge, connection: BridgeConnection, status: int, error: type[Exception]
) -> None:
    bridge.refuse_with = (status, {})
    with pytest.raises(error):
        await follow(connection, Recorder()).connect()


async def test_a_silent_bridge_is_detected(
    bridge: FakeBridge, connection: BridgeConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = follow(connection, Recorder())
    await stream.connect()
    monkeypatch.setattr(stream_module, "SILENCE_SECONDS", 0.05)
    with pytest.raises(CannotConnectError, match="stopped responding"):
        await stream._read()
    await stream.close()


async def test_a_bridge_without_a_greeting_times_out(
    bridge: FakeBridge, connection: BridgeConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "HANDSHAKE_SECONDS", 0.05)
    bridge.silent = True
    with pytest.raises(CannotConnectError, match="in time"):
        await follow(connection, Recorder()).connect()


async def test_the_stream_cannot_be_read_before_connecting(connection: BridgeConnection) -> None:
    with pytest.raises(CannotConnectError):
        await follow(connection, Recorder())._read()


async def test_an_error_on_the_stream_is_raised_and_unknown_messages_are_ignored(
    bridge: FakeBridge, connection: BridgeConnection
) -> None:
    stream = follow(connection, Recorder())
    await stream.connect()
    while not bridge.open_sockets:  # noqa: ASYNC110 - the stand-in has no event for it
        await asyncio.sleep(0.005)
    await bridge.send({"type": "news"})
    await bridge.send({"type": "error", "code": "not_allowed", "message": "No more."})
    with pytest.raises(NotAllowedError):
        await stream._read()
    await stream.close()


@pytest.mark.parametrize(
    "status, body, error",
    [(500, {"odd": 1}, RequestRefusedError), (401, {}, NotAuthenticatedError), (200, [], ProtocolError)],
)
async def test_a_response_from_something_else_is_an_error(
    bridge: FakeBridge, connection: BridgeConnection, status: int, body: object, error: type[Exception]
) -> None:
    bridge.refuse_with = (status, body)  # type: ignore[assignment]
    with pytest.raises(error):
        await connection.role()


async def test_a_role_of_a_newer_bridge_is_unknown(bridge: FakeBridge, connection: BridgeConnection) -> None:
    bridge.refuse_with = (200, {"role": "auditor"})
    assert await connection.role() is Role.UNKNOWN


async def test_a_slow_response_is_a_timeout(
    bridge: FakeBridge, connection: BridgeConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sys.modules[BridgeConnection.__module__]
    monkeypatch.setattr(module, "REQUEST_SECONDS", 0.05)
    bridge.slow = True
    with pytest.raises(CannotConnectError, match="in time"):
        await connection.role()
    with pytest.raises(CannotConnectError, match="in time"):
        await connection.open_websocket()


async def test_an_error_page_from_something_else_is_reported_by_its_status(
    connection: BridgeConnection,
) -> None:
    with pytest.raises(RequestRefusedError, match="/api/v1/nowhere answered 404"):
        await connection.request("GET", "nowhere")


@pytest.mark.parametrize("failing", ["send_json", "receive"])
async def test_a_connection_that_breaks_during_the_handshake_is_an_error(
    connection: BridgeConnection, failing: str
) -> None:
    broken = patch.object(aiohttp.ClientWebSocketResponse, failing, side_effect=ConnectionResetError)
    with broken, pytest.raises(CannotConnectError, match="broke"):
        await follow(connection, Recorder()).connect()
