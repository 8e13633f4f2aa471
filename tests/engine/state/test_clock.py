"""Nothing is charged by time, and nothing cut, while the clock is not believed (invariant 12)."""

import asyncio
from pathlib import Path

import pytest

from meter_bridge.actor import Actor
from meter_bridge.core.calendar import iso
from meter_bridge.engine.engine import CLOCK_BATCH
from meter_bridge.engine.state.clock import Clocks, EngineClock, kernel_synchronised
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode, Role
from meter_bridge.protocol.vocabulary import AlertKind, SupplyState
from tests.engine.harness import BLOCKS, HOUR, LANDLORD, House, VirtualTime, apply, house, refusing, zar


def test_event_time_follows_the_monotonic_clock_not_the_wall() -> None:
    time = VirtualTime()
    clock = EngineClock(time.clocks(), None)
    before = clock.now()
    time.wall += HOUR
    assert clock.now() == before
    time.forward(5_000)
    assert clock.now() == before + 5_000


def test_event_time_never_goes_back_over_a_restart() -> None:
    time = VirtualTime()
    time.wall -= HOUR
    clock = EngineClock(time.clocks(), VirtualTime().wall)
    assert clock.now() == VirtualTime().wall
    assert not clock.sure


def test_the_kernel_says_something() -> None:
    assert kernel_synchronised() in (True, False)
    assert EngineClock(Clocks(), None).sure


async def test_a_wrong_clock_is_told_and_health_is_degraded(flat: House) -> None:
    flat.time.wall += HOUR
    await flat.tick()
    assert {key.kind for key in flat.engine.session.installation.alerts} == {AlertKind.CLOCK_WRONG}
    assert flat.app.status.health().status == "degraded"


@pytest.mark.invariant(12)
async def test_no_standing_charge_falls_due_while_the_clock_is_wrong(tmp_path: Path) -> None:
    async with house(tmp_path, BLOCKS) as made:
        made.time.wall += 72 * HOUR
        await made.tick()
        assert made.account.balance == zar("100")
        await made.app.status.confirm_clock(LANDLORD)
        await made.tick()
        assert made.account.balance == zar("100") - 3 * zar("1.15")
        assert made.problems() == []


async def test_who_confirmed_the_clock_is_on_record_with_what_it_showed(flat: House) -> None:
    flat.time.wall += HOUR
    await flat.tick()
    other = Actor("Thandi", Role.LANDLORD, frozenset({"house"}))
    answer = await flat.app.status.confirm_clock(other)
    assert answer == iso(flat.time.wall)
    await flat.settle()
    assert flat.events("clock_confirmed") == [{"wall": iso(flat.time.wall), "by": "Thandi"}]
    assert flat.app.status.health().status == "ok"


@pytest.mark.invariant(12)
async def test_a_clock_is_not_believed_on_a_word_that_could_not_be_stored(flat: House) -> None:
    flat.time.wall += HOUR
    await flat.tick()
    before = flat.engine.session.clock.now()
    with refusing(flat, "INSERT", "event"), pytest.raises(RequestRefused) as refused:
        await flat.app.status.confirm_clock(LANDLORD)
    assert refused.value.code is ErrorCode.STORAGE_UNAVAILABLE
    assert (flat.engine.session.clock.sure, flat.engine.session.clock.now()) == (False, before)


async def test_a_payment_restores_also_while_the_clock_is_wrong(flat: House) -> None:
    await flat.read(0)
    for wh in range(10_000, 60_000, 10_000):
        await flat.read(wh, after=2 * HOUR)
    assert flat.state() is SupplyState.DISCONNECTED
    flat.time.wall += 10 * HOUR
    await flat.tick()
    await flat.top_up("50.00")
    assert flat.state() is SupplyState.CONNECTED


async def test_midnight_of_many_accounts_is_not_charged_twice_when_the_state_is_read_anew_in_its_middle(
    tmp_path: Path,
) -> None:
    unit = BLOCKS[BLOCKS.index("      flat-1:") :]
    count = CLOCK_BATCH + 20
    units = "".join(unit.replace("flat-1", f"flat-{n:03}") for n in range(count))
    async with house(tmp_path, BLOCKS.replace(unit, units), credit=None) as made:
        made.time.forward(24 * HOUR)
        working = asyncio.create_task(made.engine.run_due_accounts())
        await asyncio.sleep(0)
        made.engine.session.fail("a fault in the middle of the night")
        assert await made.engine.try_recover()
        await working
        await made.tick(1_000)
        charged = made.rows(
            "SELECT account_id, count(*) FROM segment WHERE kind = 'standing' GROUP BY account_id"
        )
        assert [times for _, times in charged] == [1] * count
        assert made.problems() == []


async def test_applying_the_same_site_twice_changes_nothing(flat: House) -> None:
    before = flat.engine.session.installation
    await apply(flat, (flat.rows("SELECT document FROM applied_site")[0][0]))  # type: ignore[arg-type]
    assert flat.engine.session.installation is before
