"""A statement adds up, or there is none."""

from dataclasses import replace

from hypothesis import given, strategies as st
import pytest

from meter_bridge.engine.statement.builder import DoesNotAddUpError, build_statement
from meter_bridge.protocol.statements import Detail, Holding, KindSum
from tests.engine.statement.invented import HOLDER, NOTHING, NOW, OCTOBER, books, day, entry, line

AMOUNTS = st.integers(-(10**12), 10**12)
KINDS = st.sampled_from(["top_up", "correction", "refund", "reversal", "transfer", "write_off", "opening"])
ENTRIES = st.lists(st.builds(lambda amount, kind: entry(amount, kind=kind), AMOUNTS, KINDS), max_size=8)
LINES = st.lists(st.builds(line, AMOUNTS), max_size=6)


@given(opening=AMOUNTS, entries=ENTRIES, lines=LINES)
def test_opening_and_credits_less_charges_is_closing(
    opening: int, entries: list[object], lines: list[object]
) -> None:
    found = books(opening, tuple(entries), tuple(lines))  # type: ignore[arg-type]
    statement = build_statement(HOLDER, OCTOBER, found, NOW)
    assert statement.opening + statement.credits - statement.charges == statement.closing
    assert sum(each.amount for each in statement.sums) == statement.credits - statement.charges


WHOLE = replace(
    books(
        1000, (entry(50_000_000), entry(-7, kind="refund")), (line(12_500_000), line(1_875_000, kind="tax"))
    ),
    days=(day(12_500_000, 1_875_000),),
)


def test_books_that_add_up_make_a_statement() -> None:
    statement = build_statement(HOLDER, OCTOBER, WHOLE, NOW)
    assert (statement.credits, statement.charges) == (49_999_993, 14_375_000)
    assert statement.detail is Detail.DAY
    assert (statement.first_day, statement.last_day) == ("2026-10-01", "2026-10-31")
    assert not statement.open
    assert statement.not_yet_posted is None


@pytest.mark.parametrize(
    "damaged,what",
    [
        (replace(WHOLE, balances=(1001, WHOLE.balances[1])), "the opening balance"),
        (replace(WHOLE, balances=(1000, WHOLE.balances[1] - 1)), "the closing balance"),
        (
            replace(WHOLE, holdings=(*WHOLE.holdings, Holding(name="arrears", opening=0, closing=-1))),
            "closing",
        ),
        (replace(WHOLE, lines=WHOLE.lines[:1]), "their lines"),
        (replace(WHOLE, days=()), "by day"),
        (replace(WHOLE, days=(day(12_500_000, 1_875_001),)), "by day"),
        (replace(WHOLE, entries=WHOLE.entries[:1]), "entries that are listed"),
        (
            replace(WHOLE, sums=(*WHOLE.sums, KindSum(kind="gift", entries=1, amount=5, changes={}))),
            "entries that are listed",
        ),
    ],
)
def test_books_that_contradict_themselves_make_none(damaged: object, what: str) -> None:
    with pytest.raises(DoesNotAddUpError, match=what) as refused:
        build_statement(HOLDER, OCTOBER, damaged, NOW)  # type: ignore[arg-type]
    assert "flat-1" in str(refused.value)


def test_what_is_lent_and_owed_counts_with_the_balance() -> None:
    borne = {"balance": -10_000_000, "emergency_credit": -4_375_000}
    lent = replace(
        books(10_000_000, (), (line(12_500_000), line(1_875_000, kind="tax"))),
        holdings=(
            Holding(name="balance", opening=10_000_000, closing=0),
            Holding(name="emergency_credit", opening=0, closing=-4_375_000),
        ),
        balances=(10_000_000, 0),
        sums=(KindSum(kind="charge", entries=2, amount=-14_375_000, changes=borne),),
    )
    statement = build_statement(HOLDER, OCTOBER, lent, NOW)
    assert (statement.opening, statement.charges, statement.closing) == (10_000_000, 14_375_000, -4_375_000)


def test_what_is_not_yet_posted_is_told_while_the_period_lasts() -> None:
    used = replace(NOTHING, pending=replace(NOTHING.pending, wh=6, amount=21_044))
    assert build_statement(HOLDER, OCTOBER, used, OCTOBER.end - 1).not_yet_posted == used.pending
    assert build_statement(HOLDER, OCTOBER, used, OCTOBER.end).not_yet_posted is None
    assert build_statement(HOLDER, OCTOBER, NOTHING, OCTOBER.end - 1).not_yet_posted is None
