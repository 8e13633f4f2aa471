"""On PostgreSQL the writer is durable, readers only read, and a server that does not suit is refused."""

from collections.abc import Iterator
import logging

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
import pytest
from sqlalchemy import URL, func, select, text
from sqlalchemy.exc import IntegrityError, InternalError, OperationalError

from meter_bridge.engine.maintenance.verify import verify
from meter_bridge.storage import postgresql, tables
from meter_bridge.storage.database import open_reader, open_writer, reading, snapshot
from meter_bridge.storage.errors import ServerError, StorageError
from meter_bridge.storage.migrate import HEAD, migrate, schema_of
from meter_bridge.storage.tables import APPEND_ONLY, PRUNABLE, metadata
from tests import postgresql_server

pytestmark = pytest.mark.postgresql


@pytest.fixture
def empty_database() -> Iterator[URL]:
    """Return the address of a database without any table."""
    server = postgresql_server.shared()
    server.execute("CREATE DATABASE empty")
    yield server.url("empty")
    server.execute("DROP DATABASE empty WITH (FORCE)")


def test_migrations_make_what_the_tables_describe(server_database: URL) -> None:
    with open_writer(server_database).connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []


def test_a_new_database_comes_to_the_newest_schema(empty_database: URL) -> None:
    assert schema_of(empty_database) is None
    migrate(empty_database)
    assert schema_of(empty_database) == HEAD


def test_a_database_of_a_newer_bridge_is_refused_untouched(server_database: URL) -> None:
    with open_writer(server_database).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StorageError, match="was written by a newer version: it has schema 9999"):
        migrate(server_database)
    assert schema_of(server_database) == "9999"


def test_the_writer_is_durable_and_never_stalls_others_for_long(server_database: URL) -> None:
    with open_writer(server_database).connect() as connection:
        settings = {
            name: connection.execute(text(f"SHOW {name}")).scalar()
            for name in ("synchronous_commit", "idle_in_transaction_session_timeout", "transaction_isolation")
        }
    assert settings == {
        "synchronous_commit": "on",
        "idle_in_transaction_session_timeout": "5s",
        "transaction_isolation": "read committed",
    }


def test_a_reader_cannot_write(server_database: URL) -> None:
    with (
        reading(server_database) as reader,
        reader.connect() as connection,
        pytest.raises(InternalError, match="read-only"),
    ):
        connection.execute(text("UPDATE installation SET name = 'x'"))


def test_a_snapshot_sees_one_instant(server_database: URL) -> None:
    count = select(tables.installation.c.name)
    with reading(server_database) as reader, snapshot(reader) as connection:
        before = connection.execute(count).scalar()
        with open_writer(server_database).begin() as writing:
            writing.execute(text("UPDATE installation SET name = 'new'"))
        assert connection.execute(count).scalar() == before


def test_a_reader_outlives_a_server_that_was_restarted() -> None:
    with postgresql_server.running() as server:
        reader = open_reader(server.url("postgres"))
        with reader.connect() as connection:
            connection.execute(text("SELECT 1"))
        server.stop()
        server.start()
        with reader.connect() as connection:
            assert connection.execute(text("SELECT 1")).scalar() == 1
        reader.dispose()


def test_sums_are_whole_numbers(server_database: URL) -> None:
    with open_writer(server_database).connect() as connection:
        total = connection.execute(select(func.sum(tables.installation.c.created_at))).scalar()
        assert type(total) is int
        with pytest.raises(ValueError, match="invalid literal"):
            connection.execute(text("SELECT 0.5::numeric")).scalar()


@pytest.mark.invariant(3)
@pytest.mark.parametrize("table", [table.name for table in APPEND_ONLY if table.name not in PRUNABLE])
def test_no_append_only_table_can_be_emptied(server_database: URL, table: str) -> None:
    with (
        open_writer(server_database).connect() as connection,
        pytest.raises(IntegrityError, match="never deleted"),
    ):
        connection.execute(text(f"TRUNCATE {table} CASCADE"))


@pytest.mark.invariant(3)
def test_verification_finds_a_guard_that_is_switched_off(server_database: URL) -> None:
    assert verify(server_database) == []
    with open_writer(server_database).begin() as connection:
        connection.execute(text("ALTER TABLE posting DISABLE TRIGGER posting_no_update"))
    assert verify(server_database) == ["invariant 3: the guard posting_no_update is missing"]


def test_a_database_that_does_not_sort_byte_by_byte_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    server = postgresql_server.shared()
    server.execute("CREATE DATABASE dictionary TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en'")
    with pytest.raises(ServerError, match=r"rules of ICU.*LC_COLLATE 'C'"):
        postgresql.check_reachable(server.url("dictionary"))
    server.execute("DROP DATABASE dictionary")
    with caplog.at_level(logging.WARNING):
        postgresql.check_reachable(server.url("postgres"))
    assert "fsync off" in caplog.text


def test_a_server_that_is_not_there_is_told_without_the_password() -> None:
    url = URL.create("postgresql+psycopg", "bridge", "hidden", "127.0.0.1", 9, "prepaid")
    with pytest.raises(ServerError, match="cannot be reached") as refused:
        postgresql.check_reachable(url)
    assert "hidden" not in str(refused.value)
    with pytest.raises(OperationalError):
        open_writer(url).connect()
