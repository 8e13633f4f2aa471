"""Simulated meters against the drivers: the bridge cannot tell them from devices."""

from collections.abc import Sequence
import random

from hypothesis import given, strategies as st
import pytest

from meter_bridge.devices.base.driver import Discovered, Driver, Item, Publish, Rejected, Report
from meter_bridge.devices.base.simulated_physics import Physics
from meter_bridge.devices.broker.connection import MqttConnection
from meter_bridge.devices.broker.url import parse_broker_url
from meter_bridge.devices.registry import broker_families, build_drivers
from meter_bridge.devices.simulators import (
    ConstantLoad,
    DailyProfile,
    Fleet,
    SimulatedMeter,
    simulated_meter,
    wall_clock_ms,
)
from meter_bridge.protocol.vocabulary import RelayPosition
from tests.devices.support import START_MS, Mosquitto, eventually, reports, requests

HOUR_MS = 3_600_000
NAMES = {
    "tasmota": "kitchen",
    "shelly": "shellyplugsg3-0000000000aa",
    "zigbee2mqtt": "Plug 7",
    "mqtt": "porch",
}
every_family = pytest.mark.parametrize("family", list(broker_families()))
every_announcing_family = pytest.mark.parametrize(
    "family", [name for name in broker_families() if name != "mqtt"]
)
"""All but the devices of models, which say nothing of themselves."""


class Table:
    """One simulated meter and its driver with nothing between them."""

    def __init__(self, family: str, load_w: float = 3600.0, interval_s: float = 10.0) -> None:
        self.meter = simulated_meter(
            NAMES[family], family, load_w=load_w, interval_s=interval_s, register_wh=1000, start_ms=START_MS
        )
        (self.driver,) = build_drivers([self.meter.address], names=[family])
        self.items: list[Item] = []
        self.carry(self.meter.gateway_greeting([self.meter]))
        self.carry(self.meter.come_online())

    def carry(self, messages: Sequence[Publish]) -> None:
        """Bring messages to the driver and its questions back."""
        for message in messages:
            items = self.driver.decode(message.topic, message.payload, retained=False)
            self.items += items
            for sent in requests(items):
                self.carry(self.meter.handle(sent.topic, sent.payload))

    def pass_ms(self, ms: int) -> list[Report]:
        """Let time pass and return what was reported of the meter meanwhile."""
        before = len(self.items)
        self.carry(self.meter.step(ms))
        return reports(self.items[before:])

    def switch(self, position: RelayPosition) -> list[Report]:
        """Send a command and return what is reported at once."""
        before = len(self.items)
        for sent in self.driver.switch(self.meter.address, position):
            self.carry(self.meter.handle(sent.topic, sent.payload))
        return reports(self.items[before:])


def registers(told: Sequence[Report]) -> list[int]:
    return [report.register_wh for report in told if report.register_wh is not None]


def powers(told: Sequence[Report]) -> list[int]:
    return [report.power_mw for report in told if report.power_mw is not None]


def relays(told: Sequence[Report]) -> list[RelayPosition]:
    return [report.relay for report in told if report.relay is not None]


@every_announcing_family
def test_a_meter_is_discovered_and_read_without_a_rejection(family: str) -> None:
    table = Table(family)
    table.pass_ms(60_000)
    offered = [item for item in table.items if isinstance(item, Discovered)]
    assert offered[0].address == table.meter.address
    assert (offered[0].has_register, offered[0].has_relay) == (True, True)
    assert not [item for item in table.items if isinstance(item, Rejected)]


@every_family
def test_the_register_tells_the_energy_exactly(family: str) -> None:
    table = Table(family, load_w=3600)
    told = table.pass_ms(HOUR_MS)
    assert table.meter.physics.register_wh == 4600
    assert registers(told) == sorted(registers(told))
    assert registers(told)[-1] >= 4600 - 20
    assert powers(told)[-1] == 3_600_000
    assert {report.address for report in told} == {table.meter.address}


def test_a_device_of_three_phases_tells_each_of_them() -> None:
    meter = simulated_meter("villa", "tasmota", load_w=1_000.0, phases=3, start_ms=START_MS)
    (driver,) = build_drivers([meter.address], names=["tasmota"])
    sent = meter.birth_messages()
    told = [item for each in sent for item in driver.decode(each.topic, each.payload, retained=False)]
    (report,) = [each for each in told if isinstance(each, Report) and each.phases]
    assert [phase.power_mw for phase in report.phases] == [334_000, 333_000, 333_000]
    assert report.power_mw == 1_000_000
    assert {phase.power_factor_permille for phase in report.phases} == {1000}


@every_family
def test_an_opened_relay_is_reported_and_the_load_goes(family: str) -> None:
    table = Table(family)
    assert RelayPosition.OPEN in relays(table.switch(RelayPosition.OPEN))
    told = table.pass_ms(20_000)
    assert powers(told)[-1] == 0
    assert not [report for report in told if report.stale]
    at_cut = registers(told)[-1]
    assert registers(table.pass_ms(HOUR_MS))[-1] == at_cut
    assert RelayPosition.CLOSED in relays(table.switch(RelayPosition.CLOSED))
    assert powers(table.pass_ms(20_000))[-1] == 3_600_000


@every_family
def test_a_query_brings_reading_and_relay(family: str) -> None:
    table = Table(family)
    before = len(table.items)
    for sent in table.driver.query(table.meter.address):
        table.carry(table.meter.handle(sent.topic, sent.payload))
    told = reports(table.items[before:])
    assert registers(told)
    assert relays(told) == [RelayPosition.CLOSED]


@every_family
def test_a_relay_that_recloses_by_itself_says_so(family: str) -> None:
    table = Table(family)
    table.meter.faults.recloses = True
    table.switch(RelayPosition.OPEN)
    told = table.pass_ms(5_000)
    assert RelayPosition.CLOSED in relays(told)
    assert powers(told)[-1] == 3_600_000
    table.meter.faults.recloses = False
    table.switch(RelayPosition.OPEN)
    assert powers(table.pass_ms(20_000))[-1] == 0


@every_family
def test_a_relay_that_only_acknowledges_keeps_its_load(family: str) -> None:
    table = Table(family)
    table.meter.faults.disobeys = True
    assert RelayPosition.OPEN in relays(table.switch(RelayPosition.OPEN))
    assert powers(table.pass_ms(20_000))[-1] == 3_600_000


@every_family
def test_a_deaf_meter_neither_answers_nor_obeys(family: str) -> None:
    table = Table(family)
    table.meter.faults.deaf = True
    assert not table.switch(RelayPosition.OPEN)
    assert powers(table.pass_ms(20_000))[-1] == 3_600_000


@every_family
def test_energy_may_flow_though_the_relay_is_open(family: str) -> None:
    table = Table(family)
    table.meter.faults.leaks = True
    table.switch(RelayPosition.OPEN)
    told = table.pass_ms(HOUR_MS)
    assert registers(told)[-1] > registers(told)[0]


@every_family
def test_a_silent_meter_is_announced_as_lost_and_returns(family: str) -> None:
    table = Table(family)
    table.meter.faults.silent = True
    assert [report.online for report in table.pass_ms(60_000)] == [False]
    assert not table.switch(RelayPosition.OPEN)
    table.meter.faults.silent = False
    assert True in [report.online for report in table.pass_ms(20_000)]


@every_family
def test_repeated_and_reordered_messages_change_no_register(family: str) -> None:
    table = Table(family)
    table.meter.faults.repeats = table.meter.faults.reorders = True
    told = registers(table.pass_ms(120_000))
    assert max(told) <= table.meter.physics.register_wh
    table.meter.faults.repeats = table.meter.faults.reorders = False
    assert registers(table.pass_ms(60_000))[-1] > 1000


def test_reordered_messages_leave_in_swapped_pairs() -> None:
    table = Table("shelly")
    table.meter.faults.reorders = True
    told = registers(table.pass_ms(100_000))
    assert told != sorted(told)


@every_family
def test_a_register_may_be_reset_or_jump(family: str) -> None:
    table = Table(family)
    table.meter.raise_register(50_000)
    assert registers(table.pass_ms(20_000))[-1] > 50_000
    table.meter.reset_register()
    assert registers(table.pass_ms(20_000))[-1] < 1000


def test_a_reset_is_witnessed_only_where_it_should_be() -> None:
    table = Table("tasmota")

    def witness() -> str | None:
        return [report.reset_marker for report in table.pass_ms(20_000) if report.reset_marker][-1]

    first = witness()
    table.meter.reset_register(with_witness=False)
    assert witness() == first
    table.meter.reset_register(with_witness=True)
    assert witness() != first


@every_family
@pytest.mark.parametrize("fault,low,high", [("over_voltage", 265, 280), ("under_voltage", 175, 190)])
def test_voltage_faults_show(family: str, fault: str, low: int, high: int) -> None:
    table = Table(family)
    setattr(table.meter.faults, fault, True)
    voltages = [report.voltage_mv for report in table.pass_ms(20_000) if report.voltage_mv is not None]
    assert low * 1000 < voltages[-1] < high * 1000


@every_family
def test_without_mains_a_meter_reads_no_voltage_and_no_load(family: str) -> None:
    table = Table(family)
    table.meter.faults.no_voltage = True
    told = table.pass_ms(20_000)
    assert [report.voltage_mv for report in told if report.voltage_mv is not None][-1] == 0
    assert powers(told)[-1] == 0


def test_a_zigbee_gateway_repeats_its_cache_before_the_device_speaks() -> None:
    table = Table("zigbee2mqtt")
    table.pass_ms(20_000)
    (optimistic,) = table.switch(RelayPosition.OPEN)
    assert optimistic.stale
    assert optimistic.power_mw == 3_600_000
    assert not table.pass_ms(1000)[0].stale


def test_a_restart_is_seen_as_another_boot() -> None:
    table = Table("tasmota")
    table.pass_ms(60_000)
    table.meter.physics.restart()
    table.pass_ms(20_000)
    boots = [report.boot_id for report in reports(table.items) if report.boot_id]
    assert boots[-1] == "2"


def test_the_same_seed_behaves_the_same() -> None:
    def messages(seed: int) -> list[Publish]:
        meter = simulated_meter("m", start_ms=START_MS, seed=seed)
        return [*meter.come_online(), *meter.step(HOUR_MS)]

    assert messages(1) == messages(1)
    assert messages(1) != messages(2)


@given(st.lists(st.integers(min_value=0, max_value=5000), min_size=1, max_size=50))
def test_energy_does_not_depend_on_how_time_is_cut(steps: list[int]) -> None:
    def register(cuts: list[int]) -> int:
        physics = Physics(ConstantLoad(1_234_567), random.Random(1), 0)
        for cut in cuts:
            physics.advance(physics.now_ms + cut)
        return physics.register_uj

    assert register(steps) == register([sum(steps)]) == 1_234_567 * sum(steps)


def test_a_daily_profile_follows_the_hours() -> None:
    load = DailyProfile({6: 100, 18: 900})
    assert [load(hour * HOUR_MS) for hour in (0, 6, 17, 18, 23)] == [900, 100, 100, 900, 900]


def test_a_load_may_be_any_function_of_time() -> None:
    meter = simulated_meter(
        "m", load=lambda at_ms: 2_000_000 if at_ms < START_MS + 1000 else 0, start_ms=START_MS
    )
    meter.step(10_000)
    assert meter.physics.register_uj == 2_000_000 * 1000


class Listener:
    """The bridge's side of a broker."""

    def __init__(self, url: str, addresses: Sequence[str]) -> None:
        self.drivers: list[Driver] = build_drivers(addresses)
        self.items: list[Item] = []
        self.connection = MqttConnection(
            parse_broker_url(url),
            self.drivers,
            self.items.extend,
            lambda _connected: None,
        )

    def of(self, meter: SimulatedMeter) -> list[Report]:
        return [report for report in reports(self.items) if report.address == meter.address]

    def switch(self, meter: SimulatedMeter, position: RelayPosition) -> bool:
        driver = next(driver for driver in self.drivers if driver.family is meter.family)
        return all(self.connection.send(sent) for sent in driver.switch(meter.address, position))


async def test_a_fleet_of_all_families_lives_on_a_real_broker(mosquitto: Mosquitto) -> None:
    meters = [
        simulated_meter(name, family, load_w=2000, interval_s=0.2, start_ms=wall_clock_ms())
        for family, name in NAMES.items()
    ]
    listener = Listener(mosquitto.url, [meter.address for meter in meters])
    listener.connection.start()
    fleet = Fleet(mosquitto.url, meters)
    await fleet.start()
    for meter in meters:
        await eventually(lambda: registers(listener.of(meter)), f"register of {meter.name}")  # noqa: B023
        assert listener.switch(meter, RelayPosition.OPEN)
        await eventually(lambda: powers(listener.of(meter))[-1:] == [0], f"cut of {meter.name}")  # noqa: B023
    mosquitto.kill()
    await eventually(lambda: not listener.connection.connected)
    mosquitto.start()
    await eventually(lambda: listener.connection.connected)
    fleet.meter("kitchen").faults.recloses = True
    kitchen = fleet.meter("kitchen")
    await eventually(lambda: powers(listener.of(kitchen))[-1:] == [2_000_000], "reclosed")
    assert listener.connection.rejections.total() == 0
    await fleet.stop()
    await eventually(lambda: [report.online for report in listener.of(kitchen)][-1] is False, "farewell")
    await listener.connection.stop()


async def test_a_large_fleet_announces_every_meter(mosquitto: Mosquitto) -> None:
    meters = [simulated_meter(f"m{number}", interval_s=60, start_ms=wall_clock_ms()) for number in range(400)]
    listener = Listener(mosquitto.url, [])
    listener.connection.start()
    fleet = Fleet(mosquitto.url, meters)
    await fleet.start()
    await eventually(
        lambda: len({item.address for item in listener.items if isinstance(item, Discovered)}) == 400,
        "all found",
    )
    meter = fleet.meter("m7")
    assert listener.switch(meter, RelayPosition.OPEN)
    await eventually(lambda: RelayPosition.OPEN in relays(listener.of(meter)))
    await eventually(lambda: powers(listener.of(meter))[-1:] == [0], "reported long before its interval")
    await fleet.stop()
    await listener.connection.stop()
