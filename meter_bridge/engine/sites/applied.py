"""The site file in force, read back."""

from sqlalchemy import Connection, func, select

from meter_bridge.config.codec import decode_plan, decode_tariff_version
from meter_bridge.config.plan import InstallationPlan
from meter_bridge.core.tariff.tariff import TariffVersion
from meter_bridge.engine.state.model import (
    Installation,
)
from meter_bridge.storage import tables


def newest_applied(connection: Connection) -> int:
    """Return the number of the site file that was applied last, 0 before the first."""
    return connection.execute(select(func.max(tables.applied_site.c.seq))).scalar() or 0


def applied_plan(connection: Connection) -> tuple[str, InstallationPlan] | None:
    """Return the site file that was applied last, as text and as a plan, or None before the first."""
    table = tables.applied_site
    query = select(table.c.document, table.c.plan).order_by(table.c.seq.desc()).limit(1)
    row = connection.execute(query).first()
    return None if row is None else (row[0], decode_plan(row[1]))


def plan_of(connection: Connection, seq: int) -> InstallationPlan | None:
    """Return what the site file of a number meant, or None before the first."""
    table = tables.applied_site
    document = connection.execute(select(table.c.plan).where(table.c.seq == seq)).scalar()
    return None if document is None else decode_plan(document)


def present_plan(connection: Connection, installation: Installation) -> tuple[str, InstallationPlan] | None:
    """Return the site file that was applied last, by whichever worker, and note its number."""
    installation.sequences.applied = newest_applied(connection)
    return applied_plan(connection)


def begun_versions(connection: Connection, at: int) -> dict[str, TariffVersion]:
    """Return every version that ever began, by id, also of tariffs that were taken away."""
    query = select(tables.tariff_version).where(tables.tariff_version.c.valid_from <= at)
    found = (decode_tariff_version(row["document"]) for row in connection.execute(query).mappings())
    return {version.id: version for version in found}
