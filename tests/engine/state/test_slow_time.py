"""A wall clock was set back by hours: event time passes slowly until it has caught up, and harms nothing."""

from pathlib import Path

import pytest

from meter_bridge.actor import Actor
from meter_bridge.core.calendar import iso
from meter_bridge.devices.base.driver import Report
from meter_bridge.protocol.messages import Role
from meter_bridge.protocol.requests import MoveIn, MoveOut, ReplacementRequest
from meter_bridge.protocol.vocabulary import AlertKind, RelayPosition, SupplyReason
from tests.engine.harness import (
    BLOCKS,
    HOUR,
    LANDLORD,
    SITE,
    House,
    VirtualTime,
    apply,
    house,
    opened,
    operate,
    zar,
)
from tests.engine.supply.test_protections import AUTOMATIC, HIGH, volts

pytestmark = pytest.mark.invariant(5, 12)

FIVE_MINUTES = HOUR // 12
HEAVY_WH = 800
"""What a load near the rating of 10 kW uses in five minutes; it costs ZAR 1.60."""
COST = zar("1.60")
DEVICE = Actor("logger", Role.DEVICE, accounts=frozenset({"flat-1"}))
DEMAND = BLOCKS.replace("standing charge: 1.00 per day", "demand charge: 42.00 per kW, maximum of 30 min")


async def use(flat: House, first: int, last: int, base: int = 0) -> None:
    """Let a heavy load be told every five minutes."""
    for number in range(first, last + 1):
        await flat.read(base + number * HEAVY_WH, after=FIVE_MINUTES)


async def test_what_is_used_is_charged_as_it_is_told(flat: House) -> None:
    await flat.read(0)
    await flat.set_clock_back(11)
    before = flat.available
    for number in range(1, 25):
        await use(flat, number, number)
        assert flat.available == before - number * COST
    assert flat.alert_kinds() == set()


async def test_event_time_catches_up_and_meters_ride_their_lanes_again(flat: House) -> None:
    await flat.read(0)
    await flat.set_clock_back(1)
    await flat.read(100, after=HOUR // 2)
    assert flat.meter.fast_path is None
    await flat.read(200, after=HOUR)
    assert flat.engine.session.clock.ahead_ms() > 0
    await flat.read(300, after=HOUR)
    await flat.read(310)
    assert flat.engine.session.clock.now() == flat.time.wall
    assert flat.meter.fast_path is not None


async def test_a_second_correction_doubts_nothing_that_flows(flat: House) -> None:
    await flat.read(0)
    await flat.set_clock_back(2)
    await use(flat, 1, 1)
    await flat.set_clock_back(5)
    before = flat.available
    await use(flat, 2, 7)
    assert (flat.available, flat.alert_kinds()) == (before - 6 * COST, set())


@pytest.mark.invariant(6)
async def test_a_correction_that_is_undone_lets_no_jump_be_charged(flat: House) -> None:
    await flat.read(0)
    await flat.set_clock_back(11)
    await flat.read(0, after=10_000)
    await flat.set_clock_back(-11)
    before = flat.available
    await flat.read(40_000, after=10_000)
    assert flat.available == before


@pytest.mark.invariant(6)
async def test_what_cannot_have_been_used_is_asked_about(flat: House) -> None:
    await flat.read(0)
    await flat.set_clock_back(11)
    before = flat.available
    for _ in range(3):
        await flat.read(500_000, after=10_000)
    assert flat.available == before
    assert AlertKind.REGISTER_QUARANTINED in flat.alert_kinds()


@pytest.mark.invariant(6)
async def test_what_can_have_been_used_is_counted_from_the_last_reading_also_of_a_register_at_rest(
    flat: House,
) -> None:
    await flat.read(0)
    await flat.set_clock_back(11)
    await flat.read(0, after=10 * HOUR)
    before = flat.available
    await flat.read(2_000, after=FIVE_MINUTES)
    assert flat.available == before


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("heard", [True, False])
async def test_a_state_that_is_read_anew_knows_how_long_it_was(
    flat: House, *, heard: bool, stored: bool
) -> None:
    await flat.read(0)
    await flat.tick()
    flat.time.wall -= 11 * HOUR
    flat.engine.check_clock()
    await flat.app.status.confirm_clock(LANDLORD)
    if heard:
        await flat.read(0, after=FIVE_MINUTES)
    if stored:
        await flat.tick()
    flat.engine.session.reload()
    before = flat.available
    await use(flat, 1, 1)
    assert flat.available == before - COST


async def test_a_bridge_that_starts_anew_charges_on(tmp_path: Path) -> None:
    time = VirtualTime()
    async with opened(tmp_path, time) as made:
        await apply(made, SITE)
        await made.top_up("100.00")
        await made.prove_closed()
        await made.read(0)
        await made.set_clock_back(11)
        await use(made, 1, 12)
        await made.tick()
    async with opened(tmp_path, time) as made:
        await made.read(12 * HEAVY_WH + 10, after=60_000)
        await made.app.status.confirm_clock(LANDLORD)
        await made.tick()
        await use(made, 13, 24)
        assert made.alert_kinds() == set()
        assert made.available == zar("100") - 24 * COST
        assert made.problems() == []


@pytest.mark.invariant(6)
async def test_a_bridge_that_starts_anew_takes_no_hours_for_passed(flat: House) -> None:
    await flat.read(0)
    await flat.set_clock_back(11)
    await flat.read(0, after=FIVE_MINUTES)
    await flat.tick()
    async with opened(flat.data, flat.time) as made:
        await made.app.status.confirm_clock(LANDLORD)
        before = made.available
        await made.read(40_000, after=10_000)
        assert made.available == before


async def test_what_is_read_is_stored_meanwhile(flat: House) -> None:
    await flat.read(0)
    await flat.set_clock_back(11)
    await use(flat, 1, 1)
    for _ in range(20):
        flat.time.forward(100)
        flat.engine.session.flush()
        await flat.settle()
    ((stored,),) = flat.rows("SELECT energy_wh FROM supply_status")
    assert stored == HEAVY_WH


@pytest.mark.parametrize("caught_up", [False, True])
async def test_readings_that_a_gateway_kept_meanwhile_are_charged(flat: House, *, caught_up: bool) -> None:
    await flat.read(0)
    await flat.read(0, after=24 * HOUR)
    await flat.set_clock_back(6)
    await flat.read(0, after=FIVE_MINUTES)
    address, kept = flat.meter.plan.energy_address, []
    for number in range(1, 37):
        flat.time.forward(FIVE_MINUTES)
        kept.append(
            Report(address, register_wh=number * HEAVY_WH, buffered=True, measured_at_ms=flat.time.wall)
        )
    if caught_up:
        await flat.tick(12 * HOUR)
    await flat.report(*kept, after=1_000)
    await use(flat, 37, 40)
    assert (flat.available, flat.alert_kinds()) == (zar("100") - 40 * COST, set())


async def test_readings_that_a_gateway_kept_from_before_are_charged(flat: House) -> None:
    await flat.read(0)
    address, kept = flat.meter.plan.energy_address, []
    for number in range(1, 13):
        flat.time.forward(FIVE_MINUTES)
        measured = flat.time.wall - 6 * HOUR
        kept.append(Report(address, register_wh=number * HEAVY_WH, buffered=True, measured_at_ms=measured))
    await flat.set_clock_back(6)
    await flat.report(*kept, after=1_000)
    await use(flat, 13, 16)
    assert (flat.available, flat.alert_kinds()) == (zar("100") - 16 * COST, set())


async def test_a_replacement_that_is_told_later_leaves_the_new_counter_its_time(flat: House) -> None:
    order = ReplacementRequest("0.010", "0.000", "burnt", at=None)
    await flat.read(0)
    await flat.read(0, after=24 * HOUR)
    await flat.set_clock_back(6)
    await flat.read(10, after=FIVE_MINUTES)
    order = ReplacementRequest("0.010", "0.000", "burnt", at=iso(flat.time.wall))
    flat.time.forward(2 * HOUR)
    await flat.app.sites.replace_meter(LANDLORD, flat.meter.id, order, key="k")
    await use(flat, 0, 3, base=15_000)
    assert flat.alert_kinds() == set()
    assert flat.available == zar("100") - zar("30.02") - 3 * COST


async def test_a_device_that_tells_the_right_time_is_heard(flat: House) -> None:
    await flat.read(10_000)
    await flat.set_clock_back(11)
    await flat.read(10_100, after=FIVE_MINUTES)
    order = ReplacementRequest("10.100", "0.500", "burnt")
    await flat.app.sites.replace_meter(LANDLORD, flat.meter.id, order, key="k")
    flat.time.forward(HOUR)
    told = await flat.app.meters.submit_reading(
        DEVICE, flat.meter.id, register="1.200", at=iso(flat.time.wall)
    )
    assert told.outcome == "charged"


@pytest.mark.parametrize("hours, peak", [(0, 2_000), (11, 1_000)])
async def test_no_maximum_demand_is_made_of_energy_whose_time_is_longer(
    tmp_path: Path, hours: int, peak: int
) -> None:
    async with house(tmp_path, DEMAND, credit="10000.00") as made:
        await made.read(0)
        await made.read(1_000, after=HOUR // 2)
        if hours:
            await made.set_clock_back(hours)
        for number in range(1, 21):
            await made.read(1_000 + number * 2_000, after=HOUR // 2)
        (reached,) = made.account.supplies[0].rating.demand_peaks.values()
        assert round(reached, -2) == peak


async def test_the_same_half_hour_is_not_measured_twice(tmp_path: Path) -> None:
    async with house(tmp_path, DEMAND, credit="10000.00") as made:
        await made.read(0)
        for number in range(1, 60):
            if number == 23:
                await made.set_clock_back(11)
            await made.read(number * 1_000, after=HOUR // 2)
        (reached,) = made.account.supplies[0].rating.demand_peaks.values()
        assert round(reached, -2) == 1_000


async def test_what_a_customer_uses_who_moved_in_by_a_clock_that_was_ahead_is_charged(flat: House) -> None:
    await flat.read(0)
    await flat.read(10, after=24 * HOUR)
    await operate(flat, MoveOut(reason="end of lease", remainder="refund"))
    await operate(flat, MoveIn(customer="B. Dlamini", opening_credit="20.00"))
    await flat.read(20, after=60_000)
    await flat.set_clock_back(11)
    await flat.read(3_020, after=HOUR)
    assert flat.available == zar("20.00") - zar("0.02") - zar("6.00")


async def test_protections_trip(tmp_path: Path) -> None:
    async with house(tmp_path, AUTOMATIC) as made:
        await made.set_clock_back(11)
        for _ in range(240):
            await volts(made, HIGH)
            await made.tick(1_000)
        assert made.account.reason is SupplyReason.PROTECTION


async def test_silent_meters_and_disobeying_relays_are_told_of(flat: House) -> None:
    await flat.read(0, power_w=2_000)
    await flat.relay(RelayPosition.CLOSED)
    await flat.set_clock_back(11)
    await flat.hold_off()
    for _ in range(30):
        await flat.relay(RelayPosition.CLOSED, power_w=2_000, after=10_000)
        await flat.tick()
    assert AlertKind.RELAY_DISOBEYS in flat.alert_kinds()
    await flat.tick(2 * HOUR)
    assert AlertKind.METER_OFFLINE in flat.alert_kinds()


async def test_a_cut_is_no_tamper(flat: House) -> None:
    await flat.read(0, power_w=2_000)
    await flat.set_clock_back(11)
    await flat.read(100, after=FIVE_MINUTES, power_w=2_000)
    flat.time.forward(FIVE_MINUTES)
    await flat.hold_off()
    await flat.relay(RelayPosition.OPEN, power_w=0, after=2_000)
    await flat.read(250, after=1_000, power_w=0)
    assert AlertKind.TAMPER not in flat.alert_kinds()
