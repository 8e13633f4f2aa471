"""Child process that writes one Parquet file of what several of a kind and month hold."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
import json
import os
from pathlib import Path
import sys
from typing import Final

from meter_bridge.storage import import_guard

if __name__ == "__main__":
    import_guard.block_imports("numpy")

import duckdb

from meter_bridge.engine.export.parquet_file import (
    NICENESS,
    SEGMENT_ORDER,
    ParquetFile,
    first_line,
    open_duckdb,
    peak_bytes,
    rollup_file,
)
from meter_bridge.storage import segment_columns
from meter_bridge.storage.segment_files import ROLLUP, SEGMENTS, ExportFile

_FILE: Final = "SELECT {} FROM read_parquet($path, hive_partitioning = false)"
_SEGMENTS: Final = f"FROM held ORDER BY {SEGMENT_ORDER}"
_SUMS: Final = f"""
    SELECT {", ".join(segment_columns.ROLLUP_KEYS)}, {segment_columns.sums()}
    FROM {{}} GROUP BY ALL"""  # noqa: S608 - of constants
_HELD: Final = _SUMS.format("held")
_MADE: Final = _SUMS.format("read_parquet($path, hive_partitioning = false)")
_OTHERWISE: Final = f"""
    SELECT count(*) FROM (({_HELD} EXCEPT {_MADE}) UNION ALL ({_MADE} EXCEPT {_HELD}))"""  # noqa: S608


class MergeError(ValueError):
    """Files that cannot become one."""


def merge_files(export_dir: Path, files: Sequence[ExportFile]) -> ExportFile:
    """Write what some files hold as one file, read it back, and return it.

    Segments that retention deleted are in these files alone. Raises ``MergeError`` if the new one holds less.
    """
    with open_duckdb(export_dir) as database:
        for count, file in enumerate(files):
            _load(database, export_dir, file, "INSERT INTO held" if count else "CREATE TABLE held AS")
        merged = _write(database, export_dir, files)
        path = export_dir.absolute() / merged.name
        if database.execute(_OTHERWISE, {"path": str(path)}).fetchall() != [(0,)]:
            path.unlink()
            raise MergeError(f"{merged.name} does not hold what {len(files)} files hold")
    return merged


def _load(database: duckdb.DuckDBPyConnection, export_dir: Path, file: ExportFile, into: str) -> None:
    """Add the rows of a file; raises ``MergeError`` if it does not hold all that was written."""
    columns = segment_columns.ROLLUP if file.kind == ROLLUP else segment_columns.EXPORTED
    query = f"{into} {_FILE.format(segment_columns.typed(columns))}"
    try:
        ((rows,),) = database.execute(query, {"path": str(export_dir.absolute() / file.name)}).fetchall()
    except duckdb.Error as error:
        raise MergeError(f"{file.name} cannot be read: {first_line(error)}") from error
    if rows != file.rows:
        raise MergeError(f"{file.name} has {rows} rows, not {file.rows}")


def _write(database: duckdb.DuckDBPyConnection, export_dir: Path, files: Sequence[ExportFile]) -> ExportFile:
    span = min(file.first_seq for file in files), max(file.last_seq for file in files)
    if files[0].kind == ROLLUP:
        return rollup_file(database, "held", export_dir, span)
    merged = ParquetFile(export_dir, Path(files[0].name).parent.as_posix(), SEGMENTS, span)
    merged.write(database, _SEGMENTS)
    return merged.publish()


def main() -> int:
    """Merge the files that standard input names, at low priority, and print the manifest as JSON."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--export-dir", type=Path, required=True, help="folder of the Parquet files")
    arguments = parser.parse_args()
    os.nice(NICENESS)
    try:
        file = merge_files(
            arguments.export_dir, [ExportFile(**fields) for fields in json.loads(sys.stdin.read())]
        )
    except (OSError, duckdb.Error, MergeError) as error:
        print(f"merging failed: {first_line(error)}", file=sys.stderr)  # noqa: T201
        return 1
    print(json.dumps({"files": [asdict(file)], "peak_bytes": peak_bytes()}))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
