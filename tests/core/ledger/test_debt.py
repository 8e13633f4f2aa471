"""Debts: recovered in order, by local time and out of payments, never beyond what is owed or capped."""

from dataclasses import replace
from zoneinfo import ZoneInfo

from hypothesis import given, strategies as st
import pytest

from meter_bridge.core.calendar import DAY_MS
from meter_bridge.core.ledger.debt import (
    Debt,
    due_debts,
    next_due,
    next_recovery,
    recovered_from_payment,
    recovery_order,
)
from meter_bridge.core.tariff.periods import PeriodUnit
from tests.core.builders import instant

LONDON = ZoneInfo("Europe/London")
NOON = instant("2026-03-28 12:00", "Europe/London")
"""A Saturday; the clocks go forward on the Sunday."""
debts = st.builds(
    Debt,
    id=st.sampled_from("abcdef"),
    description=st.just("Debt"),
    owed=st.integers(0, 500),
    priority=st.integers(1, 3),
    percent_ppm=st.sampled_from([0, 1, 100_000, 700_000, 1_000_000]),
    cap=st.sampled_from([None, 0, 40]),
    cap_every=st.sampled_from((PeriodUnit.DAY, PeriodUnit.WEEK, PeriodUnit.MONTH)),
)


@pytest.mark.parametrize(
    "every, expected",
    [
        (PeriodUnit.DAY, "2026-03-29 00:00"),
        (PeriodUnit.WEEK, "2026-03-30 00:00"),
        (PeriodUnit.MONTH, "2026-04-01 00:00"),
    ],
)
def test_recovery_is_due_at_the_next_local_day_week_or_month(every: PeriodUnit, expected: str) -> None:
    assert next_due(every, NOON, LONDON) == instant(expected, "Europe/London")


def test_an_instant_at_which_recovery_is_due_is_followed_by_the_next() -> None:
    due = next_due(PeriodUnit.DAY, NOON, LONDON)
    assert next_due(PeriodUnit.DAY, due, LONDON) - due == DAY_MS - 3_600_000


def test_the_lowest_priority_number_is_recovered_first() -> None:
    first, second, third = (
        Debt(name, "", owed=5, priority=number) for name, number in (("b", 1), ("a", 2), ("c", 2))
    )
    assert recovery_order([third, second, first]) == [first, second, third]
    late, early = replace(first, rate=1, due=9), replace(third, rate=1, due=8)
    assert due_debts({"b": late, "c": early, "a": second}, 9) == [early, late]
    assert due_debts({"b": late}, 8) == []
    assert next_recovery({"b": late, "c": early, "a": second}) == 8
    assert next_recovery({"a": second}) is None


def test_the_last_instalment_is_what_is_left() -> None:
    assert Debt("d", "", owed=3, rate=10).instalment == 3
    assert not Debt("d", "", owed=0, rate=10).by_time


@given(st.dictionaries(st.sampled_from("abcd"), debts, max_size=4), st.lists(st.integers(1, 900), max_size=9))
def test_payments_recover_no_more_than_is_owed_capped_and_paid(
    drawn: dict[str, Debt], payments: list[int]
) -> None:
    held = {name: replace(debt, id=name) for name, debt in drawn.items()}
    taken: dict[tuple[str, str], int] = {}
    for index, paid in enumerate(payments):
        at = NOON + index * DAY_MS // 2
        parts = recovered_from_payment(held.values(), paid, at, LONDON)
        assert sum(part for _, part in parts) <= paid
        for name, part in parts:
            debt = held[name]
            assert 0 < part <= min(debt.owed, paid * debt.percent_ppm // 1_000_000)
            held[name] = replace(debt.after_payment(part, at, LONDON), owed=debt.owed - part)
            period = name, debt.cap_period_of(at, LONDON)
            taken[period] = taken.get(period, 0) + part
            assert held[name].recovered == taken[period]
    for (name, _), amount in taken.items():
        cap = held[name].cap
        assert cap is None or amount <= cap


def test_a_recovery_that_is_taken_back_frees_the_cap_of_its_period() -> None:
    debt = Debt("d", "", owed=100, percent_ppm=1_000_000, cap=10).after_payment(10, NOON, LONDON)
    assert debt.recovered_from(50, NOON, LONDON) == 0
    assert debt.after_payment(-4, NOON, LONDON).recovered_from(50, NOON, LONDON) == 4
    later = NOON + 7 * DAY_MS
    assert debt.after_payment(-4, later, LONDON).recovered_from(50, later, LONDON) == 10
