"""What closes at the end of a quarter of an hour is posted in turn: same entries, and no decision waits."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
import random

import pytest

from meter_bridge.core.calendar import SLOT_MS
from meter_bridge.core.ledger import journal as ledger
from meter_bridge.core.ledger.journal import Bucket, EntryKind
from meter_bridge.devices.base.driver import Report
from meter_bridge.engine.ledger.journal import MAX_DEFER_MS, EntryDraft, append_entry
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.protocol.vocabulary import RelayPosition
from meter_bridge.storage.changeset import Changeset
from tests.engine.harness import BLOCKS, HOUR, LANDLORD, SITE, House, house, opened, zar

SECOND = 1_000
MINUTE = 60 * SECOND
OF_ENTRY = "JOIN journal_entry e ON e.seq = entry_seq ORDER BY e.account_id, e.seq"
ENTRIES = (
    """SELECT account_id, at, kind, description, actor, balance_after, detail
       FROM journal_entry ORDER BY account_id, seq""",
    f"SELECT e.account_id, e.at, e.kind, n, bucket, asset, amount FROM posting {OF_ENTRY}, n",
    f"""SELECT e.account_id, e.at, n, l.kind, period, block, band, quantity, amount
        FROM charge_line l {OF_ENTRY}, n""",
    """SELECT account_id, meter_id, start_ms, end_ms, wh, register_wh, band, block, amount, tax, estimated
       FROM segment ORDER BY account_id, entry_seq, n""",
)


def street(site: str, units: int) -> str:
    """Return a site file with more units like its only one."""
    head, _, unit = site.partition("      flat-1:\n")
    assert unit
    return head + "".join(
        f"      flat-{n}:\n" + unit.replace("flat-1", f"flat-{n}") for n in range(1, units + 1)
    )


def journal(made: House) -> list[list[tuple[object, ...]]]:
    """Return the canonical journal: every entry with all that it was made of, account by account."""
    return [made.rows(query) for query in ENTRIES]


async def wait_long(made: House) -> None:
    """Let every turn come."""
    await made.tick(MAX_DEFER_MS)


def posted(made: House) -> int:
    """Return how many charges were posted."""
    return int(str(made.rows("SELECT COUNT(*) FROM journal_entry WHERE kind = 'charge'")[0][0]))


def at_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing wait: what closes is posted by the reading that closes it."""
    monkeypatch.setattr("meter_bridge.engine.metering.readings.may_defer", lambda _supply, _at: False)
    monkeypatch.setattr("meter_bridge.engine.metering.fast_path.try_next_slot", lambda *_: False)


def in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the few supplies of a test wait as long as those of a large installation."""
    monkeypatch.setattr("meter_bridge.engine.ledger.journal.DEFER_PER_METER_MS", MAX_DEFER_MS)


RICH = BLOCKS.replace(
    "        meters:",
    "        low credit: [50.00, 40.00]\n"
    "        emergency credit: {limit: 20.00, threshold: 3.00}\n        meters:",
)
TWO = """\
      flat-9:
        name: Two meters
        tariff: blocks
        meters:
          - {id: a, address: "tasmota:a/1", rating: 10 kW}
          - {id: b, address: "tasmota:b/1", rating: 10 kW}
"""


async def a_day(made: House) -> None:
    """Let three flats and one of two meters use energy past bands, blocks and midnight, and be paid for."""
    chance = random.Random(11)
    registers = dict.fromkeys(("flat-1", "flat-2", "flat-3", "a", "b"), 10_000)
    for account in made.engine.session.installation.accounts.values():
        await made.app.accounts.top_up(
            LANDLORD, account.id, amount="60.00", method="cash", reference=None, key="k"
        )
        for meter in account.meters:
            await made.report(Report(meter.plan.energy_address, relay=RelayPosition.CLOSED, power_mw=0))
    for step in range(900):
        name = chance.choice(list(registers))
        registers[name] += chance.choice((0, 1, 3, 7, 20, 60))
        await made.report(
            Report(f"tasmota:{name}/1", register_wh=registers[name], power_mw=700_000), after=MINUTE
        )
        if step % 70 == 0:
            await made.tick(SECOND)
        if step % 97 == 0:
            paid = chance.choice(list(made.engine.session.installation.accounts))
            await made.app.accounts.top_up(
                LANDLORD, paid, amount="5.00", method="cash", reference=None, key=f"{step}"
            )


@pytest.mark.invariant(7)
async def test_the_journal_is_the_same_whenever_what_closed_is_posted(tmp_path: Path) -> None:
    journals, waited = [], 0
    for way in ("at the reading", "soon", "late"):
        with pytest.MonkeyPatch.context() as patch:
            (at_the_reading if way == "at the reading" else in_turns)(patch)
            async with house(tmp_path / way, street(RICH, 3) + TWO, credit=None) as made:
                made.at_once = way == "soon"
                await a_day(made)
                accounts = made.engine.session.installation.accounts.values()
                waited += sum(
                    supply.deferred_posting is not None for each in accounts for supply in each.supplies
                )
                await wait_long(made)
                assert made.problems() == []
                journals.append(journal(made))
    assert waited, "nothing waited at the end"
    assert len(journals[0][0]) > 250
    assert journals[0] == journals[1]
    assert journals[0] == journals[2]


async def everybody_reads(made: House, names: list[str], wh: int) -> None:
    """Hear a reading of every flat, a second apart."""
    for name in names:
        await made.report(Report(f"tasmota:{name}/1", register_wh=wh, power_mw=700_000), after=SECOND)


async def before_the_end(made: House, units: int) -> list[str]:
    """Bring every flat's meter on the fast path within a quarter, and let the quarter end."""
    names = [f"flat-{n}" for n in range(1, units + 1)]
    for account in made.engine.session.installation.accounts.values():
        await made.app.accounts.top_up(
            LANDLORD, account.id, amount="1.00", method="cash", reference=None, key="k"
        )
        await made.report(Report(f"tasmota:{account.id}/1", relay=RelayPosition.CLOSED, power_mw=0))
    await made.tick()
    made.transport.switched.clear()
    for wh in (10_000, 10_010, 10_020):
        await everybody_reads(made, names, wh)
    made.time.forward(SLOT_MS - made.time.wall % SLOT_MS)
    return names


@pytest.fixture
async def crowd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """Return a house of 25 flats in which what closes waits for its turn."""
    in_turns(monkeypatch)
    async with house(tmp_path, street(SITE, 25), credit=None) as made:
        made.at_once = False
        yield made


@pytest.mark.invariant(10)
async def test_readings_after_the_end_of_a_quarter_commit_nothing_and_a_decision_among_them_only_itself(
    crowd: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = await before_the_end(crowd, 25)
    commits: list[Changeset] = []
    commit = crowd.store.commit

    def noted(work: Changeset) -> asyncio.Future[None]:
        commits.append(work)
        return commit(work)

    monkeypatch.setattr(crowd.store, "commit", noted)
    await everybody_reads(crowd, names[:-1], 10_040)
    assert commits == []
    await crowd.report(Report("tasmota:flat-25/1", register_wh=10_900), after=SLOT_MS // 2)
    assert crowd.transport.switched == [("flat-25/main", RelayPosition.OPEN)]
    assert len(commits) == 1
    assert posted(crowd) == 2, "what closed of the account, and what it used since"
    await wait_long(crowd)
    assert posted(crowd) == 26
    assert crowd.problems() == []


async def test_a_decision_goes_out_while_others_are_still_to_be_posted(crowd: House) -> None:
    names = await before_the_end(crowd, 25)
    await everybody_reads(crowd, names, 10_040)
    crowd.time.forward(SLOT_MS // 2)
    posting_all = asyncio.create_task(crowd.engine.run_deferred_postings(everything=True))
    await asyncio.sleep(0)
    crowd.intake.handle([Report("tasmota:flat-25/1", register_wh=10_900)])
    done = posted(crowd)
    assert 0 < done < 25
    await crowd.settle()
    assert crowd.transport.switched == [("flat-25/main", RelayPosition.OPEN)]
    await posting_all
    assert posted(crowd) == 26


@pytest.mark.invariant(5)
async def test_what_waits_is_posted_as_of_the_same_instant_after_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_turns(monkeypatch)
    journals = []
    for crashed in (False, True):
        async with house(tmp_path / str(crashed), street(SITE, 3), credit=None) as made:
            made.at_once = False
            names = await before_the_end(made, 3)
            await everybody_reads(made, names, 10_040)
            made.engine.session.flush(everything=True)
            await made.settle()
            assert posted(made) == 0
            if not crashed:
                await wait_long(made)
                journals.append(journal(made))
        if crashed:
            async with opened(tmp_path / str(crashed), made.time) as again:
                await wait_long(again)
                journals.append(journal(again))
                assert again.problems() == []
    assert journals[0] == journals[1]
    assert len(journals[0][0]) == 6


async def test_a_payment_comes_after_what_closed_before_it(crowd: House) -> None:
    names = await before_the_end(crowd, 25)
    await everybody_reads(crowd, names, 10_040)
    due = crowd.account.supplies[0].deferred_posting
    assert due is not None
    crowd.time.forward(SECOND)
    await crowd.top_up("10.00")
    found = crowd.rows(
        f"SELECT kind, at FROM journal_entry WHERE account_id = '{crowd.account.id}' ORDER BY seq"
    )
    assert found[1] == ("charge", due.at)
    assert [kind for kind, _ in found] == ["top_up", "charge", "charge", "top_up"]
    assert crowd.account.supplies[0].deferred_posting is None


async def test_no_entry_may_pass_one_that_waits(crowd: House) -> None:
    names = await before_the_end(crowd, 25)
    await everybody_reads(crowd, names, 10_040)
    unit = Transaction(crowd.time.wall)
    postings = ledger.balanced_postings("ZAR", {Bucket.BALANCE: 1}, against=Bucket.ADJUSTMENT)
    with pytest.raises(ledger.LedgerError, match="before anything else"):
        append_entry(
            crowd.engine.session.installation,
            crowd.account,
            unit,
            EntryDraft(EntryKind.CORRECTION, postings, "", {}),
        )


async def test_the_cost_of_a_day_that_began_holds_nothing_of_the_day_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_turns(monkeypatch)
    async with house(tmp_path) as made:
        made.at_once = False
        made.time.forward(11 * HOUR + 50 * MINUTE)
        await made.read(10_000)
        await made.read(10_100, after=MINUTE)
        await made.read(10_200, after=10 * MINUTE)
        view = made.app.accounts.view(LANDLORD, made.account.id)
        assert view.energy_today_wh is not None
        assert view.energy_today_wh < 100
        assert view.cost_today == view.energy_today_wh * zar("0.002")
