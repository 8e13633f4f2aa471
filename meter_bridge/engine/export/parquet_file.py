"""How exported files are written: their columns, the order of their rows, and daily sums.

Without ADBC, which not everything that writes such a file needs.
"""

from collections.abc import Sequence
from contextlib import suppress
import os
from pathlib import Path
import resource
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from meter_bridge.engine.export.segment_order import in_order
from meter_bridge.storage.segment_files import ROLLUP, ExportFile

ROW_GROUP_ROWS: Final = 32_768
NICENESS: Final = 10

SEGMENT_SCHEMA: Final = pa.schema(
    [
        ("entry_seq", pa.int64()),
        ("n", pa.int32()),
        ("kind", pa.string()),
        ("account_id", pa.string()),
        ("supply_id", pa.string()),
        ("meter_id", pa.string()),
        ("start_ms", pa.int64()),
        ("end_ms", pa.int64()),
        ("wh", pa.int64()),
        ("local_day", pa.date32()),
        ("local_slot", pa.int16()),
        ("band", pa.string()),
        ("block", pa.int16()),
        ("version_id", pa.string()),
        ("amount", pa.int64()),
        ("tax", pa.int64()),
        ("estimated", pa.bool_()),
    ]
)
ROLLUP_SCHEMA: Final = pa.schema(
    [
        ("account_id", pa.string()),
        ("supply_id", pa.string()),
        ("local_day", pa.date32()),
        ("kind", pa.string()),
        ("band", pa.string()),
        ("block", pa.int16()),
        ("version_id", pa.string()),
        ("start_ms", pa.int64()),
        ("end_ms", pa.int64()),
        ("wh", pa.int64()),
        ("amount", pa.int64()),
        ("tax", pa.int64()),
    ]
)
"""A row is a part of a local day: a time without a gap in one band, so that ladders climb in order."""

ROLLUP_KEYS: Final = ["account_id", "supply_id", "local_day", "kind", "band", "block", "version_id"]
ROLLUP_MEASURES: Final = [
    *((measure, "sum") for measure in ("wh", "amount", "tax")),
    ("start_ms", "min"),
    ("end_ms", "max"),
]
_PART: Final = "part"
_LATEST_MS: Final = 1 << 42
"""Later than any instant, so that instants of several groups can be told apart in one column."""


class ParquetFile:
    """One file being written; invisible until ``publish``."""

    def __init__(self, folder: Path, kind: str, span: tuple[int, int], schema: pa.Schema) -> None:
        """Open a temporary file in a folder for the journal entries ``span[0]`` to ``span[1]``."""
        folder.mkdir(parents=True, exist_ok=True)
        self._kind, self._span, self._schema = kind, span, schema
        self._path, self._temporary = _claimed(folder, span)
        self._writer = pq.ParquetWriter(self._temporary, schema, compression="zstd")
        self._days: list[str] = []
        self._rows = 0

    def write(self, table: pa.Table) -> None:
        """Append rows."""
        self._writer.write_table(table, row_group_size=ROW_GROUP_ROWS)
        self._rows += table.num_rows
        extremes = pc.min_max(table["local_day"]).as_py()
        self._days += [extremes["min"].isoformat(), extremes["max"].isoformat()]

    def publish(self, export_dir: Path) -> ExportFile:
        """Make the file durable under its name and return its manifest."""
        self._writer.close()
        _sync(self._temporary)
        self._temporary.rename(self._path)
        _sync(self._path.parent)
        _sync(self._path.parent.parent)
        return ExportFile(
            name=self._path.relative_to(export_dir).as_posix(),
            kind=self._kind,
            first_seq=self._span[0],
            last_seq=self._span[1],
            rows=self._rows,
            first_day=min(self._days),
            last_day=max(self._days),
        )


def _claimed(folder: Path, span: tuple[int, int]) -> tuple[Path, Path]:
    """Return a name that no file has, and the temporary one that keeps it from every other run.

    A run whose bridge was killed may still be writing, and the next one begins at the same entry.
    """
    attempt = 0
    while True:
        path = folder / f"{span[0]}-{span[1]}-{attempt}.parquet"
        temporary = folder / f".{path.name}.tmp"
        with suppress(FileExistsError):
            temporary.touch(exist_ok=False)
            if not path.exists():
                return path, temporary
            temporary.unlink()
        attempt += 1


def _sync(path: Path) -> None:
    """Write a file or folder through to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def summed(tables: Sequence[pa.Table]) -> pa.Table:
    """Return the sums of energy and amounts by what the rollup tells apart."""
    table = _with_parts(pa.concat_tables(tables)).group_by([*ROLLUP_KEYS, _PART], use_threads=False)
    sums = table.aggregate(ROLLUP_MEASURES)
    names = {f"{measure}_{how}": measure for measure, how in ROLLUP_MEASURES}
    return sums.rename_columns([names.get(name, name) for name in sums.column_names]).select(
        ROLLUP_SCHEMA.names
    )


def _with_parts(table: pa.Table) -> pa.Table:
    """Return rows in the order of unit and time, numbered by part: a new one at each change and each gap."""
    table = table.take(in_order(table, ("account_id", "supply_id"), ("start_ms", "end_ms")))
    days = _changes(table, ("account_id", "supply_id", "local_day"))
    group = pc.multiply(pc.cumulative_sum(days.cast(pa.int64())), _LATEST_MS)
    reached = pc.cumulative_max(pc.add(group, table["end_ms"].combine_chunks()))
    begins = pc.add(group, table["start_ms"].combine_chunks())
    gaps = pa.concat_arrays([pa.array([True]), pc.greater(begins[1:], reached[:-1])])
    new = pc.or_(pc.or_(days, gaps), _changes(table, ("band",)))
    return table.append_column(_PART, pc.cumulative_sum(new.cast(pa.int64())))


def _changes(table: pa.Table, names: Sequence[str]) -> pa.Array:
    """Return for each row whether it differs from the row before."""
    found = pa.array([True] + [False] * (table.num_rows - 1))
    for name in names:
        column = table[name].combine_chunks()
        if pa.types.is_string(column.type):
            column = pc.fill_null(column, "")
        differs = pc.not_equal(column[1:], column[:-1])
        found = pc.or_(found, pa.concat_arrays([pa.array([True]), differs]))
    return found


def rollup_file(sums: Sequence[pa.Table], export_dir: Path, span: tuple[int, int]) -> ExportFile:
    """Write what the run adds to the daily sums."""
    file = ParquetFile(export_dir / ROLLUP, ROLLUP, span, ROLLUP_SCHEMA)
    rows = summed(sums)
    file.write(rows.take(in_order(rows, ("account_id", "supply_id"), ("start_ms",))))
    return file.publish(export_dir)


def peak_bytes() -> int:
    """Return this process's own peak of resident memory."""
    # ru_maxrss would count what the parent held when it started this process.
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
