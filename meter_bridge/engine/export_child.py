"""Child process that copies segments from the bridge's database into sorted Parquet files.

Reads in one read transaction through ADBC, writes each file under a temporary name, syncs and renames it, and
prints a JSON manifest. Memory is bounded: a run beyond ``CHUNK_ROWS`` makes several files for a month. Rows
of a file are in the order (account, meter, start): every question about a unit then reads few row groups.
"""

import argparse
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
import json
import os
from pathlib import Path
import resource
import sys
import time
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from meter_bridge.engine.export import ROLLUP, SEGMENTS, ExportFile
from meter_bridge.engine.folder_manifest import FolderManifest, read_manifest
from meter_bridge.engine.sorting import in_order
from meter_bridge.storage.columns import AdbcError, Columns, columns_of
from meter_bridge.storage.location import Location, parse_location

CHUNK_ROWS: Final = 131_072
"""Rows that are sorted together in memory and make one file of a month."""
SUMS_AT_ONCE: Final = 16
"""Chunks whose daily sums are kept side by side before they become one."""
ROW_GROUP_ROWS: Final = 32_768
LEFTOVER_GRACE_S: Final = 3_600
"""Age from which an unmanifested file is rubbish: its run's commit may still be under way before."""
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

# ADBC takes a column's type from the first batch, so a text column must not begin with nulls.
SEGMENTS_SQL: Final = """
    SELECT entry_seq, n, kind, account_id, supply_id, coalesce(meter_id, '') AS meter_id, start_ms, end_ms,
           wh, local_day, local_slot, coalesce(band, '') AS band, block, version_id, amount, tax,
           estimated
    FROM segment WHERE entry_seq > {0} AND entry_seq <= {1} ORDER BY entry_seq, n"""
# Whole numbers of our own stand in the text: PostgreSQL streams a query only where it has no parameters.
ROLLUP_KEYS: Final = ["account_id", "supply_id", "local_day", "kind", "band", "block", "version_id"]
ROLLUP_MEASURES: Final = [
    *((measure, "sum") for measure in ("wh", "amount", "tax")),
    ("start_ms", "min"),
    ("end_ms", "max"),
]
_PART: Final = "part"
_LATEST_MS: Final = 1 << 42
"""Later than any instant, so that instants of several groups can be told apart in one column."""
OPTIONAL_TEXT: Final = frozenset({"meter_id", "band"})


# Who read the manifest before a file was retired may still read the file.
_NEEDED: Final = "SELECT name FROM export_file WHERE retired_at IS NULL OR retired_at > {0}"


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


def _typed(table: pa.Table) -> pa.Table:
    """Return segments in the types of the file: days as dates, empty texts as nulls."""
    columns = [_column(table[field.name], field) for field in SEGMENT_SCHEMA]
    return pa.Table.from_arrays(columns, schema=SEGMENT_SCHEMA)


def _column(values: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    """Return a column in the type of its field."""
    if field.name in OPTIONAL_TEXT:
        values = pc.if_else(pc.equal(values, ""), None, values)
    return values.cast(field.type)


def _chunks(columns: Columns, span: tuple[int, int]) -> Iterator[pa.Table]:
    """Yield the segments of journal entries span[0] to span[1], a bounded number at a time."""
    waiting: list[pa.RecordBatch] = []
    for batch in columns.batches(SEGMENTS_SQL.format(span[0] - 1, span[1])):
        waiting.append(batch)
        if sum(each.num_rows for each in waiting) >= CHUNK_ROWS:
            yield pa.Table.from_batches(waiting)
            waiting.clear()
    if any(batch.num_rows for batch in waiting):
        yield pa.Table.from_batches(waiting)


def _ahead[T](items: Iterator[T]) -> Iterator[T]:
    """Yield items, each of them made on a thread of its own while the one before is worked on."""
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = reader.submit(next, items, None)
            yield item


def _segment_files(chunk: pa.Table, export_dir: Path, span: tuple[int, int]) -> Iterator[ExportFile]:
    """Write a sorted file for each local month of a chunk."""
    for month, rows in _by_month(chunk):
        file = ParquetFile(export_dir / SEGMENTS / f"month={month}", SEGMENTS, span, SEGMENT_SCHEMA)
        file.write(rows.take(in_order(rows, ("account_id", "meter_id"), ("start_ms",))))
        yield file.publish(export_dir)


def _by_month(chunk: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Yield each local month of a chunk with its rows."""
    days = chunk["local_day"].unique()
    months = pc.strftime(days, format="%Y-%m")
    for month in sorted(months.unique().to_pylist()):
        inside = days.filter(pc.equal(months, month))
        whole = len(inside) == len(days)
        yield month, chunk if whole else chunk.filter(pc.is_in(chunk["local_day"], inside))


def _summed(tables: Sequence[pa.Table]) -> pa.Table:
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
    summed = _summed(sums)
    file.write(summed.take(in_order(summed, ("account_id", "supply_id"), ("start_ms",))))
    return file.publish(export_dir)


def _clean(columns: Columns, export_dir: Path) -> None:
    """Remove temporary files, files that no manifest names, and those that were retired long ago."""
    mine = read_manifest(export_dir) or FolderManifest()
    oldest = time.time() - LEFTOVER_GRACE_S
    known = {*mine.names, *mine.retired}
    known.update(columns.table(_NEEDED.format(int(oldest * 1000)))["name"].to_pylist())
    for path in (*export_dir.glob(f"{SEGMENTS}/*/*"), *export_dir.glob(f"{ROLLUP}/*")):
        named = path.relative_to(export_dir).as_posix() in known
        if path.is_file() and not named and path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)


def peak_bytes() -> int:
    """Return this process's own peak of resident memory."""
    # ru_maxrss would count what the parent held when it started this process.
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def export(database: Location, export_dir: Path, after: int, upto: int) -> list[ExportFile]:
    """Write the files of one run and return their manifest."""
    span = (after + 1, upto)
    with columns_of(database) as columns:
        _clean(columns, export_dir)
        files: list[ExportFile] = []
        sums: list[pa.Table] = []
        for read in _ahead(_chunks(columns, span)):
            chunk = _typed(read)
            files += _segment_files(chunk, export_dir, span)
            sums.append(_summed([chunk.select(ROLLUP_SCHEMA.names)]))
            if len(sums) == SUMS_AT_ONCE:
                sums = [_summed(sums)]
    return [*files, rollup_file(sums, export_dir, span)] if sums else files


def _arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(
        description="Copy segments of the bridge's database, named on standard input, into Parquet files."
    )
    parser.add_argument("--export-dir", type=Path, required=True, help="folder of the Parquet files")
    parser.add_argument("--after", type=int, required=True, help="journal seq that is exported already")
    parser.add_argument("--upto", type=int, required=True, help="last journal seq to export")
    return parser.parse_args()


def main() -> int:
    """Run one export at low priority and print its manifest as JSON."""
    given = _arguments()
    os.nice(NICENESS)
    pa.set_cpu_count(1)
    try:
        files = export(parse_location(sys.stdin.read()), given.export_dir, given.after, given.upto)
    except (AdbcError, OSError, pa.ArrowException) as error:
        print(f"export failed: {error}", file=sys.stderr)  # noqa: T201
        return 1
    print(json.dumps({"files": [asdict(file) for file in files], "peak_bytes": peak_bytes()}))  # noqa: T201
    return 0
