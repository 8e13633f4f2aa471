"""What SQLite takes as it is goes to its driver without a detour, and is stored as it is else."""

from dataclasses import replace

from sqlalchemy import Table, create_engine, select

from meter_bridge.storage import changeset as ops, tables
from meter_bridge.storage.changeset import Changeset, Statement
from meter_bridge.storage.writer import execute

STATUS = {
    "account_id": "house-1",
    "supply_state": "connected",
    "reason": "in_credit",
    "since": 2**53,
    "hold": None,
    "note": "it's 5 o'clock: :now",
    "revision": 3,
    "low_credit_level": 0,
    "document": "{}",
}
FORESIGHT = {
    "supply_id": "house-1/electricity",
    "account_id": "house-1",
    "made_at": 1,
    "in_units": True,
    "points": b"\x00\xff",
    "bands": "{}",
}


def stored(op: Statement, table: Table, *rows: dict[str, object]) -> list[dict[str, object]]:
    """Return what a new database holds after some rows."""
    engine, work = create_engine("sqlite://"), Changeset()
    tables.metadata.create_all(engine)
    work.extend(op, rows)
    with engine.begin() as connection:
        execute(connection, [work])
        found = [dict(row) for row in connection.execute(select(table)).mappings()]
    engine.dispose()
    return found


def test_text_and_numbers_go_to_the_driver_as_they_are() -> None:
    assert ops.UPSERT_ACCOUNT_STATUS.sqlite_named is not None
    newer = STATUS | {"revision": 4, "extra": "not a column"}
    found = stored(ops.UPSERT_ACCOUNT_STATUS, tables.account_status, STATUS, newer)
    assert found == [STATUS | {"revision": 4}]
    by_sqlalchemy = replace(ops.UPSERT_ACCOUNT_STATUS)
    by_sqlalchemy.__dict__["sqlite_named"] = None
    assert stored(by_sqlalchemy, tables.account_status, STATUS, newer) == found


def test_what_has_to_be_converted_is() -> None:
    assert ops.UPSERT_FORESIGHT.sqlite_named is None
    assert ops.INSERT_ENTRY.sqlite_named is None
    assert stored(ops.UPSERT_FORESIGHT, tables.foresight, FORESIGHT) == [FORESIGHT]
