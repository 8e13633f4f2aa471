"""Evaluating an account: what is due, what is left, what follows for alerts and supply."""

from dataclasses import dataclass
from typing import Protocol

from meter_bridge.core import supply as policy_rules
from meter_bridge.core.alerts import AlertKey, AlertKind
from meter_bridge.core.credit import headroom
from meter_bridge.core.debt import next_recovery
from meter_bridge.core.friendly import Respite, respite
from meter_bridge.core.money import format_amount
from meter_bridge.core.relay import Position
from meter_bridge.core.supply import Decision, Hold, Reason, Situation, SupplyState
from meter_bridge.engine.account_document import encode_account
from meter_bridge.engine.alerting import set_alert
from meter_bridge.engine.charging import charge_time, settle_all
from meter_bridge.engine.credit import credit_now
from meter_bridge.engine.debts import collect_debts
from meter_bridge.engine.emergency import keep_emergency_credit
from meter_bridge.engine.journal import announce
from meter_bridge.engine.lane import measure_room
from meter_bridge.engine.purchases import units_worth
from meter_bridge.engine.state import UNLIMITED, Account, Installation
from meter_bridge.engine.unit import Unit
from meter_bridge.protocol.messages import EventKind
from meter_bridge.storage import work as ops


class RelayRequests(Protocol):
    """Where decisions ask relays to move."""

    def request(self, account: Account, unit: Unit) -> None:
        """Ask every relay of the account to follow its supply state, as part of the unit."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What an evaluation is asked to take into account."""

    clock_sure: bool = True
    confirmed: bool = False
    released: bool = False


def evaluate(
    installation: Installation, account: Account, unit: Unit, relays: RelayRequests, wishes: Wishes
) -> None:
    """Charge what the clock made due, then decide warnings and supply from what is left."""
    if wishes.clock_sure:
        for supply in account.supplies:
            charge_time(installation, supply, unit)
        collect_debts(installation, account, unit)
    credit = keep_emergency_credit(installation, account, unit, credit_now(account))
    worth = units_worth(account)
    _warn(installation, account, unit, credit.balance + worth)
    # Units are there to be used, whatever is owed in money besides.
    left = max(headroom(account.policy.credit, credit), worth)
    spared = None
    if left <= 0:
        spared = respite(account.policy.friendly_hours, unit.at, account.site.time_zone)
    decision = policy_rules.decide(
        account.policy,
        Situation(
            present=account.state,
            headroom=left,
            available=credit.balance + worth,
            hold=account.hold,
            respite=spared,
            clock_sure=wishes.clock_sure,
            confirmed=wishes.confirmed,
            released=wishes.released,
        ),
    )
    if (decision.state, decision.reason) != (account.state, account.reason) or _astray(
        account, decision.state
    ):
        _carry_out(installation, account, unit, relays, decision)
    measure_room(account, unit.at)
    account.wake_at = _wake_at(account, spared, unit.at)


def _astray(account: Account, state: SupplyState) -> bool:
    """Say whether a relay was told otherwise, or never told, as with one that came after the cut."""
    relays = [meter.relay for meter in account.meters if meter.plan.relay_address is not None]
    if state is SupplyState.CONNECTED:
        return any(relay.requested is Position.OPEN for relay in relays)
    return any(relay.requested is not Position.OPEN for relay in relays)


def _warn(installation: Installation, account: Account, unit: Unit, available: int) -> None:
    """Open and close the low-credit alerts."""
    level = policy_rules.low_credit_level(account.policy, available, account.low_level)
    if level == account.low_level:
        return
    account.low_level = level
    currency = account.site.currency
    for index, threshold in enumerate(account.policy.low_credit):
        key = AlertKey(AlertKind.LOW_CREDIT, account.id, None, str(threshold))
        left, limit = format_amount(available, currency), format_amount(threshold, currency)
        message = f"{account.name}: credit is low, {left} left (warning at {limit})"
        set_alert(installation, account, unit, key, message if index < level else None)
    store_status(account, unit)


def _carry_out(
    installation: Installation, account: Account, unit: Unit, relays: RelayRequests, decision: Decision
) -> None:
    """Take a decision: post what it was taken on, store it with its reason, ask the relays."""
    settle_all(installation, account, unit)
    if (decision.state, decision.reason) != (account.state, account.reason):
        account.state, account.reason, account.since = decision.state, decision.reason, unit.at
    installation.sequences.decision += 1
    relays.request(account, unit)
    unit.work.add(
        ops.INSERT_DECISION,
        {
            "seq": installation.sequences.decision,
            "account_id": account.id,
            "at": unit.at,
            "state": decision.state,
            "reason": decision.reason,
            "actor": unit.actor,
            "note": account.note,
            "available": account.balance,
            "revision": account.revision,
        },
    )
    store_status(account, unit)
    _tell_supply(installation, account, unit)


def _tell_supply(installation: Installation, account: Account, unit: Unit) -> None:
    """Announce the decision, and keep its alerts."""
    announce(
        installation,
        unit,
        EventKind.SUPPLY_CHANGED,
        account_id=account.id,
        data={"state": account.state.value, "reason": account.reason.value, "note": account.note},
    )
    cut = account.state is SupplyState.DISCONNECTED and account.hold is not Hold.OFF
    armed = account.state is SupplyState.ARMED
    set_alert(
        installation,
        account,
        unit,
        AlertKey(AlertKind.SUPPLY_CUT, account.id),
        f"{account.name}: supply is cut, the credit is used up" if cut else None,
    )
    set_alert(
        installation,
        account,
        unit,
        AlertKey(AlertKind.SUPPLY_ARMED, account.id),
        f"{account.name}: supply may be switched on again by the customer" if armed else None,
    )


def store_status(account: Account, unit: Unit) -> None:
    """Add the account's decision in force to the unit."""
    unit.work.add(
        ops.UPSERT_ACCOUNT_STATUS,
        {
            "account_id": account.id,
            "supply_state": account.state,
            "reason": account.reason,
            "since": account.since,
            "hold": account.hold,
            "note": account.note,
            "revision": account.revision,
            "low_credit_level": account.low_level,
            "document": encode_account(account),
        },
    )


def _wake_at(account: Account, spared: Respite | None, at: int) -> int:
    """Return the next instant at which the clock alone may change a balance or a decision."""
    due = [supply.standing_due for supply in account.supplies]
    recovery = next_recovery(account.debts)
    if recovery is not None:
        due.append(recovery)
    if spared is not None and account.reason in (Reason.FRIENDLY_HOURS, Reason.FRIENDLY_GRACE):
        grace = account.policy.friendly_hours.grace_ms
        due += [instant for instant in (spared.until - grace, spared.until) if instant > at]
    return min(due, default=UNLIMITED)
