"""Child process that copies segments from the bridge's database into sorted Parquet files.

Reads in one read transaction through ADBC, writes each file under a temporary name, syncs and renames it, and
prints a JSON manifest. Memory is bounded: a run beyond ``CHUNK_ROWS`` makes several files for a month. Rows
of a file are in the order (account, meter, start): every question about a unit then reads few row groups.
"""

import argparse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
import json
import os
from pathlib import Path
import sys
import time
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from meter_bridge.engine.export.folder_manifest import FolderManifest, read_manifest
from meter_bridge.engine.export.parquet_file import (
    NICENESS,
    ROLLUP_SCHEMA,
    SEGMENT_SCHEMA,
    ParquetFile,
    peak_bytes,
    rollup_file,
    summed,
)
from meter_bridge.engine.export.segment_order import in_order
from meter_bridge.storage.columns import AdbcError, Columns, columns_of
from meter_bridge.storage.location import Location, parse_location
from meter_bridge.storage.segment_files import ROLLUP, SEGMENTS, ExportFile

CHUNK_ROWS: Final = 131_072
"""Rows that are sorted together in memory and make one file of a month."""
SUMS_AT_ONCE: Final = 16
"""Chunks whose daily sums are kept side by side before they become one."""
LEFTOVER_GRACE_S: Final = 3_600
"""Age from which an unmanifested file is rubbish: its run's commit may still be under way before."""

# Whole numbers of our own stand in the text: PostgreSQL streams a query only where it has no parameters.
# ADBC takes a column's type from the first batch, so a text column must not begin with nulls.
SEGMENTS_SQL: Final = """
    SELECT entry_seq, n, kind, account_id, supply_id, coalesce(meter_id, '') AS meter_id, start_ms, end_ms,
           wh, local_day, local_slot, coalesce(band, '') AS band, block, version_id, amount, tax,
           estimated
    FROM segment WHERE entry_seq > {0} AND entry_seq <= {1} ORDER BY entry_seq, n"""
OPTIONAL_TEXT: Final = frozenset({"meter_id", "band"})


# Who read the manifest before a file was retired may still read the file.
_NEEDED: Final = "SELECT name FROM export_file WHERE retired_at IS NULL OR retired_at > {0}"


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
            sums.append(summed([chunk.select(ROLLUP_SCHEMA.names)]))
            if len(sums) == SUMS_AT_ONCE:
                sums = [summed(sums)]
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
