"""Thresholds that people chose, and wrong codes of a while, so that a restart frees nobody who guesses."""

from alembic import op
import sqlalchemy as sa

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables; nobody is told of what was below before, and nobody has guessed yet."""
    op.create_table(
        "own_warning",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("below", sa.Boolean(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_own_warning")),
    )
    op.create_table(
        "wrong_secret",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wrong_secret")),
    )
    op.create_index("ix_wrong_secret_expires_at", "wrong_secret", ["expires_at"], unique=False)
