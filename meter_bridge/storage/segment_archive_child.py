"""Child process that reads exported files: rows of an account, or sums for comparison."""

from collections.abc import Iterable
import json
from pathlib import Path
import sys
from typing import Final

from meter_bridge.storage import import_guard

if __name__ == "__main__":
    import_guard.block_imports("numpy")

import pyarrow as pa
import pyarrow.parquet as pq

from meter_bridge.storage.segment_files import COMPARED, MEASURED, SegmentQuery

OVER: Final = 0
FAILED: Final = 1


def _tables(query: SegmentQuery, columns: list[str] | None) -> Iterable[pa.Table]:
    wanted: list[tuple[str, str, object]] = [
        ("entry_seq", ">=", query["first"]),
        ("entry_seq", "<=", query["last"]),
    ]
    if query["account"] is not None:
        wanted.append(("account_id", "==", query["account"]))
    for name in query["files"]:
        yield pq.read_table(
            Path(query["export_dir"]) / name, columns=columns, filters=wanted, partitioning=None
        )


def rows(query: SegmentQuery) -> list[dict[str, object]]:
    """Return the segments of an account as the database had them; registers are not exported."""
    segments = []
    for table in _tables(query, None):
        for row in table.to_pylist():
            row["local_day"] = row["local_day"].isoformat()
            segments.append(row | {"register_wh": None})
    return sorted(segments, key=lambda row: (row["entry_seq"], row["n"]))


def sums(query: SegmentQuery) -> list[list[list[object]]]:
    """Return count and sums of measures, by the compared keys."""
    parts = list(_tables(query, [*COMPARED, *MEASURED]))
    if not parts:
        return []
    grouped = pa.concat_tables(parts).group_by(list(COMPARED), use_threads=False)
    totals = grouped.aggregate([([], "count_all"), *((name, "sum") for name in MEASURED)])
    return [
        [
            [row["local_day"].isoformat(), *(row[name] for name in COMPARED[1:])],
            [row["count_all"], *(row[f"{name}_sum"] for name in MEASURED)],
        ]
        for row in totals.to_pylist()
    ]


def main() -> int:
    """Answer the query on standard input as JSON."""
    query: SegmentQuery = json.loads(sys.stdin.read())
    pa.set_cpu_count(1)
    try:
        answer = sums(query) if query["account"] is None else rows(query)
    except (OSError, pa.ArrowException) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return FAILED
    print(json.dumps(answer))  # noqa: T201
    return OVER


if __name__ == "__main__":
    sys.exit(main())
