"""PostgreSQL: connections that write durably or only read, and what a server must be like."""

from collections.abc import Iterable, Sequence
import logging
from typing import Final, cast, override

import psycopg
from psycopg import sql
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.types.string import StrDumperUnknown
from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool, QueuePool

from meter_bridge.storage.errors import ServerError, UnreachableError
from meter_bridge.storage.location import shown

OLDEST: Final = 140_000
"""Oldest version of the server that its makers still mend (2026), as ``server_version_num``."""
BYTE_WISE: Final = frozenset({"C", "POSIX", "C.UTF-8", "C.utf8", "ucs_basic", "PG_UNICODE_FAST"})
"""Collations in the order of code points, as SQLite sorts."""
IDLE_MS: Final = 5_000
"""After this a server ends a writer that stalls within a transaction, so that it blocks nobody who takes
over."""
LOCK_MS: Final = 5_000
STATEMENT_MS: Final = 3_000
CONNECT_S: Final = 5
READERS: Final = 4
_LOGGER: Final = logging.getLogger(__name__)
_CREATE: Final = "create it with TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"

_REACH: Final = {
    "connect_timeout": CONNECT_S,
    "application_name": "prepaid-meter",
    # A server that vanished without a word is noticed within ten seconds.
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


class _WithoutZero(StrDumperUnknown):
    """A zero character, which a hostile device may put into its name, is one that PostgreSQL cannot keep."""

    @override
    def dump(self, obj: str) -> Buffer | None:
        """Return the text with replacement characters for zeros."""
        return super().dump(obj.replace("\0", "\N{REPLACEMENT CHARACTER}") if "\0" in obj else obj)


class _WholeNumber(Loader):
    """Sums of whole numbers come as ``numeric``; anything else of that type is an error of ours."""

    @override
    def load(self, data: Buffer) -> int:
        """Return the whole number."""
        return int(bytes(data))


def open_writer(url: URL) -> Engine:
    """Return an engine whose connections commit to the server's disk before they answer."""
    engine = create_engine(url, poolclass=NullPool, connect_args=_arguments(_WRITES))
    event.listen(engine, "connect", _configure)
    return engine


def open_reader(url: URL) -> Engine:
    """Return an engine that only reads; its connections are kept, because each costs the server a process."""
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=READERS,
        max_overflow=READERS,
        pool_pre_ping=True,
        connect_args=_arguments(_READS),
    )
    event.listen(engine, "connect", _configure)
    return engine


def open_coordinator(url: URL) -> Engine:
    """Return an engine for leases: one kept connection on which nothing may wait for long."""
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=1,
        pool_pre_ping=True,
        connect_args=_arguments(_WRITES | {"statement_timeout": str(STATEMENT_MS)}),
    )
    event.listen(engine, "connect", _configure)
    return engine


def copy_in(connection: Connection, table: Table, rows: Iterable[Sequence[object]]) -> None:
    """Insert new rows, in the order of the table's columns, by the way that the server takes them fastest."""
    driver = cast("psycopg.Connection", connection.connection.driver_connection)
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns)
    words = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table.name), columns)
    with driver.cursor() as cursor, cursor.copy(words) as incoming:
        for row in rows:
            incoming.write_row(row)


def check_server(connection: Connection, url: URL) -> None:
    """Raise ``ServerError`` where the server or the database cannot hold an installation."""
    asked = (
        "SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), datcollate,"
        # Since version 15 a database may leave sorting to somebody else than the system.
        " to_jsonb(d)->>'datlocprovider', current_setting('fsync')"
        " FROM pg_database d WHERE datname = current_database()"
    )
    version, encoding, collation, provider, fsync = connection.execute(text(asked)).one()
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


def reach(url: URL) -> None:
    """Raise ``ServerError`` where the server cannot be reached or does not suit."""
    engine = open_reader(url)
    try:
        with engine.connect() as connection:
            check_server(connection, url)
    except SQLAlchemyError as error:
        raise UnreachableError(f"{shown(url)} cannot be reached: {first_line(error)}") from error
    finally:
        engine.dispose()


def first_line(error: SQLAlchemyError) -> str:
    """Return the server's own words, without the statement and its values."""
    return (str(getattr(error, "orig", None) or error) or type(error).__name__).splitlines()[0]


def _arguments(settings: dict[str, str]) -> dict[str, object]:
    """Return what a connection is opened with."""
    return {**_REACH, "options": " ".join(f"-c {name}={value}" for name, value in settings.items())}


def _configure(connection: object, _record: object) -> None:
    """Let sums be whole numbers, as they are in SQLite, and let any text be kept."""
    adapters = cast("psycopg.Connection", connection).adapters
    adapters.register_loader("numeric", _WholeNumber)
    adapters.register_dumper(str, _WithoutZero)
