"""A Tasmota device opens its own relay at a register value, with nobody left to tell it."""

from collections.abc import Sequence
import json

import pytest

from meter_bridge.core.supply.local_cutoff import SlotState
from meter_bridge.devices.addresses import unsupported_reason
from meter_bridge.devices.base.driver import Item, Publish, ReportedCutOff, SupportsLocalCutOff
from meter_bridge.devices.base.simulated_physics import DailyProfile
from meter_bridge.devices.registry import build_drivers, families
from meter_bridge.devices.simulators import simulated_meter
from meter_bridge.devices.tasmota.driver import TasmotaDriver
from meter_bridge.devices.tasmota.simulated_rules import RuleSet, matches, upper
from meter_bridge.devices.tasmota.simulator import TasmotaMeter
from meter_bridge.protocol.vocabulary import RelayPosition
from tests.devices.support import START_MS, read, requests

ADDRESS = "tasmota:kitchen/1"
SLOT = 3
OURS = "ON Energy#Total>12.345 DO Power1 0 ENDON ON Power1#State=1 DO Rule3 5 ENDON"


class Bench:
    """A simulated plug of 3.6 kW, 1 Wh a second, and its driver with nothing between them."""

    def __init__(self) -> None:
        meter = simulated_meter(
            "kitchen", "tasmota", load_w=3600.0, interval_s=10.0, register_wh=1000, start_ms=START_MS
        )
        assert isinstance(meter, TasmotaMeter)
        self.meter = meter
        self.driver = TasmotaDriver()
        self.driver.assign([ADDRESS])
        self.items: list[Item] = []

    def tell(self, messages: Sequence[Publish]) -> list[ReportedCutOff]:
        """Bring commands to the device and return what it says of its slots."""
        found: list[ReportedCutOff] = []
        for message in messages:
            for answer in self.meter.handle(message.topic, message.payload):
                items = self.driver.decode(answer.topic, answer.payload, retained=False)
                found += [item for item in items if isinstance(item, ReportedCutOff)]
        return found

    def rule(self, payload: str, slot: int = SLOT) -> list[ReportedCutOff]:
        """Give a rule command as a person would."""
        return self.tell([Publish(f"cmnd/kitchen/Rule{slot}", payload.encode())])

    def write(self, limit_wh: int) -> list[ReportedCutOff]:
        """Write a cut-off."""
        return self.tell(self.driver.write_cut_off(ADDRESS, SLOT, ADDRESS, limit_wh))

    def pass_s(self, seconds: int) -> None:
        """Let time pass."""
        self.meter.step(seconds * 1000)

    @property
    def closed(self) -> bool:
        """Say whether the contact is closed."""
        return self.meter.physics.contact_closed


@pytest.fixture
def bench() -> Bench:
    """Return a plug that has been on for ten seconds."""
    bench = Bench()
    bench.pass_s(10)
    return bench


def test_only_tasmota_cuts_locally() -> None:
    """The family declares it, and the driver has what it takes."""
    for driver in build_drivers():
        declared = families()[driver.family].local_cut_off is not None
        assert declared == isinstance(driver, SupportsLocalCutOff)
        assert declared == (driver.family == "tasmota")


@pytest.mark.parametrize(
    "energy, relay, reason",
    [
        ("tasmota:kitchen/1", "tasmota:kitchen/1", None),
        ("tasmota:kitchen/1", "tasmota:kitchen/2", None),
        ("tasmota:kitchen/1", None, "without a relay"),
        ("shelly:shellyplus1pm-a8032ab12345/0", "shelly:shellyplus1pm-a8032ab12345/0", "shelly"),
        ("tasmota:kitchen/1", "zigbee2mqtt:Contactor/state", "not in the device"),
        ("tasmota:kitchen/phase2", "tasmota:kitchen/phase2", "of all its phases"),
    ],
)
def test_addresses_tell_what_cannot_cut(energy: str, relay: str | None, reason: str | None) -> None:
    """A site file that asks for more is refused before anything is connected."""
    found = unsupported_reason(energy, relay)
    assert found is None if reason is None else reason in (found or "")


def test_a_written_rule_is_read_back_armed(bench: Bench) -> None:
    """Text, once flag and enabling are three commands; only after the third it is in force."""
    assert bench.tell(bench.driver.ask_cut_off(ADDRESS, SLOT)) == [
        ReportedCutOff(ADDRESS, SLOT, SlotState.ABSENT)
    ]
    told = bench.write(12_345)
    assert [each.held for each in told] == [SlotState.UNARMED, SlotState.UNARMED, SlotState.ARMED]
    assert told[-1] == ReportedCutOff(ADDRESS, SLOT, SlotState.ARMED, 12_345, ADDRESS)
    assert bench.meter.rule_sets[SLOT].text == OURS
    assert not bench.meter.rule_sets[1].writes
    assert not bench.meter.rule_sets[2].writes


@pytest.mark.invariant(11)
def test_the_relay_opens_at_the_value_and_not_before(bench: Bench) -> None:
    """A silent network changes nothing: at 1 Wh a second it opens within a second or two of the value."""
    bench.write(1_500)
    bench.meter.faults.silent = True
    bench.pass_s(489)
    assert bench.closed
    assert bench.meter.physics.register_wh == 1_499
    bench.pass_s(600)
    assert not bench.closed
    assert 1_500 <= bench.meter.physics.register_wh <= 1_502


def test_looks_that_find_nothing_are_left_out_and_change_nothing(bench: Bench) -> None:
    """A load that may change at any time is looked at each second; both plugs open at the same instant."""
    every = Bench()
    every.meter.physics.load = DailyProfile({0: 3_600_000})
    every.pass_s(10)
    for each in (bench, every):
        each.write(3_000)
        each.pass_s(5)
    assert bench.meter.due_ms - bench.meter.physics.now_ms > 1_000
    assert every.meter.due_ms - every.meter.physics.now_ms <= 1_000
    for each in (bench, every):
        each.pass_s(2_500)
        assert not each.closed
    assert bench.meter.physics.register_uj == every.meter.physics.register_uj
    for each in (bench, every):
        each.write(4_000)
        each.tell(each.driver.switch(ADDRESS, RelayPosition.CLOSED))
        each.meter.physics.restart()
        each.pass_s(1_500)
        assert not each.closed
    assert bench.meter.physics.register_uj == every.meter.physics.register_uj


def test_a_relay_closed_by_hand_opens_again_at_once(bench: Bench) -> None:
    """Pressing the device's button does not buy energy, and the rule does not chatter meanwhile."""
    bench.write(1_500)
    bench.pass_s(600)
    assert not bench.closed
    published = len(bench.meter.step(9_000))
    for _ in range(3):
        bench.tell(bench.driver.switch(ADDRESS, RelayPosition.CLOSED))
        assert bench.closed
        bench.pass_s(3)
        assert not bench.closed
    assert bench.meter.physics.register_wh <= 1_510
    assert published <= 2


def test_the_rule_survives_a_restart(bench: Bench) -> None:
    """It is kept in flash; after a start the sensors are left in peace for five seconds."""
    bench.write(1_500)
    bench.pass_s(600)
    bench.meter.physics.restart()
    bench.meter.physics.move(closed=True)
    bench.pass_s(4)
    assert bench.closed
    bench.pass_s(4)
    assert not bench.closed


def test_a_raised_value_lets_the_relay_close(bench: Bench) -> None:
    """After a top-up the higher value comes first, then the command."""
    bench.write(1_500)
    bench.pass_s(600)
    bench.write(5_000)
    bench.tell(bench.driver.switch(ADDRESS, RelayPosition.CLOSED))
    bench.pass_s(60)
    assert bench.closed


def test_withdrawing_disables_and_clears(bench: Bench) -> None:
    """Nothing is left that could cut."""
    bench.write(1_020)
    told = bench.tell(bench.driver.withdraw_cut_off(ADDRESS, SLOT))
    assert told[-1].held is SlotState.ABSENT
    assert not bench.meter.rule_sets[SLOT].enabled
    bench.pass_s(600)
    assert bench.closed


@pytest.mark.parametrize(
    "text",
    [
        "ON Power1#State=1 DO RuleTimer1 600 ENDON",
        "ON Energy#Total>5 DO Power1 0 ENDON",
        OURS + " ON Button1#State=3 DO Power1 2 ENDON",
        OURS.replace("Rule3", "Rule1"),
        OURS.replace("Power1#", "Power2#"),
    ],
)
def test_a_persons_rules_are_seen_as_theirs(bench: Bench, text: str) -> None:
    """Also such as nearly look like ours."""
    assert bench.rule(text)[-1] == ReportedCutOff(ADDRESS, SLOT, SlotState.FOREIGN)


def test_what_is_ours_is_known_in_any_case_and_when_disabled(bench: Bench) -> None:
    """A device that switched its rules off after crashing says so."""
    bench.write(12_345)
    assert bench.rule(OURS.upper())[-1].held is SlotState.ARMED
    assert bench.rule("0")[-1].held is SlotState.UNARMED
    bench.rule("1")
    assert bench.rule("4")[-1] == ReportedCutOff(ADDRESS, SLOT, SlotState.UNARMED, 12_345, ADDRESS)


def test_flat_answers_of_older_firmware_are_read() -> None:
    """Before version 9 a rule set's state stood beside its text."""
    driver = TasmotaDriver()
    flat = {"Rule3": "ON", "Once": "ON", "StopOnError": "OFF", "Free": 440, "Rules": OURS}
    (found,) = read(driver, "stat/kitchen/RESULT", json.dumps(flat))
    assert found == ReportedCutOff(ADDRESS, SLOT, SlotState.ARMED, 12_345, ADDRESS)


def test_the_answer_may_come_under_its_own_name() -> None:
    """``SetOption4 1`` publishes it so."""
    answer = {"Rule3": {"State": "OFF", "Once": "OFF", "Rules": ""}}
    (found,) = read(TasmotaDriver(), "stat/kitchen/RULE3", json.dumps(answer))
    assert found == ReportedCutOff(ADDRESS, SLOT, SlotState.ABSENT)


def test_a_device_without_one_total_cannot_watch_it() -> None:
    """One number per phase, or a register outside ``ENERGY``, is nothing that the rule would hear of."""
    driver = TasmotaDriver()
    read(
        driver, "tele/kitchen/SENSOR", json.dumps({"ENERGY": {"Total": [1.0, 2.0, 3.0], "Power": [1, 2, 3]}})
    )
    answer = {"Rule3": {"State": "OFF", "Once": "OFF", "Rules": ""}}
    items = read(driver, "stat/kitchen/RESULT", json.dumps(answer))
    assert ReportedCutOff(ADDRESS, SLOT, SlotState.UNABLE) in items
    assert not requests(items)


def test_writing_the_same_again_wears_nothing() -> None:
    """The firmware saves its settings only where they changed."""
    rules = RuleSet()
    for payload in (OURS, "5", "1") * 3:
        rules.apply(payload)
    assert rules.writes == 3
    rules.apply(OURS.replace("12.345", "12.400"))
    assert rules.writes == 4


@pytest.mark.parametrize(
    "trigger, matched",
    [
        ("ENERGY#TOTAL>12.345", False),
        ("ENERGY#TOTAL>=12.345", True),
        ("ENERGY#TOTAL>12.344", True),
        ("ENERGY#TOTAL<13", True),
        ("ENERGY#TOTAL", True),
        ("ENERGY#POWER>1", None),
        ("POWER1#STATE=1", None),
    ],
)
def test_triggers_are_compared_as_the_firmware_does(trigger: str, matched: bool | None) -> None:  # noqa: FBT001
    """By name in the event, as float32; an event that does not speak of it decides nothing."""
    assert matches(trigger, upper({"Energy": {"Total": 12.345}})) is matched
