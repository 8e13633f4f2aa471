"""Hours of use and cost: the journal's sums, told again from the first hour on that changed."""

from collections.abc import AsyncIterator
from pathlib import Path
from sqlite3 import Cursor
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event

from meter_bridge.actor import Actor
from meter_bridge.engine.ledger import hourly_history as history_module
from meter_bridge.engine.ledger.hourly_history import HistoryQuery, history_page
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import HistoryPage, Role
from meter_bridge.protocol.requests import Correction, MoveIn, MoveOut, Repricing, Reversal
from tests.engine.accounts.test_units_bought import SITE as UNITS
from tests.engine.harness import BLOCKS, HOUR, LANDLORD, SITE, House, house, operate, zar
from tests.engine.second_tariff import DAY, with_dear

TENANT = Actor("tenant", Role.TENANT, accounts=frozenset({"flat-1"}))


async def history(house: House, after: int = 0, actor: Actor = LANDLORD) -> HistoryPage:
    """Return the whole history after an entry."""
    return await house.app.ledger.history(actor, after=after, upto=None, account_id=None, from_account=None)


async def hours(house: House, after: int = 0, actor: Actor = LANDLORD) -> list[tuple[str, int, int]]:
    """Return the hours of the only account: start, Wh, amount."""
    found = (await history(house, after, actor)).accounts
    return [(hour.start[5:16], hour.wh, hour.amount) for each in found for hour in each.hours]


async def posted(house: House) -> None:
    """Let what was used be posted."""
    await house.tick(HOUR)


@pytest.fixture
async def flat(tmp_path: Path) -> AsyncIterator[House]:
    """Open a flat at 2.00 per kWh whose meter was read at noon, which is 10:00 in UTC."""
    async with house(tmp_path) as made:
        await made.read(0)
        yield made


async def test_hours_hold_what_was_used_in_them_and_what_it_cost(flat: House) -> None:
    await flat.read(1_000, after=HOUR)
    await flat.read(1_500, after=HOUR)
    await flat.read(1_500, after=HOUR)
    told = await hours(flat)
    assert sum(wh for _, wh, _ in told) == 1_500
    assert sum(amount for _, _, amount in told) == zar("3.00")
    assert [start for start, _, _ in told] == ["11-01T10:00", "11-01T11:00", "11-01T12:00"]


@pytest.mark.parametrize("few", [history_module.MAX_SINGLE_QUERIES, 0], ids=["few accounts", "many accounts"])
async def test_only_accounts_that_changed_are_told_from_their_first_changed_hour_on(
    flat: House, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(history_module, "MAX_SINGLE_QUERIES", few)
    await flat.read(1_000, after=HOUR)
    await posted(flat)
    first = await history(flat)
    assert (await history(flat, first.seq)).accounts == ()
    await flat.read(1_600, after=HOUR)
    await flat.read(1_600, after=HOUR)
    before, again = await hours(flat), await hours(flat, first.seq)
    assert again == before[-len(again) :]
    assert again[0][0] > "11-01T10:00"


async def test_the_sums_of_all_hours_are_those_of_the_journal(tmp_path: Path) -> None:
    async with house(tmp_path, BLOCKS) as made:
        await made.read(0)
        for n in range(1, 60):
            await made.read(n * 130, after=HOUR)
            await made.tick(1)
        ((wh, amount),) = made.rows("SELECT SUM(wh), SUM(amount + tax) FROM segment")
        told = await hours(made)
        assert (sum(each for _, each, _ in told), sum(each for _, _, each in told)) == (wh, amount)


@pytest.mark.sqlite("its plans of queries")
async def test_only_corrections_are_read_to_find_them(flat: House) -> None:
    await flat.read(1_000, after=HOUR)
    await posted(flat)
    first = await history(flat)
    steps: list[str] = []

    def note(_: object, cursor: Cursor, words: str, given: tuple[object, ...], *__: object) -> None:
        if "posting" in words:
            steps.extend(row[3] for row in cursor.connection.execute(f"EXPLAIN QUERY PLAN {words}", given))

    event.listen(flat.engine.session.reader, "before_cursor_execute", note)
    await history(flat, first.seq)
    assert any("COVERING INDEX ix_journal_entry_kind_account_seq" in step for step in steps)
    assert not any("account_seq" in step and "COVERING" not in step for step in steps)


async def test_a_correction_counts_when_it_was_booked(flat: House) -> None:
    await flat.read(1_000, after=HOUR)
    await posted(flat)
    first = await history(flat)
    flat.time.forward(5 * HOUR)
    await operate(flat, Correction(amount="0.50", reason="goodwill"))
    assert (await hours(flat, first.seq))[-1] == ("11-01T17:00", 0, -zar("0.50"))


@pytest.mark.both_databases
async def test_a_charge_that_was_taken_back_costs_nothing_in_its_own_hour(flat: House) -> None:
    await flat.read(1_000, after=HOUR)
    await posted(flat)
    first = await history(flat)
    ((entry,),) = flat.rows("SELECT id FROM journal_entry WHERE kind = 'charge' ORDER BY seq DESC LIMIT 1")
    cost = sum(amount for _, _, amount in await hours(flat))
    flat.time.forward(DAY)
    await operate(flat, Reversal(entry=str(entry), reason="wrong"))
    again = await hours(flat, first.seq)
    assert again[0][0].startswith("11-01")
    assert sum(amount for _, _, amount in await hours(flat)) < cost


async def test_a_repriced_month_costs_in_that_month_what_it_costs_now(tmp_path: Path) -> None:
    async with house(tmp_path, with_dear()) as made:
        await made.read(0)
        await made.read(15_000, after=2 * DAY)
        for _ in range(32):
            await made.tick(DAY)
        first = await history(made)
        done = await operate(made, Repricing(day="2026-11-20", version="dear@2027-01-01", reason="late"))
        told = {start: amount for start, _, amount in await hours(made, first.seq)}
        assert zar("38") < told["11-30T21:00"] == -int(str(done.detail["amount"]))


async def test_bought_units_cost_when_they_are_bought_and_count_when_they_are_used(tmp_path: Path) -> None:
    async with house(tmp_path, UNITS) as made:
        await made.read(0)
        await made.read(2_000, after=2 * HOUR)
        await posted(made)
        told = await hours(made)
        ((used,),) = made.rows("SELECT SUM(wh) FROM segment")
        assert sum(wh for _, wh, _ in told) == used
        assert all(amount == 0 for _, _, amount in told[1:])
        assert told[0][2] > 0


async def test_a_tenant_reads_the_own_tenancy_alone(flat: House) -> None:
    await flat.read(1_000, after=HOUR)
    await posted(flat)
    await flat.read(1_000, after=0)
    await operate(flat, MoveOut(reason="moved", remainder="refund"))
    await operate(flat, MoveIn(customer="Thandi", opening_credit="20.00"))
    assert await hours(flat, actor=TENANT) == []
    await flat.read(1_400, after=HOUR)
    await flat.read(1_400, after=HOUR)
    assert sum(wh for _, wh, _ in await hours(flat, actor=TENANT)) == 400
    with pytest.raises(RequestRefused):
        await flat.app.ledger.history(TENANT, after=0, upto=None, account_id="flat-9", from_account=None)


async def test_pages_join_without_gap_and_all_speak_of_the_same_entry(tmp_path: Path) -> None:
    second = SITE[SITE.index("      flat-1:") :].replace("flat-1", "flat-2").replace("Flat 1", "Flat 2")
    async with house(tmp_path, SITE + second) as made:
        await made.read(0)
        await made.read(500, after=HOUR)
        await posted(made)
        await made.app.accounts.top_up(LANDLORD, "flat-2", amount="5", method="cash", reference=None, key="k")
        asked = [HistoryQuery(each, 0, ZoneInfo("UTC")) for each in ("flat-2", "flat-1")]
        reader = made.engine.session.reader
        page = history_page(reader, asked, after=0, most_hours=1)
        assert [each.account_id for each in page.accounts] == ["flat-1"]
        assert page.next_account == "flat-2"
        rest = history_page(reader, asked, after=0, upto=page.seq, from_account="flat-2", most_hours=1)
        assert (rest.accounts, rest.next_account, rest.seq) == ((), None, page.seq)
