"""Protections open a supply whatever the credit, come back as their rule says, and survive a restart."""

from pathlib import Path

import pytest

from meter_bridge.devices.base.driver import Report
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode, Protection, SupplyAction
from meter_bridge.protocol.vocabulary import AlertKind, RelayPosition, SupplyReason, SupplyState
from tests.engine.harness import HOUR, LANDLORD, House, VirtualTime, apply, house, opened
from tests.engine.supply.test_decision import deplete, site

OPEN, CLOSED = RelayPosition.OPEN, RelayPosition.CLOSED
AUTOMATIC = site(protect="{over voltage: {delay: 5 s, reset: automatic after 5 min, resets per hour: 1}}")
MANUAL = site(
    protect="{under voltage: {reset: manual}, overload: {reset: manual}}", limits="{overload: 6 kW}"
)
NORMAL, HIGH, LOW = 230_000, 262_000, 190_000


async def volts(made: House, millivolts: int, *, after: int = 1_000) -> None:
    """Hear a voltage."""
    await made.report(Report(made.meter.plan.energy_address, voltage_mv=millivolts), after=after)


async def watts(made: House, power_w: int, *, after: int = 1_000) -> None:
    """Hear a load."""
    await made.report(Report(made.meter.plan.energy_address, power_mw=power_w * 1000), after=after)


async def trip(made: House, millivolts: int = HIGH) -> None:
    """Let the voltage be wrong for longer than the delay."""
    await volts(made, millivolts)
    await made.tick(6_000)


async def test_over_voltage_opens_after_its_delay_by_the_clock_alone(tmp_path: Path) -> None:
    async with house(tmp_path, AUTOMATIC) as made:
        await volts(made, HIGH)
        await made.tick(4_000)
        assert made.state() is SupplyState.CONNECTED
        assert made.transport.queried[-1] == "flat-1/main", "a fresh reading is asked for"
        await made.tick(1_000)
        assert (made.state(), made.account.reason) == (SupplyState.DISCONNECTED, SupplyReason.PROTECTION)
        assert made.transport.switched == [("flat-1/main", OPEN)]
        assert made.alert_kinds() == {AlertKind.OVER_VOLTAGE, AlertKind.PROTECTION_TRIPPED}
        (message,) = made.alert_texts(AlertKind.PROTECTION_TRIPPED)
        assert "above its limit, 262 V" in message
        (tripped,) = made.app.accounts.view(LANDLORD, "flat-1").supply.trips
        assert (tripped.protection, tripped.locked) == (Protection.OVER_VOLTAGE, False)
        assert made.problems() == []


async def test_a_spike_that_a_fresh_reading_denies_opens_nothing(tmp_path: Path) -> None:
    async with house(tmp_path, AUTOMATIC) as made:
        await volts(made, HIGH)
        await volts(made, NORMAL)
        await made.tick(10_000)
        assert made.state() is SupplyState.CONNECTED
        assert made.transport.switched == []


async def test_supply_comes_back_when_the_voltage_was_good_for_the_time(tmp_path: Path) -> None:
    async with house(tmp_path, AUTOMATIC) as made:
        await trip(made)
        await volts(made, HIGH, after=120_000)
        await volts(made, NORMAL, after=60_000)
        await made.tick(299_000)
        assert made.state() is SupplyState.DISCONNECTED
        await made.tick(2_000)
        assert (made.state(), made.account.reason) == (SupplyState.CONNECTED, SupplyReason.IN_CREDIT)
        assert made.transport.switched[-1] == ("flat-1/main", CLOSED)
        assert made.alert_kinds() == set()


async def test_where_no_voltage_is_seen_behind_the_relay_time_alone_counts(tmp_path: Path) -> None:
    async with house(tmp_path, AUTOMATIC) as made:
        await trip(made)
        await volts(made, 0, after=10_000)
        await made.tick(291_000)
        assert made.state() is SupplyState.CONNECTED


async def test_after_too_many_resets_it_stays_open_until_a_person_resets_it(tmp_path: Path) -> None:
    async with house(tmp_path, AUTOMATIC) as made:
        await trip(made)
        await volts(made, NORMAL)
        await made.tick(301_000)
        assert made.state() is SupplyState.CONNECTED
        await trip(made)
        await volts(made, NORMAL)
        await made.tick(2 * HOUR)
        assert made.state() is SupplyState.DISCONNECTED
        await made.supply(SupplyAction.RESET, "looked at it")
        assert made.state() is SupplyState.CONNECTED
        (event,) = made.rows("SELECT data FROM event WHERE kind = 'protection_reset'")
        assert '"by":"landlord"' in str(event[0])


async def test_under_voltage_opens_but_an_outage_does_not(tmp_path: Path) -> None:
    async with house(tmp_path, MANUAL) as made:
        await trip(made, 0)
        assert made.state() is SupplyState.CONNECTED
        await trip(made, LOW)
        assert made.account.reason is SupplyReason.PROTECTION


async def test_a_protection_is_not_reset_while_it_still_sees_what_is_wrong(tmp_path: Path) -> None:
    async with house(tmp_path, MANUAL) as made:
        with pytest.raises(RequestRefused) as nothing:
            await made.supply(SupplyAction.RESET)
        assert nothing.value.code is ErrorCode.CONFLICT
        await trip(made, LOW)
        await volts(made, LOW)
        with pytest.raises(RequestRefused, match="still shows"):
            await made.supply(SupplyAction.RESET)
        await volts(made, NORMAL)
        await made.supply(SupplyAction.RESET)
        assert made.state() is SupplyState.CONNECTED


async def test_no_payment_and_no_hold_closes_what_a_protection_keeps_open(tmp_path: Path) -> None:
    async with house(tmp_path, MANUAL) as made:
        await watts(made, 8_000)
        await made.tick(6_000)
        await watts(made, 0)
        assert made.account.reason is SupplyReason.PROTECTION
        await made.top_up("500.00")
        await made.supply(SupplyAction.ON, "visitors")
        await made.tick(HOUR)
        assert made.state() is SupplyState.DISCONNECTED
        assert {position for _, position in made.transport.switched} == {OPEN}
        await made.supply(SupplyAction.AUTO)
        await made.supply(SupplyAction.RESET)
        assert made.state() is SupplyState.CONNECTED


async def test_a_reset_closes_nothing_that_credit_or_a_hold_keeps_open(tmp_path: Path) -> None:
    async with house(tmp_path, MANUAL) as made:
        await deplete(made)
        await trip(made, LOW)
        reasons = [made.account.reason]
        await volts(made, NORMAL)
        await made.hold_off("leak")
        await made.supply(SupplyAction.RESET)
        reasons.append(made.account.reason)
        await made.supply(SupplyAction.AUTO)
        reasons.append(made.account.reason)
        assert reasons == [SupplyReason.PROTECTION, SupplyReason.LANDLORD_OFF, SupplyReason.CREDIT_EXHAUSTED]
        assert {position for _, position in made.transport.switched} == {OPEN}


async def test_a_trip_and_its_lock_survive_a_restart(tmp_path: Path) -> None:
    async with house(tmp_path, MANUAL) as made:
        await trip(made, LOW)
        time = VirtualTime(made.time.wall, made.time.monotonic)
    async with opened(tmp_path, time) as again:
        assert again.account.reason is SupplyReason.PROTECTION
        await again.tick(10 * HOUR)
        assert again.state() is SupplyState.DISCONNECTED
        assert AlertKind.PROTECTION_TRIPPED in again.alert_kinds()


async def test_after_a_restart_the_good_time_begins_anew(tmp_path: Path) -> None:
    async with house(tmp_path, AUTOMATIC) as made:
        await trip(made)
        made.time.forward(299_000)
        time = VirtualTime(made.time.wall, made.time.monotonic)
    async with opened(tmp_path, time) as again:
        await again.tick(299_000)
        assert again.state() is SupplyState.DISCONNECTED
        await again.tick(2_000)
        assert again.state() is SupplyState.CONNECTED


async def test_who_is_never_cut_is_only_alarmed(tmp_path: Path) -> None:
    protect = "{over voltage: {delay: none}}"
    async with house(tmp_path, site(never_cut="yes", protect=protect)) as made:
        await trip(made)
        assert made.state() is SupplyState.CONNECTED
        assert made.alert_kinds() == {AlertKind.OVER_VOLTAGE}


async def test_never_cut_connects_what_a_protection_or_a_hold_keeps_open(tmp_path: Path) -> None:
    async with house(tmp_path, MANUAL) as made:
        await trip(made, LOW)
        await made.hold_off("leak")
        await apply(made, site(never_cut="yes"))
        assert (made.state(), made.account.reason) == (SupplyState.CONNECTED, SupplyReason.NEVER_CUT)
        assert made.transport.switched[-1] == ("flat-1/main", CLOSED)
        assert AlertKind.PROTECTION_TRIPPED not in made.alert_kinds()


async def test_protections_work_while_the_clock_is_wrong(tmp_path: Path) -> None:
    async with house(tmp_path, AUTOMATIC) as made:
        made.time.wall += HOUR
        await made.tick()
        await trip(made)
        assert made.account.reason is SupplyReason.PROTECTION


async def test_old_values_trip_nothing(tmp_path: Path) -> None:
    async with house(tmp_path, AUTOMATIC) as made:
        address = made.meter.plan.energy_address
        await made.report(Report(address, voltage_mv=HIGH, stale=True))
        await made.tick(10_000)
        assert made.state() is SupplyState.CONNECTED


async def test_a_bill_later_supply_is_protected_as_well(tmp_path: Path) -> None:
    async with house(tmp_path, site(payment_mode="credit", protect="{over voltage: {delay: none}}")) as made:
        await volts(made, HIGH)
        assert made.account.reason is SupplyReason.PROTECTION
