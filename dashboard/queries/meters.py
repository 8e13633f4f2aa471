"""Which meters there are, when each reported last, and whose register waits for a decision."""

from dataclasses import dataclass
from typing import Final

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse

_METERS: Final = """
    SELECT m.id, m.name, split_part(m.energy_address, ':', 1) AS family, m.energy_address AS address,
           a.id AS account_id, a.name AS unit, a.time_zone, s."at" AS read_at,
           o.opened_at AS silent_since
    FROM meter m JOIN account a ON a.id = m.account_id
    JOIN permitted($every, $sites, $accounts) p ON p.account_id = a.id
    LEFT JOIN supply_status s ON s.supply_id = m.supply_id
    LEFT JOIN alert o ON o.meter_id = m.id AND o.kind = 'meter_offline' AND o.closed_at IS NULL
    ORDER BY o.opened_at NULLS LAST, s."at" NULLS FIRST, a.name, m.name"""
_QUARANTINES: Final = """
    SELECT q.id, q.meter_id, m.name AS meter_name, q.opened_at, q.cause, q.watermark_wh, q.register_wh,
           a.id AS account_id, a.name AS unit, a.time_zone
    FROM quarantine q JOIN meter m ON m.id = q.meter_id JOIN account a ON a.id = m.account_id
    JOIN permitted($every, $sites, $accounts) p ON p.account_id = a.id
    ORDER BY q.opened_at"""
_EXPORTED: Final = "SELECT seq, revision AS newest FROM watermark"


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """A meter with its unit; ``read_at`` is the newest reading of its supply."""

    id: str
    name: str
    family: str
    address: str
    account_id: str
    unit: str
    time_zone: str
    read_at: int | None
    silent_since: int | None
    """Since when it is known to report no register, whatever else it reports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine:
    """A register that is held back until a person decides what it means."""

    id: str
    meter_id: str
    meter_name: str
    opened_at: int
    cause: str
    watermark_wh: int
    register_wh: int
    account_id: str
    unit: str
    time_zone: str


def meters(warehouse: Warehouse, viewer: Viewer) -> list[Meter]:
    """Return meters, those that are silent or reported longest ago first."""
    return warehouse.records(Meter, viewer, _METERS)


def quarantines(warehouse: Warehouse, viewer: Viewer) -> list[Quarantine]:
    """Return what waits for a decision, the oldest first."""
    return warehouse.records(Quarantine, viewer, _QUARANTINES)


def export_progress(warehouse: Warehouse) -> tuple[int, int]:
    """Return up to which journal entry was exported, and which is the newest."""
    row = warehouse.rows(_EXPORTED, {})[0]
    return row["seq"], row["newest"]
