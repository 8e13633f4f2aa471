"""Alerts that follow from the supply decision: cut, cut soon, armed, limited, a protection that tripped."""

from collections.abc import Iterator
from typing import Final

from meter_bridge.core.calendar import iso
from meter_bridge.core.supply.alerts import (
    AlertFacts,
    AlertKey,
    alert_changes,
)
from meter_bridge.core.supply.decision import Decision
from meter_bridge.core.supply.protection import (
    GuardedLimit,
    ProtectionTimer,
    Trip,
)
from meter_bridge.engine.alerts.alerting import set_alert
from meter_bridge.engine.state.model import Account, Installation, ProtectionKey
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.engine.supply import protections
from meter_bridge.protocol.vocabulary import AlertKind, SupplyReason, SupplyState

KINDS: Final = frozenset(
    {
        AlertKind.SUPPLY_CUT,
        AlertKind.SUPPLY_ARMED,
        AlertKind.CUT_SOON,
        AlertKind.LOAD_LIMITED,
        AlertKind.PROTECTION_TRIPPED,
    }
)
_OUT_OF_CREDIT: Final = (SupplyReason.CREDIT_EXHAUSTED, SupplyReason.BELOW_RESTORE_MINIMUM)


def update_alerts(
    installation: Installation, account: Account, tx: Transaction, decision: Decision, at: int
) -> None:
    """Open and close what follows from a decision; ``at`` is by the clock that its cut goes by."""
    wanted = dict(_open_alerts(account, decision, at))
    changes = alert_changes(frozenset(key for key in account.alerts if key.kind in KINDS), wanted)
    for key in changes.closed:
        set_alert(installation, account, tx, key, None)
    for key, facts in changes.opened.items():
        set_alert(installation, account, tx, key, facts)


def warning_at(account: Account, decision: Decision) -> int | None:
    """Return when the warning before a cut opens, or None where there is none to give."""
    if decision.cut_at is None or not account.policy.warning_ms:
        return None
    return decision.cut_at - account.policy.warning_ms


def _open_alerts(account: Account, decision: Decision, at: int) -> Iterator[tuple[AlertKey, AlertFacts]]:
    policy = account.policy
    if decision.reason in _OUT_OF_CREDIT and account.tenancy.end is None:
        yield AlertKey(AlertKind.SUPPLY_CUT, account.id), {}
    if decision.state is SupplyState.ARMED:
        yield AlertKey(AlertKind.SUPPLY_ARMED, account.id), _armed_facts(account, decision)
    exceeded = protections.power_trip(account) is not None
    limited = AlertKey(AlertKind.LOAD_LIMITED, account.id)
    if decision.reason in protections.LIMITED and policy.load_limit is not None and not exceeded:
        yield limited, {"limit_mw": policy.load_limit.limit_mw}
    elif decision.reason is SupplyReason.LOAD_LIMIT_EXCEEDED and policy.power_limit is not None:
        yield limited, {"case": "exceeded", "limit_mw": policy.power_limit.limit_mw}
    warn = warning_at(account, decision)
    if warn is not None and decision.cut_at is not None and at >= warn:
        key = AlertKey(AlertKind.CUT_SOON, account.id, None, iso(decision.cut_at))
        yield key, {"case": "" if policy.load_limit is None else "limited", "cut_ms": decision.cut_at}
    for guarded, timer in protections.tripped_protections(account).items():
        key = AlertKey(AlertKind.PROTECTION_TRIPPED, account.id, guarded.meter_id, guarded.protection)
        yield key, _tripped_facts(account, guarded, timer)


def _armed_facts(account: Account, decision: Decision) -> AlertFacts:
    limit = protections.effective_limit(account)
    if decision.reason is SupplyReason.LOAD_LIMIT_EXCEEDED and limit is not None:
        return {"case": "load_limit", "limit_mw": limit.limit_mw}
    return {}


def _tripped_facts(account: Account, guarded: ProtectionKey, timer: ProtectionTimer) -> AlertFacts:
    meter = next((meter for meter in account.meters if meter.id == guarded.meter_id), None)
    overload = guarded.protection is GuardedLimit.OVERLOAD
    measured = (meter.power_mw if overload else meter.voltage_mv) if meter else None
    return {
        "case": " ".join((guarded.protection, "locked" if timer.trip is Trip.LOCKED else "returns")),
        "power_mw" if overload else "voltage_mv": measured or 0,
    }
