"""The columns of a segment, declared once for the database, the exported files and the dashboard.

Imports neither SQLAlchemy nor Arrow: most processes that read or write segments load only one of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

BIGINT: Final = "BIGINT"
BOOLEAN: Final = "BOOLEAN"
DATE: Final = "DATE"
INTEGER: Final = "INTEGER"
SMALLINT: Final = "SMALLINT"
VARCHAR: Final = "VARCHAR"


@dataclass(frozen=True, slots=True)
class SegmentColumn:
    """A column of a segment, with its type in exported files as DuckDB names it."""

    name: str
    type: str
    optional: bool = False
    exported: bool = True

    @property
    def untyped(self) -> str:
        """Return how the column is selected for ADBC, which takes its type from the first rows.

        An optional text therefore never begins with nulls: they are read as empty texts.
        """
        return f"coalesce({self.name}, '') AS {self.name}" if self._optional_text else self.name

    @property
    def typed(self) -> str:
        """Return how DuckDB turns what was selected so into what exported files hold."""
        value = f"nullif({self.name}, '')" if self._optional_text else self.name
        return f"{value}::{self.type} AS {self.name}"

    @property
    def _optional_text(self) -> bool:
        return self.optional and self.type == VARCHAR


SEGMENT_KEY: Final = ("entry_seq", "n")
SEGMENT: Final = (
    SegmentColumn("entry_seq", BIGINT),
    SegmentColumn("n", INTEGER),
    SegmentColumn("kind", VARCHAR),
    SegmentColumn("account_id", VARCHAR),
    SegmentColumn("supply_id", VARCHAR),
    SegmentColumn("meter_id", VARCHAR, optional=True),
    SegmentColumn("start_ms", BIGINT),
    SegmentColumn("end_ms", BIGINT),
    SegmentColumn("wh", BIGINT),
    SegmentColumn("register_wh", BIGINT, optional=True, exported=False),
    SegmentColumn("local_day", DATE),
    SegmentColumn("local_slot", SMALLINT),
    SegmentColumn("band", VARCHAR, optional=True),
    SegmentColumn("block", SMALLINT, optional=True),
    SegmentColumn("version_id", VARCHAR),
    SegmentColumn("amount", BIGINT),
    SegmentColumn("tax", BIGINT),
    SegmentColumn("estimated", BOOLEAN),
)
EXPORTED: Final = tuple(column for column in SEGMENT if column.exported)
"""The columns of a file of segments, in its order."""

ROLLUP_KEYS: Final = ("account_id", "supply_id", "local_day", "kind", "band", "block", "version_id")
"""What daily sums tell apart."""
ROLLUP_SUMS: Final = ("wh", "amount", "tax")
ROLLUP: Final = tuple(
    next(column for column in SEGMENT if column.name == name)
    for name in (*ROLLUP_KEYS, "start_ms", "end_ms", *ROLLUP_SUMS)
)
"""The columns of a file of daily sums, in its order.

A row is a part of a local day: a time without a gap in one band, so that blocks are filled in order.
"""


def untyped(columns: Iterable[SegmentColumn] = EXPORTED) -> str:
    """Return the select list of segments for ADBC."""
    return ", ".join(column.untyped for column in columns)


def typed(columns: Iterable[SegmentColumn] = EXPORTED) -> str:
    """Return the select list by which DuckDB gives segments that were read so their types."""
    return ", ".join(column.typed for column in columns)


def names(columns: Iterable[SegmentColumn] = EXPORTED) -> str:
    """Return the select list of segments that have their types."""
    return ", ".join(column.name for column in columns)


def sums() -> str:
    """Return the select list of the sums of energy and money, as DuckDB makes them."""
    return ", ".join(f"sum({name})::{BIGINT} AS {name}" for name in ROLLUP_SUMS)
