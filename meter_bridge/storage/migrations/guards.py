"""Triggers with which the database itself refuses what must never happen, in the words of either database."""

from typing import Final

from alembic import op

ROW: Final = "FOR EACH ROW"


def guard_rows(table: str, action: str, message: str) -> None:
    """Let the database refuse to update or delete any row of a table."""
    name = f"{table}_no_{action.lower()}"
    if _on_sqlite():
        op.execute(_raise(name, f"BEFORE {action} ON {table}", message))
        return
    refuse(name, message)
    op.execute(f"CREATE TRIGGER {name} BEFORE {action} ON {table} {ROW} EXECUTE FUNCTION {name}()")
    if action == "DELETE":
        # SQLite has no other way to empty a table.
        op.execute(f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} EXECUTE FUNCTION {name}()")


def guard_when(name: str, event: str, condition: str, message: str) -> None:
    """Let the database refuse an event, such as ``BEFORE UPDATE ON site``, where a condition holds."""
    if _on_sqlite():
        op.execute(_raise(name, f"{event} WHEN {condition}", message))
        return
    refuse(name, message, condition)
    op.execute(f"CREATE TRIGGER {name} {event} {ROW} EXECUTE FUNCTION {name}()")


def refuse(name: str, message: str, condition: str = "true") -> None:
    """Make PostgreSQL's function that refuses where a condition holds."""
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {condition} THEN"
        f" RAISE EXCEPTION '{message}' USING ERRCODE = 'integrity_constraint_violation';"
        " END IF; RETURN NEW; END $$"
    )


def _raise(name: str, event: str, message: str) -> str:
    """Return SQLite's trigger that refuses."""
    return f"CREATE TRIGGER {name} {event} BEGIN SELECT RAISE(ABORT, '{message}'); END"


def _on_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"
