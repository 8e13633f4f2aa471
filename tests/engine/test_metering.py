"""A reading becomes a charge, whatever happens to messages on their way."""

from pathlib import Path
import random

import pytest

from meter_bridge.core.supply import Reason, SupplyState
from meter_bridge.devices.driver import Report
from tests.engine.harness import BLOCKS, HOUR, LANDLORD, House, house, opened, zar


async def test_first_reading_charges_nothing(flat: House) -> None:
    await flat.read(5_000)
    assert flat.meter.energy_wh == 0
    assert flat.bridge.account(LANDLORD, "flat-1").available == zar("100")


async def test_energy_is_charged_at_its_price(flat: House) -> None:
    await flat.read(5_000)
    await flat.read(6_000, after=HOUR)
    assert flat.bridge.account(LANDLORD, "flat-1").available == zar("98")


async def test_invariant_5_lost_repeated_and_reordered_readings_charge_the_register_and_nothing_else(
    flat: House,
) -> None:
    chance = random.Random(5)
    heard = list(range(1_000, 21_000, 100))
    await flat.read(heard[0])
    for newest, wh in enumerate(heard):
        if chance.random() < 0.3:
            flat.time.forward(60_000)
            continue
        late = heard[max(newest - chance.randrange(1, 4), 0)]
        await flat.read(late if chance.random() < 0.2 else wh, after=60_000)
        if chance.random() < 0.3:
            await flat.read(wh, after=1_000)
    await flat.read(heard[-1], after=60_000)
    assert flat.meter.energy_wh == heard[-1] - heard[0]
    assert flat.problems() == []


async def test_invariant_6_a_fallen_register_waits_for_a_person(flat: House) -> None:
    await flat.read(10_000)
    for _ in range(5):
        await flat.read(500, after=60_000)
    view = flat.bridge.account(LANDLORD, "flat-1")
    assert view.available == zar("100")
    assert view.meters[0].quarantined
    assert [alert.kind for alert in view.alerts] == ["register_quarantined"]
    await flat.bridge.decide_quarantine(LANDLORD, "flat-1/main", "new_epoch", reason="meter replaced")
    await flat.read(1_500, after=HOUR)
    assert flat.bridge.account(LANDLORD, "flat-1").available == zar("98")
    assert flat.bridge.account(LANDLORD, "flat-1").alerts == ()
    assert flat.problems() == []


async def test_invariant_6_an_impossible_jump_is_not_charged_and_explains_itself(flat: House) -> None:
    await flat.read(10_000)
    for _ in range(4):
        await flat.read(500_000, after=10_000)
    assert flat.meter.quarantine_id is not None
    await flat.read(10_100, after=60_000)
    assert flat.meter.quarantine_id is None
    assert flat.bridge.account(LANDLORD, "flat-1").available == zar("99.80")
    assert flat.problems() == []


async def test_a_witnessed_reset_goes_on_in_a_new_epoch(flat: House) -> None:
    await flat.read(10_000, witness="2026-01-01T00:00:00")
    await flat.read(200, after=HOUR, witness="2026-11-01T12:30:00")
    assert flat.meter.energy_wh == 200
    assert flat.bridge.account(LANDLORD, "flat-1").available == zar("99.60")


async def test_retained_registers_are_not_readings(flat: House) -> None:
    await flat.read(10_000)
    await flat.report(Report("tasmota:flat-1/1", register_wh=11_000, stale=True), after=HOUR)
    assert flat.meter.energy_wh == 0


async def test_the_journal_grows_with_time_not_with_messages(flat: House) -> None:
    await flat.read(10_000)
    for step in range(1, 600):
        await flat.read(10_000 + step, after=1_000)
    first = flat.engine.installation.sequences.entry
    assert first <= 3


async def test_the_fast_lane_and_the_full_way_end_in_the_same_state(tmp_path: Path) -> None:
    results = []
    for fast in (True, False):
        async with house(tmp_path / str(fast), BLOCKS, credit="500.00") as made:
            await made.read(0)
            wh = 0
            for step in range(400):
                wh += step % 37
                if not fast:
                    made.account.drop_lanes()
                await made.read(wh, after=61_000)
            made.engine.flush(everything=True)
            assert made.problems() == []
            results.append(
                (
                    made.account.balance,
                    made.bridge.account(LANDLORD, "flat-1").available,
                    made.meter.energy_wh,
                )
            )
    assert results[0] == results[1]


async def test_state_survives_a_restart(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        await made.read(10_000)
        await made.read(11_234, after=HOUR)
        before = made.bridge.account(LANDLORD, "flat-1")
        await made.tick()
        time = made.time
    async with opened(tmp_path, time) as again:
        after = again.bridge.account(LANDLORD, "flat-1")
        assert (after.available, after.energy_wh) == (before.available, before.energy_wh)
        await again.read(11_234)
        await again.read(12_234, after=HOUR)
        assert again.meter.energy_wh == 2_234
        assert again.problems() == []


async def test_standing_charge_is_due_at_each_local_midnight(tmp_path: Path) -> None:
    async with house(tmp_path, BLOCKS, credit="100.00") as made:
        await made.tick(11 * HOUR)
        assert made.account.balance == zar("100")
        await made.tick(HOUR)
        assert made.account.balance == zar("100") - zar("1.15")
        for _ in range(24 * 3):
            await made.tick(HOUR)
        assert made.account.balance == zar("100") - 4 * zar("1.15")
        assert made.problems() == []


@pytest.mark.parametrize("jump", [-3 * HOUR, 5 * HOUR, 40 * 24 * HOUR])
async def test_invariant_12_a_jump_of_the_wall_clock_changes_no_money(tmp_path: Path, jump: int) -> None:
    async with house(tmp_path, BLOCKS, credit="100.00") as made:
        await made.read(0)
        await made.read(1_000, after=HOUR)
        before = made.bridge.account(LANDLORD, "flat-1").available
        made.time.wall += jump
        await made.tick()
        assert not made.engine.clock.sure
        assert [alert.kind for alert in made.bridge.snapshot(LANDLORD).alerts] == ["clock_wrong"]
        await made.read(3_000, after=60_000)
        assert made.bridge.account(LANDLORD, "flat-1").available == before
        made.time.wall -= jump
        await made.tick()
        assert made.engine.clock.sure
        assert made.bridge.snapshot(LANDLORD).alerts == ()
        await made.read(3_000, after=HOUR)
        assert made.meter.energy_wh == 3_000
        assert made.problems() == []


async def test_an_unsure_clock_never_cuts(flat: House) -> None:
    await flat.read(0)
    flat.time.wall += 5 * HOUR
    await flat.tick()
    flat.account.balance = -zar("1")
    flat.account.wake_at = 0
    await flat.tick()
    assert flat.account.state is SupplyState.CONNECTED
    assert flat.account.reason is Reason.IN_CREDIT
