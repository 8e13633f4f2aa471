"""After the clock was set back by hours, messages go by the wall clock, not by event time, which is ahead."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from meter_bridge.devices.base.driver import Report
from meter_bridge.notify.service import Notices
from tests.engine.harness import HOUR, House, house
from tests.notify.channels import Hook, hook
from tests.notify.test_notices import MINUTE, notices, staff, told, used_up, write


@pytest_asyncio.fixture
async def staff_hook() -> AsyncIterator[Hook]:
    async with hook() as receiver:
        yield receiver


@pytest_asyncio.fixture
async def flat(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path) as opened:
        await opened.read(0)
        yield opened


def titles(staff_hook: Hook) -> list[str]:
    return [each["title"] for each in staff_hook.heard]


async def begun(flat: House, text: str) -> Notices:
    """Return messages to the people that are written, who have heard nothing yet."""
    write(flat, text)
    made = notices(flat)
    await told(made)
    return made


async def test_quiet_hours_are_those_of_the_wall_clock(flat: House, staff_hook: Hook) -> None:
    made = await begun(flat, staff(staff_hook.channel, "    quiet hours: 22:00-07:00\n"))
    await flat.read(40_000, after=11 * HOUR)
    await flat.set_clock_back(11)  # it is noon, and by event time eleven in the evening
    await flat.read(48_000, after=HOUR)
    await told(made)
    assert titles(staff_hook) == ["Flat 1: Credit is low"]


async def test_what_waits_for_the_morning_goes_out_when_it_comes(flat: House, staff_hook: Hook) -> None:
    made = await begun(flat, staff(staff_hook.channel, "    quiet hours: 22:00-07:00\n"))
    await flat.read(40_000, after=22 * HOUR)
    await flat.set_clock_back(5)  # it is five in the morning, and by event time ten
    await flat.read(48_000, after=HOUR)
    await told(made)
    flat.time.forward(58 * MINUTE)
    await told(made)
    assert titles(staff_hook) == []
    flat.time.forward(2 * MINUTE)
    await told(made)
    assert titles(staff_hook) == ["Flat 1: Credit is low"]


async def test_what_failed_is_tried_again_after_its_pause(flat: House, staff_hook: Hook) -> None:
    made = await begun(flat, staff(staff_hook.channel))
    await used_up(flat)
    await flat.set_clock_back(11)
    staff_hook.refuses = True
    await told(made)
    staff_hook.refuses = False
    await told(made)
    assert titles(staff_hook) == [], "it was tried again at once"
    flat.time.forward(2 * MINUTE)
    await told(made)
    assert sorted(titles(staff_hook)) == ["Flat 1: Credit is low", "Flat 1: Power is off"]


async def test_what_failed_before_the_clock_was_set_back_does_not_wait_until_it_has_caught_up(
    flat: House, staff_hook: Hook
) -> None:
    made = await begun(flat, staff(staff_hook.channel))
    await used_up(flat)
    staff_hook.refuses = True
    await told(made)
    await flat.set_clock_back(11)
    await told(made)
    staff_hook.refuses = False
    await told(notices(flat))
    assert titles(staff_hook) == [], "it was tried again without a pause"
    flat.time.forward(6 * MINUTE)
    await told(notices(flat))
    assert sorted(titles(staff_hook)) == ["Flat 1: Credit is low", "Flat 1: Power is off"]


async def test_what_comes_again_hours_later_is_told_again(flat: House, staff_hook: Hook) -> None:
    about = staff(staff_hook.channel).replace("low_credit, supply_cut, supply_restored", "over_voltage")
    made = await begun(flat, about)
    address = flat.meter.plan.energy_address
    for voltage in (270_000, 230_000):
        await flat.report(Report(address, voltage_mv=voltage), after=MINUTE)
        await told(made)
    await flat.set_clock_back(11)
    for pause in (MINUTE, MINUTE, 2 * HOUR):
        await flat.report(Report(address, voltage_mv=270_000), after=pause)
        await told(made)
        await flat.report(Report(address, voltage_mv=230_000), after=MINUTE)
        await told(made)
    assert len(staff_hook.heard) == 3, (
        "once by the wrong clock, and not twice within an hour of the right one"
    )


async def test_an_own_threshold_is_watched_and_two_crossings_at_the_same_instant_are_two(
    flat: House, staff_hook: Hook
) -> None:
    made = await begun(flat, staff(staff_hook.channel, "    low credit: 50.00\n"))
    await flat.read(30_000, after=6 * HOUR)
    crossed = flat.time.wall
    await told(made)
    assert len(staff_hook.heard) == 1
    await flat.top_up("100.00")
    await flat.set_clock_back(6)
    await told(made)
    flat.time.forward(HOUR)
    await told(made)
    await flat.read(80_000, after=crossed - flat.time.wall)
    await told(made)
    assert len(staff_hook.heard) == 2
    assert flat.engine.session.storage_error is None
    assert len({row for (row,) in flat.rows("SELECT id FROM notice")}) == 2


async def test_no_day_is_summed_up_twice(flat: House, staff_hook: Hook) -> None:
    about = staff(staff_hook.channel, "    digest: 14:00\n").replace("low_credit, supply_cut, ", "")
    made = await begun(flat, about)
    flat.time.forward(2 * HOUR)
    await told(made)
    assert len(staff_hook.heard) == 1
    flat.time.forward(24 * HOUR)
    await told(made)
    assert len(staff_hook.heard) == 2
    await flat.set_clock_back(23)  # it is three in the afternoon, of a day that was summed up
    for _ in range(46):
        flat.time.forward(HOUR)
        await told(made)
    assert len(staff_hook.heard) == 2
    flat.time.forward(2 * HOUR)
    await told(made)
    assert len(staff_hook.heard) == 3
    assert flat.engine.session.storage_error is None


async def test_a_test_message_can_be_sent_again_after_its_pause(flat: House, staff_hook: Hook) -> None:
    made = await begun(flat, staff(staff_hook.channel))
    await flat.set_clock_back(11)
    await made.try_person("anna")
    flat.time.forward(MINUTE)
    assert (await made.try_person("anna")).channels[0].sent
