"""The fast lane prices as the full way does, also where several meters climb one ladder."""

from collections.abc import Callable
from pathlib import Path
import random

import pytest

from meter_bridge.devices.base.driver import Report
from meter_bridge.engine.state.model import FastPath
from tests.engine.harness import BLOCKS, HOUR, House, house, zar

LADDER = BLOCKS.replace(
    'meters: [{address: "tasmota:flat-1/1", rating: 10 kW}]',
    'meters: [{id: a, address: "tasmota:a/1", rating: 10 kW},'
    ' {id: b, address: "tasmota:b/1", rating: 10 kW}]',
)
SIMPLE = LADDER.replace("            standing charge: 1.00 per day\n", "").replace(
    "            taxes: [{name: VAT, percent: 15}]\n", ""
)


async def hear(house: House, meter: str, wh: int, after: int = 10_000) -> None:
    """Hear a reading of one of the meters."""
    await house.report(Report(f"tasmota:{meter}/1", register_wh=wh), after=after)


@pytest.mark.invariant(7)
async def test_a_block_that_one_meter_fills_to_the_last_unit_ends_for_the_other_as_well(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, SIMPLE) as made:
        for meter in "ab":
            await hear(made, meter, 0)
        await hear(made, "a", 100, after=60_000)
        await hear(made, "b", 800, after=600_000)
        await hear(made, "a", 110)
        await hear(made, "b", 890, after=60_000)  # 1,000 Wh together: block 1 is full
        await hear(made, "a", 120)
        assert zar("100") - made.available == zar("2.20") + zar("0.026")
        assert made.problems() == []


@pytest.mark.invariant(7)
async def test_random_readings_of_two_meters_cost_the_same_on_the_lane_and_beside_it(tmp_path: Path) -> None:
    costs = []
    for fast in (True, False):
        chance = random.Random(7)
        registers = {"a": 0, "b": 0}
        async with house(tmp_path / str(fast), LADDER, credit="500.00") as made:
            for _ in range(250):
                meter = chance.choice("ab")
                registers[meter] += chance.choice((0, 1, 5, 10, 20))
                if not fast:
                    made.account.invalidate_fast_paths()
                await hear(made, meter, registers[meter], after=chance.choice((1_000, 20_000, 70_000)))
            costs.append((made.available, made.rows("SELECT seq, at FROM journal_entry") == []))
            assert made.problems() == []
    assert costs[0] == costs[1]


async def test_a_warning_inside_a_run_of_readings_is_not_missed(tmp_path: Path) -> None:
    async with house(
        tmp_path, BLOCKS.replace("rating: 10 kW}]", "rating: 10 kW}]\n        low credit: [97.00]")
    ) as made:
        await made.read(0)
        for wh in range(1, 1_400):
            await made.read(wh, after=2_000)
            assert (made.account.low_level == 1) == (made.available <= zar("97"))
        assert made.account.low_level == 1


async def test_no_energy_rides_a_lane_past_a_payment_that_ran_out(tmp_path: Path) -> None:
    async with house(tmp_path, SIMPLE, credit="1.00") as made:
        for meter in "ab":
            await hear(made, meter, 0)
        registers = {"a": 0, "b": 0}
        for step in range(60):
            meter = "ab"[step % 2]
            registers[meter] += 10
            await hear(made, meter, registers[meter], after=HOUR // 100)
            assert (made.account.state.value == "disconnected") == (made.available <= 0)


SECOND = 1_000


async def on_lane(house: House) -> FastPath:
    """Bring the flat's meter on its lane and return it."""
    await house.read(10_000, power_w=500)
    await house.read(10_010, after=60 * SECOND, power_w=500)
    lane = house.meter.fast_path
    assert lane is not None
    assert lane.reports_only_energy
    assert lane.sole_meter
    return lane


async def test_what_a_lane_carries_is_there_for_whoever_asks(flat: House) -> None:
    lane, supply = await on_lane(flat), flat.account.supplies[0]
    open_wh = supply.rating.open_segments[flat.meter.id][-1].wh
    before = flat.available
    asked: tuple[Callable[[], int], ...] = (
        lambda: flat.meter.register is not None and flat.meter.register.watermark_wh - 10_010,
        lambda: supply.rating.open_segments[flat.meter.id][-1].wh - open_wh,
        lambda: (flat.meter.energy_wh or 0) - 10,
        lambda: round((before - flat.available) / zar("0.002")),
    )
    for ask in asked:
        lane.flush()
        known = lane.wh - 10_010
        await flat.report(Report("tasmota:flat-1/1", register_wh=lane.wh + 5), after=SECOND)
        assert flat.meter.fast_path is lane
        assert lane.unflushed
        assert ask() == known + 5


async def test_a_lane_ends_at_the_very_reading_that_has_to_be_decided(tmp_path: Path) -> None:
    """Whether a lane hands over at once or as late as it can, the same is decided at the same readings."""
    told = []
    for at_once in (True, False):
        chance, wh = random.Random(11), 0
        async with house(tmp_path / str(at_once), BLOCKS, credit="9.00") as made:
            await made.read(0)
            for _ in range(400):
                wh += chance.choice((0, 0, 1, 2, 9, 40))
                report = Report(
                    "tasmota:flat-1/1",
                    register_wh=wh,
                    power_mw=chance.choice((None, 0, 700_000)),
                    voltage_mv=chance.choice((None, 230_000, 230_000, 253_001)),
                    frequency_mhz=chance.choice((None, 50_000)),
                    online=chance.choice((None, True)),
                )
                await made.report(report, after=chance.choice((SECOND, 20 * SECOND, 70 * SECOND)))
                if at_once and made.meter.fast_path is not None:
                    made.meter.fast_path.flush()
            made.engine.session.flush(everything=True)
            decided = made.rows("SELECT seq, at, state, reason, available FROM supply_decision ORDER BY seq")
            state = made.rows("SELECT at, accrued, energy_wh, document FROM supply_status")
            told.append((decided, state, made.rows("SELECT seq, at FROM journal_entry ORDER BY seq")))
            assert made.problems() == []
    assert told[0] == told[1]
    assert len(told[0][0]) > 1


async def test_a_meter_taken_from_its_lane_keeps_what_was_read(flat: House) -> None:
    lane = await on_lane(flat)
    await flat.report(Report("tasmota:flat-1/1", register_wh=lane.wh + 5), after=SECOND)
    assert lane.unflushed
    flat.account.invalidate_fast_paths()
    assert flat.meter.register is not None
    assert flat.meter.register.watermark_wh == lane.wh
    assert flat.problems() == []
