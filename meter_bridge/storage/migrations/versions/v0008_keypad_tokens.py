"""Tokens issued for keypad meters, which are never changed."""

from alembic import op
import sqlalchemy as sa

from meter_bridge.storage.migrations.guards import guard_rows

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, then what guards it."""
    op.create_table(
        "keypad_token",
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_keypad_token_account_id")),
        sa.PrimaryKeyConstraint("serial", "count", name=op.f("pk_keypad_token")),
        sqlite_with_rowid=False,
    )
    guard_rows("keypad_token", "UPDATE", "rows of keypad_token are never changed")
    guard_rows("keypad_token", "DELETE", "rows of keypad_token are never deleted")
