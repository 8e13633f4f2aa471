"""How exported files are written: with DuckDB, sorted by unit and time, and daily sums beside them.

Memory is bounded: what does not fit goes to a folder beside the files, and only while a run needs it.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
import os
from pathlib import Path
import resource
from typing import Final

import duckdb

from meter_bridge.storage import segment_columns
from meter_bridge.storage.atomic_file import sync
from meter_bridge.storage.segment_files import ROLLUP, ExportFile

MEMORY_LIMIT: Final = "128MB"
SPILL_LIMIT: Final = "8GB"
SPILL_PREFIX: Final = ".spill-"
ROW_GROUP_ROWS: Final = 32_768
NICENESS: Final = 10

SEGMENT_ORDER: Final = "account_id, meter_id NULLS LAST, start_ms, entry_seq, n"
"""Every question about a unit then reads few row groups."""
ROLLUP_ORDER: Final = "account_id, supply_id, start_ms, end_ms, kind, band, block, version_id"

_LATEST_MS: Final = 1 << 42
"""Later than any instant, so that instants of several days can be told apart in one column."""
# An empty OVER goes through the rows in the order of the subquery below it, which DuckDB promises. A
# partition for each day of a supply would say the same and take twice the time.
_DAILY_SUMS: Final = f"""
    SELECT {", ".join(segment_columns.ROLLUP_KEYS)}, min(start_ms) AS start_ms, max(end_ms) AS end_ms,
           {segment_columns.sums()}
    FROM (
        SELECT *, sum(begins::TINYINT) OVER (ROWS UNBOUNDED PRECEDING) AS part
        FROM (
            SELECT *, other_band OR day * {_LATEST_MS} + start_ms > lag(reached, 1, -1) OVER () AS begins
            FROM (
                SELECT *, max(day * {_LATEST_MS} + end_ms) OVER (ROWS UNBOUNDED PRECEDING) AS reached
                FROM (
                    SELECT *, sum(other_day::TINYINT) OVER (ROWS UNBOUNDED PRECEDING)::HUGEINT AS day
                    FROM (
                        SELECT *, lag(band) OVER () IS DISTINCT FROM band AS other_band,
                               (lag(account_id) OVER (), lag(supply_id) OVER (), lag(local_day) OVER ())
                                   IS DISTINCT FROM (account_id, supply_id, local_day) AS other_day
                        FROM ({{}} ORDER BY account_id, supply_id, start_ms, end_ms)
                    )
                )
            )
        )
    )
    GROUP BY {", ".join(segment_columns.ROLLUP_KEYS)}, part"""  # noqa: S608 - of constants


@contextmanager
def open_duckdb(export_dir: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Offer a DuckDB in memory for one run, which can reach nothing but the export folder."""
    export_dir.mkdir(parents=True, exist_ok=True)
    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": 1,
        "memory_limit": MEMORY_LIMIT,
        # Made when it is first needed, and removed when the database is closed.
        "temp_directory": str(export_dir.absolute() / f"{SPILL_PREFIX}{os.getpid()}"),
        "max_temp_directory_size": SPILL_LIMIT,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "enable_external_file_cache": False,
        "python_enable_replacements": False,
    }
    with duckdb.connect(":memory:", config=settings) as database:
        database.execute("SET allowed_directories = $folders", {"folders": [str(export_dir.absolute())]})
        database.execute("SET enable_external_access = false")
        database.execute("SET lock_configuration = true")
        yield database


class ParquetFile:
    """One file being written; invisible until ``publish``."""

    def __init__(self, export_dir: Path, folder: str, kind: str, span: tuple[int, int]) -> None:
        self._export_dir, self._kind, self._span = export_dir.absolute(), kind, span
        self._path, self._temporary = _claim_name(self._export_dir / folder, span)
        self._rows = 0
        self._days = ("", "")

    def write(self, database: duckdb.DuckDBPyConnection, query: str, **values: object) -> None:
        """Write the rows of a query, in its order."""
        copied = database.execute(
            f"COPY ({query}) TO $path (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP_ROWS},"
            " PARQUET_VERSION V2, WRITE_BLOOM_FILTER false, USE_TMP_FILE false, RETURN_STATS)",
            values | {"path": str(self._temporary)},
        )
        ((_, self._rows, _, _, statistics, *_),) = copied.fetchall()
        self._days = statistics['"local_day"']["min"], statistics['"local_day"']["max"]

    def publish(self) -> ExportFile:
        """Make the file durable under its name and return its manifest."""
        sync(self._temporary)
        self._temporary.rename(self._path)
        sync(self._path.parent)
        sync(self._path.parent.parent)
        return ExportFile(
            name=self._path.relative_to(self._export_dir).as_posix(),
            kind=self._kind,
            first_seq=self._span[0],
            last_seq=self._span[1],
            rows=self._rows,
            first_day=self._days[0],
            last_day=self._days[1],
        )


def _claim_name(folder: Path, span: tuple[int, int]) -> tuple[Path, Path]:
    """Return a name that no file has, and the temporary one that keeps it from every other run.

    A run whose bridge was killed may still be writing, and the next one begins at the same entry.
    """
    folder.mkdir(parents=True, exist_ok=True)
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


def daily_sums(query: str) -> str:
    """Return the query for the daily sums of the rows of another, which has the columns of the rollup.

    These may be daily sums themselves: parts of a day that follow each other become one.
    """
    return _DAILY_SUMS.format(query)


def rollup_file(
    database: duckdb.DuckDBPyConnection, table: str, export_dir: Path, span: tuple[int, int]
) -> ExportFile:
    """Write the daily sums of a table and return the file."""
    file = ParquetFile(export_dir, ROLLUP, ROLLUP, span)
    file.write(database, f"{daily_sums(f'FROM {table}')} ORDER BY {ROLLUP_ORDER}")
    return file.publish()


def first_line(error: Exception) -> str:
    """Return what an error says, without the query that DuckDB shows below."""
    return str(error).split("\n", 1)[0]


def peak_bytes() -> int:
    """Return this process's own peak of resident memory."""
    # ru_maxrss would count what the parent held when it started this process.
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
