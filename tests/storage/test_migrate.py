"""The schema that migrations make is the schema that the tables describe."""

from pathlib import Path
import re
import sqlite3

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
import pytest

from meter_bridge.storage import migrate, migrations
from meter_bridge.storage.database import StorageError, open_writer
from meter_bridge.storage.tables import APPEND_ONLY, PRUNABLE, metadata

VERSIONS = Path(migrations.__path__[0]) / "versions"

pytestmark = pytest.mark.sqlite(
    "files of older releases; test_postgresql.py and test_upgrade.py have the same of a server"
)


def test_head_is_the_newest_migration() -> None:
    found = [
        re.search(r'^revision = "(\w+)"$', path.read_text(), re.MULTILINE) for path in VERSIONS.glob("v*.py")
    ]
    assert max(each[1] for each in found if each) == migrate.HEAD


def test_migrations_make_what_the_tables_describe(database: Path) -> None:
    with open_writer(database).connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []


@pytest.mark.invariant(3)
def test_every_append_only_table_is_guarded(database: Path) -> None:
    connection = sqlite3.connect(database)
    guards = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")}
    connection.close()
    for table in APPEND_ONLY:
        assert f"{table.name}_no_update" in guards
        assert (f"{table.name}_no_delete" in guards) is (table.name not in PRUNABLE)


def test_a_new_database_comes_to_the_newest_schema(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    assert migrate.schema_of(path) is None
    migrate.migrate(path)
    assert migrate.schema_of(path) == migrate.HEAD


def test_an_up_to_date_database_needs_no_child(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.run", lambda *_, **__: pytest.fail("a child was started"))
    migrate.migrate(database)


def test_a_database_of_a_newer_bridge_is_refused_untouched(database: Path) -> None:
    connection = sqlite3.connect(database)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(StorageError, match="was written by a newer version: it has schema 9999"):
        migrate.migrate(database)
    assert migrate.schema_of(database) == "9999"


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bridge.db"
    path.write_bytes(b"not a database, but a text that is long enough to look at" * 20)
    with pytest.raises(StorageError):
        migrate.migrate(path)
