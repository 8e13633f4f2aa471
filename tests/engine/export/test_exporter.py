"""Exports are complete, additive, bounded and invisible until they are committed."""

import asyncio
from contextlib import closing, suppress
from dataclasses import dataclass
import json
import os
from pathlib import Path
import shutil
import sqlite3
import subprocess
import sys
import time

import pyarrow.parquet as pq
import pytest
from sqlalchemy import create_engine, insert

from meter_bridge.engine.export.exporter import (
    EXPORT_MODULE,
    MERGE_MODULE,
    Exporter,
    ExportError,
    group_of,
    manifest_rows,
    watermark_row,
)
from meter_bridge.engine.export.parquet_file import ParquetFile, open_duckdb
from meter_bridge.storage import segment_archive, tables
from meter_bridge.storage.segment_files import ROLLUP, SEGMENTS, ExportFile, SegmentQuery

DUMPS = Path(__file__).with_name("dumps")
IMPORT_ALL = """
import importlib, pkgutil
from meter_bridge.storage import import_guard
import_guard.block_imports("numpy")
import meter_bridge
modules = [each.name for each in pkgutil.walk_packages(meter_bridge.__path__, "meter_bridge.")]
modules = [name for name in modules if ".migrations." not in name and not name.endswith("__main__")]
for name in modules:
    importlib.import_module(name)
print(len(modules))
"""
MEASURES = ("wh", "amount", "tax")
PER_ENTRY = 3
type Row = dict[str, object]
NEEDLESS = {"asyncio.base_events", "numpy._core", "pandas.core", "polars.dataframe", "sqlalchemy.sql"}


def _segment(entry: int, n: int) -> Row:
    """Return a segment; entries run over two months and two units, every tenth is a standing charge."""
    standing = n == 0 and entry % 10 == 0
    return {
        "entry_seq": entry,
        "n": n,
        "kind": "standing" if standing else "consumption",
        "account_id": f"unit-{entry % 2}",
        "supply_id": f"unit-{entry % 2}-supply",
        "meter_id": None if standing else f"meter-{entry % 2}",
        "start_ms": entry * 900_000 + n,
        "end_ms": entry * 900_000 + n + 1,
        "wh": 0 if standing else entry * 7 + n,
        "local_day": f"2026-{10 + entry // 50:02}-{1 + entry % 25:02}",
        "local_slot": entry % 96,
        "band": None if standing else ("peak", "standard")[n % 2],
        "block": None if standing else 1 + entry % 3,
        "version_id": "v1",
        "amount": entry * 1_000 + n,
        "tax": -entry if entry % 7 == 0 else entry * 150,
        "estimated": entry % 5 == 0,
    }


def made(folder: Path) -> Path:
    """Make a database whose name needs quoting, with the segments of 99 journal entries."""
    path = folder / "a bridge?#%20.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    made = create_engine("sqlite://", creator=lambda: sqlite3.connect(path))
    tables.metadata.create_all(made)
    with made.begin() as connection:
        rows = [_segment(entry, n) for entry in range(1, 100) for n in range(PER_ENTRY)]
        connection.execute(insert(tables.segment), rows)
    made.dispose()
    return path


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Return a database with the segments of 99 journal entries."""
    return made(tmp_path)


@dataclass(frozen=True)
class Exported:
    """What one run wrote."""

    folder: Path
    files: list[ExportFile]
    peak_bytes: int | None


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Return all segments in files, which are only read."""
    folder = tmp_path_factory.mktemp("exported")
    exporter = Exporter(made(folder), folder / "export")
    files = asyncio.run(exporter.run(0, 99))
    return Exported(folder / "export", files, exporter.peak_bytes)


@pytest.fixture
def export_dir(tmp_path: Path) -> Path:
    return tmp_path / "export"


def read(export_dir: Path, files: list[ExportFile], kind: str) -> list[Row]:
    """Return the rows of the files of a kind."""
    return [
        row
        for file in files
        if file.kind == kind
        for row in pq.ParquetFile(export_dir / file.name).read().to_pylist()
    ]


def expected(first: int, last: int) -> list[Row]:
    """Return the segments of some entries as the files are to hold them."""
    rows = [_segment(entry, n) for entry in range(first, last + 1) for n in range(PER_ENTRY)]
    return [row | {"local_day": str(row["local_day"])} for row in rows]


def written(export_dir: Path) -> dict[Path, bytes]:
    """Return the finished files and what they hold."""
    files = (path for path in export_dir.rglob("*.parquet") if not path.name.startswith("."))
    return {path: path.read_bytes() for path in files}


def keyed(rows: list[Row]) -> dict[tuple[object, object], Row]:
    """Return rows by their key, with days as text."""
    return {(row["entry_seq"], row["n"]): row | {"local_day": str(row["local_day"])} for row in rows}


def test_every_segment_is_exported_once_with_every_column(exported: Exported) -> None:
    rows = read(exported.folder, exported.files, "segments")
    assert len(rows) == 99 * PER_ENTRY
    assert keyed(rows) == keyed(expected(1, 99))


def _place(row: Row) -> tuple[str, bool, str, int]:
    """Return where a row belongs in its file: by account, meter and start, what has no meter last."""
    return str(row["account_id"]), row["meter_id"] is None, str(row["meter_id"]), int(str(row["start_ms"]))


def test_there_is_one_sorted_file_for_each_local_month(exported: Exported) -> None:
    files = [file for file in exported.files if file.kind == "segments"]
    assert [file.name for file in files] == [
        "segments/month=2026-10/1-99-0.parquet",
        "segments/month=2026-11/1-99-0.parquet",
    ]
    for file in files:
        rows = read(exported.folder, [file], "segments")
        assert rows == sorted(rows, key=_place)
        days = sorted(str(row["local_day"]) for row in rows)
        assert (file.rows, file.first_day, file.last_day) == (len(rows), days[0], days[-1])


def test_the_rollup_equals_the_segments(exported: Exported) -> None:
    sums: dict[tuple[object, ...], list[int]] = {}
    names = ("account_id", "supply_id", "local_day", "kind", "band", "block", "version_id")
    for row in read(exported.folder, exported.files, "segments"):
        total = sums.setdefault(tuple(row[name] for name in names), [0, 0, 0])
        for place, measure in enumerate(MEASURES):
            total[place] += int(str(row[measure]))
    rollup = read(exported.folder, exported.files, "rollup")
    summed: dict[tuple[object, ...], list[int]] = {}
    for row in rollup:
        total = summed.setdefault(tuple(row[name] for name in names), [0, 0, 0])
        for place, measure in enumerate(MEASURES):
            total[place] += int(str(row[measure]))
    assert summed == sums


async def test_a_second_run_appends_and_touches_nothing(database: Path, export_dir: Path) -> None:
    exporter = Exporter(database, export_dir)
    first = await exporter.run(0, 40)
    before = written(export_dir)
    second = await exporter.run(40, 99)
    assert before.items() <= written(export_dir).items()
    assert not {file.name for file in first} & {file.name for file in second}
    assert keyed(read(export_dir, first + second, "segments")) == keyed(expected(1, 99))


async def test_a_run_without_segments_writes_nothing(database: Path, export_dir: Path) -> None:
    assert await Exporter(database, export_dir).run(99, 120) == []
    assert written(export_dir) == {}


async def test_a_run_cancelled_before_its_child_wrote_leaves_nothing(
    database: Path, export_dir: Path
) -> None:
    exporter = Exporter(database, export_dir)
    run = asyncio.create_task(exporter.run(0, 99))
    await asyncio.sleep(0)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert written(export_dir) == {}


@pytest.mark.parametrize("pattern", ["**/*.tmp", "**/*.parquet"], ids=["in the first file", "between files"])
async def test_a_killed_child_leaves_nothing_torn_and_the_run_repeats(
    database: Path, export_dir: Path, pattern: str
) -> None:
    exporter = Exporter(database, export_dir)
    run = asyncio.create_task(exporter.run(0, 99))
    while not run.done() and not any(export_dir.glob(pattern)):  # noqa: ASYNC110, ASYNC240 - a file is no event
        await asyncio.sleep(0.001)
    run.cancel()
    with suppress(asyncio.CancelledError):  # the child may have been quicker than we looked
        await run
    files = await exporter.run(0, 99)
    assert keyed(read(export_dir, files, "segments")) == keyed(expected(1, 99))
    assert all(pq.ParquetFile(path).metadata.num_rows for path in written(export_dir))


async def test_leftovers_of_a_crashed_run_are_removed_once_they_are_old(
    database: Path, export_dir: Path
) -> None:
    exporter = Exporter(database, export_dir)
    crashed = await exporter.run(0, 40)
    torn = export_dir / "rollup" / ".1-40-1.parquet.tmp"
    torn.write_bytes(b"torn")
    committed = await exporter.run(0, 40)
    _commit(database, committed)
    young = [export_dir / file.name for file in crashed] + [torn]
    assert all(path.exists() for path in young)
    for path in (*young, *(export_dir / file.name for file in committed)):
        os.utime(path, (time.time() - 7_200,) * 2)
    await exporter.run(40, 99)
    assert not any(path.exists() for path in young)
    assert all((export_dir / file.name).exists() for file in committed)


def test_two_runs_that_begin_at_the_same_entry_write_two_files(export_dir: Path) -> None:
    """As where a bridge was killed and its child goes on beside that of the next."""
    runs = [ParquetFile(export_dir, ROLLUP, ROLLUP, (1, 40)) for _ in range(2)]
    with open_duckdb(export_dir) as database:
        for day, run in enumerate(runs, start=1):
            run.write(database, "SELECT make_date(2026, 11, $day) AS local_day", day=day)
    files = [run.publish() for run in runs]
    held = [pq.ParquetFile(export_dir / file.name).read()["local_day"][0].as_py().day for file in files]
    assert held == [1, 2]


def _commit(database: Path, files: list[ExportFile]) -> None:
    """Commit the manifest as the engine does."""
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(database))
    with engine.begin() as connection:
        connection.execute(insert(tables.export_file), manifest_rows(files, 1_000))
        connection.execute(insert(tables.export_watermark), [watermark_row(40)])
    engine.dispose()


async def test_manifest_rows_fit_their_table(database: Path, export_dir: Path) -> None:
    files = await Exporter(database, export_dir).run(0, 40)
    _commit(database, files)
    with closing(sqlite3.connect(database)) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM export_file ORDER BY name")]
        assert connection.execute("SELECT id, seq FROM export_watermark").fetchall() == [(1, 40)]
    assert names == sorted(file.name for file in files)


async def test_a_database_that_cannot_be_read_is_an_export_error(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="export failed"):
        await Exporter(tmp_path / "none.db", tmp_path / "export").run(0, 1)


def child_of(module: str, given: object, *arguments: str) -> tuple[str, set[str]]:
    """Run a child of the bridge; return what it printed and the modules that it loaded."""
    command = [sys.executable, "-X", "importtime", "-m", module, *arguments]
    done = subprocess.run(
        command,
        input=given if isinstance(given, str) else json.dumps(given),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout, {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}


def test_children_load_nothing_that_they_do_not_need(database: Path, export_dir: Path) -> None:
    """Loading is most of what a small export costs."""
    folder = f"--export-dir={export_dir}"
    printed, loaded = child_of(EXPORT_MODULE, str(database), folder, "--after=0", "--upto=99")
    files = json.loads(printed)["files"]
    assert "adbc_driver_sqlite" in loaded
    assert not loaded & NEEDLESS
    for file in (files[0], files[-1]):
        _, loaded = child_of(MERGE_MODULE, [file], folder)
        assert not loaded & (NEEDLESS | {"adbc_driver_manager"})
    asked = SegmentQuery(export_dir=str(export_dir), files=[files[0]["name"]], first=1, last=99, account=None)
    for account in (None, "unit-1"):
        printed, loaded = child_of(segment_archive.CHILD, asked | {"account": account})
        assert json.loads(printed)
        assert not loaded & (NEEDLESS | {"adbc_driver_manager"})


async def test_files_of_an_earlier_release_are_merged_with_new_ones(database: Path, tmp_path: Path) -> None:
    """They were written by another library, with other encodings (commit 515b651)."""
    export_dir = tmp_path / "export"
    shutil.copytree(DUMPS / "515b651", export_dir, copy_function=shutil.copy)
    old = [ExportFile(**each) for each in json.loads((export_dir / "files.json").read_bytes())]
    exporter = Exporter(database, export_dir)
    new = await exporter.run(40, 99)
    for earlier, later in ((old, []), ([file for file in old if file.last_seq == 40], new)):
        groups: dict[tuple[str, str], list[ExportFile]] = {}
        for file in (*earlier, *later):
            groups.setdefault(group_of(file) if file.kind == SEGMENTS else (ROLLUP, ""), []).append(file)
        made = [await exporter.merge(files) for files in groups.values()]
        assert keyed(read(export_dir, made, SEGMENTS)) == keyed(expected(1, 99))
        for measure in MEASURES:
            sums = [
                sum(int(str(row[measure])) for row in rows)
                for rows in (read(export_dir, made, ROLLUP), expected(1, 99))
            ]
            assert sums[0] == sums[1]
        asked = SegmentQuery(
            export_dir=str(export_dir),
            files=[file.name for file in made if file.kind == SEGMENTS],
            first=1,
            last=99,
            account="unit-1",
        )
        printed, _ = child_of(segment_archive.CHILD, asked)
        own = {key: row for key, row in keyed(expected(1, 99)).items() if row["account_id"] == "unit-1"}
        assert keyed(json.loads(printed)) == {key: row | {"register_wh": None} for key, row in own.items()}


def test_nothing_of_the_bridge_needs_numpy() -> None:
    """It comes with the dashboard alone; what exports and merges refuses to load it (see above)."""
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 100


def test_the_childs_peak_is_known(exported: Exported) -> None:
    assert exported.peak_bytes is not None
    assert 10_000_000 < exported.peak_bytes < 400_000_000
