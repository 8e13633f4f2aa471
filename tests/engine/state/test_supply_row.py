"""A supply is stored the short way only as long as nothing but quantities changes."""

from pathlib import Path

from meter_bridge.devices.base.driver import Report
from meter_bridge.engine.metering.fast_path import FastPath
from meter_bridge.engine.state import supply_document
from tests.engine.harness import BLOCKS, HOUR, House, house

ADDRESS = "tasmota:flat-1/1"
MINUTE = HOUR // 60


def stored(made: House) -> bytes:
    """Return the document of the first supply; the fixture of this folder holds it equal to the long way."""
    document = supply_document.status_row(made.account.supplies[0], made.time.wall)[-1]
    assert isinstance(document, bytes)
    return document


def template(made: House) -> object:
    """Return the template of the meter's fast path, None without one."""
    path = made.meter.fast_path
    return path.template if isinstance(path, FastPath) else None


async def on_fast_path(made: House) -> None:
    await made.read(10_000, power_w=500)
    await made.read(10_010, after=MINUTE, power_w=500)
    stored(made)
    assert template(made) is not None


async def test_readings_on_the_fast_path_fill_the_gaps_of_one_template(flat: House) -> None:
    await on_fast_path(flat)
    before_it = template(flat)
    before = stored(flat)
    await flat.read(10_020, after=MINUTE, power_w=700)
    assert stored(flat) != before
    assert template(flat) is before_it


async def test_values_that_a_meter_ceases_or_begins_to_tell_are_stored(flat: House) -> None:
    await on_fast_path(flat)
    flat.meter.power_mw = None
    for report in (
        Report(ADDRESS, voltage_mv=231_000, current_ma=2_000, frequency_mhz=50_010),
        Report(ADDRESS, online=False),
    ):
        flat.intake.handle([report])
        await flat.settle()
        stored(flat)
    assert flat.meter.online is False


async def test_energy_that_flows_back_ends_the_template(flat: House) -> None:
    await on_fast_path(flat)
    flat.intake.handle([Report(ADDRESS, returned_wh=5)])
    await flat.settle()
    assert b"5" in stored(flat)


async def test_a_template_ends_with_what_is_posted(flat: House) -> None:
    await on_fast_path(flat)
    await flat.top_up("10.00")
    assert template(flat) is None
    await flat.read(10_030, after=MINUTE, power_w=500)
    assert flat.problems() == []


async def test_blocks_bands_and_taxes_are_priced_alike_both_ways(tmp_path: Path) -> None:
    async with house(tmp_path, BLOCKS) as made:
        register = 10_000
        for step in range(200):
            register += 35 + step % 7
            await made.read(register, after=5 * MINUTE, power_w=420)
            stored(made)
        assert made.problems() == []
