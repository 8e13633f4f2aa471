"""Child process that copies segments from the bridge's database into sorted Parquet files.

Reads in one read transaction through ADBC, writes each file under a temporary name, syncs and renames it, and
prints a JSON manifest. Memory is bounded: a run beyond ``CHUNK_ROWS`` makes several files for a month.
"""

import argparse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
import json
import os
from pathlib import Path
import shutil
import sys
import time
from typing import Final

from meter_bridge.storage import import_guard

if __name__ == "__main__":
    import_guard.block_imports("numpy")

import duckdb
import pyarrow as pa

from meter_bridge.engine.export.folder_manifest import FolderManifest, read_manifest
from meter_bridge.engine.export.parquet_file import (
    NICENESS,
    SEGMENT_ORDER,
    SPILL_PREFIX,
    ParquetFile,
    daily_sums,
    first_line,
    open_duckdb,
    peak_bytes,
    rollup_file,
)
from meter_bridge.storage import segment_columns
from meter_bridge.storage.columns import AdbcError, Columns, columns_of
from meter_bridge.storage.location import Location, parse_location
from meter_bridge.storage.segment_files import ROLLUP, SEGMENTS, ExportFile

CHUNK_ROWS: Final = 131_072
"""Rows that are sorted together in memory and make one file of a month."""
MAX_PENDING_SUMS: Final = 16
"""Chunks whose daily sums are kept side by side before they become one."""
LEFTOVER_GRACE_S: Final = 3_600
"""Age from which an unmanifested file is rubbish: its run's commit may still be under way before."""

# Whole numbers of our own stand in the text: PostgreSQL streams a query only where it has no parameters.
SEGMENTS_SQL: Final = f"""
    SELECT {segment_columns.untyped()}
    FROM segment WHERE entry_seq > {{0}} AND entry_seq <= {{1}} ORDER BY entry_seq, n"""  # noqa: S608
_MONTHS: Final = "SELECT DISTINCT left(local_day, 7) FROM chunk ORDER BY 1"
_MONTH: Final = f"""
    SELECT {segment_columns.typed()}
    FROM chunk WHERE left(local_day, 7) = $month ORDER BY {SEGMENT_ORDER}"""  # noqa: S608
_SUMS: Final = daily_sums(f"SELECT {segment_columns.typed(segment_columns.ROLLUP)} FROM chunk")  # noqa: S608


# Who read the manifest before a file was retired may still read the file.
_COLUMNS: Final = "SELECT name FROM export_file WHERE retired_at IS NULL OR retired_at > {0}"


def _chunks(columns: Columns, span: tuple[int, int]) -> Iterator[pa.Table]:
    waiting: list[pa.RecordBatch] = []
    for batch in columns.batches(SEGMENTS_SQL.format(span[0] - 1, span[1])):
        waiting.append(batch)
        if sum(batch_rows.num_rows for batch_rows in waiting) >= CHUNK_ROWS:
            yield pa.Table.from_batches(waiting)
            waiting.clear()
    if any(batch.num_rows for batch in waiting):
        yield pa.Table.from_batches(waiting)


def _prefetch[T](items: Iterator[T]) -> Iterator[T]:
    """Yield items; the next one is made on a thread while one is being processed."""
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = reader.submit(next, items, None)
            yield item


def _segment_files(
    database: duckdb.DuckDBPyConnection, export_dir: Path, span: tuple[int, int]
) -> Iterator[ExportFile]:
    for (month,) in database.execute(_MONTHS).fetchall():
        file = ParquetFile(export_dir, f"{SEGMENTS}/month={month}", SEGMENTS, span)
        file.write(database, _MONTH, month=month)
        yield file.publish()


def _remove_leftovers(columns: Columns, export_dir: Path) -> None:
    """Remove temporary files, files in no manifest, and files retired long ago."""
    mine = read_manifest(export_dir) or FolderManifest()
    oldest = time.time() - LEFTOVER_GRACE_S
    known = {*mine.names, *mine.retired}
    known.update(columns.table(_COLUMNS.format(int(oldest * 1000)))["name"].to_pylist())
    for path in (*export_dir.glob(f"{SEGMENTS}/*/*"), *export_dir.glob(f"{ROLLUP}/*")):
        named = path.relative_to(export_dir).as_posix() in known
        if path.is_file() and not named and path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)
    for folder in export_dir.glob(f"{SPILL_PREFIX}*"):
        if folder.stat().st_mtime < oldest:
            shutil.rmtree(folder, ignore_errors=True)


def export(location: Location, export_dir: Path, after: int, upto: int) -> list[ExportFile]:
    """Write the files of one run and return their manifest."""
    span = (after + 1, upto)
    files: list[ExportFile] = []
    with columns_of(location) as columns, open_duckdb(export_dir) as database:
        _remove_leftovers(columns, export_dir)
        for count, chunk in enumerate(_prefetch(_chunks(columns, span))):
            database.register("chunk", chunk)
            files += _segment_files(database, export_dir, span)
            database.execute(f"INSERT INTO daily {_SUMS}" if count else f"CREATE TABLE daily AS {_SUMS}")
            if count % MAX_PENDING_SUMS == MAX_PENDING_SUMS - 1:
                database.execute(f"CREATE OR REPLACE TABLE daily AS {daily_sums('FROM daily')}")
        if files:
            files.append(rollup_file(database, "daily", export_dir, span))
    return files


def main() -> int:
    """Run one export at low priority and print its manifest as JSON."""
    parser = argparse.ArgumentParser(
        description="Copy segments of the bridge's database, named on standard input, into Parquet files."
    )
    parser.add_argument("--export-dir", type=Path, required=True, help="folder of the Parquet files")
    parser.add_argument("--after", type=int, required=True, help="journal seq that is exported already")
    parser.add_argument("--upto", type=int, required=True, help="last journal seq to export")
    arguments = parser.parse_args()
    os.nice(NICENESS)
    pa.set_cpu_count(1)
    try:
        files = export(
            parse_location(sys.stdin.read()), arguments.export_dir, arguments.after, arguments.upto
        )
    except (AdbcError, OSError, duckdb.Error, pa.ArrowException) as error:
        print(f"export failed: {first_line(error)}", file=sys.stderr)  # noqa: T201
        return 1
    print(json.dumps({"files": [asdict(file) for file in files], "peak_bytes": peak_bytes()}))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
