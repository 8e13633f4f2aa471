"""The tenant's page: codes and links of customers, and how they want to be told of things."""

from alembic import op
import sqlalchemy as sa

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "tenant_access",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("tenancy", sa.Integer(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("link_hash", sa.LargeBinary(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_tenant_access_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenant_access")),
    )
    op.create_index(op.f("ix_tenant_access_account_id"), "tenant_access", ["account_id"], unique=False)
    op.create_table(
        "contact",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("tenancy", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_contact_account_id")),
        sa.PrimaryKeyConstraint("account_id", "tenancy", name=op.f("pk_contact")),
    )
