"""Facts of alerts in place of their texts; a text that is stored already is the one fact of its alert."""

from alembic import op

from meter_bridge.storage.database import on_sqlite

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Rename the column, and make what it holds facts."""
    op.execute("ALTER TABLE alert RENAME COLUMN message TO facts")
    if on_sqlite(op.get_bind()):
        op.execute("UPDATE alert SET facts = json_object('message', facts)")
    else:
        op.execute("UPDATE alert SET facts = json_build_object('message', facts)::text")
