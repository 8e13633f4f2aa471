"""Of several states of a supply in one transaction the newest is stored, wherever its key stands in order."""

from sqlalchemy import create_engine, select

from meter_bridge.storage import changeset as ops, tables
from meter_bridge.storage.changeset import Changeset
from meter_bridge.storage.writer import execute


def state(supply_id: str, at: int) -> Changeset:
    """Return a unit that stores a supply's state."""
    work = Changeset()
    work.add(ops.UPSERT_SUPPLY_STATUS, (supply_id, "account", at, 0, at, None, b"{}"))
    return work


def test_the_newest_state_of_each_supply_is_stored() -> None:
    engine = create_engine("sqlite://")
    tables.metadata.create_all(engine)
    table = tables.supply_status
    with engine.begin() as connection:
        execute(connection, [state("b", 5)])
        execute(connection, [state("b", 9), state("a", 1), state("b", 7), state("a", 2)])
        stored = connection.execute(select(table.c.supply_id, table.c.at).order_by(table.c.supply_id)).all()
    engine.dispose()
    assert [tuple(row) for row in stored] == [("a", 2), ("b", 7)]
