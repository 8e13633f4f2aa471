"""What is read of the bridge's database, by kind of page: constants, whose values are bound.

ADBC takes a column's type from its first rows. So columns of whole numbers are named, all others are texts,
and optional texts are read as '' and turned back later.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

from meter_bridge.storage import segment_columns

MAX_TOP_UPS: Final = 400_000
MAX_ALERTS: Final = 5_000

_WHOLE: Final = frozenset(
    {
        "accrued", "acknowledged_at", "amount", "assigned_at", "at", "balance_after", "block", "closed_at",
        "created_at", "decision_seq", "due", "end_ms", "energy_wh", "entry_seq", "estimated", "first_seq",
        "in_units", "last_instant", "local_slot", "n", "opened_at", "power_mw", "proof_at", "register_wh",
        "reported_at", "requested_at", "revision", "rows", "seq", "settled_at", "since", "start_ms", "tax",
        "vacant_since", "valid_from", "watermark_wh", "wh", "withdrawn_at",
    }
)  # fmt: skip


_SPLIT: Final = "SELECT sum(value) FROM json_each(j.detail, '$.split')"
_SPLIT_ON_POSTGRESQL: Final = "SELECT sum(value::bigint) FROM json_each_text(j.detail::json -> 'split')"


@dataclass(frozen=True, slots=True)
class SnapshotQuery:
    """A statement with the values that it takes, in the order of their numbers."""

    sql: str
    parameter_names: tuple[str, ...] = ()
    whole: frozenset[str] = _WHOLE
    """Columns of whole numbers."""
    other: frozenset[str] = frozenset()
    """Columns that stay as the database gives them."""

    @property
    def on_postgresql(self) -> str:
        """Return the statement in PostgreSQL's words, which differ where a document is looked into."""
        return self.sql.replace(_SPLIT, _SPLIT_ON_POSTGRESQL)


_SEGMENT: Final = f"SELECT {segment_columns.untyped()} FROM segment WHERE :tail"  # noqa: S608
_TOP_UP: Final = """
    SELECT j.seq, j.id, j.account_id, j.at, j.balance_after, j.detail,
           coalesce((SELECT sum(value) FROM json_each(j.detail, '$.split')),
                    (SELECT sum(amount) FROM posting p WHERE p.entry_seq = j.seq AND p.bucket = 'balance'),
                    0) AS amount
    FROM journal_entry j WHERE j.kind = 'top_up'"""
_ALERT: Final = """
    SELECT id, kind, coalesce(site_id, '') AS site_id, coalesce(account_id, '') AS account_id,
           coalesce(meter_id, '') AS meter_id, facts, opened_at, acknowledged_at,
           coalesce(acknowledged_by, '') AS acknowledged_by, closed_at FROM alert"""
_ACCOUNT: Final = """
    SELECT a.id, a.name, coalesce(a.customer, '') AS customer, a.site_id, s.name AS site_name,
           s.time_zone, s.currency, a.policy, a.opened_at,
           coalesce((SELECT t.end_ms FROM tenancy t WHERE t.account_id = a.id ORDER BY t.n DESC LIMIT 1), 0)
           AS vacant_since
    FROM account a JOIN site s ON s.id = a.site_id WHERE a.closed_at IS NULL"""
_BALANCE: Final = "SELECT account_id, asset, amount FROM balance WHERE bucket = 'balance'"
_OWED: Final = "SELECT account_id, bucket, asset, amount FROM balance WHERE amount <> 0"
_REVERSAL: Final = "SELECT refers_to FROM journal_entry WHERE kind = 'reversal' AND refers_to IS NOT NULL"
_HELD: Final = """
    SELECT account_id, bucket, asset, amount FROM balance
    WHERE bucket IN ('emergency_credit', 'units') AND amount <> 0"""
_FORECAST: Final = """
    SELECT f.supply_id, f.points, f.bands, f.in_units FROM foresight f"""
_STATUS: Final = """
    SELECT account_id, supply_state, reason, since, coalesce(hold, '') AS hold, coalesce(note, '') AS note,
           document
    FROM account_status"""
_SUPPLY: Final = "SELECT supply_id, account_id, at, accrued, energy_wh, power_mw FROM supply_status"
_METER: Final = """
    SELECT m.id, m.name, m.energy_address, coalesce(m.relay_address, '') AS relay_address, m.assigned_at,
           m.supply_id, s.account_id
    FROM meter m JOIN supply s ON s.id = m.supply_id WHERE m.removed_at IS NULL"""
_RELAY: Final = """
    SELECT r.meter_id, coalesce(r.requested, '') AS requested, r.requested_at, r.revision,
           coalesce(r.reported, '') AS reported, r.reported_at, r.proof, r.proof_at
    FROM relay_status r"""
_COMMAND: Final = """
    SELECT o.meter_id, s.account_id, o.revision, o.position, o.decision_seq, o.created_at, o.settled_at,
           coalesce(o.outcome, '') AS outcome, coalesce(d.reason, '') AS reason
    FROM outbox o JOIN meter m ON m.id = o.meter_id JOIN supply s ON s.id = m.supply_id
    LEFT JOIN supply_decision d ON d.seq = o.decision_seq"""
_DECISION: Final = """
    SELECT seq, account_id, at, state, reason, actor, coalesce(note, '') AS note
    FROM supply_decision"""
_TENANCY: Final = """
    SELECT account_id, start_ms FROM tenancy t
    WHERE n = (SELECT max(n) FROM tenancy WHERE account_id = t.account_id)"""
# What is used after a customer moved out is on no customer's ladder.
_FIRST_SEQ: Final = """
    CASE WHEN end_ms IS NULL THEN first_seq ELSE (
        SELECT max(j.seq) + 1 FROM journal_entry j WHERE j.account_id = t.account_id AND j.at <= t.end_ms)
    END AS first_seq"""
_OF_SITE: Final = "(SELECT site_id FROM account WHERE id = $1)"
_TARIFF: Final = "SELECT id, site_id, name FROM tariff"
_TARIFF_ID: Final = "SELECT id FROM tariff"
_VERSION: Final = "SELECT tariff_id, valid_from, document FROM tariff_version WHERE withdrawn_at IS NULL"
_OPEN: Final = "closed_at IS NULL"
_LAST_TOP_UPS: Final = """
    AND j.seq IN (
        SELECT seq FROM journal_entry WHERE kind = 'top_up' AND :recent
        UNION SELECT max(seq) FROM journal_entry WHERE kind = 'top_up' GROUP BY account_id)"""
# A plus keeps SQLite from walking all entries since then: the index of kinds alone says which are top-ups.
# SQLite numbers parameters in the order in which they stand in the text.
_SINCE: Final = """
    AND j.at >= $1 AND j.seq IN (SELECT seq FROM journal_entry WHERE kind = 'top_up' AND :since)"""

_DEBT_ENTRY: Final = """
    SELECT j.seq, j.account_id, j.at, j.kind, p.bucket, p.amount
    FROM journal_entry j JOIN posting p ON p.entry_seq = j.seq
    WHERE j.kind <> 'charge' AND (
        p.bucket LIKE 'debt:%' OR p.bucket IN ('arrears', 'emergency_credit')
        OR (p.bucket = 'balance' AND p.amount < 0))
    ORDER BY j.seq"""
# Who moved out owes also where the unit is no longer served.
_FORMER: Final = """
    SELECT t.account_id, a.name, coalesce(t.customer, '') AS customer, a.site_id, s.name AS site_name,
           s.time_zone, s.currency, t.end_ms AS at, b.amount
    FROM tenancy t JOIN balance b ON b.account_id = t.account_id AND b.bucket = 'tenancy:' || t.n
    JOIN account a ON a.id = t.account_id JOIN site s ON s.id = a.site_id
    WHERE b.amount < 0 ORDER BY s.name, a.name, a.id, t.n"""
_LAST_PAYMENT: Final = """
    SELECT account_id, at FROM journal_entry
    WHERE seq IN (SELECT max(seq) FROM journal_entry WHERE kind = 'top_up' GROUP BY account_id)"""

OWN: Final = SnapshotQuery(
    "SELECT first_seq, start_ms FROM tenancy WHERE account_id = $1 ORDER BY n DESC LIMIT 1", ("account",)
)
"""Where the present tenancy of a unit begins."""
AT: Final = SnapshotQuery("SELECT at FROM journal_entry WHERE seq >= $1 ORDER BY seq LIMIT 1", ("seq",))
"""When the first entry from a number on was booked."""
FIRST_ENTRIES: Final = SnapshotQuery(
    """SELECT a.id AS account_id, coalesce((
        SELECT j.seq FROM journal_entry j
        WHERE j.account_id = a.id AND j.seq > $1 AND j.seq <= $2 AND j.at >= $3
        ORDER BY j.seq LIMIT 1), 0) AS seq
    FROM account a JOIN site s ON s.id = a.site_id WHERE s.time_zone = $4""",
    ("begin", "end", "at", "time_zone"),
)
"""The first entry of each account of a time zone that was booked at an instant or later; 0 for none."""
NEWEST: Final = SnapshotQuery(
    "SELECT max(seq) AS seq FROM journal_entry WHERE seq > $1 AND seq <= $2", ("begin", "end")
)
"""The newest entry of a range."""
EVERYWHERE: Final = {
    "installation": SnapshotQuery("SELECT id, name, last_instant FROM installation"),
    "shard": SnapshotQuery("SELECT n FROM shard ORDER BY n"),
    "export_file": SnapshotQuery("SELECT name, kind FROM export_file WHERE retired_at IS NULL ORDER BY name"),
    "exported": SnapshotQuery(
        """SELECT (SELECT coalesce(max(seq), 0) FROM export_watermark) AS seq,
        (SELECT coalesce(max(seq), 0) FROM retention) AS retired""",
        whole=frozenset({"seq", "retired"}),
    ),
}
_TAIL: Final = {"tail": SnapshotQuery(_SEGMENT)}
_TARIFFS: Final = {
    "tenancy": SnapshotQuery(_TENANCY),
    "supply": SnapshotQuery("SELECT id, account_id, commodity FROM supply WHERE closed_at IS NULL"),
    "supply_tariff": SnapshotQuery("SELECT supply_id, valid_from, tariff_id FROM supply_tariff"),
    "tariff": SnapshotQuery(_TARIFF),
    "tariff_version": SnapshotQuery(_VERSION),
}
_UNITS: Final = {
    "account": SnapshotQuery(_ACCOUNT),
    "balance": SnapshotQuery(_BALANCE),
    "held": SnapshotQuery(_HELD),
    "account_status": SnapshotQuery(_STATUS),
    "supply_status": SnapshotQuery(_SUPPLY),
    "alert": SnapshotQuery(f"{_ALERT} WHERE {_OPEN}"),
}
_UNIT: Final = {
    "account": SnapshotQuery(f"{_ACCOUNT} AND a.id = $1", ("account",)),
    "balance": SnapshotQuery(f"{_BALANCE} AND account_id = $1", ("account",)),
    "held": SnapshotQuery(f"{_HELD} AND account_id = $1", ("account",)),
    "foresight": SnapshotQuery(
        f"{_FORECAST} WHERE f.account_id = $1", ("account",), other=frozenset({"points"})
    ),
    "owed": SnapshotQuery(f"{_OWED} AND account_id = $1", ("account",)),
    "account_status": SnapshotQuery(f"{_STATUS} WHERE account_id = $1", ("account",)),
    "supply_status": SnapshotQuery(f"{_SUPPLY} WHERE account_id = $1", ("account",)),
    "supply_document": SnapshotQuery(
        "SELECT supply_id, document FROM supply_status WHERE account_id = $1",
        ("account",),
        other=frozenset({"document"}),
    ),
    "alert": SnapshotQuery(
        f"{_ALERT} WHERE account_id = $1 AND (opened_at >= $2 OR {_OPEN}) ORDER BY opened_at DESC LIMIT 200",
        ("account", "begin"),
    ),
    "top_up": SnapshotQuery(
        f"{_TOP_UP} AND j.account_id = $1 AND j.seq >= $2 ORDER BY j.seq DESC LIMIT 500", ("account", "first")
    ),
    "reversal": SnapshotQuery(f"{_REVERSAL} AND account_id = $1", ("account",)),
    "tail": SnapshotQuery(f"{_SEGMENT} AND account_id = $1 AND entry_seq >= $2", ("account", "first")),
    "journal": SnapshotQuery(
        """SELECT seq, at, kind, balance_after FROM journal_entry
        WHERE account_id = $1 AND seq >= $2 ORDER BY seq""",
        ("account", "first"),
    ),
    "decision": SnapshotQuery(
        f"{_DECISION} WHERE account_id = $1 AND at >= $2 ORDER BY seq DESC LIMIT 200", ("account", "begin")
    ),
    "meter": SnapshotQuery(f"{_METER} AND s.account_id = $1", ("account",)),
    "relay": SnapshotQuery(
        f"""{_RELAY} JOIN meter m ON m.id = r.meter_id JOIN supply s ON s.id = m.supply_id
        WHERE s.account_id = $1""",
        ("account",),
    ),
    "command": SnapshotQuery(
        f"{_COMMAND} WHERE s.account_id = $1 AND o.created_at >= $2 ORDER BY o.created_at DESC LIMIT 100",
        ("account", "begin"),
    ),
    "tenancy": SnapshotQuery(f"{_TENANCY} AND account_id = $1", ("account",)),
    "supply": SnapshotQuery(
        "SELECT id, account_id, commodity FROM supply WHERE closed_at IS NULL AND account_id = $1",
        ("account",),
    ),
    "supply_tariff": SnapshotQuery(
        """SELECT supply_id, valid_from, tariff_id FROM supply_tariff
        WHERE supply_id IN (SELECT id FROM supply WHERE account_id = $1)""",
        ("account",),
    ),
    "tariff": SnapshotQuery(f"{_TARIFF} WHERE site_id = {_OF_SITE}", ("account",)),
    "tariff_version": SnapshotQuery(
        f"{_VERSION} AND tariff_id IN ({_TARIFF_ID} WHERE site_id = {_OF_SITE})", ("account",)
    ),
}
QUERIES: Final = {
    "portfolio": _UNITS
    | {
        "top_up": SnapshotQuery(_TOP_UP + _LAST_TOP_UPS),
        "foresight": SnapshotQuery(_FORECAST, other=frozenset({"points"})),
    }
    | _TARIFFS
    | _TAIL,
    "unit": _UNIT,
    "top_ups": {
        "account": SnapshotQuery(_ACCOUNT),
        "top_up": SnapshotQuery(
            f"{_TOP_UP}{_SINCE} ORDER BY j.at DESC, j.seq DESC LIMIT {MAX_TOP_UPS}", ("since",)
        ),
        "reversal": SnapshotQuery(_REVERSAL),
    }
    | _TAIL,
    "debt": {
        "account": SnapshotQuery(_ACCOUNT),
        "owed": SnapshotQuery(_OWED),
        "account_status": SnapshotQuery(_STATUS),
        "supply_status": SnapshotQuery(_SUPPLY),
        "debt_entry": SnapshotQuery(_DEBT_ENTRY),
        "former": SnapshotQuery(_FORMER),
        "last_payment": SnapshotQuery(_LAST_PAYMENT),
    }
    | _TAIL,
    "report": _UNITS
    | {
        "alert": SnapshotQuery(f"{_ALERT} WHERE {_OPEN} OR opened_at >= $1", ("since",)),
        "top_up": SnapshotQuery(f"{_TOP_UP}{_SINCE} ORDER BY j.seq DESC", ("since",)),
        "reversal": SnapshotQuery(_REVERSAL),
        "owed": SnapshotQuery(_OWED),
        "debt_entry": SnapshotQuery(_DEBT_ENTRY),
        "former": SnapshotQuery(_FORMER),
        "last_payment": SnapshotQuery(_LAST_PAYMENT),
    }
    | _TAIL,
    "alerts": {
        "account": SnapshotQuery(_ACCOUNT),
        "alert": SnapshotQuery(
            f"{_ALERT} WHERE {_OPEN} OR opened_at >= $1 ORDER BY opened_at DESC LIMIT {MAX_ALERTS}",
            ("since",),
        ),
        "meter": SnapshotQuery(_METER),
        "relay": SnapshotQuery(_RELAY),
        "command": SnapshotQuery(
            f"{_COMMAND} WHERE o.created_at >= $1 ORDER BY o.created_at DESC LIMIT 2000", ("since",)
        ),
    }
    | _TAIL,
    "audit": {
        "account": SnapshotQuery(_ACCOUNT),
        "site_shard": SnapshotQuery("SELECT site_id, shard AS n FROM site_shard"),
        "supply_status": SnapshotQuery(_SUPPLY),
    }
    | _TARIFFS
    | {"tenancy": SnapshotQuery(_TENANCY.replace("start_ms", f"start_ms, {_FIRST_SEQ}", 1))}
    | _TAIL,
    "system": {
        "account": SnapshotQuery(_ACCOUNT),
        "supply_status": SnapshotQuery(_SUPPLY),
        "alert": SnapshotQuery(f"{_ALERT} WHERE {_OPEN}"),
        "meter": SnapshotQuery(_METER),
        "quarantine": SnapshotQuery(
            """SELECT id, meter_id, opened_at, cause, watermark_wh, register_wh
            FROM quarantine WHERE closed_at IS NULL ORDER BY opened_at"""
        ),
    }
    | _TAIL,
}
"""Tables by kind of page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which tables a page needs; two pages with equal scopes share one snapshot."""

    kind: str = "portfolio"
    account_id: str = ""
    """The unit; empty where the page is about all of them."""
    own: bool = False
    """Only what belongs to the present tenancy: what a customer may see."""
    since: int = 0
    """Milliseconds UTC; older top-ups and closed alerts are left out where a page reads them by time."""
    month: date | None = None
    """First day of the month that a report is about."""


PORTFOLIO: Final = Scope()
_DAY_MS: Final = 24 * 3_600_000


def report_scope(month: date) -> Scope:
    """Return the scope of the report of a month, from before it begins in any time zone."""
    since = ((month - date(1970, 1, 1)).days - 2) * _DAY_MS
    return Scope(kind="report", since=since, month=month)


def unit_scope(account_id: str, *, own: bool = False) -> Scope:
    """Return the scope of one unit with its history."""
    return Scope(kind="unit", account_id=account_id, own=own)
