"""Alerts that follow from the supply decision: cut, cut soon, armed, limited, a protection that tripped."""

from collections.abc import Iterator
from typing import Final
from zoneinfo import ZoneInfo

from meter_bridge.core.calendar import iso, local_time
from meter_bridge.core.supply.alerts import AlertKey, AlertKind, alert_changes
from meter_bridge.core.supply.decision import Decision, Reason, SupplyState
from meter_bridge.core.supply.protection import Protection, ProtectionTimer, Trip
from meter_bridge.engine.alerts.alerting import set_alert
from meter_bridge.engine.state.model import Account, Installation, ProtectionKey
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.engine.supply import protections

KINDS: Final = frozenset(
    {
        AlertKind.SUPPLY_CUT,
        AlertKind.SUPPLY_ARMED,
        AlertKind.CUT_SOON,
        AlertKind.LOAD_LIMITED,
        AlertKind.PROTECTION_TRIPPED,
    }
)
_OUT_OF_CREDIT: Final = (Reason.CREDIT_EXHAUSTED, Reason.BELOW_RESTORE_MINIMUM)


def update_alerts(
    installation: Installation, account: Account, tx: Transaction, decision: Decision, at: int
) -> None:
    """Open and close what follows from a decision; ``at`` is by the clock that its cut goes by."""
    wanted = dict(_open_alerts(account, decision, at))
    changes = alert_changes(frozenset(key for key in account.alerts if key.kind in KINDS), wanted)
    for key in changes.closed:
        set_alert(installation, account, tx, key, None)
    for key, message in changes.opened.items():
        set_alert(installation, account, tx, key, f"{account.name}: {message}")


def warning_at(account: Account, decision: Decision) -> int | None:
    """Return when the warning before a cut opens, or None where there is none to give."""
    if decision.cut_at is None or not account.policy.warning_ms:
        return None
    return decision.cut_at - account.policy.warning_ms


def _open_alerts(account: Account, decision: Decision, at: int) -> Iterator[tuple[AlertKey, str]]:
    if decision.reason in _OUT_OF_CREDIT:
        yield AlertKey(AlertKind.SUPPLY_CUT, account.id), "supply is cut, the credit is used up"
    if decision.state is SupplyState.ARMED:
        yield AlertKey(AlertKind.SUPPLY_ARMED, account.id), _armed_message(account, decision)
    limit = account.policy.load_limit
    exceeded = protections.power_trip(account) is not None
    if decision.reason in protections.LIMITED and limit is not None and not exceeded:
        message = f"the credit is used up, supply is limited to {limit.limit_mw // 1000} W until a top-up"
        yield AlertKey(AlertKind.LOAD_LIMITED, account.id), message
    elif decision.reason is Reason.LOAD_LIMIT_EXCEEDED and account.policy.power_limit is not None:
        most = account.policy.power_limit.limit_mw // 1000
        yield AlertKey(AlertKind.LOAD_LIMITED, account.id), f"more than {most} W was used, supply is off"
    warn = warning_at(account, decision)
    if warn is not None and decision.cut_at is not None and at >= warn:
        key = AlertKey(AlertKind.CUT_SOON, account.id, None, iso(decision.cut_at))
        yield key, _cut_soon_message(account, decision.cut_at)
    for guarded, guard in protections.tripped_protections(account).items():
        key = AlertKey(AlertKind.PROTECTION_TRIPPED, account.id, guarded.meter_id, guarded.protection)
        yield key, _tripped_message(account, guarded, guard)


def _armed_message(account: Account, decision: Decision) -> str:
    found = protections.effective_limit(account)
    if decision.reason is Reason.LOAD_LIMIT_EXCEEDED and found is not None:
        limit = f"{found.limit_mw // 1000} W"
        return f"more than {limit} was used too often; switch something off, then switch supply on again"
    return "supply may be switched on again by the customer"


def _cut_soon_message(account: Account, cut_at: int) -> str:
    when = f"{local_time(cut_at, ZoneInfo(account.site.time_zone)):%Y-%m-%d %H:%M}"
    what = "cut" if account.policy.load_limit is None else "limited"
    return f"the credit is used up; supply is {what} at {when} unless somebody tops up"


def _tripped_message(account: Account, guarded: ProtectionKey, timer: ProtectionTimer) -> str:
    meter = next((meter for meter in account.meters if meter.id == guarded.meter_id), None)
    if guarded.protection is Protection.OVERLOAD:
        value = f"{(meter.power_mw or 0) // 1000} W" if meter else "too much"
        what = f"the load of {guarded.meter_id} was above its limit, {value}"
    else:
        value = f"{(meter.voltage_mv or 0) // 1000} V" if meter else "wrong"
        side = "above" if guarded.protection is Protection.OVER_VOLTAGE else "below"
        what = f"the voltage at {guarded.meter_id} was {side} its limit, {value}"
    back = (
        "it stays off until landlord or caretaker resets it"
        if timer.trip is Trip.LOCKED
        else "it comes back by itself when nothing is wrong any more"
    )
    return f"supply is off, {what}; {back}"
