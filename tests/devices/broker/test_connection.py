"""The connection to the broker, against a real mosquitto."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
import socket

import pytest

from meter_bridge.devices.base.driver import Item, Publish, Report
from meter_bridge.devices.broker import session
from meter_bridge.devices.broker.connection import MqttConnection
from meter_bridge.devices.broker.session import BrokerSession
from meter_bridge.devices.broker.url import MqttSettings, parse_broker_url
from meter_bridge.devices.registry import build_drivers
from meter_bridge.devices.tasmota.driver import TasmotaDriver
from meter_bridge.devices.tasmota.readings import MODULUS_WH
from tests.devices.support import (
    Mosquitto,
    allowing,
    eventually,
    free_port,
    mosquitto_that_allows,
    needs_mosquitto_plugin,
    reports,
)

READING = b'{"ENERGY":{"Total":1.5}}'


class Bench:
    """A connection with what it told, and a device's side to speak to it."""

    def __init__(self, settings: MqttSettings) -> None:
        self.items: list[Item] = []
        self.changes: list[bool] = []
        self.heard: list[tuple[str, bytes]] = []
        self.driver = TasmotaDriver()
        self.connection = MqttConnection(settings, [self.driver], self.take, self.changes.append)
        self.device = BrokerSession(
            parse_broker_url(settings.place()) if settings.username is None else settings_of_device(settings),
            filters=lambda: [("cmnd/#", 1)],
            on_message=lambda topic, payload, _retained: self.heard.append((topic, payload)),
            on_connected=lambda _connected: None,
        )

    def take(self, items: Sequence[Item]) -> None:
        self.items += items

    async def start(self) -> None:
        self.connection.start()
        self.device.start()
        await eventually(lambda: self.connection.connected and self.device.connected, "connected")

    async def stop(self) -> None:
        await self.connection.stop()
        await self.device.stop()

    async def hears_readings(self) -> None:
        """Let the device speak until the connection hears it."""
        before = len(self.items)

        def heard() -> bool:
            self.device.send(Publish("tele/kitchen/SENSOR", READING, 0))
            return len(self.items) > before

        await eventually(heard, "reading heard")


def settings_of_device(settings: MqttSettings) -> MqttSettings:
    return MqttSettings(
        host=settings.host, port=settings.port, username=settings.username, password=settings.password
    )


@pytest.fixture
async def bench(mosquitto: Mosquitto) -> AsyncIterator[Bench]:
    made = Bench(parse_broker_url(mosquitto.url))
    await made.start()
    yield made
    await made.stop()


async def test_a_reading_reaches_the_sink_once_per_message(bench: Bench) -> None:
    await bench.hears_readings()
    told = Report("tasmota:kitchen/1", register_wh=1500, online=True, register_modulus_wh=MODULUS_WH)
    assert told in bench.items
    assert bench.connection.messages >= 1
    assert bench.connection.problem is None


async def test_retained_messages_are_told_apart(mosquitto: Mosquitto) -> None:
    bench = Bench(parse_broker_url(mosquitto.url))
    bench.device.start()
    await eventually(lambda: bench.device.connected)
    assert bench.device.send(Publish("tele/kitchen/LWT", b"Online", 1, retain=True))
    await eventually(lambda: bench.device.in_flight == 0)
    await bench.start()
    await eventually(lambda: bench.items)
    assert reports(bench.items)[0].stale
    await bench.stop()


async def test_a_command_reaches_the_device(bench: Bench) -> None:
    await bench.hears_readings()
    assert bench.connection.send(Publish("cmnd/kitchen/POWER1", b"OFF"))
    await eventually(lambda: ("cmnd/kitchen/POWER1", b"OFF") in bench.heard)


async def test_what_a_driver_asks_is_sent(bench: Bench) -> None:
    bench.driver.assign(["tasmota:kitchen/1"])
    bench.device.send(Publish("tele/kitchen/LWT", b"Online", 0))
    await eventually(lambda: ("cmnd/kitchen/STATUS", b"10") in bench.heard)


async def test_it_reconnects_and_subscribes_again_after_the_broker_was_killed(
    bench: Bench, mosquitto: Mosquitto
) -> None:
    await bench.hears_readings()
    for _ in range(2):
        mosquitto.kill()
        await eventually(lambda: not bench.connection.connected, "loss noticed")
        mosquitto.start()
        await eventually(lambda: bench.connection.connected and bench.device.connected, "reconnected")
        await bench.hears_readings()
    assert bench.changes == [True, False, True, False, True]


async def test_nothing_is_sent_or_kept_while_disconnected(bench: Bench, mosquitto: Mosquitto) -> None:
    mosquitto.kill()
    await eventually(lambda: not bench.connection.connected)
    assert not bench.connection.send(Publish("cmnd/kitchen/POWER1", b"LATE"))
    mosquitto.start()
    await eventually(lambda: bench.connection.connected and bench.device.connected)
    await bench.hears_readings()
    assert bench.connection.send(Publish("cmnd/kitchen/POWER1", b"NOW"))
    await eventually(lambda: ("cmnd/kitchen/POWER1", b"NOW") in bench.heard)
    assert ("cmnd/kitchen/POWER1", b"LATE") not in bench.heard


async def test_many_commands_pass_the_brokers_window_and_no_packet_id_is_lost(
    bench: Bench, mosquitto: Mosquitto
) -> None:
    """Send far more than mosquitto's receive maximum of 20, over a loss of the connection too."""
    for round_ in range(3):
        topics = [f"cmnd/kitchen/{round_}x{number}" for number in range(200)]
        assert all(bench.connection.send(Publish(topic, b"")) for topic in topics)
        await eventually(lambda: set(topics) <= {topic for topic, _ in bench.heard}, "all commands")  # noqa: B023
        await eventually(lambda: bench.connection.in_flight == 0, "all acknowledged")
        for number in range(40):
            bench.connection.send(Publish(f"cmnd/kitchen/lost{number}", b""))
        mosquitto.kill()
        await eventually(lambda: not bench.connection.connected)
        assert bench.connection.in_flight == 0
        mosquitto.start()
        await eventually(lambda: bench.connection.connected and bench.device.connected)


async def test_commands_arrive_in_their_order(bench: Bench) -> None:
    wanted = [("cmnd/kitchen/POWER1", str(number).encode()) for number in range(100)]
    await eventually(lambda: bench.connection.send(Publish("cmnd/kitchen/READY", b"")) and bench.heard)
    for topic, payload in wanted:
        assert bench.connection.send(Publish(topic, payload))
    await eventually(lambda: [entry for entry in bench.heard if entry[0].endswith("POWER1")] == wanted)


async def test_unreadable_messages_are_counted_and_logged_once_per_kind(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.hears_readings()
    for _ in range(3):
        bench.device.send(Publish("tele/kitchen/SENSOR", b"{", 1))
    bench.device.send(Publish("tele/kitchen/SENSOR", b'{"ENERGY":{"Total":-1}}', 1))
    await eventually(lambda: bench.connection.rejections.total() == 4)
    assert bench.connection.rejections == {"not_json": 3, "register_out_of_range": 1}
    assert len([record for record in caplog.records if "unreadable message" in record.message]) == 2


async def test_a_device_with_an_unusual_layout_is_subscribed_when_it_announces_itself(bench: Bench) -> None:
    config = b'{"t":"kitchen","ft":"home/%topic%/%prefix%/","mac":"AABBCCDDEEFF","rl":[1]}'
    bench.device.send(Publish("tasmota/discovery/AABBCCDDEEFF/config", config, 1))
    bench.device.send(Publish("tasmota/discovery/AABBCCDDEEFF/sensors", b'{"sn":{"ENERGY":{"Total":1}}}', 1))
    await eventually(lambda: bench.items, "discovered")

    def heard() -> bool:
        bench.device.send(Publish("home/kitchen/tele/SENSOR", READING, 0))
        return any(report.register_wh == 1500 for report in reports(bench.items))

    await eventually(heard, "reading on the unusual topic")


async def test_large_device_lists_pass(bench: Bench) -> None:
    sizes: list[int] = []
    bench.connection.receive = lambda topic, payload, retained: sizes.append(len(payload))  # type: ignore[method-assign]
    listener = BrokerSession(
        parse_broker_url(bench.device._settings.place()),
        filters=lambda: [("big", 1)],
        on_message=lambda _topic, payload, _retained: sizes.append(len(payload)),
        on_connected=lambda _connected: None,
    )
    listener.start()
    await eventually(lambda: listener.connected)

    def heard() -> bool:
        if not sizes:
            bench.device.send(Publish("big", b"x" * 1_000_000, 0))
        return 1_000_000 in sizes

    await eventually(heard)
    await listener.stop()


async def test_the_socket_sends_small_packets_at_once(bench: Bench) -> None:
    client = bench.connection._client
    assert client is not None
    raw = client._connection._transport.get_extra_info("socket")  # type: ignore[attr-defined]
    assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_a_fault_of_the_sink_does_not_end_the_connection(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(_items: Sequence[Item]) -> None:
        raise RuntimeError("sink")

    take: Callable[[Sequence[Item]], None] = bench.connection._on_items
    bench.connection._on_items = failing
    before = bench.connection.messages

    def heard() -> bool:
        bench.device.send(Publish("tele/kitchen/SENSOR", READING, 0))
        return bench.connection.messages > before

    await eventually(heard)
    bench.connection._on_items = take
    await bench.hears_readings()
    assert "could not be processed" in caplog.text


async def test_no_broker_is_told_once_with_its_remedy(caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    connection = MqttConnection(
        parse_broker_url(f"mqtt://127.0.0.1:{port}"), [], lambda *_: None, lambda _: None
    )
    connection.start()
    await eventually(lambda: connection.problem)
    await asyncio.sleep(0.7)
    await connection.stop()
    assert connection.problem is not None
    assert f"mqtt://127.0.0.1:{port}: nothing listens there" in connection.problem
    assert len([record for record in caplog.records if "nothing listens" in record.message]) == 1


async def test_a_broker_that_is_never_reached_is_told_once_after_a_while(
    monkeypatch: pytest.MonkeyPatch, mosquitto: Mosquitto
) -> None:
    monkeypatch.setattr(session, "PATIENCE_S", 0.5)
    mosquitto.kill()
    changes: list[bool] = []
    connection = MqttConnection(parse_broker_url(mosquitto.url), [], lambda *_: None, changes.append)
    connection.start()
    await eventually(lambda: connection.problem)
    assert changes == [], "a broker may take a moment to start"
    await eventually(lambda: changes)
    await asyncio.sleep(1)
    assert changes == [False]
    mosquitto.start()
    await eventually(lambda: connection.connected)
    assert changes == [False, True]
    await connection.stop()


@needs_mosquitto_plugin
async def test_topics_that_the_broker_refuses_are_told_until_it_allows_them(tmp_path: Path) -> None:
    broker = mosquitto_that_allows(tmp_path, "tele/#")
    broker.start()
    changes: list[tuple[bool, frozenset[str]]] = []
    asking = BrokerSession(
        parse_broker_url(broker.url),
        filters=lambda: [("tele/#", 1), ("stat/#", 1)],
        on_message=lambda *_: None,
        on_connected=lambda there: changes.append((there, asking.refused)),
    )
    asking.start()
    await eventually(lambda: asking.refused)
    asking.send(allowing("stat/#"))
    await eventually(lambda: len(changes) == 4, "the broker ends the connection, as its rules changed")
    await asyncio.sleep(0.5)
    nothing: frozenset[str] = frozenset()
    assert changes == [(True, nothing), (True, frozenset({"stat/#"})), (False, nothing), (True, nothing)]
    await asking.stop()
    broker.kill()


async def test_a_wrong_password_is_told_with_its_remedy(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path, extra="allow_anonymous false\n")
    broker.start()
    connection = MqttConnection(
        parse_broker_url(f"mqtt://anna:wrong@127.0.0.1:{broker.port}"), [], lambda *_: None, lambda _: None
    )
    connection.start()
    await eventually(lambda: connection.problem)
    assert connection.problem is not None
    assert "check user name, password" in connection.problem
    await connection.stop()
    broker.kill()


async def test_a_second_client_with_the_same_id_is_named(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    settings = parse_broker_url(mosquitto.url, client_id="twin")
    first, second = (MqttConnection(settings, [], lambda *_: None, lambda _: None) for _ in range(2))
    first.start()
    await eventually(lambda: first.connected)
    second.start()
    await eventually(lambda: "another client with the id 'twin'" in caplog.text)
    await first.stop()
    await second.stop()


async def test_stopping_twice_and_before_starting_is_harmless(mosquitto: Mosquitto) -> None:
    connection = MqttConnection(parse_broker_url(mosquitto.url), [], lambda *_: None, lambda _: None)
    await connection.stop()
    connection.start()
    connection.start()
    await eventually(lambda: connection.connected)
    await connection.stop()
    await connection.stop()
    assert not connection.connected


async def test_who_was_told_to_stop_has_lost_nothing(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(parse_broker_url(mosquitto.url))
    await bench.start()
    await bench.stop()
    assert bench.changes == [True]
    assert "was lost" not in caplog.text
    assert not bench.connection.connected


async def test_a_topic_that_two_drivers_read_reaches_both_each_time() -> None:
    """An optical head's register is read by a model, the relay of the same device by its family."""
    addresses = ["tasmota:m/1", "mqtt:tasmota-sml/m/main"]
    told: list[Item] = []
    connection = MqttConnection(
        parse_broker_url(f"mqtt://127.0.0.1:{free_port()}"),
        build_drivers(addresses),
        told.extend,
        lambda _: None,
    )
    for _ in range(3):
        told.clear()
        connection.receive("tele/m/LWT", b"Offline", retained=False)
        assert sorted(each.address for each in reports(told)) == sorted(addresses)
