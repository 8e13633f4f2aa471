"""Child process that writes one Parquet file of what several of a kind and month hold."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
import json
import os
from pathlib import Path
import sys

import pyarrow as pa
import pyarrow.parquet as pq

from meter_bridge.engine.export import ROLLUP, SEGMENTS, ExportFile
from meter_bridge.engine.export_child import (
    NICENESS,
    ROLLUP_SCHEMA,
    SEGMENT_SCHEMA,
    ParquetFile,
    peak_bytes,
    rollup_file,
)
from meter_bridge.engine.sorting import in_order


def merged(export_dir: Path, files: Sequence[ExportFile]) -> ExportFile:
    """Write what some files hold as one file and return it."""
    span = min(file.first_seq for file in files), max(file.last_seq for file in files)
    rollup = files[0].kind == ROLLUP
    schema = ROLLUP_SCHEMA if rollup else SEGMENT_SCHEMA
    held = [pq.ParquetFile(export_dir / file.name).read().cast(schema) for file in files]
    if rollup:
        return rollup_file(held, export_dir, span)
    # Files follow each other as they were exported, and equal rows stay as they are.
    rows = pa.concat_tables(held)
    made = ParquetFile((export_dir / files[0].name).parent, SEGMENTS, span, schema)
    made.write(rows.take(in_order(rows, ("account_id", "meter_id"), ("start_ms",))))
    return made.publish(export_dir)


def main() -> int:
    """Merge the files that standard input names, at low priority, and print the manifest as JSON."""
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
