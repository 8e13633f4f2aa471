"""Tell what happened to a unit: its alerts and supply decisions."""

from dataclasses import dataclass
from typing import Final

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse

_ALERTS: Final = """
    SELECT a.kind, a.facts, a.opened_at, a.closed_at
    FROM alert a JOIN permitted($every, $sites, $accounts) p ON p.account_id = a.account_id
    WHERE a.account_id = $account ORDER BY a.closed_at IS NOT NULL, a.opened_at DESC"""
_DECISIONS: Final = """
    SELECT d."at", d.state, d.reason, d.actor, nullif(d.note::VARCHAR, '') AS note
    FROM decision d JOIN permitted($every, $sites, $accounts) p ON p.account_id = d.account_id
    WHERE d.account_id = $account ORDER BY d.seq DESC"""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitAlert:
    """An alert of a unit, open while ``closed_at`` is None."""

    kind: str
    facts: str
    opened_at: int
    closed_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyChange:
    """A supply decision with its reason and who took it."""

    at: int
    state: str
    reason: str
    actor: str
    note: str | None


def unit_alerts(warehouse: Warehouse, viewer: Viewer, account_id: str) -> list[UnitAlert]:
    """Return a unit's alerts, open ones first, then the newest."""
    parameters = viewer.parameters() | {"account": account_id}
    return [UnitAlert(**row) for row in warehouse.rows(_ALERTS, parameters)]


def supply_changes(warehouse: Warehouse, viewer: Viewer, account_id: str) -> list[SupplyChange]:
    """Return a unit's supply decisions, newest first."""
    parameters = viewer.parameters() | {"account": account_id}
    return [SupplyChange(**row) for row in warehouse.rows(_DECISIONS, parameters)]
