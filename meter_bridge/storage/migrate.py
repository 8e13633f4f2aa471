"""Bringing a database to the newest schema.

Alembic runs in a child process (``python -m meter_bridge.storage.migrate PATH``) and only where the schema
is not
the newest already, so that a bridge that has nothing to migrate never carries it in memory.
"""

from pathlib import Path
import sqlite3
import subprocess
import sys
from typing import Final

from meter_bridge.storage.database import StorageError, connect_read_only, open_writer

HEAD: Final = "0003"
"""Newest revision; a test holds it equal to the newest file."""


def schema_of(path: Path) -> str | None:
    """Return the revision of a database, or None if it is new; raises ``StorageError`` if it is damaged."""
    if not path.exists():
        return None
    connection = connect_read_only(path)
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError:
        return None
    except sqlite3.DatabaseError as error:
        msg = f"the database {path} cannot be read: {error}"
        raise StorageError(msg) from error
    finally:
        connection.close()
    return None if row is None else str(row[0])


def migrate(path: Path) -> None:
    """Bring the database at ``path`` to the newest schema; raises ``StorageError`` with what went wrong."""
    if schema_of(path) == HEAD:
        return
    command = [sys.executable, "-m", "meter_bridge.storage.migrate", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own module
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        msg = f"the database {path} could not be brought to schema {HEAD}: {last}"
        raise StorageError(msg)


def main(path: Path) -> None:
    """Run Alembic on a database."""
    from alembic import command  # noqa: PLC0415 - only this child process carries Alembic
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "meter_bridge:storage/migrations")
    config.set_main_option("path_separator", "os")
    with open_writer(path).connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
