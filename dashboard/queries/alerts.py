"""What is and was wrong, where relays and their commands stand, and how supplies were decided."""

from dataclasses import dataclass
from typing import Final

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse
from meter_bridge.core.supply.alerts import FOR_LANDLORDS

_SELECT: Final = """
    SELECT x.id, x.kind, x.facts, x.opened_at, x.acknowledged_at, x.acknowledged_by, x.closed_at,
           x.account_id, coalesce(a.name, '') AS name, coalesce(a.site_name, '') AS site_name,
           coalesce(a.time_zone, 'UTC') AS time_zone
    FROM alert x LEFT JOIN account a ON a.id = x.account_id"""
_OF_SITES: Final = "x.account_id = '' AND ($every OR list_contains($sites, x.site_id))"
_OF_UNITS: Final = "x.account_id IN (FROM permitted($every, $sites, $accounts))"
_ORDER: Final = "ORDER BY x.closed_at IS NOT NULL, x.opened_at DESC"
_ALERTS: Final = f"{_SELECT} WHERE {_OF_UNITS} OR ({_OF_SITES}) {_ORDER}"
_UNIT_ALERTS: Final = f"{_SELECT} WHERE {_OF_UNITS} AND x.account_id = $account {_ORDER}"
_SITE_ALERTS: Final = f"{_SELECT} WHERE {_OF_SITES} AND x.closed_at IS NULL ORDER BY x.opened_at DESC"
_RELAYS: Final = """
    SELECT m.id AS meter_id, m.name AS meter_name, a.id AS account_id, a.name, a.time_zone, r.requested,
           r.requested_at, r.reported, r.reported_at, r.proof, r.proof_at, r.revision
    FROM relay r JOIN meter m ON m.id = r.meter_id JOIN account a ON a.id = m.account_id
    JOIN permitted($every, $sites, $accounts) p ON p.account_id = a.id
    ORDER BY r.proof <> 'disobeys', r.requested = '',
             r.proof NOT IN ('pending', 'no_answer'), r.requested_at DESC, m.id"""
_COMMANDS: Final = """
    SELECT c.meter_id, m.name AS meter_name, a.id AS account_id, a.name, a.time_zone, c.position, c.reason,
           c.created_at, c.settled_at, c.outcome
    FROM command c JOIN meter m ON m.id = c.meter_id JOIN account a ON a.id = c.account_id
    JOIN permitted($every, $sites, $accounts) p ON p.account_id = a.id
    ORDER BY c.created_at DESC"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alert of a unit, a site or the installation; open while ``closed_at`` is None."""

    id: str
    kind: str
    facts: str
    opened_at: int
    acknowledged_at: int | None
    acknowledged_by: str
    closed_at: int | None
    account_id: str
    name: str
    site_name: str
    time_zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayState:
    """Where a meter's relay was asked to be, says that it is, and is proven to be."""

    meter_id: str
    meter_name: str
    account_id: str
    name: str
    time_zone: str
    requested: str
    requested_at: int | None
    reported: str
    reported_at: int | None
    proof: str
    proof_at: int | None
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A relay command with the reason of its decision and what became of it."""

    meter_id: str
    meter_name: str
    account_id: str
    name: str
    time_zone: str
    position: str
    reason: str
    created_at: int
    settled_at: int | None
    outcome: str


def alerts(warehouse: Warehouse, viewer: Viewer) -> list[Alert]:
    """Return alerts, open ones first, then the newest."""
    return told_to(viewer, warehouse.records(Alert, viewer, _ALERTS))


def unit_alerts(warehouse: Warehouse, viewer: Viewer, account_id: str) -> list[Alert]:
    """Return a unit's alerts, open ones first, then the newest."""
    return warehouse.records(Alert, viewer, _UNIT_ALERTS, account=account_id)


def site_alerts(warehouse: Warehouse, viewer: Viewer) -> list[Alert]:
    """Return open alerts of sites and of the installation, newest first."""
    rows = warehouse.rows(_SITE_ALERTS, {"every": viewer.every_site, "sites": list(viewer.sites)})
    return told_to(viewer, [Alert(**row) for row in rows])


def told_to(viewer: Viewer, found: list[Alert]) -> list[Alert]:
    """Return those of which the viewer is told: some are about money."""
    return [alert for alert in found if viewer.sees_money or alert.kind not in FOR_LANDLORDS]


def relays(warehouse: Warehouse, viewer: Viewer) -> list[RelayState]:
    """Return relays, those that disobey or are waited for first, those never asked for anything last."""
    return warehouse.records(RelayState, viewer, _RELAYS)


def commands(warehouse: Warehouse, viewer: Viewer) -> list[Command]:
    """Return relay commands, newest first."""
    return warehouse.records(Command, viewer, _COMMANDS)


_DECISIONS: Final = """
    SELECT d."at", d.state, d.reason, d.actor, nullif(d.note::VARCHAR, '') AS note
    FROM decision d JOIN permitted($every, $sites, $accounts) p ON p.account_id = d.account_id
    WHERE d.account_id = $account ORDER BY d.seq DESC"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyChange:
    """A supply decision with its reason and who took it."""

    at: int
    state: str
    reason: str
    actor: str
    note: str | None


def supply_changes(warehouse: Warehouse, viewer: Viewer, account_id: str) -> list[SupplyChange]:
    """Return a unit's supply decisions, newest first."""
    return warehouse.records(SupplyChange, viewer, _DECISIONS, account=account_id)
