"""Reads one consistent snapshot of the bridge's database.

Everything is read in one short, read-only SQLite transaction through ADBC: the manifest of exported files,
the watermark, the segments after it and the small tables. The bridge is never written to and never waits.

ADBC brings a SQLite of its own. Never use this in a process that opens the same database through another
copy, such as the standard library's: closing a file in one copy drops the file locks of the other.
"""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from adbc_driver_manager import Error as AdbcError
from adbc_driver_sqlite import dbapi
import pyarrow as pa

DATABASE_NAME: Final = "bridge.db"
EXPORT_NAME: Final = "export"
BATCH_ROWS: Final = 262_144
BUSY_TIMEOUT_MS: Final = 5_000


class SourceError(Exception):
    """The bridge's data cannot be shown; the message says why."""


class NoDatabaseError(SourceError):
    """There is no database yet: the bridge has never run here."""


class NotReadableError(SourceError):
    """A database is there, but it is not one that this dashboard can read."""


# ADBC takes a column's type from its first rows, so optional texts are read as '' and turned back later.
_SEGMENT: Final = """
    SELECT entry_seq, n, kind, account_id, supply_id, coalesce(meter_id, '') AS meter_id, start_ms, end_ms,
           wh, local_day, local_slot, coalesce(band, '') AS band, block, version_id, amount, tax,
           estimated
    FROM segment WHERE entry_seq > (SELECT coalesce(max(seq), 0) FROM export_watermark)"""
_TOP_UP: Final = """
    SELECT j.seq, j.account_id, j.at, j.balance_after, j.detail,
           coalesce((SELECT sum(value) FROM json_each(j.detail, '$.split')),
                    (SELECT sum(amount) FROM posting p WHERE p.entry_seq = j.seq AND p.bucket = 'balance'),
                    0) AS amount
    FROM journal_entry j WHERE j.kind = 'top_up'"""
_ALERT: Final = """
    SELECT id, kind, coalesce(site_id, '') AS site_id, coalesce(account_id, '') AS account_id,
           coalesce(meter_id, '') AS meter_id, message, opened_at, acknowledged_at, closed_at FROM alert"""
_TENANCY: Final = """
    SELECT account_id, start_ms FROM tenancy t
    WHERE n = (SELECT max(n) FROM tenancy WHERE account_id = t.account_id)"""
_SUPPLY: Final = "SELECT id, account_id, commodity FROM supply WHERE closed_at IS NULL"
_SUPPLY_TARIFF: Final = "SELECT supply_id, valid_from, tariff_id FROM supply_tariff"
_TARIFF: Final = "SELECT id, site_id, name FROM tariff"
_TARIFF_VERSION: Final = """
    SELECT tariff_id, valid_from, document FROM tariff_version WHERE withdrawn_at IS NULL"""

_EVERYWHERE: Final = {
    "installation": "SELECT id, name, last_instant FROM installation",
    "export_file": "SELECT name, kind FROM export_file WHERE retired_at IS NULL ORDER BY name",
}
_PORTFOLIO: Final = {
    "account": """
        SELECT a.id, a.name, coalesce(a.customer, '') AS customer, a.site_id, s.name AS site_name,
               s.time_zone, s.currency, a.policy, a.opened_at
        FROM account a JOIN site s ON s.id = a.site_id WHERE a.closed_at IS NULL""",
    "balance": "SELECT account_id, asset, amount FROM balance WHERE bucket = 'balance'",
    "account_status": """
        SELECT account_id, supply_state, reason, since, coalesce(hold, '') AS hold, coalesce(note, '') AS note
        FROM account_status""",
    "supply_status": "SELECT account_id, at, accrued, energy_wh, power_mw FROM supply_status",
    "alert": f"{_ALERT} WHERE closed_at IS NULL",
    "top_up": _TOP_UP  # noqa: S608
    + """
        AND (j.at >= (SELECT max(last_instant) FROM installation) - 1209600000
             OR j.seq IN (SELECT max(seq) FROM journal_entry WHERE kind = 'top_up' GROUP BY account_id))""",
    "tail": _SEGMENT,
    "tenancy": _TENANCY,
    "supply": _SUPPLY,
    "supply_tariff": _SUPPLY_TARIFF,
    "tariff": _TARIFF,
    "tariff_version": _TARIFF_VERSION,
}
_UNIT: Final = {
    "account": f"{_PORTFOLIO['account']} AND a.id = ?",
    "balance": f"{_PORTFOLIO['balance']} AND account_id = ?",
    "account_status": f"{_PORTFOLIO['account_status']} WHERE account_id = ?",
    "supply_status": f"{_PORTFOLIO['supply_status']} WHERE account_id = ?",
    "alert": f"{_ALERT} WHERE account_id = ? ORDER BY opened_at DESC LIMIT 200",
    "top_up": f"{_TOP_UP} AND j.account_id = ? ORDER BY j.seq DESC LIMIT 500",
    "tail": f"{_SEGMENT} AND account_id = ?",
    "tenancy": f"{_TENANCY} AND account_id = ?",
    "supply": f"{_SUPPLY} AND account_id = ?",
    "supply_tariff": """
        SELECT supply_id, valid_from, tariff_id FROM supply_tariff
        WHERE supply_id IN (SELECT id FROM supply WHERE account_id = ?)""",
    "tariff": """
        SELECT id, site_id, name FROM tariff
        WHERE site_id = (SELECT site_id FROM account WHERE id = ?)""",
    "tariff_version": f"""{_TARIFF_VERSION} AND tariff_id IN
        (SELECT id FROM tariff WHERE site_id = (SELECT site_id FROM account WHERE id = ?))""",  # noqa: S608
    "journal": "SELECT seq, at, kind, balance_after FROM journal_entry WHERE account_id = ? ORDER BY seq",
    "decision": """
        SELECT seq, account_id, at, state, reason, actor, coalesce(note, '') AS note
        FROM supply_decision WHERE account_id = ? ORDER BY seq DESC LIMIT 200""",
}

_TEXTS: Final = frozenset(
    {
        "account_id",
        "actor",
        "asset",
        "band",
        "commodity",
        "currency",
        "customer",
        "detail",
        "document",
        "hold",
        "id",
        "kind",
        "local_day",
        "message",
        "meter_id",
        "name",
        "note",
        "policy",
        "reason",
        "site_id",
        "site_name",
        "state",
        "supply_id",
        "supply_state",
        "tariff_id",
        "time_zone",
        "version_id",
    }
)
"""Names of the columns that hold texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The bridge's data of one instant."""

    export_dir: Path
    as_of: int | None
    """Newest instant that the bridge committed, in milliseconds."""
    files: Mapping[str, tuple[str, ...]]
    """Exported files by kind."""
    tables: Mapping[str, pa.Table]


def read_snapshot(data_dir: Path, account_id: str | None = None) -> Snapshot:
    """Return a snapshot of all accounts, or of one with its history. Raises ``SourceError``."""
    database = data_dir / DATABASE_NAME
    if not database.is_file():
        msg = f"There is no {DATABASE_NAME} in {data_dir}."
        raise NoDatabaseError(msg)
    try:
        with closing(dbapi.connect(f"{database.resolve().as_uri()}?mode=ro")) as connection:
            tables = _read(connection, account_id)
    except (AdbcError, OSError) as error:
        msg = f"{database} cannot be read: {error}"
        raise NotReadableError(msg) from error
    return Snapshot(
        export_dir=data_dir / EXPORT_NAME,
        as_of=_as_of(tables),
        files=_files(tables["export_file"], data_dir / EXPORT_NAME),
        tables=tables,
    )


def _read(connection: dbapi.Connection, account_id: str | None) -> dict[str, pa.Table]:
    """Return the tables as of one read transaction, which the first statement begins."""
    questions = _PORTFOLIO if account_id is None else _UNIT
    parameters = () if account_id is None else (account_id,)
    tables = {name: _fetch(connection, query) for name, query in _EVERYWHERE.items()}
    return tables | {name: _fetch(connection, query, parameters) for name, query in questions.items()}


def _fetch(connection: dbapi.Connection, query: str, parameters: tuple[str, ...] = ()) -> pa.Table:
    """Return the answer to one statement."""
    with closing(connection.cursor()) as cursor:
        cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": str(BATCH_ROWS)})
        cursor.execute(query, parameters or None)
        return _with_texts(cursor.fetch_arrow_table())


def _with_texts(table: pa.Table) -> pa.Table:
    """Return an answer whose text columns are texts even when no row tells SQLite so."""
    fields = [
        pa.field(name, pa.string()) if name in _TEXTS else table.field(name) for name in table.column_names
    ]
    return table.cast(pa.schema(fields))


def _as_of(tables: Mapping[str, pa.Table]) -> int | None:
    """Return the newest instant among the installation's and the supplies'."""
    instants = [
        *tables["installation"]["last_instant"].to_pylist(),
        *tables["supply_status"]["at"].to_pylist(),
    ]
    return max((cast("int", instant) for instant in instants), default=None)


def _files(manifest: pa.Table, export_dir: Path) -> dict[str, tuple[str, ...]]:
    """Return the paths of exported files by kind."""
    files: dict[str, list[str]] = {}
    for row in manifest.to_pylist():
        files.setdefault(row["kind"], []).append(str(export_dir / row["name"]))
    return {kind: tuple(paths) for kind, paths in files.items()}
