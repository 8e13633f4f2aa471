"""Near depletion the bridge asks the meter more often."""

from pathlib import Path

import pytest

from meter_bridge.devices.base.driver import Report
from meter_bridge.engine.metering import depletion_polling
from meter_bridge.engine.metering.depletion_polling import DepletionPolling
from tests.engine.harness import HOUR, SITE, House, house

TWO_METERS = SITE.replace(
    'meters: [{address: "tasmota:flat-1/1", rating: 10 kW}]',
    'meters: [{id: a, address: "tasmota:a/1", rating: 100 kW},'
    ' {id: b, address: "tasmota:b/1", rating: 10 kW}]',
)


async def used_up_to(flat: House, wh: int, power_w: int) -> DepletionPolling:
    """Bring the flat's 50 kWh of credit down, then keep a load and return what watches it."""
    await flat.read(0)
    await flat.read(wh - 100, after=10 * HOUR)
    await flat.read(wh - 50, after=10_000, power_w=power_w)
    await flat.read(wh, after=10_000, power_w=power_w)
    return DepletionPolling(flat.transport)


async def test_a_meter_whose_credit_ends_soon_is_asked_every_few_seconds(flat: House) -> None:
    watch = await used_up_to(flat, 47_450, power_w=3_000)
    for _ in range(20):
        flat.time.forward(1_000)
        watch.tick(flat.engine.session.installation, flat.engine.session.clock.now())
    assert flat.transport.queried == ["flat-1/main"] * 4


async def test_a_meter_with_credit_for_long_is_left_alone(flat: House) -> None:
    watch = await used_up_to(flat, 20_000, power_w=3_000)
    for _ in range(20):
        flat.time.forward(1_000)
        watch.tick(flat.engine.session.installation, flat.engine.session.clock.now())
    assert flat.transport.queried == []


async def test_a_meter_that_reports_often_enough_is_not_asked(flat: House) -> None:
    watch = await used_up_to(flat, 47_450, power_w=3_000)
    for step in range(10):
        await flat.read(47_450 + step // 5, after=2_000, power_w=3_000)
        watch.tick(flat.engine.session.installation, flat.engine.session.clock.now())
    assert flat.transport.queried == []


async def test_of_many_meters_one_that_was_found_is_asked_as_often_as_of_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    for at_once in (1, 100):
        monkeypatch.setattr(depletion_polling, "METERS_PER_TICK", at_once)
        async with house(tmp_path / str(at_once), TWO_METERS) as made:
            for wh, power_mw in ((0, 0), (47_350, 0), (47_400, 3_000_000), (47_450, 3_000_000)):
                await made.report(
                    Report("tasmota:a/1", register_wh=wh, power_mw=power_mw),
                    Report("tasmota:b/1", register_wh=0, power_mw=0),
                    after=HOUR if wh == 47_350 else 10_000,
                )
            watch = DepletionPolling(made.transport)
            for _ in range(20):
                made.time.forward(1_000)
                watch.tick(made.engine.session.installation, made.engine.session.clock.now())
            asked.append(made.transport.queried)
    assert asked[0] == asked[1] == ["flat-1/a"] * 4


async def test_a_meter_that_tells_everything_but_its_register_is_asked_for_it(flat: House) -> None:
    watch = await used_up_to(flat, 47_450, power_w=3_000)
    for _ in range(10):
        await flat.report(Report("tasmota:flat-1/1", power_mw=3_000_000, voltage_mv=230_000), after=2_000)
        watch.tick(flat.engine.session.installation, flat.engine.session.clock.now())
    assert flat.transport.queried == ["flat-1/main"] * 3
