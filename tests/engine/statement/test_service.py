"""Statements of the real journal: they add up, join without a gap, never change, and disturb nobody."""

import asyncio
import csv
from decimal import Decimal
import io
import itertools
from pathlib import Path
import threading

from hypothesis import HealthCheck, given, settings, strategies as st
import pytest

from meter_bridge.commands.statement import as_text
from meter_bridge.core.calendar import iso
from meter_bridge.core.ledger.journal import Bucket, EntryKind, Posting, balanced_postings, debt_bucket
from meter_bridge.core.money import to_decimal
from meter_bridge.engine.ledger.journal import EntryDraft, append_entry
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.engine.statement import entry_range, journal_reader, labels
from meter_bridge.engine.statement.document import printed_statement
from meter_bridge.engine.statement.spreadsheet import statement_csv
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.protocol.requests import Refund
from meter_bridge.protocol.statements import Detail, Statement
from meter_bridge.storage.database import open_writer, snapshot
from tests.engine.accounts.test_units_bought import SITE as SELLING
from tests.engine.harness import BLOCKS, HOUR, LANDLORD, NOON, SITE, House, house, operate, refusing, zar

DAY = 24 * HOUR


async def statement_of(
    flat: House, begin: str | None = None, end: str | None = None, detail: Detail = Detail.DAY
) -> Statement:
    flat.engine.session.flush(everything=True)
    await flat.settle()
    return await flat.app.ledger.statement(LANDLORD, "flat-1", begin=begin, end=end, detail=detail)


async def use(flat: House, *steps: tuple[int, int]) -> None:
    """Let time pass and energy be used, step by step: milliseconds and Wh."""
    register = flat.meter.register.watermark_wh if flat.meter.register else 10_000
    for after, wh in steps:
        register += wh
        await flat.read(register, after=after)


async def move(flat: House, kind: EntryKind, amount: int, description: str) -> None:
    """Book an entry as some part of the bridge would."""
    unit = Transaction(flat.engine.session.clock.now(), actor="landlord")
    postings = (Posting(Bucket.BALANCE, "ZAR", amount), Posting(Bucket.ADJUSTMENT, "ZAR", -amount))
    append_entry(
        flat.engine.session.installation,
        flat.account,
        unit,
        EntryDraft(kind, postings, description, {}),
    )
    done = flat.engine.session.submit(unit)
    assert done is not None
    await done


async def test_a_statement_tells_everything_with_its_price_and_tax(tmp_path: Path) -> None:
    async with house(tmp_path, BLOCKS) as flat:
        await use(flat, (1000, 0), (HOUR, 2000), (5 * HOUR, 3000), (DAY, 4000), (HOUR, 500))
        await flat.top_up("50.00")
        await move(flat, EntryKind.CORRECTION, zar("-5.00"), "Meter read twice")
        statement = await statement_of(flat)
    assert statement.opening == 0
    assert statement.credits == zar("145.00")
    assert statement.closing == flat.account.balance
    assert [each.kind for each in statement.entries] == ["top_up", "top_up", "correction"]
    assert statement.entries[0].changes == {"balance": zar("100.00")}
    assert {each.kind: each.entries for each in statement.sums}["top_up"] == 2
    energy = [line for line in statement.lines if line.kind == "consumption"]
    assert sum(line.quantity for line in energy) == 9500
    assert {(line.block, line.band) for line in energy} >= {(1, "off-peak"), (2, "off-peak"), (3, "peak")}
    for line in energy:
        assert line.unit_price is not None
        assert line.amount == pytest.approx(line.unit_price * line.quantity / 1000, abs=1)
    assert [line.band for line in statement.lines if line.kind == "tax"] == ["VAT"]
    assert sum(day.quantity for day in statement.days if day.kind == "consumption") == 9500
    assert [day.day for day in statement.days if day.kind == "standing"] == ["2026-11-02"]
    assert all(day.unit_price is not None for day in statement.days)
    assert sum(day.tax for day in statement.days) == sum(
        line.amount for line in statement.lines if line.kind == "tax"
    )


async def test_a_tax_that_the_prices_contain_is_told_and_counts_once(tmp_path: Path) -> None:
    site = BLOCKS.replace("percent: 15}", "percent: 15, included in prices: yes}")
    assert site != BLOCKS
    async with house(tmp_path, site) as flat:
        await use(flat, (1000, 0), (HOUR, 2300), (DAY, 1000), (HOUR, 500))
        statement = await statement_of(flat)
        assert flat.problems() == []
    (vat,) = [line for line in statement.lines if line.kind == "included_tax"]
    assert vat == statement.lines[-1]
    others = sum(line.amount for line in statement.lines if line is not vat)
    assert statement.charges == others
    assert vat.amount == pytest.approx(others * 15 / 115, abs=3)
    table = list(csv.DictReader(io.StringIO(statement_csv(statement).decode("utf-8-sig"))))
    assert sum(Decimal(row["amount"]) for row in table if row["amount"]) == to_decimal(
        statement.closing, "ZAR"
    )


RICH = BLOCKS.replace(
    "standing charge: 1.00 per day",
    """standing charge: {Meter rent: 40.00 per month, Network: 7.00 per week}
            demand charge: 42.00 per kW, maximum of 30 min
            minimum charge: 500.00 per month""",
)


async def test_every_kind_of_charge_has_a_name_and_adds_up(tmp_path: Path) -> None:
    async with house(tmp_path, RICH) as flat:
        await use(flat, (1000, 0), (HOUR, 2300), (HOUR, 500), (31 * DAY, 0), (HOUR, 100))
        statement = await statement_of(flat)
        november = await statement_of(flat, "2026-11", "2026-11")
        assert flat.problems() == []
    names = {labels.TERMINAL.charge_name(line) for line in (*november.lines, *statement.lines)}
    assert names >= {"Energy, block 1, off-peak", "Network", "Demand charge", "Minimum charge", "VAT"}
    assert {labels.period_start_text(line) for line in statement.lines} == {"2026-11-01", "2026-12-01"}
    assert printed_statement(statement).parts
    assert as_text(statement)


async def test_a_whole_past_month_is_closed_and_shows_what_was_not_booked_in_it_in_the_next(
    flat: House,
) -> None:
    await use(flat, (1000, 0), (30 * DAY, 0), (HOUR, 500))
    november = await statement_of(flat, "2026-11", "2026-11")
    assert not november.open
    assert november.not_yet_posted is None
    december = await statement_of(flat)
    assert december.opening == november.closing
    assert (december.first_day, december.last_day) == ("2026-12-01", "2026-12-31")
    assert december.open


async def test_a_statement_until_now_posts_what_was_used_first(flat: House) -> None:
    await use(flat, (1000, 0), (60_000, 40))
    assert flat.account.balance == zar("100.00")
    statement = await statement_of(flat)
    assert (statement.charges, statement.not_yet_posted) == (zar("0.08"), None)
    assert statement.closing == flat.available == flat.account.balance == zar("99.92")
    booked = flat.engine.session.installation.sequences.entry
    assert (await statement_of(flat)).closing == statement.closing
    assert flat.engine.session.installation.sequences.entry == booked, (
        "nothing was used, so nothing is booked"
    )
    await use(flat, (60_000, 40))
    assert flat.available == zar("99.84")
    assert flat.problems() == []


async def test_a_statement_of_the_past_posts_nothing(flat: House) -> None:
    await use(flat, (1000, 0), (30 * DAY, 0), (60_000, 40))
    booked = flat.engine.session.installation.sequences.entry
    await statement_of(flat, "2026-11", "2026-11")
    assert flat.engine.session.installation.sequences.entry == booked


async def test_what_cannot_be_posted_now_is_told_beside_the_balance(flat: House) -> None:
    await use(flat, (1000, 0), (60_000, 40))
    flat.engine.session.flush(everything=True)
    await flat.settle()
    with refusing(flat, "INSERT", "journal_entry"):
        statement = await statement_of(flat)
    assert statement.charges == 0
    assert statement.not_yet_posted is not None
    assert (statement.not_yet_posted.wh, statement.not_yet_posted.amount) == (40, zar("0.08"))
    assert await flat.engine.try_recover()
    assert statement.closing - statement.not_yet_posted.amount == flat.available


async def test_energy_whose_day_is_an_estimate_is_marked(flat: House) -> None:
    await use(flat, (1000, 0), (HOUR // 2, 100), (3 * HOUR, 300))
    statement = await statement_of(flat)
    (day,) = statement.days
    assert 290 < day.estimated_wh < day.quantity
    assert labels.TERMINAL.quantity(day).startswith("≈ 0.400")
    assert any(note.startswith("≈") for note in printed_statement(statement).notes)


async def test_a_kind_that_nobody_knows_yet_is_told_by_its_description(flat: House) -> None:
    await move(flat, "write_off", zar("7.00"), "Debt of the tenant before")  # type: ignore[arg-type]
    statement = await statement_of(flat, detail=Detail.LINE)
    assert (statement.entries[-1].kind, statement.entries[-1].description) == (
        "write_off",
        "Debt of the tenant before",
    )
    assert statement.credits == zar("107.00")
    assert statement.days == ()


LENDING = SITE.replace(
    "low credit: [5.00]", "low credit: [5.00]\n        emergency credit: {limit: 20.00, threshold: 3.00}"
)


async def test_what_is_lent_and_repaid_adds_up_and_is_told_by_holding(tmp_path: Path) -> None:
    async with house(tmp_path, LENDING) as flat:
        await use(flat, (1000, 0), (12 * HOUR, 49_000), (HOUR, 500))
        flat.account.emergency_selected = True
        await use(flat, (12 * HOUR, 4_500), (HOUR, 0))
        lent = await statement_of(flat)
        top_up = await flat.top_up("30.00")
        repaid = await statement_of(flat)
        assert flat.problems() == []
    assert {each.name: each.closing for each in lent.holdings} == {
        "balance": 0,
        "emergency_credit": -zar("8.00"),
    }
    assert (lent.closing, lent.charges) == (-zar("8.00"), zar("108.00"))
    assert top_up.top_up.split == {"emergency_credit": zar("8.00"), "balance": zar("22.00")}
    assert repaid.entries[-1].amount == zar("30.00")
    assert repaid.entries[-1].changes == top_up.top_up.split
    assert [(each.name, each.closing) for each in repaid.holdings] == [("balance", zar("22.00"))]
    assert printed_statement(lent).parts[0].name == "Credit and debt"


async def test_an_instalment_moves_from_one_holding_to_another(flat: House) -> None:
    unit = Transaction(flat.engine.session.clock.now())
    for kind, changes, against in (
        (EntryKind.DEBT, {debt_bucket("boiler"): -zar("40.00")}, Bucket.ADJUSTMENT),
        (
            EntryKind.DEBT_RECOVERY,
            {"balance": -zar("5.00"), debt_bucket("boiler"): zar("5.00")},
            Bucket.FUNDS,
        ),
    ):
        append_entry(
            flat.engine.session.installation,
            flat.account,
            unit,
            EntryDraft(kind, balanced_postings("ZAR", changes, against=against), "Boiler", {}),
        )
    done = flat.engine.session.submit(unit)
    assert done is not None
    await done
    statement = await statement_of(flat)
    assert [(each.kind, each.amount) for each in statement.entries[1:]] == [
        ("debt", -zar("40.00")),
        ("debt_recovery", 0),
    ]
    assert statement.entries[2].changes == {"balance": -zar("5.00"), "debt:boiler": zar("5.00")}
    assert {each.name: each.closing for each in statement.holdings} == {
        "balance": zar("95.00"),
        "debt:boiler": -zar("35.00"),
    }
    assert statement.closing == zar("60.00")


@pytest.mark.both_databases
async def test_units_that_top_ups_bought_are_stated_beside_the_money(tmp_path: Path) -> None:
    async with house(tmp_path, SELLING, credit=None) as flat:
        await flat.read(0, power_w=2_000)
        first = await flat.top_up("200.00")
        await flat.read(5_000, after=HOUR)
        before = await statement_of(flat, "2026-11-01", "2026-11-01")
        await use(flat, (DAY, 3_000), (HOUR, 0))
        await flat.top_up("400.00")
        statement = await statement_of(flat)
        assert flat.problems() == []
        assert statement.units[0].closing_wh == flat.account.supplies[0].rating.units
    assert before.units[0].bought_wh == first.top_up.units_wh == 58_379
    (units,) = statement.units
    assert (units.supply_id, units.opening_wh, units.used_wh) == ("flat-1/electricity", 0, 8_000)
    assert units.bought_wh == sum(each.units_wh for each in statement.entries)
    assert [each.amount for each in statement.entries] == [zar("200"), zar("400")]
    assert statement.entries[0].changes == first.top_up.split
    assert statement.credits == zar("600")
    assert statement.charges == zar("600") - flat.account.balance
    assert sum(line.quantity for line in statement.lines if line.kind == "units") == 8_000
    assert "Units" in [part.name for part in printed_statement(statement).parts]
    assert "opening units" in statement_csv(statement).decode()
    assert "BOUGHT" in as_text(statement)


STEPS = st.lists(
    st.tuples(st.sampled_from([60_000, HOUR, 7 * HOUR, 30 * HOUR]), st.integers(0, 900), st.booleans()),
    min_size=1,
    max_size=12,
)


@pytest.mark.invariant(2)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_statements_of_one_day_after_the_other_join_to_the_whole(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int, bool]]
) -> None:
    async with house(tmp_path_factory.mktemp("house"), BLOCKS) as flat:
        for after, wh, pays in steps:
            await use(flat, (after, wh))
            if pays:
                await flat.top_up("20.00")
        days = range(NOON // DAY, flat.engine.session.clock.now() // DAY + 1)
        borders = [iso(day * DAY) for day in days]
        parts = [
            await statement_of(flat, begin, end)
            for begin, end in itertools.pairwise([*borders, iso((days[-1] + 1) * DAY)])
        ]
        whole = await statement_of(flat, borders[0])
        assert (parts[0].opening, parts[-1].closing) == (0, flat.account.balance)
        for before, after_it in itertools.pairwise(parts):
            assert before.closing == after_it.opening
        assert sum(part.charges for part in parts) == whole.charges
        assert [each.id for part in parts for each in part.entries] == [each.id for each in whole.entries]
        assert flat.problems() == []


async def test_a_statement_of_the_past_never_changes(flat: House) -> None:
    await use(flat, (1000, 0), (HOUR, 500), (DAY, 100))
    begin, end = iso(NOON), iso(NOON + DAY)
    first = await statement_of(flat, begin, end)
    unit = Transaction(NOON + HOUR)
    postings = (Posting(Bucket.BALANCE, "ZAR", -1), Posting(Bucket.ADJUSTMENT, "ZAR", 1))
    append_entry(
        flat.engine.session.installation,
        flat.account,
        unit,
        EntryDraft(EntryKind.CORRECTION, postings, "of an hour long past", {}),
    )
    done = flat.engine.session.submit(unit)
    assert done is not None
    await done
    again = await statement_of(flat, begin, end)
    assert (again.closing, again.lines, again.entries) == (
        first.closing,
        first.lines,
        first.entries,
    )
    now = await statement_of(flat, end)
    assert "of an hour long past" in [each.description for each in now.entries]


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE posting SET amount = amount + 1 WHERE bucket = 'balance' AND entry_seq = 1",
        "UPDATE charge_line SET amount = amount + 1",
        "UPDATE segment SET tax = tax + 1",
        "UPDATE journal_entry SET balance_after = balance_after + 1",
        "DELETE FROM segment",
    ],
)
async def test_a_journal_that_does_not_add_up_makes_no_statement(flat: House, damage: str) -> None:
    await use(flat, (1000, 0), (HOUR, 500), (HOUR, 500))
    assert (await statement_of(flat)).charges > 0
    flat.damage(damage)
    with pytest.raises(RequestRefused, match="does not add up") as refused:
        await statement_of(flat)
    assert refused.value.code is ErrorCode.BOOKS_WRONG
    assert "verify" in (refused.value.remedy or "")


async def test_a_past_month_is_compared_with_the_present_and_reads_nothing_of_the_months_between(
    flat: House,
) -> None:
    await use(flat, (1000, 0), (HOUR, 500), (30 * DAY, 0), (HOUR, 500), (HOUR, 500))
    before = await statement_of(flat, "2026-11", "2026-11")
    assert before.closing != flat.account.balance
    flat.damage(
        f"DELETE FROM posting WHERE entry_seq > {flat.engine.session.installation.sequences.entry - 2}"
    )
    assert (await statement_of(flat, "2026-11", "2026-11")).holdings == before.holdings
    flat.damage("UPDATE balance SET amount = amount + 1 WHERE bucket = 'balance'")
    with pytest.raises(RequestRefused, match="balance by postings"):
        await statement_of(flat, "2026-11", "2026-11")


async def test_an_entry_tells_why_and_who_asked_for_it(flat: House) -> None:
    await operate(flat, Refund(amount="5.00", reason="moves away"))
    page = await flat.app.ledger.page(LANDLORD, "flat-1", before=None, limit=1)
    found = await flat.app.ledger.explain_entry(LANDLORD, "flat-1", page.entries[0].id)
    statement = await statement_of(flat)
    for each in (page.entries[0], found.entry, statement.entries[-1]):
        assert (each.reason, each.by) == ("moves away", "landlord")
        assert labels.TERMINAL.with_reason(each) == "Refund: moves away"
    rows = list(csv.DictReader(io.StringIO(statement_csv(statement).decode("utf-8-sig"))))
    assert [(row["reason"], row["by"]) for row in rows if row["type"] == "refund"] == [
        ("moves away", "landlord")
    ]
    assert "Refund: moves away" in as_text(statement)


async def test_too_much_for_one_statement_is_refused_with_a_way_out(
    flat: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await flat.top_up("1.00")
    monkeypatch.setattr(journal_reader, "MAX_ENTRIES", 1)
    with pytest.raises(RequestRefused, match="more than 1 entries") as refused:
        await statement_of(flat)
    assert (refused.value.code, refused.value.field) == (ErrorCode.BAD_REQUEST, "from")


@pytest.mark.both_databases
async def test_a_long_statement_is_read_in_halves_and_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path, RICH) as flat:
        await use(flat, (1000, 0), *((HOUR // 2, 300),) * 9, (30 * DAY, 900), (HOUR, 100))
        await flat.top_up("50.00")
        whole = await statement_of(flat, "2026-11", "2026-12")
        monkeypatch.setattr(entry_range, "MIN_PARALLEL_ENTRIES", 2)
        halved = await statement_of(flat, "2026-11", "2026-12")
    assert len(whole.lines) > 5
    assert len(whole.days) > 5
    assert halved == whole


async def test_a_statement_of_too_many_lines_is_refused(flat: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await use(flat, (1000, 0), (HOUR, 500), (HOUR, 500))
    monkeypatch.setattr(journal_reader, "MAX_CHARGES", 0)
    with pytest.raises(RequestRefused, match="more than 0 lines of charges"):
        await statement_of(flat, detail=Detail.LINE)


async def test_reading_neither_waits_for_the_writer_nor_sees_what_it_does(flat: House) -> None:
    before = flat.account.balance
    with snapshot(flat.engine.session.reader) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM journal_entry").scalar() == 1
        await flat.top_up("50.00")
        assert connection.exec_driver_sql("SELECT count(*) FROM journal_entry").scalar() == 1
    assert flat.account.balance == before + zar("50.00")


async def test_a_statement_is_made_while_the_database_is_being_written(flat: House) -> None:
    held, finish = threading.Event(), threading.Event()

    def hold() -> None:
        with open_writer(flat.location).begin() as writing:
            writing.exec_driver_sql("UPDATE account SET name = 'changed'")
            held.set()
            assert finish.wait(60)
            writing.rollback()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert held.wait(60)
        statement = await flat.app.ledger.statement(
            LANDLORD, "flat-1", begin=None, end=None, detail=Detail.LINE
        )
        assert statement.closing == zar("100.00")
    finally:
        finish.set()
        thread.join()


@pytest.mark.invariant(5)
async def test_a_statement_never_posts_from_a_state_that_was_read_anew_meanwhile(flat: House) -> None:
    """As where a site file is applied, or storage works again, while the tenancy is looked up."""
    await use(flat, (1000, 0), (60_000, 40))
    flat.engine.session.flush(everything=True)
    await flat.settle()
    asked = asyncio.create_task(
        flat.app.ledger.statement(LANDLORD, "flat-1", begin=None, end=None, detail=Detail.DAY, tenancy=1)
    )
    await asyncio.sleep(0)
    flat.engine.session.reload()
    statement = await asked
    await use(flat, (HOUR, 100))
    later = await statement_of(flat)
    assert (statement.closing, later.closing) == (zar("99.92"), zar("99.72"))
    assert flat.rows("SELECT SUM(wh) FROM segment WHERE kind = 'consumption'") == [(40 + 100,)]
    assert flat.problems() == []
