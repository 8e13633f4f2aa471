"""How a unit's balance went, and what moved it, without a remainder."""

from dataclasses import dataclass
from typing import Final

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse

FINE_DAYS: Final = 31
"""Up to this many days every posting is shown, beyond it the last of each hour."""
_HOUR_MS: Final = 3_600_000
_QUERY: Final = """
    SELECT "at", kind, balance_after FROM journal
    WHERE $account IN (FROM permitted($every, $sites, $accounts)) AND "at" >= $since
    QUALIFY kind <> 'charge' OR row_number() OVER (PARTITION BY kind, "at" // $step ORDER BY seq DESC) = 1
    ORDER BY seq"""
_BEFORE: Final = """
    SELECT arg_max(balance_after, seq) AS balance FROM journal
    WHERE $account IN (FROM permitted($every, $sites, $accounts)) AND "at" < $since"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancePoint:
    """A posted balance from an instant on."""

    at: int
    kind: str
    balance_after: int


def balance_steps(warehouse: Warehouse, viewer: Viewer, account_id: str, days: int) -> list[BalancePoint]:
    """Return the steps of a unit's posted balance in the last days, begun with the balance before them."""
    since = (warehouse.as_of or 0) - days * 24 * _HOUR_MS
    step = 1 if days <= FINE_DAYS else _HOUR_MS
    before = warehouse.visible_rows(viewer, _BEFORE, account=account_id, since=since)[0]["balance"]
    first = [] if before is None else [BalancePoint(at=since, kind="charge", balance_after=before)]
    return first + warehouse.records(BalancePoint, viewer, _QUERY, account=account_id, since=since, step=step)


_MINE: Final = "$account IN (FROM permitted($every, $sites, $accounts))"
_FIRST: Final = f"""
    SELECT min(seq) AS seq FROM journal
    WHERE {_MINE} AND seq >= $seq AND "at" >= $since"""  # noqa: S608
_LAST_TOP_UP: Final = f"""
    SELECT max(seq) AS seq FROM journal WHERE {_MINE} AND kind = 'top_up'"""  # noqa: S608
_BEFORE_SEQ: Final = f"""
    SELECT arg_max(balance_after, seq) AS balance, max("at") AS "at" FROM journal
    WHERE {_MINE} AND seq < $seq"""  # noqa: S608
_KINDS: Final = f"""
    WITH moved AS (
        SELECT seq, kind, balance_after - coalesce(lag(balance_after) OVER (ORDER BY seq), 0) AS amount
        FROM journal WHERE {_MINE})
    SELECT kind, sum(amount)::HUGEINT AS amount, count(*) AS entries FROM moved
    WHERE seq >= $seq GROUP BY kind ORDER BY kind"""  # noqa: S608
_LINES: Final = """
    SELECT s.kind, s.block, sum(s.wh)::BIGINT AS wh, sum(s.amount)::HUGEINT AS amount,
           sum(s.tax)::HUGEINT AS tax
    FROM segment s JOIN permitted($every, $sites, $accounts) p ON p.account_id = s.account_id
    WHERE s.account_id = $account AND s.entry_seq >= $seq GROUP BY ALL
    ORDER BY s.kind, s.block NULLS LAST"""
CHARGE: Final = "charge"


@dataclass(frozen=True, slots=True)
class BalanceChange:
    """What one kind of entry or charge did to the balance; what took away is negative."""

    kind: str
    amount: int
    block: int | None = None
    wh: int = 0
    entries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditBreakdown:
    """From a balance to what is left: before + all that moved = now."""

    since: int
    """Instant of the first entry that counts."""
    before: int
    changes: tuple[BalanceChange, ...]
    now: int


def credit_breakdown(
    warehouse: Warehouse, viewer: Viewer, account_id: str, days: int | None, accrued: int
) -> CreditBreakdown | None:
    """Return what moved a balance in the last days, or since the last top-up; None before the first entry.

    ``accrued`` is what was used since the last posting.
    """
    parameters = viewer.parameters() | {"account": account_id}
    first = _first_seq(warehouse, parameters, days)
    if first is None:
        return None
    parameters["seq"] = first
    before = warehouse.rows(_BEFORE_SEQ, parameters)[0]
    since = warehouse.rows('SELECT "at" FROM journal WHERE seq = $seq', {"seq": first})[0]["at"]
    kinds = {
        row["kind"]: BalanceChange(row["kind"], row["amount"], entries=row["entries"])
        for row in warehouse.rows(_KINDS, parameters)
    }
    charged = kinds.pop(CHARGE, None)
    lines = _charge_lines(warehouse, parameters) if charged is not None else []
    rest = (0 if charged is None else charged.amount) - sum(line.amount for line in lines)
    moved = [*kinds.values(), *lines, BalanceChange("elsewhere", rest), BalanceChange("accrued", -accrued)]
    opening = before["balance"] or 0
    return CreditBreakdown(
        since=since,
        before=opening,
        changes=tuple(each for each in moved if each.amount),
        now=opening + sum(each.amount for each in moved),
    )


def _first_seq(warehouse: Warehouse, parameters: dict[str, object], days: int | None) -> int | None:
    if days is None:
        newest: int | None = warehouse.rows(_LAST_TOP_UP, parameters)[0]["seq"]
        if newest is not None:
            return newest
    since = 0 if days is None else (warehouse.as_of or 0) - days * 24 * 3_600_000
    first: int | None = warehouse.rows(_FIRST, parameters | {"seq": 0, "since": since})[0]["seq"]
    return first


def _charge_lines(warehouse: Warehouse, parameters: dict[str, object]) -> list[BalanceChange]:
    rows = warehouse.rows(_LINES, parameters)
    lines = [BalanceChange(row["kind"], -row["amount"], row["block"], row["wh"]) for row in rows]
    return [*lines, BalanceChange("tax", -sum(row["tax"] for row in rows))]
