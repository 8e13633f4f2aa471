"""Every alert opens and closes by what a meter really does: a simulated one, its faults, its payloads.

The meter's messages go through the driver of its family; only broker and radio are left out. Each kind is
looked for as an event that people are told of, not as a state in memory.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from meter_bridge.devices.base.driver import Publish
from meter_bridge.devices.registry import build_drivers
from meter_bridge.devices.simulators import simulated_meter
from meter_bridge.engine.forecasting.forecaster import Forecaster
from meter_bridge.protocol.messages import SupplyAction
from meter_bridge.protocol.requests import SelectEmergencyCredit
from meter_bridge.protocol.vocabulary import AlertKind
from tests.engine.harness import HOUR, LANDLORD, SITE, House, house, operate

MINUTE = HOUR // 60
DAY = 24 * HOUR
LIMITED = SITE.replace("rating: 10 kW}", "rating: 10 kW, limits: {overload: 4 kW}}")


def policy(text: str) -> str:
    """Return the site with more in its unit's policy."""
    return LIMITED.replace("        low credit: [5.00]", f"        low credit: [5.00]\n        {text}")


class Home:
    """A unit whose meter is simulated, with the bridge's own work done as time passes."""

    def __init__(self, made: House, interval_s: int, family: str | None = None, *faults: str) -> None:
        self.house = made
        self.meter = simulated_meter(
            "flat-1",
            family,
            load_w=1_000,
            interval_s=interval_s,
            register_wh=100_000,
            start_ms=made.time.wall,
        )
        for fault in faults:
            setattr(self.meter.faults, fault, True)
        (self._driver,) = build_drivers([self.meter.address], names=[self.meter.family])
        self._foretelling = Forecaster(made.engine.session)
        self._told = 0
        self.greet()

    def greet(self) -> None:
        """Let the meter and its gateway announce themselves."""
        self._carry(type(self.meter).gateway_greeting([self.meter]))
        self._carry(self.meter.come_online())

    def _carry(self, messages: object) -> None:
        for message in messages:  # type: ignore[attr-defined]
            items = self._driver.decode(message.topic, message.payload, retained=False)
            self.house.intake.handle(items)
            for sent in items:
                if isinstance(sent, Publish):
                    self._carry(self.meter.handle(sent.topic, sent.payload))

    def _command(self) -> None:
        """Bring the bridge's commands to the meter, and its answers back."""
        transport = self.house.transport
        switched, transport.switched = transport.switched, []
        for _, position in switched:
            for sent in self._driver.switch(self.meter.address, position):
                self._carry(self.meter.handle(sent.topic, sent.payload))

    async def lives(self, milliseconds: int, step: int = 10_000) -> None:
        """Let time pass."""
        for _ in range(milliseconds // step):
            self._carry(self.meter.step(step))
            await self.house.tick(step)
            self._command()
            await self.house.settle()

    async def learns(self, days: int) -> None:
        """Let days pass, and be learned."""
        for _ in range(days):
            await self.lives(DAY, 4 * HOUR)
            await self._foretelling.run_all()
        await self.house.settle()

    def draws(self, watts: int) -> None:
        """Switch appliances on or off."""
        self.meter.physics.load = lambda _at: watts * 1000

    async def is_told(self, *kinds: str) -> None:
        """Fail unless these were opened since the last time."""
        opened = [event["kind"] for event in self.house.events("alert_opened")[self._told :]]
        self._told += len(opened)
        assert set(kinds) <= set(opened), (kinds, opened)

    async def is_over(self, kind: AlertKind) -> None:
        """Fail unless no such alert is open, and one was told to have closed."""
        assert kind not in {
            key.kind for key in (*self.house.account.alerts, *self.house.engine.session.installation.alerts)
        }
        assert kind in {event["kind"] for event in self.house.events("alert_closed")}


@asynccontextmanager
async def home(
    folder: Path, more: str = "", credit: str = "100.00", interval_s: int = 10
) -> AsyncIterator[Home]:
    async with house(folder, policy(more) if more else LIMITED, credit) as made:
        made.time.synchronised = True
        living = Home(made, interval_s)
        await living.lives(2 * MINUTE)
        await living.is_told()
        yield living


type Fault = Callable[[Home], None]


def faulty(**faults: object) -> Fault:
    """Return what switches faults on."""

    def switch(living: Home) -> None:
        for name, value in faults.items():
            setattr(living.meter.faults, name, value)

    return switch


QUIET_FAULTS: list[tuple[AlertKind, Fault, Fault, int]] = [
    (AlertKind.OVER_VOLTAGE, faulty(over_voltage=True), faulty(over_voltage=False), MINUTE),
    (AlertKind.UNDER_VOLTAGE, faulty(under_voltage=True), faulty(under_voltage=False), MINUTE),
    (AlertKind.POWER_OUTAGE, faulty(no_voltage=True), faulty(no_voltage=False), MINUTE),
    (AlertKind.OVERLOAD, lambda living: living.draws(5_000), lambda living: living.draws(1_000), MINUTE),
    (AlertKind.METER_OFFLINE, faulty(silent=True), faulty(silent=False), 20 * MINUTE),
]


@pytest.mark.parametrize("kind,begins,ends,wait", QUIET_FAULTS, ids=[kind.value for kind, *_ in QUIET_FAULTS])
async def test_what_happens_at_a_meter_opens_its_alert_and_its_end_closes_it(
    tmp_path: Path, kind: AlertKind, begins: Fault, ends: Fault, wait: int
) -> None:
    async with home(tmp_path) as living:
        begins(living)
        await living.lives(wait)
        await living.is_told(kind)
        ends(living)
        await living.lives(2 * MINUTE)
        await living.is_over(kind)
        assert living.house.state().value == "connected", "no fault of these switches a unit off by itself"


REPORTED = {
    ("tasmota", "no_register"): "let the script of a smart meter name its total",
    ("shelly", "no_register"): "switch on 'RPC status notifications'",
    ("zigbee2mqtt", "no_register"): "set 'output: json'",
    ("mqtt", "no_register"): "'meter-bridge model try'",
    ("mqtt", "relay_only"): "reports its relay but no register",
    ("mqtt", "silent"): "has never reported",
    ("tasmota", "relay_only"): "reports its relay but no register",
    ("shelly", "relay_only"): "reports its relay but no register",
    ("zigbee2mqtt", "relay_only"): "reports its relay but no register",
    ("tasmota", "silent"): "has never reported",
    ("shelly", "silent"): "has never reported",
    ("zigbee2mqtt", "silent"): "has never reported",
}
"""What staff are told of a meter with a fault from its first day on."""


@pytest.mark.parametrize("family,fault", REPORTED)
async def test_a_meter_that_never_tells_its_register_is_told_of_until_it_does(
    tmp_path: Path, family: str, fault: str
) -> None:
    address = simulated_meter("flat-1", family, start_ms=0).address
    async with house(tmp_path, LIMITED.replace("tasmota:flat-1/1", address), credit=None) as made:
        made.time.synchronised = True
        living = Home(made, 10, family, fault)
        await living.lives(2 * HOUR, MINUTE)
        (text,) = made.alert_texts(AlertKind.METER_OFFLINE)
        assert REPORTED[family, fault] in text
        assert [event["kind"] for event in made.events("alert_opened")].count("meter_offline") == 1
        setattr(living.meter.faults, fault, False)
        await living.lives(2 * MINUTE)
        await living.is_over(AlertKind.METER_OFFLINE)


async def test_a_model_that_does_not_fit_is_told_with_path_and_payload(tmp_path: Path) -> None:
    site = LIMITED.replace('"tasmota:flat-1/1"', '"mqtt:tasmota-sml/flat-1/main", relay: none')
    site = site.replace("        low credit", "        never cut: yes\n        low credit")
    async with house(tmp_path, site, credit=None) as made:
        made.time.synchronised = True
        (driver,) = build_drivers(["mqtt:tasmota-sml/flat-1/main"], names=["mqtt"])
        for _ in range(130):
            made.intake.handle(driver.decode("tele/flat-1/SENSOR", b'{"SML":{"Zaehler":7}}', retained=False))
            await made.tick(MINUTE)
        (text,) = made.alert_texts(AlertKind.METER_OFFLINE)
        assert "the message at tele/flat-1/SENSOR does not contain *.Total_in or" in text
        assert '({"SML":{"Zaehler":7}})' in text


DISOBEDIENT = [
    (AlertKind.RELAY_DISOBEYS, "recloses"),
    (AlertKind.TAMPER, "leaks"),
    (AlertKind.RELAY_DISOBEYS, "deaf"),
]


@pytest.mark.parametrize("kind,fault", DISOBEDIENT, ids=[fault for _, fault in DISOBEDIENT])
async def test_a_relay_that_does_not_hold_is_told_of(tmp_path: Path, kind: AlertKind, fault: str) -> None:
    async with home(tmp_path) as living:
        setattr(living.meter.faults, fault, True)
        if fault == "leaks":
            living.draws(0)
            await living.lives(MINUTE)
        await living.house.supply(SupplyAction.OFF, "inspection")
        await living.lives(2 * MINUTE)
        living.draws(1_000)
        await living.lives(10 * MINUTE)
        await living.is_told(kind)
        told = [event["kind"] for event in living.house.events("alert_opened")]
        assert fault == "recloses" or len(told) == len(set(told)), "an alert came and went with every attempt"
        setattr(living.meter.faults, fault, False)
        await living.house.supply(SupplyAction.ON, "mended")
        await living.lives(5 * MINUTE)
        await living.is_over(kind)


async def test_a_register_that_jumps_waits_for_a_person(tmp_path: Path) -> None:
    async with home(tmp_path) as living:
        living.meter.raise_register(1_000_000)
        await living.lives(2 * MINUTE)
        await living.is_told(AlertKind.REGISTER_QUARANTINED)
        await living.house.app.meters.decide_quarantine(LANDLORD, "flat-1/main", "new_epoch", reason="seen")
        await living.lives(MINUTE)
        await living.is_over(AlertKind.REGISTER_QUARANTINED)


@pytest.mark.parametrize("family", ["tasmota", "shelly", "zigbee2mqtt"])
async def test_another_device_in_the_same_place_waits_for_a_person(tmp_path: Path, family: str) -> None:
    address = simulated_meter("flat-1", family, start_ms=0).address
    site = LIMITED.replace("tasmota:flat-1/1", address)
    async with house(tmp_path, site, "100.00") as made:
        made.time.synchronised = True
        living = Home(made, 10, family)
        await living.lives(2 * MINUTE)
        charged = made.meter.energy_wh
        living.meter.swap(102_000, made.time.wall - 90 * DAY)
        living.greet()
        await living.lives(2 * MINUTE)
        await living.is_told(AlertKind.REGISTER_QUARANTINED)
        assert living.house.alert_texts(AlertKind.REGISTER_QUARANTINED)[0].count("another device") == 1
        assert made.meter.energy_wh == charged
        await made.app.meters.decide_quarantine(LANDLORD, "flat-1/main", "new_epoch", reason="seen")
        await living.lives(6 * MINUTE)
        await living.is_over(AlertKind.REGISTER_QUARANTINED)
        assert charged is not None
        assert 90 <= (made.meter.energy_wh or 0) - charged <= 101, "a kilowatt for six minutes"


async def test_a_register_that_stands_still_under_load_is_told(tmp_path: Path) -> None:
    async with home(tmp_path) as living:
        living.draws(3_500)
        living.meter.faults.stuck_register = True
        await living.lives(2 * HOUR)
        await living.is_told(AlertKind.REGISTER_DISAGREES)
        living.meter.faults.stuck_register = False
        await living.lives(HOUR)
        await living.is_over(AlertKind.REGISTER_DISAGREES)


async def test_a_register_in_another_unit_waits_for_a_person_again_and_again(tmp_path: Path) -> None:
    async with home(tmp_path) as living:
        living.draws(8)
        await living.lives(HOUR)
        living.meter.faults.wrong_unit = True
        charged = living.house.meter.energy_wh
        for _ in range(2):
            await living.lives(HOUR)
            await living.is_told(AlertKind.REGISTER_QUARANTINED)
            await living.house.app.meters.decide_quarantine(
                LANDLORD, "flat-1/main", "discard", reason="does not know better"
            )
        assert (living.house.meter.energy_wh or 0) - (charged or 0) < 2_500


async def test_a_clock_that_jumps_is_told_of_and_charges_nothing(tmp_path: Path) -> None:
    async with home(tmp_path) as living:
        living.house.time.synchronised = False
        living.house.time.wall += HOUR
        await living.lives(MINUTE)
        await living.is_told(AlertKind.CLOCK_WRONG)
        living.house.time.wall -= HOUR
        living.house.time.synchronised = True
        await living.lives(MINUTE)
        await living.is_over(AlertKind.CLOCK_WRONG)


async def test_credit_ends_with_a_warning_a_cut_and_comes_back_with_a_payment(tmp_path: Path) -> None:
    async with home(tmp_path, credit="8.00") as living:
        living.draws(3_000)
        await living.lives(45 * MINUTE)
        await living.is_told(AlertKind.LOW_CREDIT)
        await living.lives(50 * MINUTE)
        await living.is_told(AlertKind.SUPPLY_CUT)
        assert not living.meter.physics.contact_closed
        await living.house.top_up("50.00")
        await living.lives(MINUTE)
        await living.is_over(AlertKind.SUPPLY_CUT)
        await living.is_over(AlertKind.LOW_CREDIT)
        assert living.meter.physics.contact_closed
        restored = living.house.events("supply_changed")[-1]
        assert (restored["state"], restored["was"]) == ("connected", "disconnected")
        assert living.house.events("top_up")[-1]["amount"]


async def test_emergency_credit_is_offered_used_and_used_up(tmp_path: Path) -> None:
    async with home(tmp_path, "emergency credit: {limit: 2.00, threshold: 3.00}", "4.00") as living:
        living.draws(3_000)
        await living.lives(15 * MINUTE)
        await living.is_told(AlertKind.EMERGENCY_CREDIT_AVAILABLE)
        await operate(living.house, SelectEmergencyCredit())
        await living.lives(35 * MINUTE)
        await living.is_told(AlertKind.EMERGENCY_CREDIT_IN_USE)
        await living.is_over(AlertKind.EMERGENCY_CREDIT_AVAILABLE)
        await living.lives(25 * MINUTE)
        await living.is_told(AlertKind.EMERGENCY_CREDIT_EXHAUSTED, AlertKind.SUPPLY_CUT)
        await living.house.top_up("50.00")
        await living.lives(MINUTE)
        await living.is_over(AlertKind.EMERGENCY_CREDIT_EXHAUSTED)
        await living.is_over(AlertKind.EMERGENCY_CREDIT_IN_USE)


async def test_the_end_of_friendly_hours_is_told_of_before_it_comes(tmp_path: Path) -> None:
    hours = (
        'friendly hours: [{days: mon-sun, from: "00:00", to: "15:00"}]\n        warning before cut: 30 min'
    )
    async with home(tmp_path, hours, "1.00") as living:
        living.draws(3_000)
        await living.lives(3 * HOUR - 10 * MINUTE, MINUTE)
        await living.is_told(AlertKind.CUT_SOON)
        assert living.house.state().value == "connected"
        await living.lives(20 * MINUTE, MINUTE)
        await living.is_told(AlertKind.SUPPLY_CUT)
        await living.is_over(AlertKind.CUT_SOON)


async def test_an_armed_supply_waits_for_its_customer(tmp_path: Path) -> None:
    async with home(tmp_path, "restore: armed", "1.00") as living:
        await living.house.supply(SupplyAction.CONFIRM)
        living.draws(3_000)
        await living.lives(15 * MINUTE)
        await living.is_told(AlertKind.SUPPLY_CUT)
        await living.house.top_up("50.00")
        await living.lives(MINUTE)
        await living.is_told(AlertKind.SUPPLY_ARMED)
        await living.house.supply(SupplyAction.CONFIRM)
        await living.lives(MINUTE)
        await living.is_over(AlertKind.SUPPLY_ARMED)
        assert living.meter.physics.contact_closed


async def test_days_left_unusual_and_no_consumption_come_of_what_was_used(tmp_path: Path) -> None:
    # Two months pass four hours at a time, and the last reading of them counts: no need of half a million.
    async with home(tmp_path, "days left: 3", "500.00", interval_s=HOUR // 1_000 // 4) as living:
        living.draws(200)
        await living.learns(40)
        living.draws(1_200)
        await living.learns(6)
        await living.is_told(AlertKind.UNUSUAL_CONSUMPTION, AlertKind.DAYS_LEFT)
        await living.house.top_up("2000.00")
        await living.learns(1)
        await living.is_over(AlertKind.DAYS_LEFT)
        living.draws(0)
        await living.learns(9)
        await living.is_told(AlertKind.NO_CONSUMPTION)
        living.draws(200)
        await living.learns(2)
        await living.is_over(AlertKind.NO_CONSUMPTION)
