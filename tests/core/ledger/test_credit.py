"""Emergency credit, the order of spending and the order of a top-up, against a naive model of one account."""

from dataclasses import replace
from zoneinfo import ZoneInfo

from hypothesis import given, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
import pytest

from meter_bridge.core.calendar import DAY_MS
from meter_bridge.core.ledger.credit import (
    Collection,
    CreditPolicy,
    CreditState,
    Spending,
    TopUpQuestion,
    TopUpSplit,
    after_spending,
    after_top_up,
    debt_collection,
    emergency_left,
    emergency_state,
    headroom,
    selection_ends,
    split_charge,
    split_top_up,
    standing_collection,
    state_change_levels,
)
from meter_bridge.core.ledger.debt import Debt
from meter_bridge.core.tariff.periods import PeriodUnit
from meter_bridge.protocol.vocabulary import EmergencyCreditState
from tests.core.builders import amount, instant

ZONE = ZoneInfo("Africa/Johannesburg")
MONDAY = instant("2026-03-02 10:00", "Africa/Johannesburg")
LENDS = CreditPolicy(emergency_limit=100, emergency_threshold=20)
OVERDRAFT = replace(LENDS, disablement_threshold=-50)
amounts = st.integers(0, 400)
policies = st.builds(
    CreditPolicy,
    disablement_threshold=st.sampled_from([0, -50]),
    emergency_limit=st.sampled_from([0, 1, 100]),
    emergency_threshold=st.sampled_from([1, 20]),
)


def split(policy: CreditPolicy, state: CreditState, paid: int, *debts: Debt, at: int = MONDAY) -> TopUpSplit:
    """Divide a top-up."""
    return split_top_up(policy, state, debts, paid, at=at, zone=ZONE)


@pytest.mark.parametrize(
    "policy, state, expected",
    [
        (CreditPolicy(), CreditState(-5), EmergencyCreditState.UNSUPPORTED),
        (LENDS, CreditState(20), EmergencyCreditState.UNAVAILABLE),
        (LENDS, CreditState(19), EmergencyCreditState.AVAILABLE),
        (LENDS, CreditState(-7), EmergencyCreditState.AVAILABLE),
        (LENDS, CreditState(1, selected=True), EmergencyCreditState.SELECTED),
        (LENDS, CreditState(0, selected=True), EmergencyCreditState.IN_USE),
        (LENDS, CreditState(0, 99, selected=True), EmergencyCreditState.IN_USE),
        (LENDS, CreditState(0, 100, selected=True), EmergencyCreditState.EXHAUSTED),
        (LENDS, CreditState(-3, 100, selected=True), EmergencyCreditState.EXHAUSTED),
        (OVERDRAFT, CreditState(-49, selected=True), EmergencyCreditState.SELECTED),
        (OVERDRAFT, CreditState(-50, selected=True), EmergencyCreditState.IN_USE),
        # The limit was lowered or taken away while some was lent: it is owed all the same.
        (CreditPolicy(), CreditState(0, 5, selected=True), EmergencyCreditState.EXHAUSTED),
        (LENDS, CreditState(9, 5, selected=True), EmergencyCreditState.IN_USE),
    ],
)
def test_each_state_of_emergency_credit(
    policy: CreditPolicy, state: CreditState, expected: EmergencyCreditState
) -> None:
    assert emergency_state(policy, state) is expected


@pytest.mark.parametrize(
    "state, expected",
    [
        (CreditState(20, selected=True), True),
        (CreditState(19, selected=True), False),
        (CreditState(20, 1, selected=True), False),
        (CreditState(20), False),
    ],
)
def test_a_selection_ends_when_all_is_repaid_and_the_balance_is_at_the_threshold_again(
    state: CreditState, *, expected: bool
) -> None:
    assert selection_ends(LENDS, state) is expected
    assert not emergency_left(CreditPolicy(), state)


def test_a_selection_ends_where_emergency_credit_is_no_longer_lent() -> None:
    assert selection_ends(CreditPolicy(), CreditState(3, selected=True))
    assert not selection_ends(CreditPolicy(), CreditState(3, 1, selected=True))


@pytest.mark.parametrize(
    "policy, state, charge, expected",
    [
        (LENDS, CreditState(30), 30, Spending(30)),
        (LENDS, CreditState(30), 40, Spending(40)),
        (LENDS, CreditState(30, selected=True), 40, Spending(30, 10)),
        (LENDS, CreditState(30, 95, selected=True), 40, Spending(35, 5)),
        (OVERDRAFT, CreditState(30, selected=True), 90, Spending(80, 10)),
        (OVERDRAFT, CreditState(-60, selected=True), 5, Spending(0, 5)),
        (LENDS, CreditState(0, 10, selected=True), -15, Spending(-5, -10)),
        (OVERDRAFT, CreditState(-60, 10, selected=True), -15, Spending(-10, -5)),
    ],
)
def test_a_charge_takes_balance_then_emergency_credit_then_balance_again(
    policy: CreditPolicy, state: CreditState, charge: int, expected: Spending
) -> None:
    assert split_charge(policy, state, charge) == expected


@pytest.mark.parametrize(
    "policy, state, paid, expected",
    [
        (LENDS, CreditState(10), 100, TopUpSplit(balance=100)),
        (LENDS, CreditState(0, 40, selected=True), 100, TopUpSplit(emergency=40, balance=60)),
        (LENDS, CreditState(-5, 100, selected=True), 50, TopUpSplit(emergency=45, balance=5)),
        (LENDS, CreditState(-5, 100, 30, selected=True), 20, TopUpSplit(arrears=20)),
        (
            LENDS,
            CreditState(-5, 100, 30, selected=True),
            150,
            TopUpSplit(arrears=30, emergency=100, balance=20),
        ),
        (OVERDRAFT, CreditState(-60, 10, selected=True), 15, TopUpSplit(emergency=5, balance=10)),
    ],
)
def test_a_top_up_clears_arrears_then_the_lack_then_emergency_credit(
    policy: CreditPolicy, state: CreditState, paid: int, expected: TopUpSplit
) -> None:
    assert split(policy, state, paid) == expected


def test_payment_based_debt_comes_before_all_else() -> None:
    debt = Debt("old", "Old bill", owed=1000, percent_ppm=250_000)
    assert split(LENDS, CreditState(0, 10, 5, selected=True), 100, debt) == TopUpSplit(
        (("old", 25),), arrears=5, emergency=10, balance=60
    )


def test_aclaras_worked_numbers() -> None:
    """10 % of a top-up of 10 a day with a cap of 5 a week: 1 a day from Monday to Friday, then nothing."""
    debt = Debt("old", "Old bill", owed=amount("50"), percent_ppm=100_000, cap=amount("5"))
    taken = []
    for day in range(9):
        at = MONDAY + day * DAY_MS
        part = split(CreditPolicy(), CreditState(), amount("10"), debt, at=at).payment_debt
        debt = replace(debt.after_payment(part, at, ZONE), owed=debt.owed - part)
        taken.append(part)
    assert taken == [amount(each) for each in ("1", "1", "1", "1", "1", "0", "0", "1", "1")]


def test_a_split_is_shown_without_its_empty_parts_but_always_with_the_balance() -> None:
    assert TopUpSplit(balance=0, arrears=7).parts() == {"arrears": 7, "balance": 0}
    full = TopUpSplit((("a", 1), ("b", 2)), 3, 4, 5).parts()
    assert full == {"payment_debt": 3, "arrears": 3, "emergency_credit": 4, "balance": 5}
    assert list(full) == ["payment_debt", "arrears", "emergency_credit", "balance"]


class Life(RuleBasedStateMachine):
    """One account over its life, beside a model that moves every unit of money on its own."""

    @initialize(policy=policies, owed=st.integers(0, 60), cap=st.sampled_from([None, 0, 7]))
    def open(self, policy: CreditPolicy, owed: int, cap: int | None) -> None:
        self.policy = policy
        self.state = CreditState()
        self.at = MONDAY
        self.debt = Debt("d", "Debt", owed=owed, percent_ppm=300_000, cap=cap, cap_every=PeriodUnit.DAY)
        self.model = {"balance": 0, "used": 0, "arrears": 0, "debt": owed}
        self.selected = False
        self.net = -owed
        self.recovered_today = 0

    def release(self) -> None:
        if selection_ends(self.policy, self.state):
            self.state = replace(self.state, selected=False)
        if not self.model["used"] and self.model["balance"] >= self.policy.emergency_threshold:
            self.selected = False

    @rule(charge=amounts)
    def use(self, charge: int) -> None:
        self.state = after_spending(self.state, split_charge(self.policy, self.state, charge))
        for _ in range(charge):
            lendable = self.selected and self.model["used"] < self.policy.emergency_limit
            if self.model["balance"] <= self.policy.disablement_threshold and lendable:
                self.model["used"] += 1
            else:
                self.model["balance"] -= 1
        self.net -= charge

    @rule(charge=amounts)
    def accumulate(self, charge: int) -> None:
        self.state = replace(self.state, arrears=self.state.arrears + charge)
        self.model["arrears"] += charge
        self.net -= charge

    @rule(given_back=amounts)
    def correct(self, given_back: int) -> None:
        self.state = after_spending(self.state, split_charge(self.policy, self.state, -given_back))
        self._receive(given_back)
        self.net += given_back
        self.release()

    @rule(paid=st.integers(1, 400))
    def top_up(self, paid: int) -> None:
        used_before, arrears_before = self.state.emergency_used, self.state.arrears
        parts = split_top_up(self.policy, self.state, [self.debt], paid, at=self.at, zone=ZONE)
        assert sum(parts.parts().values()) == paid
        assert min(*parts.parts().values(), 0) == 0
        self.state = after_top_up(self.state, parts)
        self.debt = self.debt.after_payment(parts.payment_debt, self.at, ZONE)
        self.debt = replace(self.debt, owed=self.debt.owed - parts.payment_debt)
        self._pay(paid)
        self.net += paid
        self.recovered_today += parts.payment_debt
        if parts.balance and self.state.balance > self.policy.disablement_threshold:
            assert not self.state.emergency_used, "emergency credit is repaid before the balance grows"
            assert parts.emergency == used_before
            assert parts.arrears == arrears_before
        self.release()

    def _pay(self, paid: int) -> None:
        share = paid * 3 // 10
        left = paid
        while left:
            capped = self.debt.cap is not None and self.recovered_today + paid - left >= self.debt.cap
            if paid - left < share and self.model["debt"] and not capped:
                self.model["debt"] -= 1
            elif self.model["arrears"]:
                self.model["arrears"] -= 1
            else:
                break
            left -= 1
        self._receive(left)

    def _receive(self, money: int) -> None:
        for _ in range(money):
            if self.model["balance"] >= self.policy.disablement_threshold and self.model["used"]:
                self.model["used"] -= 1
            else:
                self.model["balance"] += 1

    @precondition(lambda self: emergency_state(self.policy, self.state) is EmergencyCreditState.AVAILABLE)
    @rule()
    def select(self) -> None:
        self.state = replace(self.state, selected=True)
        self.selected = True

    @rule()
    def next_day(self) -> None:
        self.at += DAY_MS
        self.recovered_today = 0

    @invariant()
    def agrees_with_the_model(self) -> None:
        if not hasattr(self, "policy"):
            return
        state = self.state
        assert self.model == {
            "balance": state.balance,
            "used": state.emergency_used,
            "arrears": state.arrears,
            "debt": self.debt.owed,
        }
        assert state.selected == self.selected

    @invariant()
    def nothing_is_lost_and_no_limit_passed(self) -> None:
        if not hasattr(self, "policy"):
            return
        state = self.state
        assert state.balance - state.emergency_used - state.arrears - self.debt.owed == self.net
        assert 0 <= state.emergency_used <= self.policy.emergency_limit
        assert state.arrears >= 0
        assert self.debt.owed >= 0
        assert self.debt.cap is None or self.recovered_today <= self.debt.cap
        assert state.selected or not state.emergency_used


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=100, stateful_step_count=25)


states = st.builds(CreditState, st.integers(-100, 100), selected=st.booleans())


@given(policies, states, amounts, amounts)
def test_cutting_a_charge_in_two_changes_nothing(
    policy: CreditPolicy, state: CreditState, first: int, second: int
) -> None:
    whole = after_spending(state, split_charge(policy, state, first + second))
    half = after_spending(state, split_charge(policy, state, first))
    assert after_spending(half, split_charge(policy, half, second)) == whole
    assert headroom(policy, whole) == headroom(policy, state) - first - second


@given(policies, states, amounts)
def test_a_charge_that_is_given_back_leaves_what_was_before(
    policy: CreditPolicy, state: CreditState, charge: int
) -> None:
    # Selected while below the threshold already, a lack is made good before what was lent since.
    state = replace(state, balance=max(state.balance, policy.disablement_threshold))
    charged = after_spending(state, split_charge(policy, state, charge))
    assert after_spending(charged, split_charge(policy, charged, -charge)) == state


@given(policies, states, amounts, amounts)
def test_nothing_changes_between_two_watched_levels(
    policy: CreditPolicy, state: CreditState, first: int, second: int
) -> None:
    """The fast path relies on it: only at a watched level can the state or the end of credit be reached."""

    def seen(accrued: int) -> tuple[EmergencyCreditState, bool]:
        now = after_spending(state, split_charge(policy, state, accrued))
        return emergency_state(policy, now), headroom(policy, now) <= 0

    first, second = sorted((first, second))
    levels = state_change_levels(policy, state)
    if not any(state.balance - second <= level < state.balance - first for level in levels):
        assert seen(first) == seen(second)


@pytest.mark.parametrize("connected", [True, False])
def test_what_becomes_of_recurring_charges(*, connected: bool) -> None:
    policy = replace(
        LENDS,
        standing_in_emergency=Collection.ACCUMULATE,
        standing_disconnected=Collection.PAUSE,
        debt_in_emergency=Collection.PAUSE,
        debt_disconnected=Collection.ACCUMULATE,
    )
    borrowing, in_credit = CreditState(0, 5, selected=True), CreditState(5)
    assert standing_collection(policy, borrowing, connected=connected) is (
        Collection.ACCUMULATE if connected else Collection.PAUSE
    )
    assert debt_collection(policy, borrowing, connected=connected) is (
        Collection.PAUSE if connected else Collection.ACCUMULATE
    )
    for collection in (standing_collection, debt_collection):
        assert collection(policy, in_credit, connected=True) is Collection.COLLECT
        assert collection(LENDS, borrowing, connected=connected) is Collection.COLLECT


@given(
    policies,
    st.sampled_from([None, 0, 30]),
    st.integers(-100, 60),
    st.integers(0, 100),
    amounts,
    st.sampled_from([1, 10]),
)
def test_the_largest_and_the_least_top_up_are_those_that_trying_every_one_finds(
    policy: CreditPolicy, maximum: int | None, balance: int, used: int, arrears: int, step: int
) -> None:
    policy = replace(policy, maximum_balance=maximum)
    used = min(used, policy.emergency_limit)
    state = CreditState(balance, used, arrears, selected=used > 0)
    debt = Debt("d", "Debt", owed=40, percent_ppm=500_000, cap=20)
    pay = TopUpQuestion(policy, state, (debt,), MONDAY, ZONE, step, maximum=900)
    tried = range(0, 901, step)
    fitting = [paid for paid in tried if maximum is None or pay.credit_after(paid).balance <= maximum]
    restoring = [paid for paid in tried if headroom(policy, pay.credit_after(paid)) > 5]
    assert pay.largest_allowed() == (900 if maximum is None else max(fitting, default=0))
    assert pay.smallest_sufficient(lambda after: headroom(policy, after) > 5) == min(restoring, default=None)
