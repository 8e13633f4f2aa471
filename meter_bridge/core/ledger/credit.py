"""Credit of an account: balance, emergency credit and arrears, and the orders in which they move.

GB SMETS2 and DLMS semantics. A charge takes the balance down to the disablement threshold, then selected
emergency credit, then the balance below the threshold (friendly hours, or what is used before a relay
opens). Money that comes back goes the same way in reverse, so emergency credit is repaid before the balance
grows. A top-up first recovers payment-based debt and clears arrears.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from zoneinfo import ZoneInfo

from meter_bridge.core.ledger.debt import Debt, recovered_from_payment
from meter_bridge.protocol.vocabulary import EmergencyCreditState


class Collection(StrEnum):
    """What becomes of a recurring charge or an instalment where collecting it may be unwanted."""

    COLLECT = "collect"
    """Taken from the credit as always."""
    ACCUMULATE = "accumulate"
    """Moved to the arrears, which the next top-up clears (GB: suspended, Accumulated Debt Register)."""
    PAUSE = "pause"
    """Not taken: a charge is waived for that period, a debt stays owed as it is."""


@dataclass(frozen=True, slots=True)
class CreditPolicy:
    """Rules of credit of an account; amounts in its currency."""

    disablement_threshold: int = 0
    """Balance at or below which there is no credit left of its own; zero, or minus the overdraft."""
    emergency_limit: int = 0
    """Most emergency credit that is lent; 0 means there is none."""
    emergency_threshold: int = 0
    """Balance below which emergency credit may be selected."""
    debt_in_emergency: Collection = Collection.COLLECT
    debt_disconnected: Collection = Collection.COLLECT
    standing_in_emergency: Collection = Collection.COLLECT
    standing_disconnected: Collection = Collection.COLLECT
    maximum_balance: int | None = None


@dataclass(frozen=True, slots=True)
class CreditState:
    """What an account has and owes, its debts apart."""

    balance: int = 0
    emergency_used: int = 0
    """Emergency credit lent and not repaid; never negative."""
    arrears: int = 0
    """Accumulated debt; never negative."""
    selected: bool = False
    """The customer selected emergency credit; true as long as some of it is used."""


@dataclass(frozen=True, slots=True)
class Spending:
    """How much of a charge balance and emergency credit bear; negative for what is given back."""

    balance: int
    emergency: int = 0


@dataclass(frozen=True, slots=True)
class TopUpSplit:
    """Where a top-up goes, in the order in which it is spent."""

    debts: tuple[tuple[str, int], ...] = ()
    """Payment-based debt by its id."""
    arrears: int = 0
    emergency: int = 0
    balance: int = 0

    @property
    def payment_debt(self) -> int:
        """Return what payment-based debts take."""
        return sum(amount for _, amount in self.debts)

    def parts(self) -> dict[str, int]:
        """Return the parts by the names that customers are shown; the balance always."""
        parts = {
            "payment_debt": self.payment_debt,
            "arrears": self.arrears,
            "emergency_credit": self.emergency,
        }
        return {name: amount for name, amount in parts.items() if amount} | {"balance": self.balance}


def emergency_left(policy: CreditPolicy, state: CreditState) -> int:
    """Return the emergency credit that may still be lent, selected or not."""
    return max(policy.emergency_limit - state.emergency_used, 0)


def emergency_state(policy: CreditPolicy, state: CreditState) -> EmergencyCreditState:
    """Return the state of emergency credit; ``selected`` is stored, all else follows from the amounts."""
    if not policy.emergency_limit and not state.emergency_used:
        return EmergencyCreditState.UNSUPPORTED
    if not state.selected:
        below = state.balance < policy.emergency_threshold
        return EmergencyCreditState.AVAILABLE if below else EmergencyCreditState.UNAVAILABLE
    if not emergency_left(policy, state):
        return EmergencyCreditState.EXHAUSTED
    begun = state.balance <= policy.disablement_threshold or state.emergency_used > 0
    return EmergencyCreditState.IN_USE if begun else EmergencyCreditState.SELECTED


def selection_ends(policy: CreditPolicy, state: CreditState) -> bool:
    """Return whether a selection ends: all is repaid, and the balance is at the threshold again or above."""
    repaid = state.selected and state.emergency_used == 0
    return repaid and (state.balance >= policy.emergency_threshold or not policy.emergency_limit)


def headroom(policy: CreditPolicy, state: CreditState) -> int:
    """Return the credit that may still be used before supply ends; zero or less means exhausted."""
    lent = emergency_left(policy, state) if state.selected else 0
    return state.balance - policy.disablement_threshold + lent


def usable_credit(policy: CreditPolicy, state: CreditState) -> int:
    """Return the balance with the selected emergency credit that is left, which may restore a supply."""
    return state.balance + (emergency_left(policy, state) if state.selected else 0)


def split_charge(policy: CreditPolicy, state: CreditState, amount: int) -> Spending:
    """Divide a charge; a negative one gives back, to the balance below the threshold and to EC first."""
    if amount < 0:
        low, repaid, rest = _credit_back(policy, state, -amount)
        return Spending(-(low + rest), -repaid)
    first = min(amount, max(state.balance - policy.disablement_threshold, 0))
    lent = min(amount - first, emergency_left(policy, state)) if state.selected else 0
    return Spending(amount - lent, lent)


def _credit_back(policy: CreditPolicy, state: CreditState, amount: int) -> tuple[int, int, int]:
    """Divide incoming money: balance below the threshold, used emergency credit, the rest."""
    low = min(amount, max(policy.disablement_threshold - state.balance, 0))
    repaid = min(amount - low, state.emergency_used)
    return low, repaid, amount - low - repaid


def after_spending(state: CreditState, spending: Spending) -> CreditState:
    """Return the credit after a charge was borne."""
    return replace(
        state,
        balance=state.balance - spending.balance,
        emergency_used=state.emergency_used + spending.emergency,
    )


def split_top_up(
    policy: CreditPolicy, state: CreditState, debts: Iterable[Debt], amount: int, *, at: int, zone: ZoneInfo
) -> TopUpSplit:
    """Divide a top-up: payment-based debt, arrears, balance below the threshold, EC used, balance."""
    recovered = recovered_from_payment(debts, amount, at, zone)
    left = amount - sum(part for _, part in recovered)
    arrears = min(left, state.arrears)
    low, repaid, rest = _credit_back(policy, state, left - arrears)
    return TopUpSplit(recovered, arrears, repaid, low + rest)


def after_top_up(state: CreditState, split: TopUpSplit) -> CreditState:
    """Return the credit after a top-up."""
    return replace(
        state,
        balance=state.balance + split.balance,
        emergency_used=state.emergency_used - split.emergency,
        arrears=state.arrears - split.arrears,
    )


def standing_collection(policy: CreditPolicy, state: CreditState, *, connected: bool) -> Collection:
    """Return what becomes of a standing charge that is due now."""
    if not connected:
        return policy.standing_disconnected
    return policy.standing_in_emergency if in_emergency(policy, state) else Collection.COLLECT


def debt_collection(policy: CreditPolicy, state: CreditState, *, connected: bool) -> Collection:
    """Return what becomes of an instalment of time-based debt that is due now."""
    if not connected:
        return policy.debt_disconnected
    return policy.debt_in_emergency if in_emergency(policy, state) else Collection.COLLECT


def in_emergency(policy: CreditPolicy, state: CreditState) -> bool:
    """Return whether an account lives on emergency credit."""
    return emergency_state(policy, state) in {EmergencyCreditState.IN_USE, EmergencyCreditState.EXHAUSTED}


def state_change_levels(policy: CreditPolicy, state: CreditState) -> tuple[int, ...]:
    """Return the levels of balance minus accrual at or below which an account is in another state.

    The state is the posted one, so that what accrues may pass from the balance into emergency credit.
    """
    threshold = policy.disablement_threshold
    if not policy.emergency_limit:
        return (threshold,)
    if not state.selected:
        return (policy.emergency_threshold - 1, threshold)
    left = emergency_left(policy, state)
    # Selected when the balance was below the threshold already, credit ends before the last of it is lent.
    return (threshold, threshold - left, min(threshold, state.balance) - left)


@dataclass(frozen=True, slots=True)
class TopUpQuestion:
    """What a question about possible top-ups looks at."""

    policy: CreditPolicy
    state: CreditState
    debts: tuple[Debt, ...]
    at: int
    zone: ZoneInfo
    step: int
    """Smallest unit in which people pay, as an amount."""
    maximum: int
    """Largest amount in question."""

    def credit_after(self, amount: int) -> CreditState:
        """Return the credit after a top-up."""
        split = split_top_up(self.policy, self.state, self.debts, amount, at=self.at, zone=self.zone)
        return after_top_up(self.state, split)

    def largest_allowed(self) -> int:
        """Return the largest top-up that keeps the balance at or below its maximum; 0 if none does."""
        limit = self.policy.maximum_balance
        if limit is None:
            return self.maximum
        return max(self._first_step(lambda amount: self.credit_after(amount).balance > limit) - self.step, 0)

    def smallest_sufficient(self, enough: Callable[[CreditState], bool]) -> int | None:
        """Return the smallest top-up after which the credit is enough, as more then is; None if none is."""
        found = self._first_step(lambda amount: enough(self.credit_after(amount)))
        return found if found <= self.maximum else None

    def _first_step(self, reached: Callable[[int], bool]) -> int:
        """Return the first amount in whole steps that meets a condition; all larger ones meet it, too."""
        steps = range(self.maximum // self.step + 1)
        return bisect_left(steps, 1, key=lambda step: int(reached(step * self.step))) * self.step
