"""Debts of a customer: what is owed, and how it is recovered, by time or out of each payment.

Time-based recovery takes a fixed amount at the start of every local day, week or month (GB SMETS2 Time Debt,
DLMS Charge of type time); payment-based recovery takes a percentage of each top-up, up to a cap per period
(Payment Debt with its Debt Recovery Rate Cap). A debt is never recovered beyond what is owed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from meter_bridge.core.calendar import day_start, local_day
from meter_bridge.core.tariff.periods import PeriodRule, PeriodUnit
from meter_bridge.core.tariff.tariff import PPM


@dataclass(frozen=True, slots=True)
class Debt:
    """One debt of an account; amounts in the account's currency."""

    id: str
    description: str
    owed: int
    priority: int = 1
    """The lowest number is recovered first; equals in the order of their ids."""
    rate: int = 0
    """Recovered at the start of each period; 0 means not by time."""
    every: PeriodUnit = PeriodUnit.WEEK
    due: int = 0
    """Instant at which the next period begins, milliseconds UTC."""
    percent_ppm: int = 0
    """Share of each top-up; 0 means not out of payments."""
    cap: int | None = None
    """Most that payments recover in a cap period."""
    cap_every: PeriodUnit = PeriodUnit.WEEK
    cap_period: str = ""
    """The cap period in which payments last recovered something, as an ISO interval."""
    recovered: int = 0
    """What payments recovered in that period."""

    @property
    def instalment(self) -> int:
        """Return what the next period takes."""
        return min(self.rate, self.owed)

    @property
    def by_time(self) -> bool:
        """Return whether the clock has something to recover."""
        return self.instalment > 0

    def recovered_from(self, paid: int, at: int, zone: ZoneInfo) -> int:
        """Return what a payment recovers, rounded down to the smallest step of an amount."""
        share = min(paid * self.percent_ppm // PPM, self.owed)
        if self.cap is None:
            return share
        recovered = self.recovered if self.cap_period == self.cap_period_of(at, zone) else 0
        return max(min(share, self.cap - recovered), 0)

    def after_payment(self, amount: int, at: int, zone: ZoneInfo) -> Debt:
        """Return the debt with a recovery counted against its cap; ``owed`` changes with the posting."""
        period = self.cap_period_of(at, zone)
        recovered = self.recovered if self.cap_period == period else 0
        return replace(self, cap_period=period, recovered=max(recovered + amount, 0))

    def cap_period_of(self, at: int, zone: ZoneInfo) -> str:
        """Return the cap period that holds an instant."""
        return PeriodRule(self.cap_every).text(local_day(at, zone))


def recovery_order(debts: Iterable[Debt]) -> list[Debt]:
    """Return debts in the order in which they are recovered."""
    return sorted(debts, key=lambda debt: (debt.priority, debt.id))


def recovered_from_payment(
    debts: Iterable[Debt], paid: int, at: int, zone: ZoneInfo
) -> tuple[tuple[str, int], ...]:
    """Return what a payment recovers of each debt; each percentage is of the whole payment."""
    left = paid
    parts: list[tuple[str, int]] = []
    for debt in recovery_order(debts):
        part = min(debt.recovered_from(paid, at, zone), left)
        left -= part
        if part:
            parts.append((debt.id, part))
    return tuple(parts)


def next_due(every: PeriodUnit, at: int, zone: ZoneInfo) -> int:
    """Return the first instant of the local period after the one that holds an instant."""
    rule = PeriodRule(every)
    return day_start(rule.next_start(rule.start_of(local_day(at, zone))), zone)


def resumed_recovery(debt: Debt, at: int, zone: ZoneInfo) -> Debt:
    """Return a debt of which something is owed again: periods that began meanwhile recover nothing."""
    return debt if debt.due > at else replace(debt, due=next_due(debt.every, at, zone))


def due_debts(debts: Mapping[str, Debt], at: int) -> Sequence[Debt]:
    """Return the debts whose recovery is due, the earliest first, then by priority."""
    due = [debt for debt in recovery_order(debts.values()) if debt.by_time and debt.due <= at]
    return sorted(due, key=lambda debt: debt.due)


def next_recovery(debts: Mapping[str, Debt]) -> int | None:
    """Return the next instant at which the clock recovers something, or None."""
    return min((debt.due for debt in debts.values() if debt.by_time), default=None)
