"""The journal: every entry sums to zero per asset (invariant 1)."""

from collections import Counter

from hypothesis import given, strategies as st
import pytest

from meter_bridge.core.ledger.credit import Spending, TopUpSplit
from meter_bridge.core.ledger.journal import (
    Bucket,
    LedgerError,
    Posting,
    charge_postings,
    check_balanced,
    correction_postings,
    debt_bucket,
    debt_of,
    opening_postings,
    tenancy_bucket,
    top_up_postings,
)
from meter_bridge.core.rating.fixed_charges import charge_day
from meter_bridge.core.rating.period_to_date import close_segments
from meter_bridge.core.rating.rating import ChargedLine, Charges, LineKey, LineKind, Rating, allocate
from meter_bridge.core.tariff.tariff import TaxBase, Timeline
from tests.core.builders import DAY, amount, timeline, weekly_ladder

pytestmark = pytest.mark.invariant(1)
amounts = st.integers(-(10**15), 10**15)
lines = st.builds(
    ChargedLine,
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
        (
            *drawn,
            *(Posting(Bucket.FUNDS, asset, -total) for asset, total in sums.items()),
            *top_up_postings("X", TopUpSplit(balance=1)),
        )
    )


def test_one_asset_does_not_pay_for_another() -> None:
    with pytest.raises(LedgerError, match=r"'ZAR': 5.*'kWh': -5"):
        check_balanced((Posting(Bucket.BALANCE, "ZAR", 5), Posting(Bucket.FUNDS, "kWh", -5)))


parts = st.integers(0, 10**12)
splits = st.builds(
    TopUpSplit,
    st.dictionaries(st.sampled_from("abc"), st.integers(1, 10**12)).map(lambda drawn: tuple(drawn.items())),
    parts,
    parts,
    parts,
)
spendings = st.builds(Spending, amounts, amounts)


def changes(postings: tuple[Posting, ...]) -> Counter[str]:
    """Return what postings add to each bucket."""
    sums: Counter[str] = Counter()
    for posting in postings:
        sums[posting.bucket] += posting.amount
    return sums


@given(splits)
def test_a_top_up_adds_to_buckets_what_its_split_says_and_takes_it_from_funds(split: TopUpSplit) -> None:
    total = sum(split.parts().values())
    if not total:
        with pytest.raises(LedgerError, match="must be positive"):
            top_up_postings("ZAR", split)
        return
    postings = top_up_postings("ZAR", split)
    check_balanced(postings)
    assert changes(postings) == Counter(
        {
            Bucket.BALANCE: split.balance,
            Bucket.EMERGENCY: split.emergency,
            Bucket.ARREARS: split.arrears,
            Bucket.FUNDS: -total,
            **{debt_bucket(debt_id): amount for debt_id, amount in split.debts},
        }
    )
    assert all(posting.amount for posting in postings)


@pytest.mark.parametrize(
    "split", [TopUpSplit(balance=0), TopUpSplit(balance=-1), TopUpSplit(arrears=-1, balance=5)]
)
def test_a_top_up_is_positive_in_every_part(split: TopUpSplit) -> None:
    with pytest.raises(LedgerError, match="must be positive"):
        top_up_postings("ZAR", split)


@given(amounts, spendings)
def test_corrections_and_opening_balances_go_either_way(difference: int, spending: Spending) -> None:
    opened, corrected = opening_postings("ZAR", difference), correction_postings("ZAR", spending)
    for postings in (opened, corrected):
        check_balanced(postings)
    assert changes(opened)[Bucket.BALANCE] == difference
    assert changes(corrected)[Bucket.BALANCE] == -spending.balance
    assert changes(corrected)[Bucket.EMERGENCY] == -spending.emergency


@given(st.lists(lines, max_size=6), amounts, amounts)
def test_a_charge_takes_from_credit_and_arrears_exactly_what_its_lines_add_up_to(
    drawn: list[ChargedLine], emergency: int, arrears: int
) -> None:
    settlement = Charges(tuple(drawn), ())
    spending = Spending(settlement.total - emergency - arrears, emergency)
    postings = charge_postings("ZAR", settlement, spending, arrears=arrears)
    check_balanced(postings)
    taken = changes(postings)
    assert taken[Bucket.BALANCE] == -spending.balance
    assert taken[Bucket.EMERGENCY] == -emergency
    assert taken[Bucket.ARREARS] == -arrears


def test_the_bucket_of_a_debt_names_it() -> None:
    assert debt_of(debt_bucket("old:1")) == "old:1"
    assert debt_of(Bucket.ARREARS) is debt_of(tenancy_bucket(1)) is None


def test_each_kind_of_line_has_its_bucket(rating: Rating) -> None:
    version = weekly_ladder()
    line = timeline(version)
    allocate(rating, line, "m", 0, DAY, 5_000)
    used, daily = close_segments(rating, line), charge_day(rating, Timeline((version,)), 0)
    postings = changes(charge_postings("ZAR", used, Spending(used.total)))
    standing = changes(charge_postings("ZAR", daily, Spending(daily.total)))
    assert set(postings) == {Bucket.BALANCE, Bucket.CONSUMPTION, Bucket.TAX}
    assert standing[Bucket.STANDING] == amount("4.37")
    assert standing[Bucket.TAX] == amount("0.6555")
