"""Payments: orders, what providers told of them, and what was booked for it; none of it is ever changed."""

from alembic import op
import sqlalchemy as sa

from meter_bridge.storage.migrations.guards import guard_rows

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NEVER_CHANGED = ("payment_order", "payment_event", "payment_booking")


def upgrade() -> None:
    """Create the tables, then what guards them."""
    op.create_table(
        "payment_order",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("tenancy", sa.Integer(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_payment_order_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_order")),
        sa.UniqueConstraint("reference", name=op.f("uq_payment_order_reference")),
    )
    op.create_index("uq_payment_order_account_key", "payment_order", ["account_id", "key"], unique=True)
    op.create_index("ix_payment_order_created_at", "payment_order", ["created_at"], unique=False)
    op.create_table(
        "payment_event",
        sa.Column("n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=True),
        sa.Column("payment_id", sa.Text(), nullable=True),
        sa.Column("reversal_id", sa.Text(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("happened_at", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_payment_event")),
    )
    op.create_index("uq_payment_event_provider_event", "payment_event", ["provider", "event_id"], unique=True)
    op.create_index(op.f("ix_payment_event_order_id"), "payment_event", ["order_id"], unique=False)
    op.create_index(op.f("ix_payment_event_payment_id"), "payment_event", ["payment_id"], unique=False)
    op.create_table(
        "payment_booking",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=True),
        sa.Column("account_id", sa.Text(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "step", "key", name=op.f("pk_payment_booking")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_payment_booking_payment", "payment_booking", ["provider", "payment_id"])
    for table in NEVER_CHANGED:
        guard_rows(table, "UPDATE", f"rows of {table} are never changed")
        guard_rows(table, "DELETE", f"rows of {table} are never deleted")
