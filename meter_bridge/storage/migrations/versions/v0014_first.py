"""The first schema, where upgrades begin: that of commit 515b651.

A new database is not made by this file, but from the tables as they are now (``storage.schema``).
"""

revision = "0014"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change nothing: a database of this revision has these tables already."""
