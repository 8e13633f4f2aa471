"""Messages on their way, so that one whose bridge was killed in that instant is known as such."""

from alembic import op
import sqlalchemy as sa

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; what waits was sent through nothing yet, as far as is known."""
    op.add_column("notice", sa.Column("sending", sa.Text(), nullable=True))
    op.add_column("notice", sa.Column("uncertain", sa.Text(), nullable=True))
