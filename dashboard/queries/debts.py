"""Who owes what, since when, and how it is being recovered."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse
from meter_bridge.core.ledger.debt import Debt

AGES: Final = (30, 60, 90)
"""Ends of the ages in days; the last age has none."""
BY_CHARGES: Final = {"arrears": "arrears", "emergency_credit": "emergency"}
"""Buckets that charges add to, with the column that says what is owed of them."""
DAY_MS: Final = 24 * 3_600_000

_OWED: Final = """
    WITH accrual AS (
        SELECT account_id, sum(accrued)::BIGINT AS accrued FROM supply_status GROUP BY account_id),
    sums AS (
        SELECT o.account_id,
               -coalesce(sum(o.amount) FILTER (starts_with(o.bucket, 'debt:')), 0)::BIGINT AS debt,
               -coalesce(sum(o.amount) FILTER (o.bucket = 'arrears'), 0)::BIGINT AS arrears,
               -coalesce(sum(o.amount) FILTER (o.bucket = 'emergency_credit'), 0)::BIGINT AS emergency,
               coalesce(sum(o.amount) FILTER (o.bucket = 'balance'), 0)::BIGINT AS balance
        FROM owed o JOIN account a ON a.id = o.account_id AND a.currency = o.asset GROUP BY o.account_id)
    SELECT a.id AS account_id, a.name, a.customer, a.site_name, a.time_zone, a.currency,
           a.opened_at, coalesce(s.debt, 0) AS debt, coalesce(s.arrears, 0) AS arrears,
           coalesce(s.emergency, 0) AS emergency,
           greatest(coalesce(c.accrued, 0) - coalesce(s.balance, 0), 0)::BIGINT AS overdrawn,
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
        SELECT e.account_id, e.bucket, e."at", -e.amount AS amount,
               sum(-e.amount) OVER (PARTITION BY e.account_id, e.bucket ORDER BY e.seq DESC) AS newer
        FROM debt_entry e JOIN permitted($every, $sites, $accounts) p ON p.account_id = e.account_id
        WHERE e.amount < 0),
    open AS (
        SELECT l.account_id, l.bucket, l."at",
               greatest(least(l.amount, -o.amount - (l.newer - l.amount)), 0)::BIGINT AS amount
        FROM lent l JOIN owed o ON o.account_id = l.account_id AND o.bucket = l.bucket WHERE o.amount < 0)
    SELECT account_id, bucket, "at", amount FROM open WHERE amount > 0 ORDER BY account_id, bucket, "at" """
_RECOVERED: Final = """
    SELECT a.currency, coalesce(sum(e.amount), 0)::BIGINT AS amount
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
    debt: int
    arrears: int
    emergency: int
    overdrawn: int
    """What was used beyond the balance."""
    paid_at: int | None
    plans: tuple[Debt, ...] = ()
    parts: tuple[DebtPart, ...] = ()

    @property
    def owed(self) -> int:
        """Return everything that is owed."""
        return self.debt + self.arrears + self.emergency + self.overdrawn

    def ages(self, now: int) -> tuple[int, ...]:
        """Return what is owed by age: up to 30, 60, 90 days, and older; an overdraft is of now."""
        sums = [self.overdrawn, *(0 for _ in AGES)]
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
    """Return the units whose customers owe something, by site and name."""
    parts: dict[str, list[DebtPart]] = {}
    for row in warehouse.visible_rows(viewer, _AGES):
        parts.setdefault(row.pop("account_id"), []).append(DebtPart(**row))
    return [
        _debtor(row, tuple(parts.get(row["account_id"], ()))) for row in warehouse.visible_rows(viewer, _OWED)
    ]


def recovered(warehouse: Warehouse, viewer: Viewer, days: int) -> dict[str, int]:
    """Return what payments and instalments brought back in the last days, by currency."""
    since = (warehouse.as_of or 0) - days * DAY_MS
    rows = warehouse.visible_rows(viewer, _RECOVERED, since=since)
    return {row["currency"]: row["amount"] for row in rows}


def _debtor(row: dict[str, Any], parts: tuple[DebtPart, ...]) -> Debtor:
    document = str(row.pop("document"))
    return Debtor(**row, plans=_plans(document), parts=(*parts, *_debt_from_charges(row, parts)))


def _debt_from_charges(row: dict[str, Any], parts: tuple[DebtPart, ...]) -> list[DebtPart]:
    """Return what charges put into arrears or emergency credit, dated from the last payment.

    Charges are the bulk of the journal; searching them for these few would take too long.
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
    SELECT -coalesce(sum(o.amount), 0)::BIGINT AS owed
    FROM owed o JOIN account a ON a.id = o.account_id AND a.currency = o.asset
    JOIN permitted($every, $sites, $accounts) p ON p.account_id = o.account_id
    WHERE o.account_id = $account
      AND (starts_with(o.bucket, 'debt:') OR o.bucket IN ('arrears', 'emergency_credit'))"""


def owed_amount(warehouse: Warehouse, viewer: Viewer, account_id: str) -> int:
    """Return what a unit's customer owes in its currency; zero or more."""
    owed: int = warehouse.visible_rows(viewer, _OWED_BY_UNIT, account=account_id)[0]["owed"]
    return owed
