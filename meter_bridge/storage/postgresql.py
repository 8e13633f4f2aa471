"""PostgreSQL: durable and read-only connections, and the requirements of a server."""

from collections.abc import Iterable, Sequence
import logging
from typing import Any, Final, cast, override

import psycopg
from psycopg import sql
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.types.string import StrDumperUnknown
from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from meter_bridge.storage.errors import ServerError, UnreachableError, reason
from meter_bridge.storage.location import shown
from meter_bridge.storage.reader_pool import ReaderPool

OLDEST: Final = 140_000
"""Oldest server version that is still supported upstream (2026), as ``server_version_num``."""
BYTE_WISE: Final = frozenset({"C", "POSIX", "C.UTF-8", "C.utf8", "ucs_basic", "PG_UNICODE_FAST"})
"""Collations in the order of code points, as SQLite sorts."""
IDLE_MS: Final = 5_000
"""After this the server ends a writer that stalls within a transaction, as it would block a takeover."""
LOCK_MS: Final = 5_000
STATEMENT_MS: Final = 3_000
CONNECT_S: Final = 5
READERS: Final = 4
_LOGGER: Final = logging.getLogger(__name__)
_CREATE: Final = "create it with TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"

_CONNECTION: Final = {
    "connect_timeout": CONNECT_S,
    "application_name": "prepaid-meter",
    # A server that disappears silently is noticed within ten seconds.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 9_000,
}
_WRITES: Final = {
    "idle_in_transaction_session_timeout": str(IDLE_MS),
    "lock_timeout": str(LOCK_MS),
    "synchronous_commit": "on",
    "default_transaction_isolation": "read\\ committed",
}
_READS: Final = {"default_transaction_read_only": "on"}
_POOLED: Final = {"poolclass": ReaderPool, "pool_pre_ping": True}


class _WithoutZero(StrDumperUnknown):
    """Replaces zero characters, which a hostile device may send and PostgreSQL cannot store."""

    @override
    def dump(self, obj: str) -> Buffer | None:
        """Return the text with replacement characters instead of zeros."""
        return super().dump(obj.replace("\0", "\N{REPLACEMENT CHARACTER}") if "\0" in obj else obj)


class _WholeNumber(Loader):
    """Reads ``numeric`` as an integer: only sums of integers have that type here."""

    @override
    def load(self, data: Buffer) -> int:
        """Return the integer."""
        return int(bytes(data))


def open_writer(url: URL) -> Engine:
    """Return an engine whose commits are on the server's disk when they return."""
    return _engine(url, _WRITES, {"poolclass": NullPool})


def open_reader(url: URL) -> Engine:
    """Return a read-only engine; its connections are pooled, as each costs the server a process."""
    return _engine(url, _READS, _POOLED | {"pool_size": READERS, "max_overflow": READERS})


def open_coordinator(url: URL) -> Engine:
    """Return an engine for leases: one pooled connection with a short statement timeout."""
    settings = _WRITES | {"statement_timeout": str(STATEMENT_MS)}
    return _engine(url, settings, _POOLED | {"pool_size": 1})


def _engine(url: URL, settings: dict[str, str], pool: dict[str, Any]) -> Engine:
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    engine = create_engine(url, connect_args={**_CONNECTION, "options": options}, **pool)
    event.listen(engine, "connect", _configure)
    return engine


def bulk_insert(connection: Connection, table: Table, rows: Iterable[Sequence[object]]) -> None:
    """Insert new rows, with values in the order of the table's columns, through COPY."""
    driver = cast("psycopg.Connection", connection.connection.driver_connection)
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns)
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table.name), columns)
    with driver.cursor() as cursor, cursor.copy(statement) as incoming:
        for row in rows:
            incoming.write_row(row)


def check_server(connection: Connection, url: URL) -> None:
    """Raise ``ServerError`` if the server or the database does not meet the requirements."""
    query = (
        "SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), datcollate,"
        # Since version 15 a database may use another collation provider than the system.
        " to_jsonb(d)->>'datlocprovider', current_setting('fsync')"
        " FROM pg_database d WHERE datname = current_database()"
    )
    version, encoding, collation, provider, fsync = connection.execute(text(query)).one()
    where = shown(url)
    if version < OLDEST:
        raise ServerError(
            f"{where} runs PostgreSQL {version // 10_000}; {OLDEST // 10_000} or newer is needed"
        )
    if encoding != "UTF8":
        raise ServerError(f"{where} has the encoding {encoding}, not UTF8; {_CREATE}")
    if provider == "i" or (provider != "b" and collation not in BYTE_WISE):
        collation = "ICU" if provider == "i" else collation
        raise ServerError(f"{where} sorts by the rules of {collation}, not byte by byte; {_CREATE}")
    if fsync != "on":
        _LOGGER.warning("%s runs with fsync off: a power cut can lose top-ups that were acknowledged", where)


def check_reachable(url: URL) -> None:
    """Raise ``ServerError`` if the server cannot be reached or does not meet the requirements."""
    engine = open_reader(url)
    try:
        with engine.connect() as connection:
            check_server(connection, url)
    except SQLAlchemyError as error:
        raise UnreachableError(f"{shown(url)} cannot be reached: {reason(error)}") from error
    finally:
        engine.dispose()


def _configure(connection: object, _record: object) -> None:
    """Read sums as integers, as SQLite does, and accept any text."""
    adapters = cast("psycopg.Connection", connection).adapters
    adapters.register_loader("numeric", _WholeNumber)
    adapters.register_dumper(str, _WithoutZero)
