"""What a database has besides its rows, compared with what this version makes: tables, indexes, guards.

A trigger that somebody added can change rows while they are written, a view or a rule can hide them. The text
of a guard's message may differ between versions; what it guards may not.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
import re
from typing import Final

from sqlalchemy import Connection, create_engine, text

from meter_bridge.storage.database import on_sqlite
from meter_bridge.storage.migrate import create, guards

VERSION_TABLE: Final = "alembic_version"
_SQLITE: Final = (
    "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!'"
)
_SQLITE_COLUMNS: Final = (
    'SELECT name, type, "notnull", pk, hidden FROM pragma_table_xinfo(:name) ORDER BY name'
)
_POSTGRESQL_TRIGGERS: Final = (
    "SELECT tgname, c.relname, pg_get_triggerdef(t.oid) || ' ' || p.prosrc FROM pg_trigger t"
    " JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid"
    " WHERE NOT tgisinternal AND tgenabled IN ('O', 'A') AND c.relnamespace = current_schema()::regnamespace"
)
_POSTGRESQL_OTHERS: Final = (
    "SELECT 'rule', r.rulename, c.relname FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class"
    " WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace"
    " UNION ALL SELECT 'row security', c.relname, c.relname FROM pg_class c"
    " WHERE c.relrowsecurity AND c.relnamespace = current_schema()::regnamespace"
)
_MESSAGE: Final = re.compile(r"'(?:rows of \w+|a tariff version)[^']*'")
_SCHEMA: Final = re.compile(r"\b\w+\.(?=\w+ FOR EACH|\w+\(\))")
_SPACE: Final = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class SchemaObject:
    """A table, index, trigger, view or rule, and its text in one form."""

    kind: str
    table: str
    definition: str


def schema_problems(connection: Connection) -> Iterator[str]:
    """Yield what a database of the newest schema lacks, has beyond it, or has otherwise."""
    if on_sqlite(connection):
        found, wanted = _in_sqlite(connection), _wanted_in_sqlite()
    else:
        found, wanted = _in_postgresql(connection), _wanted_in_postgresql()
    for name in sorted(wanted.keys() - found.keys()):
        yield _said(wanted[name].kind, name, "is missing")
    for name in sorted(found.keys() & wanted.keys()):
        if found[name] != wanted[name]:
            yield _said(wanted[name].kind, name, "was changed")
    for name in sorted(found.keys() - wanted.keys()):
        there = found[name]
        yield f"the {there.kind} {name} of {there.table} was not made by the bridge"


def _said(kind: str, name: str, what: str) -> str:
    return f"invariant 3: the guard {name} {what}" if kind == "trigger" else f"the {kind} {name} {what}"


def _in_sqlite(connection: Connection) -> Mapping[str, SchemaObject]:
    return {
        name: SchemaObject(kind, table, _definition_in_sqlite(connection, kind, name, sql))
        for kind, name, table, sql in connection.execute(text(_SQLITE)).tuples()
    }


def _definition_in_sqlite(connection: Connection, kind: str, name: str, sql: str) -> str:
    """Return the text of an object; of a table its columns, as a migration writes other text."""
    if kind == "table":
        return repr(connection.execute(text(_SQLITE_COLUMNS), {"name": name}).all())
    return _plain(sql)


def _wanted_in_sqlite() -> Mapping[str, SchemaObject]:
    engine = create_engine("sqlite://")
    try:
        with engine.begin() as connection:
            create(connection)
            connection.exec_driver_sql(
                f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"
            )
            return _in_sqlite(connection)
    finally:
        engine.dispose()


def _in_postgresql(connection: Connection) -> Mapping[str, SchemaObject]:
    found = {
        name: SchemaObject("trigger", table, _plain(sql))
        for name, table, sql in connection.execute(text(_POSTGRESQL_TRIGGERS)).tuples()
    }
    others = connection.execute(text(_POSTGRESQL_OTHERS)).tuples()
    return found | {f"{name}": SchemaObject(kind, table, "") for kind, name, table in others}


def _wanted_in_postgresql() -> Mapping[str, SchemaObject]:
    return {
        name: SchemaObject("trigger", guard.table, _plain(f"{trigger} {guard.body}"))
        for guard in guards()
        for name, trigger in guard.triggers.items()
    }


def _plain(sql: str) -> str:
    return _SPACE.sub(" ", _SCHEMA.sub("", _MESSAGE.sub("''", sql))).strip()
