"""A supply is stored the short way only as long as nothing but quantities changes."""

from pathlib import Path

from meter_bridge.devices.base.driver import Report
from meter_bridge.engine.state import supply_document
from tests.engine.harness import BLOCKS, HOUR, House, house

ADDRESS = "tasmota:flat-1/1"
MINUTE = HOUR // 60


def stored(made: House) -> bytes:
    """Return the document of the first supply; the fixture of this folder holds it equal to the long way."""
    document = supply_document.status_row(made.account.supplies[0], made.time.wall)[-1]
    assert isinstance(document, bytes)
    return document


async def on_lane(made: House) -> None:
    await made.read(10_000, power_w=500)
    await made.read(10_010, after=MINUTE, power_w=500)
    stored(made)
    assert made.meter.fast_path is not None
    assert made.meter.fast_path.template is not None


async def test_readings_on_the_lane_fill_the_gaps_of_one_form(flat: House) -> None:
    await on_lane(flat)
    form = flat.meter.fast_path and flat.meter.fast_path.template
    before = stored(flat)
    await flat.read(10_020, after=MINUTE, power_w=700)
    assert stored(flat) != before
    assert flat.meter.fast_path is not None
    assert flat.meter.fast_path.template is form


async def test_values_that_a_meter_ceases_or_begins_to_tell_are_stored(flat: House) -> None:
    await on_lane(flat)
    flat.meter.power_mw = None
    for report in (
        Report(ADDRESS, voltage_mv=231_000, current_ma=2_000, frequency_mhz=50_010),
        Report(ADDRESS, online=False),
    ):
        flat.intake.handle([report])
        await flat.settle()
        stored(flat)
    assert flat.meter.online is False


async def test_energy_that_flows_back_lets_the_form_go(flat: House) -> None:
    await on_lane(flat)
    flat.intake.handle([Report(ADDRESS, returned_wh=5)])
    await flat.settle()
    assert b"5" in stored(flat)


async def test_a_form_ends_with_what_is_posted(flat: House) -> None:
    await on_lane(flat)
    await flat.top_up("10.00")
    assert flat.meter.fast_path is None or flat.meter.fast_path.template is None
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
