"""Creating a new database: the tables, and triggers with which it refuses by itself what must never happen.

A new database is made from the tables as they are. An existing one is upgraded by ``migrations``.
"""

from typing import Final

from sqlalchemy import Connection, text

from meter_bridge.storage.database import on_sqlite
from meter_bridge.storage.tables import APPEND_ONLY, PRUNABLE, metadata

_ROW: Final = "FOR EACH ROW"
_BEGUN: Final = (
    "(OLD.document <> NEW.document OR OLD.valid_from <> NEW.valid_from OR OLD.tariff_id <> NEW.tariff_id)"
    " AND OLD.valid_from <= (SELECT max(last_instant) FROM installation)"
)


def create(connection: Connection) -> None:
    """Create every table, index and trigger in an empty database."""
    metadata.create_all(connection)
    for table in APPEND_ONLY:
        guard_rows(connection, table.name, "UPDATE", f"rows of {table.name} are never changed")
        if table.name not in PRUNABLE:
            guard_rows(connection, table.name, "DELETE", f"rows of {table.name} are never deleted")
    message = "a tariff version that has begun is never changed"
    guard_when(connection, "tariff_version_begun", "BEFORE UPDATE ON tariff_version", _BEGUN, message)


def guard_rows(connection: Connection, table: str, action: str, message: str) -> None:
    """Make the database refuse to update or delete any row of a table."""
    name = f"{table}_no_{action.lower()}"
    guard_when(connection, name, f"BEFORE {action} ON {table}", None, message)
    if action == "DELETE" and not on_sqlite(connection):
        # SQLite has no other way to empty a table.
        truncated = f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} EXECUTE FUNCTION {name}()"
        connection.execute(text(truncated))


def guard_when(connection: Connection, name: str, event: str, condition: str | None, message: str) -> None:
    """Make the database refuse an event, such as ``BEFORE UPDATE ON site``, always or on a condition."""
    if on_sqlite(connection):
        when = f" WHEN {condition}" if condition else ""
        connection.exec_driver_sql(
            f"CREATE TRIGGER {name} {event}{when} BEGIN SELECT RAISE(ABORT, '{message}'); END"
        )
        return
    connection.exec_driver_sql(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {condition or 'true'} THEN"
        f" RAISE EXCEPTION '{message}' USING ERRCODE = 'integrity_constraint_violation';"
        " END IF; RETURN NEW; END $$"
    )
    connection.exec_driver_sql(f"CREATE TRIGGER {name} {event} {_ROW} EXECUTE FUNCTION {name}()")
