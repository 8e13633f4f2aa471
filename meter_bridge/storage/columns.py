"""Reading columns through ADBC, from either database, in one read-only transaction.

ADBC brings a SQLite of its own. Never use this in a process that opens the same file through another copy,
such as the standard library's: closing a file in one copy drops the file locks of the other.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, cast

from adbc_driver_manager import Error as AdbcError, dbapi
import pyarrow as pa

from meter_bridge.storage.location import Location

if TYPE_CHECKING:
    from sqlalchemy import URL

__all__ = ("AdbcError", "Columns", "columns_of")

BATCH_ROWS: Final = 32_768
BATCH_BYTES: Final = 4 * 1024 * 1024
BUSY_TIMEOUT_MS: Final = 5_000
_ONE_INSTANT: Final = (
    "-c default_transaction_read_only=on -c default_transaction_isolation=repeatable\\ read"
    " -c application_name=prepaid-meter-reader"
)

type Value = str | int


class Columns(Protocol):
    """A database as of one instant; ``$1``, ``$2`` and so on, in this order, stand for values."""

    on_sqlite: bool

    def batches(self, query: str, values: Sequence[Value] = ()) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a query, a bounded number at a time."""

    def table(self, query: str, values: Sequence[Value] = ()) -> pa.Table:
        """Return the rows of a query."""


@contextmanager
def columns_of(location: Location, *, batch_rows: int = BATCH_ROWS) -> Iterator[Columns]:
    """Provide a database as of the instant of the first query; raises ``AdbcError``."""
    if isinstance(location, Path):
        from adbc_driver_sqlite import dbapi as sqlite  # noqa: PLC0415 - each only where it is used

        connected = sqlite.connect(f"{location.resolve().as_uri()}?mode=ro")
        hints = {"adbc.sqlite.query.batch_rows": str(batch_rows)}
    else:
        from adbc_driver_postgresql import dbapi as postgresql  # noqa: PLC0415 - as above

        connected = postgresql.connect(_uri(location))
        hints = {"adbc.postgresql.batch_size_hint_bytes": str(BATCH_BYTES)}
    with closing(connected) as connection:
        if isinstance(location, Path):
            with closing(connection.cursor()) as cursor:
                cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        yield _Reading(connection, hints, on_sqlite=isinstance(location, Path))


class _Reading:
    """Reads through a connection of either driver."""

    def __init__(self, connection: dbapi.Connection, hints: dict[str, str], *, on_sqlite: bool) -> None:
        self.on_sqlite = on_sqlite
        self._connection = connection
        self._hints = hints

    def batches(self, query: str, values: Sequence[Value] = ()) -> Iterator[pa.RecordBatch]:
        with self._cursor(query, values) as cursor:
            yield from cursor.fetch_record_batch()

    def table(self, query: str, values: Sequence[Value] = ()) -> pa.Table:
        with self._cursor(query, values) as cursor:
            return cast("pa.Table", cursor.fetch_arrow_table())

    @contextmanager
    def _cursor(self, query: str, values: Sequence[Value]) -> Iterator[dbapi.Cursor]:
        with closing(self._connection.cursor()) as cursor:
            cursor.adbc_statement.set_options(**self._hints)
            cursor.execute(query, tuple(values) or None)
            yield cursor


def _uri(url: URL) -> str:
    address = url.set(drivername="postgresql").update_query_dict({"options": _ONE_INSTANT})
    return address.render_as_string(hide_password=False).replace("+", "%20")
