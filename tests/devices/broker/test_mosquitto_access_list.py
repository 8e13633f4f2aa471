"""What `broker-acl` writes, at a real mosquitto: a meter can be nobody but itself."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
import subprocess
from typing import Final

import gmqtt
import pytest

from meter_bridge.cli import main
from meter_bridge.devices.addresses import parse_address
from meter_bridge.devices.base.driver import Item, Publish, Report
from meter_bridge.devices.broker.access_list import BRIDGE
from meter_bridge.devices.broker.connection import MqttConnection
from meter_bridge.devices.broker.session import BrokerSession
from meter_bridge.devices.broker.url import parse_broker_url
from meter_bridge.devices.registry import build_drivers
from meter_bridge.devices.simulators import Fleet, SimulatedMeter, simulated_meter, wall_clock_ms
from meter_bridge.protocol.vocabulary import RelayPosition
from tests.devices.support import MOSQUITTO, Mosquitto, eventually, reports

EXAMPLE: Final = Path(__file__).parents[3] / "docs" / "examples" / "house-with-flats.yaml"
SHELLY: Final = "shellyplus1pm-a8032ab12345"
OTHERS: Final = (
    f"{SHELLY}/events/rpc",
    f"{SHELLY}/online",
    f"{SHELLY}/status/switch:0",
    f"{SHELLY}/rpc",
    f"prepaid-meter-bridge/{SHELLY}/rpc",
    "tele/board-caretaker/SENSOR",
    "board-caretaker/tele/SENSOR",
    "stat/board-caretaker/RESULT",
    "cmnd/board-caretaker/POWER2",
    "board-caretaker/cmnd/POWER2",
    "cmnd/tasmotas/POWER",
    "zigbee2mqtt/Plug 7",
    "zigbee2mqtt/Plug 7/set",
    "zigbee2mqtt/bridge/state",
    "zigbee2mqtt/bridge/devices",
    "tasmota/discovery/AABBCCDDEEFF/config",
    "cmnd/flat-1/POWER",
    "tele/flat-1/nested/SENSOR",
    "anything/else",
)


@dataclass(slots=True)
class Guarded:
    """A broker with the written lists."""

    broker: Mosquitto
    passwords: dict[str, str]

    def url(self, user: str) -> str:
        """Return the address with a user's credentials."""
        return f"mqtt://{user}:{self.passwords[user]}@127.0.0.1:{self.broker.port}"

    @asynccontextmanager
    async def peer(self, user: str, *filters: str) -> AsyncIterator[Peer]:
        """Connect as a user."""
        peer = Peer(self.url(user), filters)
        peer.session.start()
        await eventually(lambda: peer.session.connected, f"{user} connected")
        yield peer
        await peer.session.stop()


@dataclass(slots=True)
class Peer:
    """A client that hears what it may."""

    url: str
    filters: tuple[str, ...]
    heard: list[tuple[str, bytes]] = field(default_factory=list)
    session: BrokerSession = field(init=False)

    def __post_init__(self) -> None:
        """Make the session."""
        self.session = BrokerSession(
            parse_broker_url(self.url),
            filters=lambda: [(each, 1) for each in self.filters],
            on_message=lambda topic, payload, _retained: self.heard.append((topic, payload)),
            on_connected=lambda _connected: None,
        )

    def topics(self) -> set[str]:
        """Return the topics of what was heard."""
        return {topic for topic, _ in self.heard}


@pytest.fixture
def guarded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Guarded]:
    """Run a mosquitto with the example's users, and an observer whose lines somebody wrote by hand."""
    acl, passwords = tmp_path / "acl", tmp_path / "passwords"
    acl.write_text("user observer\ntopic readwrite #\n")
    assert MOSQUITTO is not None
    subprocess.run(
        ["mosquitto_passwd", "-b", "-c", str(passwords), "observer", "seen"], check=True, capture_output=True
    )
    assert main(["broker-acl", str(EXAMPLE), "--acl", str(acl), "--passwords", str(passwords)]) == 0
    told = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    broker = Mosquitto(
        tmp_path, extra=f"user root\nallow_anonymous false\nacl_file {acl}\npassword_file {passwords}\n"
    )
    broker.start()
    yield Guarded(broker, {"observer": "seen"} | {words[0]: words[1] for words in told})
    broker.kill()


async def test_a_meters_credentials_neither_speak_as_another_nor_command_one(guarded: Guarded) -> None:
    async with guarded.peer("observer", "#") as observer, guarded.peer("tasmota-flat-1") as meter:
        for topic in OTHERS:
            assert meter.session.send(Publish(topic, b"forged"))
        assert meter.session.send(Publish("tele/flat-1/SENSOR", b"own"))
        # One client's messages are taken in their order, so with the last one all have been looked at.
        await eventually(lambda: "tele/flat-1/SENSOR" in observer.topics(), "the own message")
        assert observer.topics() == {"tele/flat-1/SENSOR"}


async def test_a_meter_hears_its_own_commands_alone(guarded: Guarded) -> None:
    async with (
        guarded.peer(BRIDGE) as bridge,
        guarded.peer("observer", "#") as observer,
        guarded.peer("tasmota-flat-1", "#", "cmnd/#", "+/rpc", "zigbee2mqtt/#", "$SYS/#") as meter,
    ):
        for topic in ("cmnd/board-caretaker/POWER2", f"{SHELLY}/rpc", "zigbee2mqtt/Plug 7/set"):
            assert bridge.session.send(Publish(topic, b"{}"))
        assert bridge.session.send(Publish("cmnd/flat-1/POWER1", b"OFF"))
        await eventually(lambda: "cmnd/flat-1/POWER1" in meter.topics(), "the own command")
        assert meter.topics() == {"cmnd/flat-1/POWER1"}
        await eventually(lambda: len(observer.topics()) == 4, "what the bridge may say")


async def test_a_last_will_does_not_speak_for_another_either(guarded: Guarded) -> None:
    async with guarded.peer("observer", "#") as observer:
        for topic in (f"{SHELLY}/online", "tele/flat-1/LWT"):
            client = gmqtt.Client("dying", will_message=gmqtt.Message(topic, b"false", qos=1))
            client.set_auth_credentials("tasmota-flat-1", guarded.passwords["tasmota-flat-1"])
            await client.connect("127.0.0.1", guarded.broker.port)
            client.set_config({"reconnect_retries": -2})
            client._connection._transport.abort()
        await eventually(lambda: "tele/flat-1/LWT" in observer.topics(), "the own last will")
        assert observer.topics() == {"tele/flat-1/LWT"}


@pytest.mark.parametrize("user,password", [("tasmota-flat-1", "wrong"), ("nobody", "x"), (None, None)])
async def test_without_the_right_password_nobody_comes_in(
    guarded: Guarded, user: str | None, password: str | None
) -> None:
    credentials = f"{user}:{password}@" if user else ""
    peer = Peer(f"mqtt://{credentials}127.0.0.1:{guarded.broker.port}", ())
    peer.session.start()
    await eventually(lambda: peer.session.problem is not None, "problem told")
    assert not peer.session.connected
    await peer.session.stop()


async def test_the_bridge_reads_and_switches_meters_of_every_family_under_these_rights(
    guarded: Guarded,
) -> None:
    users = {
        "tasmota:flat-1/1": "tasmota-flat-1",
        f"shelly:{SHELLY}/0": f"shelly-{SHELLY}",
        "zigbee2mqtt:Plug 7/state": "zigbee2mqtt",
    }
    items: list[Item] = []
    connection = MqttConnection(
        parse_broker_url(guarded.url(BRIDGE)), build_drivers(users), items.extend, lambda _connected: None
    )
    connection.start()
    await eventually(lambda: connection.connected, "the bridge connected")
    fleets = [Fleet(guarded.url(user), [_meter(address)]) for address, user in users.items()]
    for fleet in fleets:
        await fleet.start()
    for address in users:
        await eventually(lambda: _told(items, address, "register_wh"), f"{address} read")  # noqa: B023
        assert all(connection.send(each) for each in _switch(address))
        await eventually(lambda: _opened(items, address), f"{address} opened")  # noqa: B023
    for fleet in fleets:
        await fleet.stop()
    await connection.stop()


def _meter(address: str) -> SimulatedMeter:
    parsed = parse_address(address)
    return simulated_meter(
        parsed.device, parsed.family, load_w=1000.0, interval_s=0.2, start_ms=wall_clock_ms()
    )


def _switch(address: str) -> list[Publish]:
    return [
        message
        for driver in build_drivers([address])
        if address.startswith(driver.family)
        for message in driver.switch(address, RelayPosition.OPEN)
    ]


def _told(items: list[Item], address: str, what: str) -> list[Report]:
    return [each for each in reports(items) if each.address == address and getattr(each, what) is not None]


def _opened(items: list[Item], address: str) -> bool:
    return any(each.relay is RelayPosition.OPEN for each in _told(items, address, "relay"))
