"""Evaluating an account: what is due, what is left, what follows for alerts and supply."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from meter_bridge.core.ledger.credit import (
    headroom,
    state_change_levels,
    usable_credit,
)
from meter_bridge.core.ledger.debt import next_recovery
from meter_bridge.core.supply import decision as rules
from meter_bridge.core.supply.alerts import AlertKey
from meter_bridge.core.supply.decision import Decision, SupplyInputs
from meter_bridge.core.supply.friendly_hours import friendly_period
from meter_bridge.core.supply.relay import add_switching, switching_blocked_until
from meter_bridge.core.tariff.tariff import EXACT_SCALE
from meter_bridge.engine.alerts.alerting import set_alert
from meter_bridge.engine.ledger.credit import accrual, credit_now, posted_credit, update_emergency_credit
from meter_bridge.engine.ledger.debt_recovery import collect_debts
from meter_bridge.engine.ledger.journal import charge_due_days, post_accruals
from meter_bridge.engine.ledger.purchases import units_worth
from meter_bridge.engine.state.events import record_event
from meter_bridge.engine.state.model import UNLIMITED, Account, Installation
from meter_bridge.engine.state.session import RelayRequests, Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.engine.supply import alerts, protections
from meter_bridge.protocol.messages import EventKind
from meter_bridge.protocol.vocabulary import AlertKind, RelayPosition, SupplyReason, SupplyState
from meter_bridge.storage import changeset as ops

_FRIENDLY: Final = (SupplyReason.FRIENDLY_HOURS, SupplyReason.FRIENDLY_GRACE)
"""Reasons whose instants are meant by the wall clock, not by event time."""
ROUNDING_MARGIN: Final = 16
"""Amount steps kept back for the rounding of lines, so that a threshold is never passed on the fast path."""


@dataclass(frozen=True, slots=True)
class EvaluationContext:
    """What an evaluation is asked to take into account."""

    clock_sure: bool = True
    confirmed: bool = False
    """The customer confirms an armed supply."""
    by_person: bool = False
    """A person acted on the supply: what follows is put on record also where it changes nothing."""
    note: str | None = None
    """What the person said to it, where no hold says it."""


def evaluate(
    session: Session,
    account: Account,
    tx: Transaction,
    *,
    confirmed: bool = False,
    by_person: bool = False,
    note: str | None = None,
) -> None:
    """Evaluate an account as part of a transaction."""
    context = EvaluationContext(session.clock.sure, confirmed, by_person, note)
    evaluate_account(session, account, tx, context)
    session.changed_supplies.update(account.supplies)


def evaluate_account(session: Session, account: Account, tx: Transaction, context: EvaluationContext) -> None:
    """Charge what the clock made due, then decide warnings and supply from what is left."""
    installation = session.installation
    if context.clock_sure:
        for supply in account.supplies:
            charge_due_days(installation, supply, tx)
        collect_debts(installation, account, tx)
    credit = update_emergency_credit(installation, account, tx, credit_now(account))
    worth = units_worth(account)
    available = credit.balance + worth
    _update_low_credit_alerts(installation, account, tx, available)
    # Units are there to be used, whatever is owed in money besides.
    policy = account.policy.credit
    decision = _decide(
        session,
        account,
        tx,
        context,
        available=usable_credit(policy, credit) + worth,
        headroom=max(headroom(policy, credit), worth),
    )
    account.margin = _margin(account)
    tx.touch(account)
    _set_wake_up(account, decision, tx.at, session.clock.to_wall_time(tx.at))


def _update_low_credit_alerts(
    installation: Installation, account: Account, tx: Transaction, available: int
) -> None:
    # An empty unit needs no credit; whoever moves in is warned anew.
    vacant = account.tenancy.end is not None
    level = 0 if vacant else rules.low_credit_levels_passed(account.policy, available, account.low_level)
    if level == account.low_level:
        return
    account.low_level = level
    for index, threshold in enumerate(account.policy.low_credit):
        key = AlertKey(AlertKind.LOW_CREDIT, account.id, None, str(threshold))
        facts = {"left_amount": available, "threshold_amount": threshold}
        set_alert(installation, account, tx, key, facts if index < level else None)
    tx.save_account(account)


def _set_wake_up(account: Account, decision: Decision, at: int, wall: int) -> None:
    due = [supply.standing_due for supply in account.supplies]
    recovery = next_recovery(account.debts)
    if recovery is not None:
        due.append(recovery)
    by_wall = decision.reason in _FRIENDLY
    passed = wall if by_wall else at
    change = min((each for each in _change_instants(account, decision) if each > passed), default=UNLIMITED)
    if not by_wall:
        due.append(change)
    account.wake_at = min(due, default=UNLIMITED)
    account.wake_at_wall = change if by_wall else UNLIMITED


def _margin(account: Account) -> int:
    """Return the exact value of what may be used before a threshold or the end of credit is reached."""
    posted = posted_credit(account)
    left = posted.balance - accrual(account)
    levels = (*account.policy.low_credit, *state_change_levels(account.policy.credit, posted))
    floors = [level for level in levels if level < left]
    return max(left - max(floors) - ROUNDING_MARGIN, 0) * EXACT_SCALE if floors else UNLIMITED


def _decide(
    session: Session,
    account: Account,
    tx: Transaction,
    context: EvaluationContext,
    *,
    available: int,
    headroom: int,
) -> Decision:
    """Decide an account's supply and carry it out as part of the transaction.

    ``headroom`` is what may still be used before the supply is cut.
    """
    if context.confirmed:
        protections.reset_load_limits(account)
    installation, wall = session.installation, session.clock.to_wall_time(tx.at)
    now = _supply_inputs(account, context, tx.at, wall, available=available, headroom=headroom)
    decision = rules.decide(account.policy, now)
    kept = (account.has_run_out, account.switchings)
    account.has_run_out = rules.has_run_out(account.policy, now, decision)
    if rules.switches_for_credit(now, decision):
        account.switchings = add_switching(account.switchings, tx.at)
    if decision.reason not in protections.LIMITED:
        protections.reset_load_limit(account)
    account.cut_at = decision.cut_at
    was = account.state
    changed = (decision.state, decision.reason) != (was, account.reason)
    if changed or context.by_person or _relays_deviate(account, decision.state):
        _execute(installation, account, tx, session.relays, decision, note=context.note)
        if changed:
            _record_change(installation, account, tx, was)
    elif kept != (account.has_run_out, account.switchings):
        tx.save_account(account)
    now_by_its_clock = wall if decision.reason in _FRIENDLY else tx.at
    alerts.update_alerts(installation, account, tx, decision, now_by_its_clock)
    return decision


def _change_instants(account: Account, decision: Decision) -> Iterator[int]:
    """Yield the instants at which the clock alone may change a decision or its warning."""
    if decision.cut_at is None:
        return
    yield decision.cut_at
    if decision.reason is SupplyReason.FRIENDLY_HOURS:
        yield decision.cut_at - account.policy.friendly_hours.grace_ms
    warn = alerts.warning_at(account, decision)
    if warn is not None:
        yield warn


def _supply_inputs(
    account: Account, context: EvaluationContext, at: int, wall: int, *, available: int, headroom: int
) -> SupplyInputs:
    """Return what the decision looks at; friendly hours and wear matter only without credit."""
    policy, exhausted = account.policy, headroom <= 0
    return SupplyInputs(
        present=account.state,
        headroom=headroom,
        available=available,
        hold=account.hold,
        tripped=bool(protections.tripped_protections(account)),
        load_trip=protections.load_trip(account),
        power_trip=protections.power_trip(account),
        friendly_period=friendly_period(policy.friendly_hours, wall, account.site.time_zone)
        if exhausted
        else None,
        switching_blocked_until=switching_blocked_until(account.switchings, policy.switchings_per_day, at)
        if exhausted
        else None,
        clock_sure=context.clock_sure,
        confirmed=context.confirmed,
        ran_out=account.has_run_out,
    )


def _relays_deviate(account: Account, state: SupplyState) -> bool:
    """Return whether a relay was commanded otherwise, or never, as one added after the cut.

    A relay that was never told anything stays as it is found while its unit is connected, unless it takes the
    place of one that was: nobody knows where that device stands, as after a wrong address was corrected.
    """
    relays = [meter.relay for meter in account.meters if meter.plan.relay_address is not None]
    if state is SupplyState.CONNECTED:
        return any(
            relay.requested is RelayPosition.OPEN or (relay.requested is None and relay.revision > 0)
            for relay in relays
        )
    return any(relay.requested is not RelayPosition.OPEN for relay in relays)


def _execute(
    installation: Installation,
    account: Account,
    tx: Transaction,
    relays: RelayRequests,
    decision: Decision,
    *,
    note: str | None,
) -> None:
    """Post what the decision was taken on, store it with its reason, command the relays."""
    post_accruals(installation, account, tx)
    if (decision.state, decision.reason) != (account.state, account.reason):
        account.state, account.reason, account.since = decision.state, decision.reason, tx.at
    installation.sequences.decision += 1
    relays.request(account, tx)
    tx.changeset.add(
        ops.INSERT_DECISION,
        {
            "seq": installation.sequences.decision,
            "account_id": account.id,
            "at": tx.at,
            "state": decision.state,
            "reason": decision.reason,
            "actor": tx.actor,
            "note": note or account.note,
            "available": account.balance,
            "revision": account.revision,
        },
    )
    tx.save_account(account)


def _record_change(installation: Installation, account: Account, tx: Transaction, was: SupplyState) -> None:
    record_event(
        installation,
        tx,
        EventKind.SUPPLY_CHANGED,
        account_id=account.id,
        data={
            "state": account.state.value,
            "was": was.value,
            "reason": account.reason.value,
            "note": account.note,
        },
    )
