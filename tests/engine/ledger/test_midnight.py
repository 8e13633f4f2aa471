"""At the end of a day and of a month: the same entries as at once, and no decision waits for all of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
import random

import pytest

from meter_bridge.devices.base.driver import Report
from meter_bridge.engine.engine import CLOCK_BATCH, MAX_PENDING_TRANSACTIONS
from meter_bridge.engine.jobs import Intervals, Scheduler
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.engine.supply.evaluation import evaluate
from meter_bridge.protocol.statements import Detail
from meter_bridge.protocol.vocabulary import RelayPosition, SupplyReason, SupplyState
from meter_bridge.storage.changeset import Changeset
from tests.engine.harness import BLOCKS, HOUR, LANDLORD, NOON, House, house, opened, zar
from tests.engine.ledger.test_deferred_posting import (
    MINUTE,
    RICH,
    SECOND,
    TWO,
    at_the_reading,
    in_turns,
    journal,
    posted,
    street,
    wait_long,
)

TO_MIDNIGHT = 12 * HOUR
"""From noon of the first of November, when a house begins."""
TO_DECEMBER = 29 * 24 * HOUR + TO_MIDNIGHT
NAMES = ("flat-1", "flat-2", "flat-3", "a", "b")

type Told = list[tuple[int, int | None, int | None]]
"""Credit, and energy and cost of the day, as each household sees them."""


def told(made: House) -> Told:
    """Return what every household sees now."""
    views = [made.app.accounts.view(LANDLORD, name) for name in made.engine.session.installation.accounts]
    return [(view.available, view.energy_today_wh, view.cost_today) for view in views]


def waiting(made: House) -> int:
    """Return how many supplies wait with something of a day that is over."""
    midnight = NOON + TO_DECEMBER
    supplies = (
        supply for each in made.engine.session.installation.accounts.values() for supply in each.supplies
    )
    return sum(
        supply.deferred_posting is not None
        and supply.deferred_posting.at >= midnight
        and any(part.start < midnight for parts in supply.rating.open_segments.values() for part in parts)
        for supply in supplies
    )


async def a_night(made: House, seed: int) -> tuple[list[Told], int]:
    """Let flats use energy past the end of a month, read before and after the clock's own work.

    Return what was told after each reading, and how much waited over the end of the month.
    """
    chance = random.Random(seed)
    registers = dict.fromkeys(NAMES, 10_000)
    for account in made.engine.session.installation.accounts.values():
        await made.app.accounts.top_up(
            LANDLORD, account.id, amount="90.00", method="cash", reference=None, key="k"
        )
    await made.tick(TO_DECEMBER - 7 * MINUTE)
    seen: list[Told] = []
    waited = 0
    for step in range(150):
        name = chance.choice(NAMES)
        registers[name] += chance.choice((0, 1, 3, 7, 20, 60))
        await made.report(
            Report(f"tasmota:{name}/1", register_wh=registers[name], power_mw=700_000),
            after=chance.randrange(12) * SECOND,
        )
        if chance.random() < 0.2:
            await made.tick(SECOND)
        if step % 53 == 0:
            await made.app.accounts.top_up(
                LANDLORD, "flat-2", amount="5.00", method="cash", reference=None, key=f"{step}"
            )
        seen.append(told(made))
        waited += waiting(made)
    return seen, waited


@pytest.mark.invariant(7)
@pytest.mark.parametrize("seed", [1, 2])
async def test_the_end_of_a_month_is_booked_and_shown_the_same_whenever_it_is_posted(
    tmp_path: Path, seed: int
) -> None:
    journals, seen, waited = [], [], []
    for way in ("at the reading", "soon", "late"):
        with pytest.MonkeyPatch.context() as patch:
            (at_the_reading if way == "at the reading" else in_turns)(patch)
            async with house(tmp_path / way, street(RICH, 3) + TWO, credit=None) as made:
                made.at_once = way == "soon"
                shown, over = await a_night(made, seed)
                seen.append(shown)
                waited.append(over)
                await wait_long(made)
                assert made.problems() == []
                journals.append(journal(made))
    assert waited[:2] == [0, 0]
    assert waited[2], "nothing waited over the end of the month"
    assert journals[0] == journals[1] == journals[2]
    assert seen[0] == seen[1] == seen[2]


async def to_the_end_of_the_day(made: House, names: list[str], poor: str = "") -> None:
    """Bring every flat's meter on the fast path in the last minutes of a day, and let the day end."""
    for account in made.engine.session.installation.accounts.values():
        amount = "1.10" if account.id == poor else "2.00"
        await made.app.accounts.top_up(
            LANDLORD, account.id, amount=amount, method="cash", reference=None, key="k"
        )
        await made.report(Report(f"tasmota:{account.id}/1", relay=RelayPosition.CLOSED, power_mw=0))
    await made.tick(TO_MIDNIGHT - 3 * MINUTE)
    for wh in (10_000, 10_010, 10_020):
        await made.report(*(read(name, wh) for name in names), after=30 * SECOND)
    made.time.forward(90 * SECOND)


def read(name: str, wh: int) -> Report:
    """Return a reading of a flat."""
    return Report(f"tasmota:{name}/1", register_wh=wh, power_mw=700_000)


@pytest.mark.invariant(5)
@pytest.mark.parametrize("clock_first", [True, False])
async def test_what_waits_of_the_day_before_is_posted_the_same_after_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, clock_first: bool
) -> None:
    in_turns(monkeypatch)
    journals = []
    for crashed in (False, True):
        async with house(tmp_path / str(crashed), street(BLOCKS, 3), credit=None) as made:
            made.at_once = False
            names = list(made.engine.session.installation.accounts)
            await to_the_end_of_the_day(made, names)
            if clock_first:
                await made.tick(0)
            await made.report(*(read(name, 10_040) for name in names), after=SECOND)
            made.engine.session.flush(everything=True)
            await made.settle()
            before = posted(made)
            if not crashed:
                await wait_long(made)
                journals.append(journal(made))
        if crashed:
            async with opened(tmp_path / str(crashed), made.time) as again:
                await wait_long(again)
                journals.append(journal(again))
                assert again.problems() == []
                assert posted(again) - before == (3 if clock_first else 0)
    assert journals[0] == journals[1]


@asynccontextmanager
async def tower(tmp_path: Path, units: int) -> AsyncIterator[tuple[House, list[str]]]:
    """Open a house of many flats in the first minutes of a day; the last flat has the least credit."""
    async with house(tmp_path, street(BLOCKS, units), credit=None) as made:
        made.at_once = False
        names = list(made.engine.session.installation.accounts)
        await to_the_end_of_the_day(made, names, names[-1])
        made.time.forward(3 * MINUTE)
        made.transport.switched.clear()
        yield made, names


def standing(made: House) -> list[str]:
    """Return the accounts whose standing charge of the new day is booked, in that order."""
    rows = made.rows(
        f"""SELECT account_id FROM segment WHERE kind = 'standing' AND start_ms >= {made.time.wall - HOUR}
            ORDER BY entry_seq"""
    )
    return [str(account_id) for (account_id,) in rows]


async def test_the_clock_charges_first_whoever_the_charge_may_cut(tmp_path: Path) -> None:
    async with tower(tmp_path, 2 * CLOCK_BATCH) as (made, names):
        poor = names[-1]
        left = made.app.accounts.view(LANDLORD, poor).available
        assert 0 < left < zar("1.15"), "less than a day's standing charge with its tax"
        working = asyncio.create_task(made.engine.run_due_accounts())
        await asyncio.sleep(0)
        assert len(standing(made)) == CLOCK_BATCH
        assert standing(made)[0] == poor
        await asyncio.sleep(0)
        assert made.transport.switched == [(f"{poor}/main", RelayPosition.OPEN)]
        await working
        assert sorted(standing(made)) == sorted(names)


async def test_the_clock_begins_with_whom_it_cuts_as_friendly_hours_end(tmp_path: Path) -> None:
    """They have nothing left that they might use up, so that no use is near to a decision."""
    sunday = BLOCKS.replace(
        "        meters:",
        '        friendly hours: [{days: sun, from: "00:00", to: "24:00"}]\n        meters:',
    )
    async with house(tmp_path, street(sunday, 3), credit=None) as made:
        names = list(made.engine.session.installation.accounts)
        for name, amount in zip(names, ("20.00", "0.20", "20.00"), strict=True):
            await made.app.accounts.top_up(
                LANDLORD, name, amount=amount, method="cash", reference=None, key="k"
            )
        await made.tick(TO_MIDNIGHT - 5 * MINUTE)
        for wh in (10_000, 10_400):
            await made.report(*(read(name, wh) for name in names), after=2 * MINUTE)
        assert made.engine.session.installation.accounts[names[1]].reason is SupplyReason.FRIENDLY_HOURS
        made.time.forward(2 * MINUTE)
        due = made.engine.due_accounts()
        assert sorted(each.id for each in due) == names
        assert due[0].id == names[1]


async def test_a_reading_comes_between_and_what_it_charged_is_not_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with tower(tmp_path, 2 * CLOCK_BATCH) as (made, _):
        working = asyncio.create_task(made.engine.run_due_accounts())
        await asyncio.sleep(0)
        (late, *_) = made.engine.due_accounts()[-1:]
        made.intake.handle([read(late.id, 10_520)])
        assert late.state is SupplyState.DISCONNECTED
        looked: list[str] = []

        def noted(session: Session, account: Account, unit: Transaction) -> None:
            looked.append(account.id)
            evaluate(session, account, unit)

        monkeypatch.setattr("meter_bridge.engine.engine.evaluate", noted)
        await working
        assert len(looked) == CLOCK_BATCH - 1
        assert late.id not in looked
        assert (f"{late.id}/main", RelayPosition.OPEN) in made.transport.switched


class Slow:
    """Tells of commits only when it is let."""

    def __init__(self, made: House, monkeypatch: pytest.MonkeyPatch) -> None:
        """Come between the engine and the store, which stores at once."""
        self.waiting: list[tuple[asyncio.Future[None], asyncio.Future[None]]] = []
        self.full = asyncio.Event()
        """Set when more waits than clock work goes on with."""
        self._commit = made.store.commit
        monkeypatch.setattr(made.store, "commit", self.commit)

    def commit(self, work: Changeset) -> asyncio.Future[None]:
        """Store, and keep quiet about it."""
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append((self._commit(work), told))
        if len(self.waiting) > MAX_PENDING_TRANSACTIONS:
            self.full.set()
        return told

    def tell(self) -> None:
        """Tell of everything that is stored."""
        waiting, self.waiting = self.waiting, []
        for stored, told in waiting:
            assert stored.result() is None
            told.set_result(None)


async def rounds(count: int) -> None:
    """Let the event loop go round so often."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_the_disk_has_few_units_before_a_decision_however_many_are_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    units = MAX_PENDING_TRANSACTIONS + 3 * CLOCK_BATCH
    async with tower(tmp_path, units) as (made, names):
        disk = Slow(made, monkeypatch)
        working = asyncio.create_task(made.engine.run_due_accounts())
        await rounds(units)
        assert MAX_PENDING_TRANSACTIONS < len(disk.waiting) <= MAX_PENDING_TRANSACTIONS + CLOCK_BATCH
        late = made.engine.due_accounts()[-1].id
        made.intake.handle([read(late, 10_520)])
        assert made.transport.switched == []
        disk.tell()
        await rounds(3)
        assert (f"{late}/main", RelayPosition.OPEN) in made.transport.switched
        while not working.done():
            disk.tell()
            await asyncio.sleep(0)
        await working
        assert sorted(standing(made)) == sorted(names)


async def test_guards_let_time_pass_while_the_clock_waits_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with tower(tmp_path, MAX_PENDING_TRANSACTIONS + 2 * CLOCK_BATCH) as (made, _):
        disk = Slow(made, monkeypatch)
        guarded = asyncio.Event()
        work = made.engine.advance_protections

        def noted() -> None:
            work()
            if disk.full.is_set():
                guarded.set()

        monkeypatch.setattr(made.engine, "advance_protections", noted)
        daemon = Scheduler(made.engine, None, 60, intervals=Intervals(flush=60, clock=0.001, silence=60))
        daemon.start()
        await disk.full.wait()
        await asyncio.wait_for(guarded.wait(), 10)
        assert made.engine.due_accounts(), "the clock's work is done"
        disk.tell()
        monkeypatch.undo()
        await daemon.stop()


async def test_a_statement_of_a_month_just_over_has_what_closed_in_it_and_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the same statement says more a moment later, and the next month begins with another balance."""
    in_turns(monkeypatch)
    async with house(tmp_path, BLOCKS) as made:
        made.at_once = False
        await made.tick(TO_DECEMBER - 17 * MINUTE)
        await made.read(10_000, after=0)
        await made.read(10_100, after=MINUTE)
        await made.read(10_500, after=15 * MINUTE + 58 * SECOND)
        assert made.account.supplies[0].deferred_posting is not None
        made.time.forward(3 * SECOND)
        november = await made.app.ledger.statement(
            LANDLORD, "flat-1", begin="2026-11", end="2026-11", detail=Detail.DAY
        )
        await wait_long(made)
        again = await made.app.ledger.statement(
            LANDLORD, "flat-1", begin="2026-11", end="2026-11", detail=Detail.DAY
        )
        assert not november.open
        assert (november.charges, november.closing) == (again.charges, again.closing)
        assert november.days == again.days
