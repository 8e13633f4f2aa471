"""The fast path charges and decides as the full path does, also where several meters share a block."""

from collections.abc import Callable
from pathlib import Path
import random

import pytest

from meter_bridge.devices.base.driver import Report
from meter_bridge.engine.metering.fast_path import FastPath
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.protocol.messages import SupplyAction
from meter_bridge.protocol.vocabulary import RelayPosition
from tests.engine.harness import BLOCKS, HOUR, LANDLORD, House, house, zar

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
async def test_random_readings_of_two_meters_cost_the_same_on_both_paths(tmp_path: Path) -> None:
    costs = []
    for fast in (True, False):
        chance = random.Random(7)
        registers = {"a": 0, "b": 0}
        async with house(tmp_path / str(fast), LADDER, credit="500.00", fast_path=fast) as made:
            for _ in range(250):
                meter = chance.choice("ab")
                registers[meter] += chance.choice((0, 1, 5, 10, 20))
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


async def test_the_fast_path_takes_no_energy_beyond_the_credit(tmp_path: Path) -> None:
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


async def on_fast_path(house: House) -> FastPath:
    """Bring the flat's meter on the fast path and return it."""
    await house.read(10_000, power_w=500)
    await house.read(10_010, after=60 * SECOND, power_w=500)
    path = house.meter.fast_path
    assert isinstance(path, FastPath)
    assert path.reports_only_energy
    assert path.sole_meter
    return path


async def test_whoever_asks_gets_what_the_fast_path_took(flat: House) -> None:
    path, supply = await on_fast_path(flat), flat.account.supplies[0]
    open_wh = supply.rating.open_segments[flat.meter.id][-1].wh
    before = flat.available
    asked: tuple[Callable[[], int], ...] = (
        lambda: flat.meter.register is not None and flat.meter.register.watermark_wh - 10_010,
        lambda: supply.rating.open_segments[flat.meter.id][-1].wh - open_wh,
        lambda: (flat.meter.energy_wh or 0) - 10,
        lambda: round((before - flat.available) / zar("0.002")),
    )
    for ask in asked:
        path.flush()
        known = path.wh - 10_010
        await flat.report(Report("tasmota:flat-1/1", register_wh=path.wh + 5), after=SECOND)
        assert flat.meter.fast_path is path
        assert path.unflushed
        assert ask() == known + 5


async def test_the_fast_path_ends_at_the_very_reading_that_has_to_be_decided(tmp_path: Path) -> None:
    """Whether it flushes at once or as late as it can, the same is decided at the same readings."""
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


async def test_a_transaction_ends_the_fast_path_and_keeps_what_was_read(flat: House) -> None:
    path = await on_fast_path(flat)
    await flat.report(Report("tasmota:flat-1/1", register_wh=path.wh + 5), after=SECOND)
    assert path.unflushed
    tx = Transaction(flat.time.wall)
    tx.touch(flat.account)
    flat.engine.session.submit(tx)
    assert flat.meter.fast_path is None
    assert flat.meter.register is not None
    assert flat.meter.register.watermark_wh == path.wh
    assert flat.problems() == []


EVERYTHING = (
    "SELECT * FROM journal_entry ORDER BY seq",
    "SELECT * FROM posting ORDER BY entry_seq, n",
    "SELECT * FROM charge_line ORDER BY entry_seq, n",
    "SELECT * FROM segment ORDER BY entry_seq, n",
    "SELECT * FROM supply_decision ORDER BY seq",
    "SELECT * FROM event ORDER BY seq",
    "SELECT * FROM outbox ORDER BY meter_id, revision",
    "SELECT * FROM supply_status ORDER BY supply_id",
    "SELECT * FROM account_status ORDER BY account_id",
    "SELECT * FROM balance ORDER BY account_id, bucket, asset",
)
WATCHED = """
        low credit: [10.00, 3.00]
        protect: {over voltage: {delay: 5 s, reset: automatic after 5 min, resets per hour: 1}}
        emergency credit: {limit: 5.00, threshold: 2.00}
"""


async def live(made: House, chance: random.Random, meters: tuple[str, ...]) -> None:
    """Let a random day pass: mostly readings, among them all that changes how readings are to be taken."""
    registers = dict.fromkeys(meters, 0)
    boots, markers = dict.fromkeys(meters, "boot-1"), dict.fromkeys(meters, "born-1")
    for meter in meters:
        await made.report(Report(meter, register_wh=0, boot_id="boot-1", reset_marker="born-1"))
    for _ in range(400):
        made.time.forward(chance.choice((1_000, 10_000, 10_000, 60_000, 400_000)))
        meter = chance.choice(meters)
        registers[meter] += chance.choice((0, 0, 1, 2, 9, 40))
        event = chance.random()
        if event < 0.02:
            await made.top_up(chance.choice(("0.50", "2.00")))
        elif event < 0.04:
            action = chance.choice((SupplyAction.OFF, SupplyAction.ON, SupplyAction.AUTO))
            await made.app.supply.switch(LANDLORD, made.account.id, action, reason="a test")
        elif event < 0.06:
            boots[meter] = f"boot-{chance.randrange(9)}"
        elif event < 0.07:
            markers[meter], registers[meter] = f"born-{chance.randrange(9)}", 0
        elif event < 0.08:
            registers[meter] += 90_000
        elif event < 0.10:
            await made.report(Report(meter, returned_wh=chance.randrange(200)), after=0)
        elif event < 0.20:
            await made.tick()
        report = Report(
            meter,
            register_wh=registers[meter],
            power_mw=chance.choice((None, 0, 700_000, 700_000, 3_500_000)),
            voltage_mv=chance.choice((None, 230_000, 230_000, 230_000, 260_000)),
            online=chance.choice((None, True, True, False)),
            relay=chance.choice((None, None, RelayPosition.CLOSED, RelayPosition.OPEN)),
            boot_id=chance.choice((None, None, boots[meter])),
            reset_marker=chance.choice((None, markers[meter])),
            stale=chance.random() < 0.02,
            buffered=chance.random() < 0.02,
        )
        await made.report(report, after=0)
    await made.tick()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("site", [BLOCKS, LADDER], ids=["one meter", "two meters"])
async def test_a_random_day_leaves_the_same_on_both_paths(tmp_path: Path, site: str, seed: int) -> None:
    """Compare everything stored, to the byte."""
    results = []
    watched = site.replace("        meters:", WATCHED.lstrip("\n") + "        meters:")
    for fast in (True, False):
        async with house(tmp_path / str(fast), watched, credit="8.00", fast_path=fast) as made:
            meters = tuple(meter.plan.energy_address for meter in made.account.meters)
            await live(made, random.Random(seed), meters)
            results.append({query: made.rows(query) for query in EVERYTHING})
            assert made.problems() == []
    for query in EVERYTHING:
        assert results[0][query] == results[1][query], query
