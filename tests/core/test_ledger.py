"""The journal: every entry sums to zero per asset (invariant 1)."""

from collections import Counter

from hypothesis import given, strategies as st
import pytest

from meter_bridge.core.ledger import (
    Bucket,
    LedgerError,
    Posting,
    balance_change,
    charge,
    check_balanced,
    correction,
    opening,
    top_up,
)
from meter_bridge.core.rating import (
    LineKey,
    LineKind,
    Rating,
    SettledLine,
    Settlement,
    allocate,
)
from meter_bridge.core.settlement import settle
from meter_bridge.core.standing import charge_day
from meter_bridge.core.tariff import TaxBase, Timeline
from tests.core.builders import DAY, amount, timeline, weekly_ladder

pytestmark = pytest.mark.invariant(1)
amounts = st.integers(-(10**15), 10**15)
lines = st.builds(
    SettledLine,
    st.builds(
        LineKey,
        st.sampled_from(LineKind),
        st.just("2026-01-01"),
        st.just("v1"),
        st.just(-1),
        st.text(max_size=3),
        st.sampled_from(TaxBase),
    ),
    st.integers(0, 10**9),
    st.none(),
    amounts,
)


@given(
    st.lists(
        st.builds(Posting, st.sampled_from(Bucket), st.sampled_from(["ZAR", "kWh"]), amounts), max_size=6
    )
)
def test_postings_are_refused_unless_each_asset_sums_to_zero(drawn: list[Posting]) -> None:
    sums: Counter[str] = Counter()
    for posting in drawn:
        sums[posting.asset] += posting.amount
    if drawn and not any(sums.values()):
        check_balanced(tuple(drawn))
    else:
        with pytest.raises(LedgerError, match="do not sum to zero"):
            check_balanced(tuple(drawn))
    check_balanced(
        (*drawn, *(Posting(Bucket.FUNDS, asset, -total) for asset, total in sums.items()), *top_up("X", 1))
    )


def test_one_asset_does_not_pay_for_another() -> None:
    with pytest.raises(LedgerError, match=r"'ZAR': 5.*'kWh': -5"):
        check_balanced((Posting(Bucket.BALANCE, "ZAR", 5), Posting(Bucket.FUNDS, "kWh", -5)))


@given(st.integers(1, 10**15))
def test_a_top_up_adds_to_the_balance_what_it_takes_from_funds(paid: int) -> None:
    postings = top_up("ZAR", paid)
    check_balanced(postings)
    assert balance_change(postings) == paid


@pytest.mark.parametrize("paid", [0, -1])
def test_a_top_up_is_positive(paid: int) -> None:
    with pytest.raises(LedgerError, match="must be positive"):
        top_up("ZAR", paid)


@given(amounts)
def test_corrections_and_opening_balances_go_either_way(difference: int) -> None:
    for postings in (correction("ZAR", difference), opening("ZAR", difference)):
        check_balanced(postings)
        assert balance_change(postings) == difference


@given(st.lists(lines, max_size=6))
def test_a_charge_takes_from_the_balance_exactly_what_its_lines_add_up_to(drawn: list[SettledLine]) -> None:
    postings = charge("ZAR", Settlement(tuple(drawn), ()))
    check_balanced(postings)
    added = (line.amount for line in drawn if line.key.kind != LineKind.INCLUDED_TAX)
    assert balance_change(postings) == -sum(added)


def test_each_kind_of_line_has_its_bucket(rating: Rating) -> None:
    version = weekly_ladder()
    line = timeline(version)
    allocate(rating, line, "m", 0, DAY, 5_000)
    postings = {posting.bucket: posting.amount for posting in charge("ZAR", settle(rating, line))}
    standing = {
        posting.bucket: posting.amount
        for posting in charge("ZAR", charge_day(rating, Timeline((version,)), 0))
    }
    assert set(postings) == {Bucket.BALANCE, Bucket.CONSUMPTION, Bucket.TAX}
    assert standing[Bucket.STANDING] == amount("4.37")
    assert standing[Bucket.TAX] == amount("0.6555")
