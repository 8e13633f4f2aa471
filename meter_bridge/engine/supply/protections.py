"""Protection timers of an account: shown the newest values, advanced by the clock, kept over restarts."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from meter_bridge.core.supply import protection as rules
from meter_bridge.core.supply.decision import LoadLimit
from meter_bridge.core.supply.protection import IDLE, GuardedLimit, ProtectionRule, ProtectionTimer, Trip
from meter_bridge.devices.base.driver import Report
from meter_bridge.engine.state.model import UNLIMITED, Account, Meter, ProtectionKey
from meter_bridge.protocol.vocabulary import AlertKind, SupplyReason

LIMITED: Final = (SupplyReason.LOAD_LIMITED, SupplyReason.LOAD_LIMIT_EXCEEDED)
"""Reasons under which the load limit of a supply without credit is watched."""
LOAD_LIMIT_KEY: Final = ProtectionKey("", GuardedLimit.LOAD_LIMIT)
"""Timer of the load over all meters of a supply without credit."""
POWER_LIMIT_KEY: Final = ProtectionKey("", GuardedLimit.POWER_LIMIT)
"""Timer of the load over all meters, whatever the credit."""
_LIMITS: Final = (LOAD_LIMIT_KEY, POWER_LIMIT_KEY)


class UpdateResult(NamedTuple):
    """What a report changed."""

    changed: bool = False
    """One tripped or was reset."""
    alarm_began: bool = False
    """A value has just become bad."""


def is_watched(account: Account) -> bool:
    """Return quickly whether a timer may have to see a reading that lies within all limits."""
    return (
        bool(account.protection_timers) or account.reason in LIMITED or account.policy.power_limit is not None
    )


def update(meter: Meter, report: Report, at: int) -> UpdateResult:
    """Show the timers what a report says, after its alarms."""
    account = meter.supply.account
    present = _rules(account)
    changed = began = False
    for protection, bad in _signals(meter, report).items():
        if protection in present:
            whole = protection in (GuardedLimit.LOAD_LIMIT, GuardedLimit.POWER_LIMIT)
            key = ProtectionKey("" if whole else meter.id, protection)
            before = account.protection_timers.get(key, IDLE)
            timer = rules.observe(before, present[protection], at, bad=bad)
            changed |= _store_timer(account, key, timer, at)
            began |= before.bad_since is None and timer.bad_since is not None
    _schedule_next(account)
    return UpdateResult(changed, began)


def advance(account: Account, at: int) -> bool:
    """Advance the timers to an instant; return whether one tripped or was reset."""
    present = _rules(account)
    changed = False
    for key, timer in list(account.protection_timers.items()):
        rule = present.get(key.protection)
        after = IDLE if rule is None else rules.advance(timer, rule, at)
        changed |= _store_timer(account, key, after, at)
    _schedule_next(account)
    return changed


def restore(account: Account, at: int) -> None:
    """Resume the timers after a time in which nothing was watched; those without rule or meter end."""
    if not account.protection_timers:
        account.next_protection_at = UNLIMITED
        return
    present, meters = _rules(account), {"", *(meter.id for meter in account.meters)}
    account.protection_timers = {
        key: rules.restored(timer, at)
        for key, timer in account.protection_timers.items()
        if key.protection in present and key.meter_id in meters
    }
    _schedule_next(account)


def reset(account: Account) -> None:
    """Reset every protection by hand; the load limit is the customer's to confirm."""
    timers = account.protection_timers.items()
    _end_timers(account, [key for key, timer in timers if key != LOAD_LIMIT_KEY and timer.trip])


def reset_load_limit(account: Account) -> None:
    """Reset the load limit of a supply without credit: it holds no more."""
    _end_timers(account, (LOAD_LIMIT_KEY,))


def reset_load_limits(account: Account) -> None:
    """Reset every limit of the load: the customer has switched something off."""
    _end_timers(account, _LIMITS)


def _end_timers(account: Account, keys: Iterable[ProtectionKey]) -> None:
    """End timers; new ones begin when what they watch is bad again."""
    ended = [key for key in keys if account.protection_timers.pop(key, None) is not None]
    if ended:
        _schedule_next(account)


def tripped_protections(account: Account) -> Mapping[ProtectionKey, ProtectionTimer]:
    """Return the protections that have tripped."""
    return {
        key: timer for key, timer in account.protection_timers.items() if key not in _LIMITS and timer.trip
    }


def load_trip(account: Account) -> Trip | None:
    """Return whether and how the load limit of a supply without credit has tripped."""
    return account.protection_timers.get(LOAD_LIMIT_KEY, IDLE).trip


def power_trip(account: Account) -> Trip | None:
    """Return whether and how the limit that the supply always has was exceeded."""
    return account.protection_timers.get(POWER_LIMIT_KEY, IDLE).trip


def effective_limit(account: Account) -> LoadLimit | None:
    """Return the limit of the load that holds now."""
    policy = account.policy
    if policy.never_cut:
        return None
    without_credit = account.reason is SupplyReason.LOAD_LIMITED or load_trip(account) is not None
    return policy.load_limit if without_credit and policy.load_limit is not None else policy.power_limit


def _rules(account: Account) -> Mapping[GuardedLimit, ProtectionRule]:
    """Return the rules in force; an account that is never cut has none, only alarms."""
    policy = account.policy
    if policy.never_cut:
        return {}
    found = dict(policy.protections.rules)
    if policy.power_limit is not None:
        found[GuardedLimit.POWER_LIMIT] = policy.power_limit.rule
    if policy.load_limit is not None and account.reason in LIMITED:
        found[GuardedLimit.LOAD_LIMIT] = policy.load_limit.rule
    return found


def _signals(meter: Meter, report: Report) -> Mapping[GuardedLimit, bool]:
    """Return what a report shows to be bad or good; what it does not mention is not seen."""
    found: dict[GuardedLimit, bool] = {}
    if report.voltage_mv is not None:
        found[GuardedLimit.OVER_VOLTAGE] = meter.voltage_alarm is AlertKind.OVER_VOLTAGE
        found[GuardedLimit.UNDER_VOLTAGE] = meter.voltage_alarm is AlertKind.UNDER_VOLTAGE
    if report.power_mw is not None:
        found[GuardedLimit.OVERLOAD] = meter.overloaded
        policy, load = meter.supply.account.policy, _total_load(meter.supply.account)
        found[GuardedLimit.LOAD_LIMIT] = _is_above(policy.load_limit, load)
        found[GuardedLimit.POWER_LIMIT] = _is_above(policy.power_limit, load)
    return found


def _total_load(account: Account) -> int:
    return sum(meter.power_mw or 0 for meter in account.meters)


def _is_above(limit: LoadLimit | None, load_mw: int) -> bool:
    return limit is not None and load_mw > limit.limit_mw


def _store_timer(account: Account, key: ProtectionKey, timer: ProtectionTimer, at: int) -> bool:
    """Store a timer, one at rest as nothing; return whether it tripped or was reset."""
    before = account.protection_timers.get(key, IDLE)
    timer = rules.without_old_resets(timer, at)
    if timer == IDLE:
        account.protection_timers.pop(key, None)
    else:
        account.protection_timers[key] = timer
    return before.trip is not timer.trip


def _schedule_next(account: Account) -> None:
    """Work out when time alone changes a timer."""
    present = _rules(account)
    due = (
        rules.wake_at(timer, present[key.protection])
        for key, timer in account.protection_timers.items()
        if key.protection in present
    )
    account.next_protection_at = min((instant for instant in due if instant is not None), default=UNLIMITED)
