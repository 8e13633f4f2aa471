"""What reads exported files for the bridge: rows of an account, or sums by which they are compared."""

from collections.abc import Iterable
import json
from pathlib import Path
import sys
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from meter_bridge.storage import import_guard
from meter_bridge.storage.segment_files import COMPARED, MEASURED, Asked

OVER: Final = 0
FAILED: Final = 1


def _tables(asked: Asked, columns: list[str] | None) -> Iterable[pa.Table]:
    """Yield the wanted rows of each file."""
    wanted: list[tuple[str, str, object]] = [
        ("entry_seq", ">=", asked["first"]),
        ("entry_seq", "<=", asked["last"]),
    ]
    if asked["account"] is not None:
        wanted.append(("account_id", "==", asked["account"]))
    for name in asked["files"]:
        yield pq.read_table(
            Path(asked["export_dir"]) / name, columns=columns, filters=wanted, partitioning=None
        )


def rows(asked: Asked) -> list[dict[str, object]]:
    """Return the segments of an account as the database had them; registers are not in the files."""
    found = []
    for table in _tables(asked, None):
        for row in table.to_pylist():
            row["local_day"] = row["local_day"].isoformat()
            found.append(row | {"register_wh": None})
    return sorted(found, key=lambda row: (row["entry_seq"], row["n"]))


def sums(asked: Asked) -> list[list[list[object]]]:
    """Return count and sums of what is measured, by what is compared."""
    parts = list(_tables(asked, [*COMPARED, *MEASURED]))
    if not parts:
        return []
    grouped = pa.concat_tables(parts).group_by(list(COMPARED), use_threads=False)
    found = grouped.aggregate([([], "count_all"), *((name, "sum") for name in MEASURED)])
    return [
        [
            [row["local_day"].isoformat(), *(row[name] for name in COMPARED[1:])],
            [row["count_all"], *(row[f"{name}_sum"] for name in MEASURED)],
        ]
        for row in found.to_pylist()
    ]


def main() -> int:
    """Answer what standard input asks for, as JSON."""
    import_guard.refuse()
    asked: Asked = json.loads(sys.stdin.read())
    pa.set_cpu_count(1)
    try:
        found = sums(asked) if asked["account"] is None else rows(asked)
    except (OSError, pa.ArrowException) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return FAILED
    print(json.dumps(found))  # noqa: T201
    return OVER


if __name__ == "__main__":
    sys.exit(main())
