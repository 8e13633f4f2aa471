"""Double-entry journal: entries whose postings sum to zero per asset.

Every account has its own buckets, so no row is shared between accounts. ``balance`` is what the customer has;
``funds`` is the counterpart of money received; ``consumption``, ``standing`` and ``tax`` are charges.
"""

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum

from meter_bridge.core.rating import LineKind, Settlement
from meter_bridge.core.tariff import TaxBase


class LedgerError(ValueError):
    """An entry that breaks a rule of the journal; nothing of it may be stored."""


class Bucket(StrEnum):
    """Accounts of the double-entry ledger, per customer account."""

    BALANCE = "balance"
    FUNDS = "funds"
    CONSUMPTION = "consumption"
    STANDING = "standing"
    DEMAND = "demand"
    MINIMUM = "minimum"
    TAX = "tax"
    ADJUSTMENT = "adjustment"


class EntryKind(StrEnum):
    """Kinds of journal entries."""

    OPENING = "opening"
    TOP_UP = "top_up"
    CHARGE = "charge"
    CORRECTION = "correction"


@dataclass(frozen=True, slots=True)
class Posting:
    """A signed change of one bucket; positive increases it."""

    bucket: Bucket
    asset: str
    amount: int


def check_balanced(postings: tuple[Posting, ...]) -> None:
    """Raise ``LedgerError`` unless the postings sum to zero per asset (invariant 1)."""
    sums: defaultdict[str, int] = defaultdict(int)
    for posting in postings:
        sums[posting.asset] += posting.amount
    wrong = {asset: total for asset, total in sums.items() if total}
    if wrong or not postings:
        msg = f"postings do not sum to zero: {wrong or 'there are none'}"
        raise LedgerError(msg)


def top_up(asset: str, amount: int) -> tuple[Posting, ...]:
    """Return the postings of money received."""
    if amount <= 0:
        msg = f"a top-up must be positive, not {amount}"
        raise LedgerError(msg)
    return (Posting(Bucket.BALANCE, asset, amount), Posting(Bucket.FUNDS, asset, -amount))


def correction(asset: str, amount: int) -> tuple[Posting, ...]:
    """Return the postings of a correction of the balance, either way."""
    return (Posting(Bucket.BALANCE, asset, amount), Posting(Bucket.ADJUSTMENT, asset, -amount))


_BUCKET_OF = {
    LineKind.CONSUMPTION: Bucket.CONSUMPTION,
    LineKind.FREE: Bucket.CONSUMPTION,
    LineKind.UNITS: Bucket.CONSUMPTION,
    LineKind.LIFELINE: Bucket.CONSUMPTION,
    LineKind.STANDING: Bucket.STANDING,
    LineKind.DEMAND: Bucket.DEMAND,
    LineKind.MINIMUM: Bucket.MINIMUM,
    LineKind.TAX: Bucket.TAX,
    LineKind.INCLUDED_TAX: Bucket.TAX,
}
_BUCKET_CONTAINING = {
    TaxBase.CONSUMPTION: Bucket.CONSUMPTION,
    TaxBase.STANDING: Bucket.STANDING,
    TaxBase.DEMAND: Bucket.DEMAND,
    TaxBase.MINIMUM: Bucket.MINIMUM,
}


def charge(asset: str, settlement: Settlement) -> tuple[Posting, ...]:
    """Return the postings of a settlement: the balance pays every bucket its lines."""
    sums: defaultdict[Bucket, int] = defaultdict(int)
    for line in settlement.lines:
        sums[_BUCKET_OF[LineKind(line.key.kind)]] += line.amount
        if line.key.kind == LineKind.INCLUDED_TAX:
            sums[_BUCKET_CONTAINING[TaxBase(line.key.base)]] -= line.amount
    charged = tuple(Posting(bucket, asset, amount) for bucket, amount in sums.items())
    return (Posting(Bucket.BALANCE, asset, -settlement.total), *charged)


def balance_change(postings: tuple[Posting, ...]) -> int:
    """Return what the postings add to the customer's balance."""
    return sum(posting.amount for posting in postings if posting.bucket is Bucket.BALANCE)


def opening(asset: str, amount: int) -> tuple[Posting, ...]:
    """Return the postings of a balance with which an account is opened, either way."""
    return (Posting(Bucket.BALANCE, asset, amount), Posting(Bucket.FUNDS, asset, -amount))
