"""Which installation a database holds."""

from sqlalchemy import Connection, select

from meter_bridge.storage import tables


def read_identity(connection: Connection) -> tuple[str, str]:
    """Return id and name of the installation."""
    row = connection.execute(select(tables.installation.c.id, tables.installation.c.name)).one()
    return row[0], row[1]
