"""Child process that writes one Parquet file of what several of a kind and month hold."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
import json
import os
from pathlib import Path
import sys
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from meter_bridge.engine.export.parquet_file import (
    NICENESS,
    ROLLUP_KEYS,
    ROLLUP_SCHEMA,
    SEGMENT_SCHEMA,
    ParquetFile,
    peak_bytes,
    rollup_file,
)
from meter_bridge.engine.export.segment_order import in_order
from meter_bridge.storage import import_guard
from meter_bridge.storage.segment_files import ROLLUP, SEGMENTS, ExportFile

SUMMED: Final = ("wh", "amount", "tax")


def merged(export_dir: Path, files: Sequence[ExportFile]) -> ExportFile:
    """Write what some files hold as one file, read it back, and return it.

    What retention let go of is in these files alone; raises ``ArrowInvalid`` where the new one holds less.
    """
    held = [_whole(export_dir, file) for file in files]
    made = _written(export_dir, files, held)
    path = export_dir / made.name
    if _sums([pq.ParquetFile(path).read()]) != _sums(held):
        path.unlink()
        msg = f"{made.name} does not hold what {len(files)} files hold"
        raise pa.ArrowInvalid(msg)
    return made


def _whole(export_dir: Path, file: ExportFile) -> pa.Table:
    """Return what a file holds; raises ``ArrowInvalid`` where it is not all that was written."""
    try:
        held = pq.ParquetFile(export_dir / file.name).read()
    except pa.ArrowException as error:
        msg = f"{file.name} cannot be read: {error}"
        raise pa.ArrowInvalid(msg) from error
    if held.num_rows != file.rows:
        msg = f"{file.name} has {held.num_rows} rows, not {file.rows}"
        raise pa.ArrowInvalid(msg)
    return held.cast(ROLLUP_SCHEMA if file.kind == ROLLUP else SEGMENT_SCHEMA)


def _written(export_dir: Path, files: Sequence[ExportFile], held: Sequence[pa.Table]) -> ExportFile:
    """Write one file of what some hold and return it."""
    span = min(file.first_seq for file in files), max(file.last_seq for file in files)
    if files[0].kind == ROLLUP:
        return rollup_file(held, export_dir, span)
    # Files follow each other as they were exported, and equal rows stay as they are.
    rows = pa.concat_tables(held)
    made = ParquetFile((export_dir / files[0].name).parent, SEGMENTS, span, SEGMENT_SCHEMA)
    made.write(rows.take(in_order(rows, ("account_id", "meter_id"), ("start_ms",))))
    return made.publish(export_dir)


def _sums(held: Sequence[pa.Table]) -> dict[tuple[object, ...], tuple[object, ...]]:
    """Return the sums of energy and amounts by all that daily sums tell apart."""
    grouped = pa.concat_tables(held).group_by(ROLLUP_KEYS, use_threads=False)
    found = grouped.aggregate([(name, "sum") for name in SUMMED])
    return {
        tuple(row[name] for name in ROLLUP_KEYS): tuple(row[f"{name}_sum"] for name in SUMMED)
        for row in found.to_pylist()
    }


def main() -> int:
    """Merge the files that standard input names, at low priority, and print the manifest as JSON."""
    import_guard.refuse()
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--export-dir", type=Path, required=True, help="folder of the Parquet files")
    given = parser.parse_args()
    os.nice(NICENESS)
    pa.set_cpu_count(1)
    try:
        file = merged(given.export_dir, [ExportFile(**each) for each in json.loads(sys.stdin.read())])
    except (OSError, pa.ArrowException) as error:
        print(f"merging failed: {error}", file=sys.stderr)  # noqa: T201
        return 1
    print(json.dumps({"files": [asdict(file)], "peak_bytes": peak_bytes()}))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
