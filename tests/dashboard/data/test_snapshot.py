"""A snapshot is one instant: what is exported or committed while it is read is seen once or not at all.

Writers are processes of their own, as the bridge is. Two copies of SQLite in one process (ADBC brings its
own) would drop each other's file locks.
"""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
import os
from pathlib import Path
import shutil
import sqlite3
import subprocess
import sys

from adbc_driver_manager import Error as AdbcError
from adbc_driver_sqlite import dbapi
import pytest

from dashboard.access import Viewer
from dashboard.data import snapshot
from dashboard.data.snapshot import NoDatabaseError, NotReadableError, read_snapshot
from dashboard.data.snapshot_sql import SnapshotQuery
from dashboard.data.warehouse import Warehouse
from dashboard.queries.units import units
from meter_bridge.storage import tables
from tests.dashboard.sample_house import House, Unit, build, yesterday

LANDLORD = Viewer(every_site=True)
EXPORT = """
import sys
from pathlib import Path
from sample_house import House
house = House(Path(sys.argv[1]))
house.export(int(sys.argv[3]), after=int(sys.argv[2]))
"""
# Balance and accrual rise together, so what is left stays the same in every commit.
WRITE = """
import select, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=0)
commits = 0
while not select.select([sys.stdin], [], [], 0)[0]:
    connection.execute("UPDATE supply_status SET accrued = accrued + 1")
    connection.execute("UPDATE balance SET amount = amount + 1")
    connection.commit()
    commits += 1
    if commits == 1:
        print("writing", flush=True)
connection.close()
print(commits)
"""
COUNT = "SELECT count(*) AS n, count(DISTINCT (entry_seq, n)) AS different FROM segment"


def _elsewhere(script: str, house: House, *numbers: int) -> None:
    """Run a script in a process of its own, over a house."""
    arguments = [sys.executable, "-c", script, str(house.folder), *map(str, numbers)]
    subprocess.run(
        arguments, check=True, timeout=120, env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    )


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Return a house, exported up to yesterday; nobody changes it."""
    made = build(tmp_path_factory.mktemp("exported"), (Unit(id="one", name="Flat 1", days=4),))
    made.export(yesterday(made))
    return made


@pytest.fixture
def own(exported: House, tmp_path: Path) -> House:
    """Return a copy of it that a test may change."""
    return replace(exported, folder=shutil.copytree(exported.folder, tmp_path / "own"))


def test_rows_exported_while_reading_are_counted_once(own: House, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch = snapshot._fetch
    exported: list[str] = []

    def fetch_and_export(
        connection: object, question: SnapshotQuery, values: Mapping[str, str | int]
    ) -> object:
        answer = fetch(connection, question, values)  # type: ignore[arg-type]
        if "export_file" in question.sql and not exported:
            exported.append(question.sql)
            _elsewhere(EXPORT, own, yesterday(own), own.seq)
        return answer

    monkeypatch.setattr(snapshot, "_fetch", fetch_and_export)
    during = Warehouse(read_snapshot(own.folder)).rows(COUNT, {})
    after = Warehouse(read_snapshot(own.folder)).rows(COUNT, {})
    segments = len(own.of(tables.segment))
    assert exported
    assert during == after == [{"n": segments, "different": segments}]


def test_reading_goes_on_while_a_writer_commits_and_does_not_stop_it(own: House) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITE, own.database], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        seen = {units(Warehouse(read_snapshot(own.folder)), LANDLORD)[0] for _ in range(20)}
    finally:
        told, _ = writer.communicate("stop", timeout=60)
    assert writer.returncode == 0, "a commit was refused while the dashboard read"
    assert len({unit.balance for unit in seen}) > 1, "the reader saw no commit"
    assert len({unit.available for unit in seen}) == 1, "a reader saw half of a commit"
    assert int(told) > 20


def test_the_database_cannot_be_written_through_the_reader(own: House) -> None:
    uri = f"{own.database.resolve().as_uri()}?mode=ro"
    with (
        closing(dbapi.connect(uri)) as connection,
        closing(connection.cursor()) as cursor,
        pytest.raises(AdbcError, match="readonly"),
    ):
        cursor.execute("UPDATE balance SET amount = 0")


def test_a_retired_file_is_not_read(own: House) -> None:
    with closing(sqlite3.connect(own.database)) as connection:
        connection.execute("UPDATE export_file SET retired_at = 1")
        connection.commit()
    assert read_snapshot(own.folder).files == {}


def test_a_missing_exported_file_is_told(own: House) -> None:
    next(own.export_dir.glob("rollup/*.parquet")).unlink()
    with pytest.raises(NotReadableError, match="exported file"):
        Warehouse(read_snapshot(own.folder))


def test_no_database_is_told_apart_from_one_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(NoDatabaseError):
        read_snapshot(tmp_path)
    (tmp_path / "bridge.db").write_bytes(b"this is no database at all, but long enough to be looked at")
    with pytest.raises(NotReadableError):
        read_snapshot(tmp_path)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Return a file outside of the export folder."""
    path = tmp_path / "secret.csv"
    path.write_text("a\n1\n")
    return path


def test_queries_reach_nothing_but_the_export_folder(own: House, outside: Path) -> None:
    opened = Warehouse(read_snapshot(own.folder))
    with pytest.raises(Exception, match="disabled by configuration"):
        opened.rows("SELECT * FROM read_csv($path)", {"path": str(outside)})
