"""After the clock was set back by hours, the local hour is that of the wall clock, not of event time."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from meter_bridge.config.site_file import load
from meter_bridge.engine.jobs import Intervals, Scheduler
from meter_bridge.protocol.vocabulary import AlertKind, SupplyReason, SupplyState
from tests.devices.support import eventually
from tests.engine.harness import HOUR, LANDLORD, House, house
from tests.engine.supply.test_decision import FRIENDLY, site

MINUTE = 60_000


@pytest.fixture
async def friendly(tmp_path: Path) -> AsyncIterator[House]:
    """Return a house with friendly hours in the evening and at night, at noon."""
    async with house(tmp_path, site(friendly_hours=FRIENDLY)) as made:
        await made.read(0)
        yield made


async def early(made: House) -> None:
    """Make it half past six in the morning, while event time is in the afternoon, and use the credit up."""
    await made.read(40_000, after=4 * HOUR)
    await made.set_clock_back(11)
    await made.read(49_000, after=HOUR)
    await made.read(50_500, after=HOUR // 2)


async def test_friendly_hours_of_the_wall_clock_spare_until_it_says_that_they_are_over(
    friendly: House,
) -> None:
    await early(friendly)
    assert (friendly.state(), friendly.account.reason) == (SupplyState.CONNECTED, SupplyReason.FRIENDLY_HOURS)
    assert friendly.app.accounts.view(LANDLORD, "flat-1").supply.cut_at == "2026-11-01T06:00:00.000Z"
    assert AlertKind.CUT_SOON not in friendly.alert_kinds()
    await friendly.tick(29 * MINUTE)
    assert AlertKind.CUT_SOON not in friendly.alert_kinds()
    await friendly.tick(MINUTE)
    assert AlertKind.CUT_SOON in friendly.alert_kinds()
    await friendly.tick(59 * MINUTE)
    assert friendly.state() is SupplyState.CONNECTED
    await friendly.tick(MINUTE)
    assert (friendly.state(), friendly.account.reason) == (
        SupplyState.DISCONNECTED,
        SupplyReason.CREDIT_EXHAUSTED,
    )
    assert friendly.problems() == []


async def test_friendly_hours_by_event_time_alone_spare_nothing(friendly: House) -> None:
    await friendly.read(40_000, after=8 * HOUR)
    await friendly.set_clock_back(10)
    await friendly.read(49_000, after=HOUR)
    await friendly.read(50_500, after=HOUR // 2)
    assert friendly.state() is SupplyState.DISCONNECTED


async def test_a_site_file_that_is_applied_meanwhile_cuts_nothing(friendly: House) -> None:
    await friendly.read(40_000, after=4 * HOUR)
    await friendly.set_clock_back(11)
    text = site(friendly_hours=FRIENDLY, low_credit="[7.00]")
    await friendly.app.sites.apply(LANDLORD, load(text), document=text, dry_run=False)
    await friendly.read(49_000, after=HOUR)
    await friendly.read(50_500, after=HOUR // 2)
    assert (friendly.state(), friendly.account.reason) == (SupplyState.CONNECTED, SupplyReason.FRIENDLY_HOURS)


async def test_friendly_hours_begin_by_the_wall_clock_though_it_was_not_looked_at_since(
    friendly: House,
) -> None:
    await friendly.read(40_000, after=17 * HOUR)
    await friendly.set_clock_back(12)  # it is five in the afternoon
    await friendly.read(48_000, after=59 * MINUTE)
    await friendly.read(50_500, after=20 * MINUTE)
    assert (friendly.state(), friendly.account.reason) == (SupplyState.CONNECTED, SupplyReason.FRIENDLY_HOURS)


async def test_the_bridge_looks_by_itself(friendly: House) -> None:
    daemon = Scheduler(friendly.engine, None, 60, intervals=Intervals(clock=0.001))
    daemon.start()
    try:
        friendly.time.synchronised = True
        friendly.time.wall -= 11 * HOUR
        await eventually(lambda: friendly.engine.session.clock.ahead_ms() > 10 * HOUR)
    finally:
        await daemon.stop()


async def test_what_was_read_anew_after_storage_failed_knows_it_at_once(friendly: House) -> None:
    await early(friendly)
    before = friendly.engine.session.installation
    friendly.engine.session.fail("a test says so")
    daemon = Scheduler(friendly.engine, None, 60, intervals=Intervals(clock=600, recovery=0.001))
    daemon.start()
    try:
        await eventually(lambda: friendly.engine.session.storage_error is None)
    finally:
        await daemon.stop()
    assert friendly.engine.session.installation is not before
    assert friendly.engine.session.clock.ahead_ms() > 10 * HOUR
    await friendly.engine.run_due_accounts()
    assert friendly.state() is SupplyState.CONNECTED
    assert friendly.account.reason is SupplyReason.FRIENDLY_HOURS
