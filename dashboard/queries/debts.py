"""Who owes what, since when, and how it is being recovered."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse
from meter_bridge.core.ledger.debt import Debt

AGES: Final = (30, 60, 90)
"""Ends of the ages in days; the last age has none."""
BY_CHARGES: Final = {"arrears": "arrears", "emergency_credit": "emergency", "balance": "overdrawn"}
"""Buckets that charges add to, with the column that says what is owed of them."""
DAY_MS: Final = 24 * 3_600_000

_OWED: Final = """
    WITH accrual AS (
        SELECT account_id, sum(accrued)::HUGEINT AS accrued FROM supply_status GROUP BY account_id),
    sums AS (
        SELECT o.account_id,
               -coalesce(sum(o.amount) FILTER (starts_with(o.bucket, 'debt:')), 0)::HUGEINT AS debt,
               -coalesce(sum(o.amount) FILTER (o.bucket = 'arrears'), 0)::HUGEINT AS arrears,
               -coalesce(sum(o.amount) FILTER (o.bucket = 'emergency_credit'), 0)::HUGEINT AS emergency,
               coalesce(sum(o.amount) FILTER (o.bucket = 'balance'), 0)::HUGEINT AS balance
        FROM owed o JOIN account a ON a.id = o.account_id AND a.currency = o.asset GROUP BY o.account_id)
    SELECT a.id AS account_id, a.name, a.customer, a.site_name, a.time_zone, a.currency,
           a.opened_at, coalesce(s.debt, 0) AS debt, coalesce(s.arrears, 0) AS arrears,
           coalesce(s.emergency, 0) AS emergency,
           greatest(coalesce(c.accrued, 0) - coalesce(s.balance, 0), 0)::HUGEINT AS overdrawn,
           coalesce(c.accrued, 0)::HUGEINT AS accrued,
           l."at" AS paid_at, coalesce(t.document, '{}') AS document
    FROM account a JOIN permitted($every, $sites, $accounts) p ON p.account_id = a.id
    LEFT JOIN sums s ON s.account_id = a.id LEFT JOIN accrual c ON c.account_id = a.id
    LEFT JOIN last_payment l ON l.account_id = a.id LEFT JOIN account_status t ON t.account_id = a.id
    WHERE coalesce(s.debt, 0) + coalesce(s.arrears, 0) + coalesce(s.emergency, 0) > 0
       OR coalesce(c.accrued, 0) > coalesce(s.balance, 0)
    ORDER BY a.site_name, a.name, a.id"""
# What is still owed is what was lent last: whatever was paid back, paid back the oldest first.
_AGES: Final = """
    WITH lent AS (
        SELECT e.account_id, e.bucket, e."at", -e.amount AS amount FROM debt_entry e WHERE e.amount < 0
        UNION ALL
        SELECT r.account_id, 'balance', min(r.start_ms), sum(r.amount + r.tax)
        FROM rollup r JOIN owed o ON o.account_id = r.account_id AND o.bucket = 'balance' AND o.amount < 0
        GROUP BY r.account_id, r.local_day HAVING sum(r.amount + r.tax) > 0),
    counted AS (
        SELECT *, sum(amount) OVER (
            PARTITION BY account_id, bucket ORDER BY "at" DESC ROWS UNBOUNDED PRECEDING) AS upto FROM lent),
    open AS (
        SELECT l.account_id, l.bucket, l."at",
               greatest(least(l.amount, -o.amount - (l.upto - l.amount)), 0)::HUGEINT AS amount
        FROM counted l JOIN permitted($every, $sites, $accounts) p ON p.account_id = l.account_id
        JOIN owed o ON o.account_id = l.account_id AND o.bucket = l.bucket WHERE o.amount < 0)
    SELECT account_id, bucket, "at", amount FROM open WHERE amount > 0 ORDER BY account_id, bucket, "at" """
_FORMER: Final = """
    SELECT account_id, name, customer, site_name, time_zone, currency, "at", -amount AS amount,
           account_id IN (SELECT id FROM account) AS served FROM former
    WHERE $every OR list_contains($sites, site_id) OR list_contains($accounts, account_id)"""
_RECOVERED: Final = """
    SELECT a.currency, coalesce(sum(e.amount), 0)::HUGEINT AS amount
    FROM debt_entry e JOIN account a ON a.id = e.account_id
    JOIN permitted($every, $sites, $accounts) p ON p.account_id = e.account_id
    WHERE e.amount > 0 AND e.kind IN ('top_up', 'debt_recovery') AND e."at" > $since
    GROUP BY a.currency"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DebtPart:
    """A part of what is owed, with the instant at which it was lent."""

    bucket: str
    at: int
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Debtor:
    """A unit whose customer owes something; amounts are positive."""

    account_id: str
    name: str
    customer: str
    site_name: str
    time_zone: str
    currency: str
    opened_at: int
    debt: int = 0
    arrears: int = 0
    emergency: int = 0
    overdrawn: int = 0
    """What was used beyond the balance."""
    settlement: int = 0
    """What was left at the final settlement of a customer who moved out."""
    served: bool = True
    """Whether the unit is still one of the site."""
    paid_at: int | None = None
    plans: tuple[Debt, ...] = ()
    parts: tuple[DebtPart, ...] = ()

    @property
    def owed(self) -> int:
        """Return everything that is owed."""
        return self.debt + self.arrears + self.emergency + self.overdrawn + self.settlement

    @property
    def former(self) -> bool:
        """Return whether the customer moved out."""
        return self.settlement > 0

    def ages(self, now: int) -> tuple[int, ...]:
        """Return what is owed by age: up to 30, 60, 90 days, and older."""
        sums = [0, *(0 for _ in AGES)]
        for part in self.parts:
            sums[sum((now - part.at) >= end * DAY_MS for end in AGES)] += part.amount
        return tuple(sums)

    @property
    def since(self) -> int | None:
        """Return since when something of it has been owed."""
        return min((part.at for part in self.parts), default=None)


class _DebtDocument(msgspec.Struct):
    debts: list[Debt] = []


def debtors(warehouse: Warehouse, viewer: Viewer) -> list[Debtor]:
    """Return the customers who owe something, by site and unit; then those who moved out."""
    parts: dict[str, list[DebtPart]] = {}
    for row in warehouse.visible_rows(viewer, _AGES):
        parts.setdefault(row.pop("account_id"), []).append(DebtPart(**row))
    now = warehouse.as_of or 0
    present = [
        _debtor(row, tuple(parts.get(row["account_id"], ())), now)
        for row in warehouse.visible_rows(viewer, _OWED)
    ]
    # A customer sees nothing of the one before.
    former = warehouse.visible_rows(viewer, _FORMER) if viewer.is_staff else ()
    return [*present, *map(_former, former)]


def recovered(warehouse: Warehouse, viewer: Viewer, days: int) -> dict[str, int]:
    """Return what payments and instalments brought back in the last days, by currency."""
    since = (warehouse.as_of or 0) - days * DAY_MS
    rows = warehouse.visible_rows(viewer, _RECOVERED, since=since)
    return {row["currency"]: row["amount"] for row in rows}


def _debtor(row: dict[str, Any], parts: tuple[DebtPart, ...], now: int) -> Debtor:
    document, accrued = str(row.pop("document")), row.pop("accrued")
    used = DebtPart(bucket="balance", at=now, amount=min(accrued, row["overdrawn"]))
    known = (*parts, used) if used.amount > 0 else parts
    return Debtor(**row, plans=_plans(document), parts=(*known, *_debt_from_charges(row, known)))


def _former(row: dict[str, Any]) -> Debtor:
    at, amount = row.pop("at"), row.pop("amount")
    part = DebtPart(bucket="tenancy", at=at, amount=amount)
    return Debtor(**row, opened_at=at, settlement=amount, parts=(part,))


def _debt_from_charges(row: dict[str, Any], parts: tuple[DebtPart, ...]) -> list[DebtPart]:
    """Return what charges put into arrears or emergency credit, dated from the last payment.

    Charges are the bulk of the journal; searching them for these few would take too long. What is left of an
    overdraft is of charges whose days are no longer stored.
    """
    at = row["opened_at"] if row["paid_at"] is None else row["paid_at"]
    known = {bucket: sum(part.amount for part in parts if part.bucket == bucket) for bucket in BY_CHARGES}
    rest = {bucket: row[name] - known[bucket] for bucket, name in BY_CHARGES.items()}
    return [DebtPart(bucket=bucket, at=at, amount=amount) for bucket, amount in rest.items() if amount > 0]


def _plans(document: str) -> tuple[Debt, ...]:
    """Return the plans by which debts are recovered; none where the document is of another version."""
    try:
        return tuple(msgspec.json.decode(document, type=_DebtDocument).debts)
    except msgspec.DecodeError:
        return ()


_OWED_BY_UNIT: Final = """
    SELECT -coalesce(sum(o.amount), 0)::HUGEINT AS owed
    FROM owed o JOIN account a ON a.id = o.account_id AND a.currency = o.asset
    JOIN permitted($every, $sites, $accounts) p ON p.account_id = o.account_id
    WHERE o.account_id = $account
      AND (starts_with(o.bucket, 'debt:') OR o.bucket IN ('arrears', 'emergency_credit'))"""


def owed_amount(warehouse: Warehouse, viewer: Viewer, account_id: str) -> int:
    """Return what a unit's customer owes in its currency; zero or more."""
    owed: int = warehouse.visible_rows(viewer, _OWED_BY_UNIT, account=account_id)[0]["owed"]
    return owed
