"""Whole columns are read as of one instant, a bounded number of rows at a time, from either database."""

from pathlib import Path

import pytest
from sqlalchemy import text

from meter_bridge.engine.export.exporter import Exporter
from meter_bridge.storage.columns import AdbcError, columns_of
from meter_bridge.storage.database import open_writer
from meter_bridge.storage.location import Location
from tests.engine.harness import HOUR, house

pytestmark = pytest.mark.both_databases

ROWS = 100_000


@pytest.fixture
def filled(location: Location) -> Location:
    """Return a database with many events, of which half belong to an account."""
    statement = text(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows) INSERT INTO event"
        " SELECT i, i, 'top_up', CASE WHEN i % 2 = 0 THEN 'flat' END, NULL, :data FROM n"
    )
    with open_writer(location).begin() as connection:
        connection.execute(statement, {"rows": ROWS, "data": "x" * 200})
    return location


def test_values_stand_for_places_in_the_query(filled: Location) -> None:
    query = "SELECT seq, account_id FROM event WHERE account_id = $1 AND seq <= $2 ORDER BY seq"
    with columns_of(filled) as columns:
        table = columns.table(query, ("flat", 4))
    assert table.to_pylist() == [{"seq": 2, "account_id": "flat"}, {"seq": 4, "account_id": "flat"}]


def test_rows_come_a_bounded_number_at_a_time(filled: Location) -> None:
    with columns_of(filled) as columns:
        sizes = [batch.num_rows for batch in columns.batches("SELECT seq, data FROM event")]
    assert sum(sizes) == ROWS
    assert max(sizes) < ROWS


def test_all_queries_see_the_same_instant(filled: Location) -> None:
    with columns_of(filled) as columns:
        before = columns.table("SELECT count(*) AS n FROM event")["n"].to_pylist()
        with open_writer(filled).begin() as connection:
            connection.execute(text("DELETE FROM event"))
        assert columns.table("SELECT count(*) AS n FROM event")["n"].to_pylist() == before


def test_nothing_can_be_changed(filled: Location) -> None:
    with columns_of(filled) as columns, pytest.raises(AdbcError, match=r"read-?only"):
        columns.table("DELETE FROM event WHERE seq = 1")


async def test_the_export_holds_what_the_journal_holds(tmp_path: Path) -> None:
    async with house(tmp_path) as flat:
        await flat.read(10_000, power_w=500)
        for hour in range(1, 4):
            await flat.read(10_000 + 500 * hour, after=HOUR, power_w=500)
        await flat.tick()
        ((posted, newest),) = flat.rows("SELECT count(*), max(entry_seq) FROM segment")
        assert isinstance(newest, int)
        files = await Exporter(flat.location, tmp_path / "export").run(0, newest)
    assert sum(file.rows for file in files if file.kind == "segments") == posted
