"""Double-entry journal: entries whose postings sum to zero per asset.

Every account has its own buckets, so no row is shared between accounts. ``balance`` is the customer's
purchased credit; ``emergency_credit`` is zero or negative: lent and not repaid; ``arrears`` and one
``debt:<id>`` for each debt are negative where something is owed; ``tenancy:<n>`` is what a customer who moved
out has or owes; ``units`` are those that top-ups bought, in an asset of their own. ``funds`` is the
counterpart of money in and out; ``consumption``, ``standing`` and ``tax`` are charges.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from meter_bridge.core.ledger.credit import Spending, TopUpSplit
from meter_bridge.core.rating.rating import Charges, LineKind
from meter_bridge.core.tariff.tariff import TaxBase


class LedgerError(ValueError):
    """An entry that breaks a rule of the journal; nothing of it may be stored."""


class Bucket(StrEnum):
    """Accounts of the double-entry ledger, per customer account, besides those of debts and tenancies."""

    BALANCE = "balance"
    EMERGENCY = "emergency_credit"
    ARREARS = "arrears"
    FUNDS = "funds"
    CONSUMPTION = "consumption"
    STANDING = "standing"
    DEMAND = "demand"
    MINIMUM = "minimum"
    TAX = "tax"
    ADJUSTMENT = "adjustment"
    WRITE_OFF = "write_off"
    TRANSFER = "transfer"
    UNITS = "units"
    """Units bought and not used; their asset is the Wh of one supply."""


DEBT: Final = "debt:"
"""Begins the bucket of each debt."""
_TENANCY: Final = "tenancy:"
_UNITS: Final = "wh:"


def debt_bucket(debt_id: str) -> str:
    """Return the bucket of a debt."""
    return DEBT + debt_id


def debt_of(bucket: str) -> str | None:
    """Return the id of the debt whose bucket this is, or None."""
    return bucket.removeprefix(DEBT) if bucket.startswith(DEBT) else None


def tenancy_of(bucket: str) -> int | None:
    """Return the number of the tenancy whose bucket this is, or None."""
    return int(bucket.removeprefix(_TENANCY)) if bucket.startswith(_TENANCY) else None


def tenancy_bucket(n: int) -> str:
    """Return the bucket of what is left between landlord and a customer who moved out."""
    return f"{_TENANCY}{n}"


class EntryKind(StrEnum):
    """Kinds of journal entries."""

    OPENING = "opening"
    TOP_UP = "top_up"
    CHARGE = "charge"
    CORRECTION = "correction"
    REVERSAL = "reversal"
    REFUND = "refund"
    TRANSFER = "transfer"
    WRITE_OFF = "write_off"
    DEBT = "debt"
    """A debt that begins."""
    DEBT_RECOVERY = "debt_recovery"
    """An instalment of a time-based debt."""
    CLOSING = "closing"
    """The final settlement of a customer who moves out."""
    SETTLEMENT = "settlement"
    """What was settled later with a customer who had moved out; it moves no holding of the account."""


@dataclass(frozen=True, slots=True)
class Posting:
    """A signed change of one bucket; positive increases it."""

    bucket: str
    asset: str
    amount: int


def check_balanced(postings: tuple[Posting, ...]) -> None:
    """Raise ``LedgerError`` unless the postings sum to zero per asset (invariant 1)."""
    sums: defaultdict[str, int] = defaultdict(int)
    for posting in postings:
        sums[posting.asset] += posting.amount
    unbalanced = {asset: total for asset, total in sums.items() if total}
    if unbalanced or not postings:
        raise LedgerError(f"postings do not sum to zero: {unbalanced or 'there are none'}")


def balanced_postings(asset: str, changes: Mapping[str, int], *, against: str) -> tuple[Posting, ...]:
    """Return the postings of changes and their counterpart; without changes one posting of zero."""
    postings = [Posting(bucket, asset, amount) for bucket, amount in changes.items() if amount]
    total = sum(changes.values())
    if total or not postings:
        postings.append(Posting(against, asset, -total))
    return tuple(postings)


def top_up_postings(asset: str, split: TopUpSplit) -> tuple[Posting, ...]:
    """Return the postings of money received, in the order in which it is spent."""
    changes = {debt_bucket(debt_id): amount for debt_id, amount in split.debts}
    changes |= {
        Bucket.ARREARS: split.arrears,
        Bucket.EMERGENCY: split.emergency,
        Bucket.BALANCE: split.balance,
    }
    total = sum(changes.values())
    if total <= 0 or min(changes.values()) < 0:
        raise LedgerError(f"a top-up must be positive in all its parts, not {changes}")
    return balanced_postings(asset, changes, against=Bucket.FUNDS)


def charge_changes(spending: Spending, *, arrears: int = 0) -> dict[str, int]:
    """Return the changes of who bears a charge: balance and emergency credit, or the arrears."""
    return {
        Bucket.BALANCE: -spending.balance,
        Bucket.EMERGENCY: -spending.emergency,
        Bucket.ARREARS: -arrears,
    }


def correction_postings(asset: str, spending: Spending) -> tuple[Posting, ...]:
    """Return the postings of a correction, either way."""
    return balanced_postings(asset, charge_changes(spending), against=Bucket.ADJUSTMENT)


_BUCKET_OF = {
    LineKind.CONSUMPTION: Bucket.CONSUMPTION,
    LineKind.FREE: Bucket.CONSUMPTION,
    LineKind.VACANT: Bucket.CONSUMPTION,
    LineKind.UNITS: Bucket.CONSUMPTION,
    LineKind.PURCHASE: Bucket.CONSUMPTION,
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


def charge_postings(
    asset: str, charges: Charges, spending: Spending, *, arrears: int = 0
) -> tuple[Posting, ...]:
    """Return the postings of a settlement: credit, or the arrears, pay every bucket its lines."""
    sums: defaultdict[Bucket, int] = defaultdict(int)
    for line in charges.lines:
        sums[_BUCKET_OF[LineKind(line.key.kind)]] += line.amount
        if line.key.kind == LineKind.INCLUDED_TAX:
            sums[_BUCKET_CONTAINING[TaxBase(line.key.base)]] -= line.amount
    charged = tuple(Posting(bucket, asset, amount) for bucket, amount in sums.items())
    payer_changes = tuple(
        Posting(bucket, asset, amount)
        for bucket, amount in charge_changes(spending, arrears=arrears).items()
        if amount or bucket is Bucket.BALANCE
    )
    return (*payer_changes, *charged)


def units_asset(supply_id: str) -> str:
    """Return the asset of the units of one supply."""
    return _UNITS + supply_id


def is_units_asset(asset: str) -> bool:
    """Return whether an asset is the units of a supply."""
    return asset.startswith(_UNITS)


def units_bought_postings(supply_id: str, wh: int) -> tuple[Posting, ...]:
    """Return the postings of units that a top-up bought, or gives back where negative."""
    asset = units_asset(supply_id)
    return (Posting(Bucket.UNITS, asset, wh), Posting(Bucket.FUNDS, asset, -wh))


def units_used_postings(supply_id: str, charges: Charges) -> tuple[Posting, ...]:
    """Return the postings of the units that a settlement debits; none where it debits none."""
    wh = sum(line.quantity for line in charges.lines if line.key.kind == LineKind.UNITS)
    asset = units_asset(supply_id)
    return (Posting(Bucket.UNITS, asset, -wh), Posting(Bucket.CONSUMPTION, asset, wh)) if wh else ()


def opening_postings(asset: str, amount: int) -> tuple[Posting, ...]:
    """Return the postings of a balance with which an account is opened, either way."""
    return balanced_postings(asset, {Bucket.BALANCE: amount}, against=Bucket.FUNDS)
