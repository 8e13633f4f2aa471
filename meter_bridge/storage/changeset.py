"""Changesets for the one writer: rows to insert, update or delete in one transaction, all or none."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, cast

from sqlalchemy import (
    ColumnElement,
    Executable,
    Insert,
    Table,
    TextClause,
    delete,
    insert,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.sql import bindparam
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.sql.elements import BindParameter, KeyedColumnElement

from meter_bridge.storage import tables

_PSYCOPG: Final = psycopg.dialect(paramstyle="format")  # type: ignore[no-untyped-call]
type _Excluded = ReadOnlyColumnCollection[str, KeyedColumnElement[object]]
type Row = Mapping[str, object] | tuple[object, ...]
"""Values by column; for a statement with ``driver_sql``, in the order of the table's columns."""


@dataclass(frozen=True, eq=False)
class Statement:
    """A statement executed for many rows; ``order`` is its position within a transaction."""

    order: int
    name: str
    sqlite: Executable
    postgresql: Executable
    driver_sql: bool = False
    """Rows are tuples passed to the driver unchanged, for the one statement that runs ten thousand times a
    second."""

    @cached_property
    def sqlite_named(self) -> str | None:
        """Return the SQL for SQLite's own driver if no value needs conversion, else None.

        Through SQLAlchemy it takes three times as long, mostly to look up the compiled statement.
        """
        if not isinstance(self.sqlite, TextClause):
            return None
        compiled = self.sqlite.compile(dialect=sqlite.dialect(paramstyle="named"))
        types = (value.type.dialect_impl(compiled.dialect) for value in compiled.binds.values())
        return None if any(kind.bind_processor(compiled.dialect) for kind in types) else str(compiled)

    @cached_property
    def sqlite_text(self) -> str:
        """Return the SQL for SQLite, with values in the order of the columns."""
        return str(cast("Insert", self.sqlite).compile(dialect=sqlite.dialect()))

    @cached_property
    def postgresql_text(self) -> str:
        """Return the SQL for PostgreSQL's driver, with values in the same order."""
        return str(cast("Insert", self.postgresql).compile(dialect=_PSYCOPG))


_statements: list[Statement] = []


def _register(
    name: str, on_sqlite: Executable, on_postgresql: Executable | None = None, *, driver_sql: bool = False
) -> Statement:
    """Return a statement that is executed after all those registered before it."""
    on_postgresql = on_sqlite if on_postgresql is None else on_postgresql
    statement = Statement(len(_statements), name, on_sqlite, on_postgresql, driver_sql)
    _statements.append(statement)
    return statement


def _insert(table: Table) -> Statement:
    return _register(f"insert {table.name}", insert(table))


def _upsert(table: Table, *, fixed: Collection[str] = (), driver_sql: bool = False) -> Statement:
    """Return an insert that replaces the other columns where the key exists.

    ``fixed`` columns never change for a key; leaving them out saves SQLite checking their foreign keys.
    """
    others = [column.name for column in table.columns if not column.primary_key and column.name not in fixed]
    upserts = _upserts(table, lambda excluded: {name: excluded[name] for name in others})
    if not driver_sql:
        upserts = _precompiled(table, *upserts)
    return _register(f"upsert {table.name}", *upserts, driver_sql=driver_sql)


def _upserts(
    table: Table, changed: Callable[[_Excluded], Mapping[str, ColumnElement[object]]]
) -> tuple[Executable, Executable]:
    """Return an insert in both dialects that changes the row where the key exists."""
    keys = [column.name for column in table.primary_key]
    on_sqlite, on_postgresql = sqlite.insert(table), postgresql.insert(table)
    return (
        on_sqlite.on_conflict_do_update(index_elements=keys, set_=changed(on_sqlite.excluded)),
        on_postgresql.on_conflict_do_update(index_elements=keys, set_=changed(on_postgresql.excluded)),
    )


def _precompiled(
    table: Table, on_sqlite: Executable, on_postgresql: Executable
) -> tuple[TextClause, TextClause]:
    """Return upserts compiled once, with typed values by column.

    SQLAlchemy 2.0 does not cache a compiled statement with ON CONFLICT, and compiling it again costs several
    times what running it costs.
    """
    typed = [bindparam(column.name, type_=column.type) for column in table.columns]
    in_sqlite = cast("Insert", on_sqlite).compile(dialect=sqlite.dialect(paramstyle="named"))
    in_postgresql = cast("Insert", on_postgresql).compile(dialect=postgresql.dialect(paramstyle="named"))  # type: ignore[no-untyped-call]
    return text(str(in_sqlite)).bindparams(*typed), text(str(in_postgresql)).bindparams(*typed)


def _add_to_balance() -> Statement:
    table = tables.balance
    upserts = _upserts(table, lambda excluded: {"amount": table.c.amount + excluded["amount"]})
    return _register("add balance", *_precompiled(table, *upserts))


def _close(table: Table, *columns: str) -> Statement:
    values: dict[str, BindParameter[object]] = {name: bindparam(f"new_{name}") for name in columns}
    return _register(
        f"close {table.name} {columns[0]}",
        update(table).where(table.c.id == bindparam("row_id")).values(values),
    )


def _settle_outbox(*, older: bool) -> Statement:
    table = tables.outbox
    revision: BindParameter[int] = bindparam("row_revision")
    which = (
        (table.c.revision < revision) & table.c.settled_at.is_(None)
        if older
        else table.c.revision == revision
    )
    return _register(
        f"settle outbox {'older' if older else 'newest'}",
        update(table)
        .where(table.c.meter_id == bindparam("row_meter_id"), which)
        .values(settled_at=bindparam("new_settled_at"), outcome=bindparam("new_outcome")),
    )


def _purge(table: Table, *keys: str) -> Statement:
    key = (table.c[name] == bindparam(f"row_{name}") for name in keys)
    return _register(f"purge {table.name}", delete(table).where(*key))


UPSERT_INSTALLATION: Final = _upsert(tables.installation)
UPSERT_SHARD: Final = _upsert(tables.shard)
UPSERT_SITE: Final = _upsert(tables.site)
UPSERT_SITE_SHARD: Final = _upsert(tables.site_shard)
UPSERT_TARIFF: Final = _upsert(tables.tariff)
UPSERT_TARIFF_VERSION: Final = _upsert(tables.tariff_version)
WITHDRAW_VERSION: Final = _close(tables.tariff_version, "withdrawn_at")
UPSERT_ACCOUNT: Final = _upsert(tables.account)
CLOSE_ACCOUNT: Final = _close(tables.account, "closed_at")
SET_CUSTOMER: Final = _close(tables.account, "customer")
UPSERT_TENANCY: Final = _upsert(tables.tenancy)
UPSERT_SUPPLY: Final = _upsert(tables.supply)
UPSERT_SUPPLY_TARIFF: Final = _upsert(tables.supply_tariff)
UPSERT_METER: Final = _upsert(tables.meter)
REMOVE_METER: Final = _close(tables.meter, "removed_at")
INSERT_ENTRY: Final = _insert(tables.journal_entry)
INSERT_POSTING: Final = _insert(tables.posting)
INSERT_LINE: Final = _insert(tables.charge_line)
INSERT_SEGMENT: Final = _insert(tables.segment)
ADD_BALANCE: Final = _add_to_balance()
INSERT_OPERATION: Final = _insert(tables.operation)
UPSERT_SUPPLY_STATUS: Final = _upsert(tables.supply_status, fixed=("account_id",), driver_sql=True)
UPSERT_DAILY_USE: Final = _upsert(tables.daily_use)
UPSERT_FORESIGHT: Final = _upsert(tables.foresight, fixed=("account_id",))
UPSERT_ACCOUNT_STATUS: Final = _upsert(tables.account_status)
INSERT_DECISION: Final = _insert(tables.supply_decision)
UPSERT_RELAY: Final = _upsert(tables.relay_status)
SUPERSEDE_OUTBOX: Final = _settle_outbox(older=True)
INSERT_OUTBOX: Final = _insert(tables.outbox)
SETTLE_OUTBOX: Final = _settle_outbox(older=False)
UPSERT_CUT_OFF: Final = _upsert(tables.cut_off)
INSERT_QUARANTINE: Final = _insert(tables.quarantine)
END_QUARANTINE: Final = _close(tables.quarantine, "closed_at", "decision", "actor", "reason")
INSERT_ALERT: Final = _insert(tables.alert)
CLOSE_ALERT: Final = _close(tables.alert, "closed_at")
ACKNOWLEDGE_ALERT: Final = _close(tables.alert, "acknowledged_at", "acknowledged_by")
INSERT_EVENT: Final = _insert(tables.event)
UPSERT_TOKEN: Final = _upsert(tables.token)
UPSERT_EXPORT_FILE: Final = _upsert(tables.export_file)
UPSERT_WATERMARK: Final = _upsert(tables.export_watermark)
INSERT_APPLIED: Final = _insert(tables.applied_site)
INSERT_REGISTER_RECORD: Final = _insert(tables.register_record)
INSERT_VOUCHER_BATCH: Final = _insert(tables.voucher_batch)
INSERT_VOUCHER: Final = _insert(tables.voucher)
SELL_VOUCHER: Final = _close(tables.voucher, "sold_at", "sold_to", "sold_by")
BLOCK_VOUCHER: Final = _close(tables.voucher, "blocked_at", "blocked_by", "blocked_reason")
INSERT_REDEMPTION: Final = _insert(tables.voucher_redemption)
INSERT_PAYMENT_ORDER: Final = _insert(tables.payment_order)
INSERT_PAYMENT_EVENT: Final = _insert(tables.payment_event)
INSERT_PAYMENT_BOOKING: Final = _insert(tables.payment_booking)
INSERT_KEYPAD_TOKEN: Final = _insert(tables.keypad_token)
INSERT_TENANT_ACCESS: Final = _insert(tables.tenant_access)
REVOKE_TENANT_ACCESS: Final = _close(tables.tenant_access, "revoked_at")
UPSERT_WRONG_SECRET: Final = _upsert(tables.wrong_secret)
EXPIRE_WRONG_SECRETS: Final = _register(
    "expire wrong secrets",
    delete(tables.wrong_secret).where(tables.wrong_secret.c.expires_at <= bindparam("before")),
)
UPSERT_CONTACT: Final = _upsert(tables.contact)
INSERT_NOTICE: Final = _insert(tables.notice)
UPSERT_OWN_WARNING: Final = _upsert(tables.own_warning)
UPSERT_NOTICE_MARK: Final = _upsert(tables.notice_mark)
TRY_NOTICE: Final = _close(tables.notice, "made_at", "attempts", "next_at", "sent", "sending", "uncertain")
END_NOTICE: Final = _close(tables.notice, "ended_at", "outcome", "sent", "sending", "uncertain")

RETIRE_ENERGY: Final = _register(
    "retire energy",
    text(
        "INSERT INTO retired_energy (meter_id, assigned_at, wh)"
        " SELECT s.meter_id, m.assigned_at, CAST(sum(s.wh) AS BIGINT) FROM segment s"
        " JOIN meter m ON m.id = s.meter_id"
        " WHERE s.entry_seq >= :first AND s.entry_seq <= :last AND s.start_ms >= m.assigned_at"
        " GROUP BY s.meter_id, m.assigned_at"
        " ON CONFLICT (meter_id, assigned_at) DO UPDATE SET wh = retired_energy.wh + excluded.wh"
    ),
)
"""Keeps the total energy of segments that are about to be deleted."""
DELETE_SEGMENTS: Final = _register(
    "delete segments",
    delete(tables.segment).where(
        tables.segment.c.entry_seq >= bindparam("first"), tables.segment.c.entry_seq <= bindparam("last")
    ),
)
UPSERT_RETENTION: Final = _upsert(tables.retention)

PURGE_EVENT: Final = _purge(tables.event, "seq")
PURGE_COMMAND: Final = _purge(tables.outbox, "meter_id", "revision")
PURGE_NOTICE: Final = _purge(tables.notice, "id")
PURGE_FILE: Final = _purge(tables.export_file, "name")


@dataclass(slots=True)
class Changeset:
    """Rows by statement, committed together; an empty changeset commits nothing."""

    rows: dict[Statement, list[Row]] = field(default_factory=dict)

    def add(self, statement: Statement, row: Row) -> None:
        """Add one row."""
        self.rows.setdefault(statement, []).append(row)

    def extend(self, statement: Statement, rows: Sequence[Row]) -> None:
        """Add several rows."""
        if rows:
            self.rows.setdefault(statement, []).extend(rows)

    def absorb(self, other: Changeset) -> None:
        """Add all rows of another changeset."""
        for statement, rows in other.rows.items():
            self.extend(statement, rows)

    def __bool__(self) -> bool:
        return bool(self.rows)


def merged_statements(changesets: Sequence[Changeset]) -> list[tuple[Statement, list[Row]]]:
    """Return the rows of several changesets by statement, in the order of execution."""
    merged: dict[Statement, list[Row]] = {}
    for changeset in changesets:
        for statement, rows in changeset.rows.items():
            merged.setdefault(statement, []).extend(rows)
    return sorted(merged.items(), key=lambda item: item[0].order)
