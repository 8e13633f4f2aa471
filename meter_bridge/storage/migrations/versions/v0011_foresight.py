"""What is foretold of each supply, for the dashboard."""

from alembic import op
import sqlalchemy as sa

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; the bridge fills it once it runs."""
    op.create_table(
        "foresight",
        sa.Column("supply_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("in_units", sa.Boolean(), nullable=False),
        sa.Column("points", sa.LargeBinary(), nullable=False),
        sa.Column("bands", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_foresight_account_id")),
        sa.ForeignKeyConstraint(["supply_id"], ["supply.id"], name=op.f("fk_foresight_supply_id")),
        sa.PrimaryKeyConstraint("supply_id", name=op.f("pk_foresight")),
    )
    op.create_index(op.f("ix_foresight_account_id"), "foresight", ["account_id"])
