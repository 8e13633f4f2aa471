"""Which payment of the ledger is which line of a statement: by reference, else by amount and day."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from dashboard.queries.payments import Payment
from dashboard.reconciling.reading import StatementLine
from dashboard.text.formatting import at_place

MAX_DAYS_APART: Final = 3
"""A provider books up to so many days apart (weekends)."""
OFF_STATEMENT: Final = frozenset({"cash", "voucher"})
"""Methods whose payments no bank and no provider lists."""


@dataclass(frozen=True, slots=True)
class MatchedPair:
    """A line and its payment."""

    line: StatementLine
    payment: Payment
    by_reference: bool


@dataclass(frozen=True)
class Reconciliation:
    """What agrees, what does not, and what only one side has."""

    agree: tuple[MatchedPair, ...]
    differ: tuple[MatchedPair, ...]
    """The same reference with another amount."""
    only_statement: tuple[StatementLine, ...]
    """Paid to the provider, but not booked."""
    only_ledger: tuple[Payment, ...]
    """Booked, but not on the statement."""
    apart: tuple[Payment, ...] = ()
    """Booked, and not expected on a statement."""

    @cached_property
    def statement_total(self) -> int:
        """Return the sum of the statement's payments."""
        return sum(pair.line.amount for pair in (*self.agree, *self.differ)) + sum(
            line.amount for line in self.only_statement
        )

    @cached_property
    def ledger_total(self) -> int:
        """Return the sum of the ledger's payments."""
        return sum(pair.payment.amount for pair in (*self.agree, *self.differ)) + sum(
            payment.amount for payment in self.only_ledger
        )


def comparable(reference: str) -> str:
    """Return a reference as it is compared: letters and digits alone."""
    return "".join(letter for letter in reference.casefold() if letter.isalnum())


def reconcile(
    lines: Sequence[StatementLine], payments: Sequence[Payment], *, methods: Collection[str] = ()
) -> Reconciliation:
    """Return how lines and payments of one currency go together; each belongs to one other at most.

    Cash and vouchers are missed only where somebody asked for these ``methods``; a reference finds them.
    """
    pairs, lines_left, payments_left = _by_reference(lines, payments)
    agree = [pair for pair in pairs if pair.line.amount == pair.payment.amount]
    differ = [pair for pair in pairs if pair.line.amount != pair.payment.amount]
    unexpected = OFF_STATEMENT.difference(methods)
    apart = tuple(each for each in payments_left if each.method.casefold() in unexpected)
    expected = [each for each in payments_left if each.method.casefold() not in unexpected]
    more, lines_left, payments_left = _by_amount(lines_left, expected)
    return Reconciliation((*agree, *more), tuple(differ), tuple(lines_left), tuple(payments_left), apart)


type MatchResult = tuple[list[MatchedPair], list[StatementLine], list[Payment]]


def _by_reference(lines: Sequence[StatementLine], payments: Sequence[Payment]) -> MatchResult:
    known: dict[str, list[Payment]] = defaultdict(list)
    for payment in payments:
        for name in {comparable(payment.reference), comparable(payment.id)} - {""}:
            known[name].append(payment)
    pairs, taken = [], set()
    matched: set[int] = set()
    for exact in (True, False):
        for line in lines:
            if line.number in matched:
                continue
            found = next(
                (
                    each
                    for each in known.get(comparable(line.reference), [])
                    if each.seq not in taken and (not exact or each.amount == line.amount)
                ),
                None,
            )
            if found is not None:
                pairs.append(MatchedPair(line, found, by_reference=True))
                matched.add(line.number)
                taken.add(found.seq)
    return (
        pairs,
        [line for line in lines if line.number not in matched],
        [payment for payment in payments if payment.seq not in taken],
    )


def _by_amount(lines: Sequence[StatementLine], payments: Sequence[Payment]) -> MatchResult:
    waiting: dict[int, list[Payment]] = defaultdict(list)
    for payment in payments:
        waiting[payment.amount].append(payment)
    pairs, left = [], []
    for line in lines:
        candidates = [each for each in waiting[line.amount] if _days_apart(line, each) <= MAX_DAYS_APART]
        if not candidates:
            left.append(line)
            continue
        found = min(candidates, key=lambda each: (_days_apart(line, each), each.seq))
        waiting[line.amount].remove(found)
        pairs.append(MatchedPair(line, found, by_reference=False))
    taken = {pair.payment.seq for pair in pairs}
    return pairs, left, [payment for payment in payments if payment.seq not in taken]


def _days_apart(line: StatementLine, payment: Payment) -> int:
    return abs((line.day - at_place(payment.at, payment.time_zone).date()).days)
