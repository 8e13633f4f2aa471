"""A backup of a server's database is a file of SQLite with the same rows, and can be brought back."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, Connection, text

from meter_bridge.engine.maintenance import backup as backing_up
from meter_bridge.engine.maintenance.backup import BackupError, backup
from meter_bridge.engine.maintenance.transfer import copy, digests, move
from meter_bridge.storage.database import DATABASE_NAME, reading, snapshot
from meter_bridge.storage.location import Location
from tests import postgresql_server
from tests.engine.harness import BLOCKS, HOUR, house

pytestmark = [pytest.mark.postgresql, pytest.mark.sqlite("has both databases in any run")]


@pytest.fixture
async def there(tmp_path: Path) -> URL:
    """Return the address of an installation with a past."""
    async with house(tmp_path / "house", BLOCKS) as flat:
        await flat.read(10_000, power_w=500)
        await flat.read(10_700, after=HOUR, power_w=700)
        await flat.tick()
    postgresql_server.shared().execute("CREATE DATABASE backed_up")
    url = postgresql_server.shared().url("backed_up")
    await move(tmp_path / "house" / DATABASE_NAME, url)
    return url


@pytest.fixture(autouse=True)
def gone_again() -> Iterator[None]:
    """Drop what was made."""
    yield
    postgresql_server.shared().execute("DROP DATABASE IF EXISTS backed_up WITH (FORCE)")


def contents(location: Location) -> object:
    with reading(location) as reader, snapshot(reader) as connection:
        return digests(connection)


def left_behind(folder: Path) -> list[Path]:
    return list(folder.glob("*backup*"))


async def test_it_holds_every_row_and_comes_back(there: URL, tmp_path: Path) -> None:
    before = contents(there)
    file = tmp_path / "backup.db"
    assert backup(there, file) == file.stat().st_size
    assert contents(file) == before
    server = postgresql_server.shared()
    server.execute("DROP DATABASE backed_up WITH (FORCE)")
    server.execute("CREATE DATABASE backed_up")
    await move(file, there)
    assert contents(there) == before


async def test_a_copy_with_other_rows_is_not_kept(
    there: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(own: Connection, copied: Connection) -> int:
        rows = copy(own, copied)
        copied.execute(text("UPDATE account SET name = 'another'"))
        return rows

    monkeypatch.setattr(backing_up, "copy_rows", forgetful)
    with pytest.raises(BackupError, match="account has other rows"):
        backup(there, tmp_path / "backup.db")
    assert left_behind(tmp_path) == []


def test_a_server_that_is_away_makes_no_backup(tmp_path: Path) -> None:
    url = URL.create("postgresql+psycopg", "bridge", "hidden", "127.0.0.1", 9, "prepaid")
    with pytest.raises(BackupError) as refused:
        backup(url, tmp_path / "backup.db")
    assert "hidden" not in str(refused.value)
    assert left_behind(tmp_path) == []
