"""Energy of each supply by local day, for forecasts; begun with what the segments on record tell."""

from datetime import date
import json

from alembic import op
import sqlalchemy as sa

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEPT_DAYS = 180
SEGMENTS = sa.text(
    "SELECT supply_id, local_day, sum(wh) AS wh FROM segment WHERE meter_id IS NOT NULL"
    " GROUP BY supply_id, local_day ORDER BY supply_id, local_day"
)


def upgrade() -> None:
    """Create the table and fill it; the first and the last day of a supply may be in part."""
    table = op.create_table(
        "daily_use",
        sa.Column("supply_id", sa.Text(), nullable=False),
        sa.Column("last_day", sa.Text(), nullable=False),
        sa.Column("uses", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["supply_id"], ["supply.id"], name=op.f("fk_daily_use_supply_id")),
        sa.PrimaryKeyConstraint("supply_id", name=op.f("pk_daily_use")),
    )
    days: dict[str, dict[int, int]] = {}
    for supply_id, day, wh in op.get_bind().execute(SEGMENTS):
        days.setdefault(supply_id, {})[date.fromisoformat(day).toordinal()] = int(wh)
    for supply_id, known in days.items():
        whole = range(min(known) + 1, max(known))[-KEPT_DAYS:]
        if whole:
            uses = json.dumps([known.get(day) for day in whole])
            last = date.fromordinal(whole[-1]).isoformat()
            op.execute(sa.insert(table).values(supply_id=supply_id, last_day=last, uses=uses))
