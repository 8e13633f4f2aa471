"""Brings a database to the newest schema: creates a new one, upgrades one of an earlier release.

Alembic runs in a child process (``python -m meter_bridge.storage.migrate``, the location on its standard
input) and only where the schema is not the newest already, so that a bridge that has nothing to migrate never
carries it in memory. A new database is made from the tables as they are, with triggers with which it refuses
by itself what must never happen; an existing one is upgraded by ``migrations``.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
import filecmp
from itertools import count
import logging
from pathlib import Path
import sqlite3
import subprocess
import sys
from typing import Final

from sqlalchemy import Connection, inspect, text

from meter_bridge import VERSION
from meter_bridge.storage.atomic_file import publish, temporary
from meter_bridge.storage.database import errors_named, on_sqlite, open_writer, reading
from meter_bridge.storage.errors import BackupError, SchemaError, StorageError
from meter_bridge.storage.location import Location, parse_location, shown, written
from meter_bridge.storage.sqlite import connect_read_only, copy_file
from meter_bridge.storage.tables import APPEND_ONLY, PRUNABLE, metadata

FIRST: Final = "0014"
"""Oldest revision that can be upgraded, that of commit 515b651."""
HEAD: Final = "0015"
"""Newest revision; a test compares it with the newest file."""
ALONE: Final = 7_305_802_607
"""Key of the PostgreSQL advisory lock that lets only one process change the schema."""
_HAS_VERSION: Final = "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"
_LOGGER: Final = logging.getLogger(__name__)
_BEGUN: Final = (
    "(OLD.document <> NEW.document OR OLD.valid_from <> NEW.valid_from OR OLD.tariff_id <> NEW.tariff_id)"
    " AND OLD.valid_from <= (SELECT max(last_instant) FROM installation)"
)


def create(connection: Connection) -> None:
    """Create every table, index and trigger in an empty database."""
    metadata.create_all(connection)
    for guard in guards():
        guard.create(connection)


@dataclass(frozen=True, slots=True)
class Guard:
    """A trigger with which the database refuses an action on a table, always or on a condition."""

    name: str
    action: str
    table: str
    message: str
    condition: str | None = None

    @property
    def body(self) -> str:
        """Return the body of PostgreSQL's function."""
        return (
            f" BEGIN IF {self.condition or 'true'} THEN RAISE EXCEPTION '{self.message}'"
            " USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END "
        )

    @property
    def triggers(self) -> Mapping[str, str]:
        """Return PostgreSQL's triggers by name; SQLite has no other way to empty a table than to delete."""
        execute = f"EXECUTE FUNCTION {self.name}()"
        before = f"BEFORE {self.action} ON {self.table}"
        made = {self.name: f"CREATE TRIGGER {self.name} {before} FOR EACH ROW {execute}"}
        if self.action == "DELETE":
            name = f"{self.table}_no_truncate"
            made[name] = f"CREATE TRIGGER {name} BEFORE TRUNCATE ON {self.table} FOR EACH STATEMENT {execute}"
        return made

    def create(self, connection: Connection) -> None:
        """Make the trigger."""
        if on_sqlite(connection):
            when = f" WHEN {self.condition}" if self.condition else ""
            connection.exec_driver_sql(
                f"CREATE TRIGGER {self.name} BEFORE {self.action} ON {self.table}{when}"
                f" BEGIN SELECT RAISE(ABORT, '{self.message}'); END"
            )
            return
        connection.exec_driver_sql(
            f"CREATE FUNCTION {self.name}() RETURNS trigger LANGUAGE plpgsql AS $${self.body}$$"
        )
        for trigger in self.triggers.values():
            connection.exec_driver_sql(trigger)


def guard_of(table: str, action: str) -> Guard:
    """Return the guard that refuses to update or delete any row of a table."""
    done = "changed" if action == "UPDATE" else "deleted"
    return Guard(f"{table}_no_{action.lower()}", action, table, f"rows of {table} are never {done}")


def guards() -> Iterator[Guard]:
    """Yield every guard of the newest schema."""
    for table in APPEND_ONLY:
        yield guard_of(table.name, "UPDATE")
        if table.name not in PRUNABLE:
            yield guard_of(table.name, "DELETE")
    message = "a tariff version that has begun is never changed"
    yield Guard("tariff_version_begun", "UPDATE", "tariff_version", message, _BEGUN)


def schema_of(location: Location) -> str | None:
    """Return the schema revision, None for a new database; raises ``StorageError`` for a damaged one."""
    return _schema_of_file(location) if isinstance(location, Path) else _schema_of_server(location)


def _schema_of_file(path: Path) -> str | None:
    if not path.exists():
        return None
    try:
        with closing(connect_read_only(path)) as connection:
            if connection.execute(_HAS_VERSION).fetchone() is None:
                return None
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise StorageError(f"the database {path} cannot be read: {error}") from error
    return None if row is None else str(row[0])


def _schema_of_server(location: Location) -> str | None:
    with errors_named(location), reading(location) as engine, engine.connect() as connection:
        if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar() is None:
            return None
        row = connection.execute(text("SELECT version_num FROM alembic_version")).first()
    return None if row is None else str(row[0])


def check_schema(location: Location) -> None:
    """Raise ``SchemaError`` unless a database has the newest schema."""
    present = schema_of(location)
    check_upgradable(location, present)
    if present is None:
        raise SchemaError(f"there is no installation in {shown(location)}", "name the database of a bridge")
    if present != HEAD:
        raise SchemaError(
            f"the database {shown(location)} is not migrated yet: it has schema {present}, version {VERSION}"
            f" uses {HEAD}",
            "start this version's bridge, which migrates it, or use the version that last wrote to it",
        )


def check_upgradable(location: Location, present: str | None) -> None:
    """Raise ``SchemaError`` for a schema that this version can neither use nor upgrade."""
    if present is not None and present > HEAD:
        raise SchemaError(
            f"the database {shown(location)} was written by a newer version: it has schema {present},"
            f" version {VERSION} knows {HEAD}",
            "install the newer version, or restore a backup from before the upgrade",
        )
    if present is not None and present < FIRST:
        raise SchemaError(
            f"the database {shown(location)} has schema {present} of an early development version, which this"
            " version cannot upgrade",
            "start the bridge of commit 515b651 on it once, then this one",
        )


def migrate(location: Location, *, keep_copy: bool = False) -> None:
    """Bring a database to the newest schema; raises ``StorageError`` with what went wrong.

    ``keep_copy`` leaves a copy of the older database beside it, if that is a file.
    """
    present = schema_of(location)
    if present == HEAD:
        return
    check_upgradable(location, present)
    if present is None or not keep_copy:
        _migrate(location)
        return
    with _copy_kept(location, present) as kept:
        _migrate(location)
    # A warning, so that a command that migrates says so as well.
    _LOGGER.warning("Migrated %s from schema %s to %s; %s", shown(location), present, HEAD, kept)


@contextmanager
def _copy_kept(location: Location, schema: str) -> Iterator[str]:
    """Copy a file before it is migrated, and remove the copy if that fails; provide a remark about it."""
    if not isinstance(location, Path):
        yield "the bridge makes no copy of a server's database: what it was is in the server's own backups"
        return
    try:
        copy, is_new = _copy_before_migration(location, schema)
    except (OSError, sqlite3.Error, BackupError) as error:
        msg = f"the database {location} was not migrated, because it could not be copied before: {error}"
        raise StorageError(msg) from error
    try:
        yield f"{copy} is the database as it was before"
    except BaseException:
        if is_new:
            copy.unlink()
        raise


def _copy_before_migration(path: Path, schema: str) -> tuple[Path, bool]:
    """Return the copy, and whether it is new: one of an earlier attempt may be there already."""
    with temporary(path.parent, path.name) as part:
        copy_file(path, part)
        for number in count(1):
            copy = path.with_name(f"{path.stem}-schema-{schema}{'' if number == 1 else f'-{number}'}.db")
            if not copy.exists():
                publish(part, copy)
                return copy, True
            if filecmp.cmp(part, copy, shallow=False):
                return copy, False
    raise AssertionError


def _migrate(location: Location) -> None:
    command = [sys.executable, "-m", "meter_bridge.storage.migrate"]
    done = subprocess.run(  # noqa: S603 - our own module
        command, capture_output=True, text=True, check=False, input=written(location)
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise StorageError(f"the database {shown(location)} could not be brought to schema {HEAD}: {last}")


def main(location: Location) -> None:
    """Create a database, or upgrade it with Alembic."""
    from alembic import command  # noqa: PLC0415 - only this child process carries Alembic
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "meter_bridge:storage/migrations")
    config.set_main_option("path_separator", "os")
    with open_writer(location).connect() as connection:
        _alone(connection)
        config.attributes["connection"] = connection
        if inspect(connection).has_table("alembic_version"):
            command.upgrade(config, "head")
        else:
            create(connection)
            command.stamp(config, "head")
        connection.commit()


def _alone(connection: Connection) -> None:
    """Wait until no other process changes the schema; on SQLite the write lock ensures this already."""
    if not on_sqlite(connection):
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ALONE})


if __name__ == "__main__":
    main(parse_location(sys.stdin.read()))
