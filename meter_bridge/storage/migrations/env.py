"""Alembic's entry: runs migrations on the connection that it is given."""

from alembic import context

from meter_bridge.storage.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
