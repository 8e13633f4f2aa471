"""Shards: shares of the sites, each owned by one of several bridges on PostgreSQL."""

from alembic import op
import sqlalchemy as sa

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, and let a lease say where its holder is reached."""
    op.create_table(
        "shard",
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last_instant", sa.BigInteger(), nullable=False),
        sa.Column("applied", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_shard")),
    )
    op.create_table(
        "site_shard",
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_site_shard_site_id")),
        sa.PrimaryKeyConstraint("site_id", name=op.f("pk_site_shard")),
    )
    op.add_column("lease", sa.Column("address", sa.Text(), nullable=True))
    op.add_column("lease", sa.Column("word", sa.Text(), nullable=True))
