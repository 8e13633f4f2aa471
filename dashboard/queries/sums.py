"""What units used, were charged and paid: sums by unit, day, week and line of a price list."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse

# As on a statement, a charge belongs to the month in which it was booked. Nearly all was used in that month;
# what was used before and booked in it counts, what was used in it and booked later does not.
_BOOKED: Final = """
    WITH booked AS (
        SELECT account_id, local_day, kind, version_id, block, band, wh, amount, tax FROM rollup
        WHERE local_day BETWEEN $first AND $last
        UNION ALL
        SELECT s.account_id, $first, s.kind, s.version_id, s.block, s.band, s.wh, s.amount, s.tax
        FROM segment s JOIN month_entry m ON m.account_id = s.account_id
        WHERE s.local_day < $first AND s.entry_seq >= (SELECT min(first_seq) FROM month_entry)
          AND s.entry_seq >= m.first_seq AND s.entry_seq < m.stop_seq
        UNION ALL
        SELECT s.account_id, s.local_day, s.kind, s.version_id, s.block, s.band, -s.wh, -s.amount, -s.tax
        FROM segment s JOIN month_entry m ON m.account_id = s.account_id
        WHERE s.local_day BETWEEN $first AND $last AND s.entry_seq >= (SELECT min(stop_seq) FROM month_entry)
          AND s.entry_seq >= m.stop_seq)"""
_UNITS: Final = f"""{_BOOKED},
    used AS (
        SELECT account_id, sum(wh)::BIGINT AS wh, sum(amount + tax)::HUGEINT AS charged FROM booked
        GROUP BY account_id),
    paid AS (
        SELECT t.account_id, sum(t.amount)::HUGEINT AS paid
        FROM top_up t JOIN account a ON a.id = t.account_id
        WHERE (to_timestamp(t."at" / 1000.0) AT TIME ZONE a.time_zone)::DATE BETWEEN $first AND $last
          AND t.id NOT IN (SELECT refers_to FROM reversal)
        GROUP BY t.account_id)
    SELECT a.id AS account_id, a.name, a.customer, a.site_name, a.currency, coalesce(u.wh, 0) AS wh,
           coalesce(u.charged, 0) AS charged, coalesce(p.paid, 0) AS paid
    FROM account a JOIN permitted_use($every, $sites, $accounts) r ON r.account_id = a.id
    LEFT JOIN used u ON u.account_id = a.id LEFT JOIN paid p ON p.account_id = a.id
    WHERE r.used OR coalesce(u.charged, 0) <> 0 OR coalesce(p.paid, 0) <> 0
    ORDER BY a.site_name, a.name, a.id"""  # noqa: S608
_DAYS: Final = f"""{_BOOKED}
    SELECT a.currency, r.local_day AS day, coalesce(sum(r.wh) FILTER (p.used), 0)::BIGINT AS wh,
           sum(r.amount + r.tax)::HUGEINT AS charged
    FROM booked r JOIN account a ON a.id = r.account_id
    JOIN permitted_use($every, $sites, $accounts) p ON p.account_id = a.id
    GROUP BY ALL ORDER BY ALL"""  # noqa: S608
_LINES: Final = f"""{_BOOKED}
    SELECT a.currency, r.version_id, r.kind, r.block, r.band,
           coalesce(sum(r.wh) FILTER (p.used), 0)::BIGINT AS wh,
           sum(r.amount)::HUGEINT AS amount, sum(r.tax)::HUGEINT AS tax
    FROM booked r JOIN account a ON a.id = r.account_id
    JOIN permitted_use($every, $sites, $accounts) p ON p.account_id = a.id
    WHERE p.used OR r.amount <> 0 OR r.tax <> 0 GROUP BY ALL
    ORDER BY a.currency, r.version_id, r.kind, r.block NULLS LAST, r.band NULLS LAST"""  # noqa: S608
_ALERTS: Final = """
    SELECT l.kind, count(*) AS many, count(*) FILTER (l.closed_at IS NULL) AS still_open
    FROM alert l JOIN account a ON a.id = l.account_id
    JOIN permitted($every, $sites, $accounts) p ON p.account_id = a.id
    WHERE (to_timestamp(l.opened_at / 1000.0) AT TIME ZONE a.time_zone)::DATE BETWEEN $first AND $last
    GROUP BY l.kind ORDER BY many DESC, l.kind"""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitSums:
    """What a unit used, was charged and paid."""

    account_id: str
    name: str
    customer: str
    site_name: str
    currency: str
    wh: int
    charged: int
    paid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySums:
    """What a local day brought in one currency."""

    currency: str
    day: date
    wh: int
    charged: int
    paid: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSums:
    """What a line of a price list brought."""

    currency: str
    version_id: str
    kind: str
    block: int | None
    band: str | None
    wh: int
    amount: int
    tax: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertCount:
    """How many alerts of a kind opened, and how many are open still."""

    kind: str
    many: int
    still_open: int


def unit_sums(warehouse: Warehouse, viewer: Viewer, first: date, last: date) -> list[UnitSums]:
    """Return what was booked of each unit in the snapshot's month, without payments that were taken back."""
    return warehouse.records(UnitSums, viewer, _UNITS, first=first, last=last)


def day_sums(warehouse: Warehouse, viewer: Viewer, first: date, last: date) -> list[DaySums]:
    """Return what each day of the snapshot's month brought, by currency."""
    return warehouse.records(DaySums, viewer, _DAYS, first=first, last=last)


def line_sums(warehouse: Warehouse, viewer: Viewer, first: date, last: date) -> list[LineSums]:
    """Return what each line of each price list brought in the snapshot's month."""
    return warehouse.records(LineSums, viewer, _LINES, first=first, last=last)


def alert_counts(warehouse: Warehouse, viewer: Viewer, first: date, last: date) -> list[AlertCount]:
    """Return the alerts that opened in some days, the most frequent first."""
    return warehouse.records(AlertCount, viewer, _ALERTS, first=first, last=last)


# Units that were paid for when they were bought stand with their purchase, not with their use; what was used
# before moving in is nobody's.
_CHARGED: Final = """
    WITH spent AS (
        SELECT account_id, sum(wh) FILTER (kind <> 'vacant')::BIGINT AS wh,
               sum(amount + tax)::HUGEINT AS amount
        FROM rollup WHERE local_day BETWEEN $first AND $last GROUP BY account_id)
    SELECT a.id AS account_id, a.name, a.currency, a.policy, coalesce(t.start_ms, a.opened_at) AS since,
           coalesce(s.wh, 0) AS wh, coalesce(s.amount, 0) AS amount
    FROM account a JOIN permitted_use($every, $sites, $accounts) p ON p.account_id = a.id
    LEFT JOIN spent s ON s.account_id = a.id LEFT JOIN tenancy t ON t.account_id = a.id
    WHERE list_contains($chosen, a.id) OR ($everyone AND p.used) ORDER BY a.id"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargedUnit:
    """A unit's energy and charges, with what a tariff has to know of it."""

    account_id: str
    name: str
    currency: str
    policy: str
    since: int
    wh: int
    amount: int


def charged_units(
    warehouse: Warehouse, viewer: Viewer, first: date, last: date, accounts: tuple[str, ...] | None = None
) -> list[ChargedUnit]:
    """Return what units used and were charged, first and last day included; all without ``accounts``."""
    parameters = {"first": first, "last": last, "everyone": accounts is None, "chosen": list(accounts or ())}
    return warehouse.records(ChargedUnit, viewer, _CHARGED, **parameters)


_USED_BY_UNIT: Final = """
    SELECT r.account_id, sum(r.wh)::BIGINT AS wh
    FROM rollup r JOIN permitted($every, $sites, $accounts) p ON p.account_id = r.account_id
    WHERE r.local_day >= $first AND r.local_day < $after AND r.kind = 'consumption'
      AND r.account_id IN (SELECT unnest($chosen))
    GROUP BY r.account_id ORDER BY wh DESC, r.account_id"""


def used_by_unit(
    warehouse: Warehouse, viewer: Viewer, first: date, after: date, accounts: tuple[str, ...]
) -> list[tuple[str, int]]:
    """Return what each unit used from a day on and before another, most first, if it used any."""
    return [
        (row["account_id"], row["wh"])
        for row in warehouse.visible_rows(
            viewer, _USED_BY_UNIT, first=first, after=after, chosen=list(accounts)
        )
    ]


WEEK_MS: Final = 7 * 24 * 3_600_000

_MONEY: Final = """
    SELECT a.currency,
           coalesce(sum(t.amount) FILTER (t."at" > $now - $week), 0)::HUGEINT AS now,
           coalesce(sum(t.amount) FILTER (t."at" <= $now - $week), 0)::HUGEINT AS before
    FROM account a JOIN permitted($every, $sites, $accounts) p ON p.account_id = a.id
    LEFT JOIN top_up t ON t.account_id = a.id AND t."at" > $now - 2 * $week AND t."at" <= $now
    GROUP BY a.currency ORDER BY a.currency"""
_USE: Final = """
    SELECT a.currency,
           coalesce(sum(s.wh) FILTER (p.used AND s.start_ms >= $now - $week), 0)::BIGINT AS wh_now,
           coalesce(sum(s.wh) FILTER (p.used AND s.start_ms < $now - $week), 0)::BIGINT AS wh_before,
           coalesce(sum(s.amount + s.tax) FILTER (s.start_ms >= $now - $week), 0)::HUGEINT AS now,
           coalesce(sum(s.amount + s.tax) FILTER (s.start_ms < $now - $week), 0)::HUGEINT AS before
    FROM segment s JOIN account a ON a.id = s.account_id
    JOIN permitted_use($every, $sites, $accounts) p ON p.account_id = a.id
    WHERE s.start_ms >= $now - 2 * $week AND s.start_ms < $now
    GROUP BY a.currency ORDER BY a.currency"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekSums:
    """A sum of the last seven days and of the seven before."""

    now: int
    before: int


def money_in(warehouse: Warehouse, viewer: Viewer) -> dict[str, WeekSums]:
    """Return what was topped up, by currency."""
    rows = warehouse.visible_rows(viewer, _MONEY, now=warehouse.as_of or 0, week=WEEK_MS)
    return {row["currency"]: WeekSums(now=row["now"], before=row["before"]) for row in rows}


def charged_and_energy(warehouse: Warehouse, viewer: Viewer) -> tuple[dict[str, WeekSums], WeekSums]:
    """Return what was charged, by currency, and the energy in Wh."""
    rows = warehouse.visible_rows(viewer, _USE, now=warehouse.as_of or 0, week=WEEK_MS)
    charged = {row["currency"]: WeekSums(now=row["now"], before=row["before"]) for row in rows}
    energy = WeekSums(now=sum(row["wh_now"] for row in rows), before=sum(row["wh_before"] for row in rows))
    return charged, energy


_USED: Final = """
    SELECT a.currency, r.local_day AS day, coalesce(sum(r.wh) FILTER (p.used), 0)::BIGINT AS wh,
           sum(r.amount + r.tax)::HUGEINT AS charged
    FROM rollup r JOIN account a ON a.id = r.account_id JOIN account_clock c ON c.account_id = r.account_id
    JOIN permitted_use($every, $sites, $accounts) p ON p.account_id = r.account_id
    WHERE r.local_day > c.today - $days::INTEGER
    GROUP BY ALL ORDER BY ALL"""
_PAID: Final = """
    SELECT a.currency, (to_timestamp(t."at" / 1000.0) AT TIME ZONE a.time_zone)::DATE AS day,
           sum(t.amount)::HUGEINT AS paid
    FROM top_up t JOIN account a ON a.id = t.account_id JOIN account_clock c ON c.account_id = a.id
    JOIN permitted($every, $sites, $accounts) p ON p.account_id = a.id
    WHERE day > c.today - $days::INTEGER
    GROUP BY ALL ORDER BY ALL"""
_NEWEST_DAY: Final = """
    SELECT max(c.today) AS today FROM account_clock c
    JOIN permitted($every, $sites, $accounts) p ON p.account_id = c.account_id"""
_COSTS: Final = """
    SELECT account_id, list(cost ORDER BY day) AS costs FROM (
        SELECT r.account_id, r.local_day AS day, sum(r.amount + r.tax)::DOUBLE AS cost
        FROM rollup r JOIN account_clock c ON c.account_id = r.account_id
        JOIN permitted($every, $sites, $accounts) p ON p.account_id = r.account_id
        WHERE list_contains($units, r.account_id) AND r.local_day < c.today
          AND r.local_day >= c.today - $days::INTEGER
        GROUP BY ALL)
    GROUP BY account_id"""


def days(warehouse: Warehouse, viewer: Viewer, many: int) -> list[DaySums]:
    """Return the sums of the last local days, today included, by currency and day."""
    sums = {
        (row["currency"], row["day"]): row | {"paid": 0}
        for row in warehouse.visible_rows(viewer, _USED, days=many)
    }
    for row in warehouse.visible_rows(viewer, _PAID, days=many):
        sums.setdefault((row["currency"], row["day"]), {"wh": 0, "charged": 0}).update(row)
    return [DaySums(**sums[key]) for key in sorted(sums)]


def newest_day(warehouse: Warehouse, viewer: Viewer) -> date | None:
    """Return the newest local date of the viewer's units."""
    newest: date | None = warehouse.visible_rows(viewer, _NEWEST_DAY)[0]["today"]
    return newest


def costs_of(
    warehouse: Warehouse, viewer: Viewer, units: tuple[str, ...], many: int
) -> dict[str, list[float]]:
    """Return what each of some units cost on its last full local days, oldest first."""
    return {
        row["account_id"]: row["costs"]
        for row in warehouse.visible_rows(viewer, _COSTS, units=list(units), days=many)
    }
