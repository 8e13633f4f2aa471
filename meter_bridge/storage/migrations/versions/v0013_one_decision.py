"""A payment is credited or dismissed, never both, also where two bridges are asked at the same instant."""

from alembic import op
import sqlalchemy as sa

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let the database refuse the second; one bridge alone never booked both."""
    once = sa.text("step IN ('credit', 'dismiss')")
    op.create_index(
        "uq_payment_booking_decision",
        "payment_booking",
        ["provider", "key"],
        unique=True,
        sqlite_where=once,
        postgresql_where=once,
    )
