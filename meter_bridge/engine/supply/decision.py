"""Deciding an account's supply: the situation as it is, the core's decision, its record, its consequences."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from meter_bridge.core.supply import decision as rules
from meter_bridge.core.supply.decision import Decision, SupplyInputs
from meter_bridge.core.supply.friendly_hours import friendly_period
from meter_bridge.core.supply.relay import add_switching, switching_blocked_until
from meter_bridge.engine.ledger.journal import post_accruals
from meter_bridge.engine.state.events import record_event
from meter_bridge.engine.state.model import Account, Installation
from meter_bridge.engine.state.session import RelayRequests, Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.engine.supply import alerts, protections
from meter_bridge.protocol.messages import EventKind
from meter_bridge.protocol.vocabulary import RelayPosition, SupplyReason, SupplyState
from meter_bridge.storage import changeset as ops

_FRIENDLY: Final = (SupplyReason.FRIENDLY_HOURS, SupplyReason.FRIENDLY_GRACE)


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


@dataclass(frozen=True, slots=True)
class CreditLeft:
    """What an account has left."""

    available: int
    headroom: int
    """What may still be used before the supply is cut."""


def decide_supply(
    session: Session,
    account: Account,
    tx: Transaction,
    context: EvaluationContext,
    credit: CreditLeft,
) -> Decision:
    """Decide an account's supply and carry it out as part of the unit."""
    if context.confirmed:
        protections.reset_load_limits(account)
    installation, wall = session.installation, session.clock.to_wall_time(tx.at)
    now = _supply_inputs(account, context, credit, tx.at, wall)
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
    told_by = wall if is_by_wall_clock(decision) else tx.at
    alerts.update_alerts(installation, account, tx, decision, told_by)
    return decision


def is_by_wall_clock(decision: Decision) -> bool:
    """Return whether the instants of a decision are meant by the wall clock, not by event time."""
    return decision.reason in _FRIENDLY


def change_instants(account: Account, decision: Decision) -> Iterator[int]:
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
    account: Account, context: EvaluationContext, credit: CreditLeft, at: int, wall: int
) -> SupplyInputs:
    """Return what the decision looks at; friendly hours and wear matter only without credit."""
    policy, exhausted = account.policy, credit.headroom <= 0
    return SupplyInputs(
        present=account.state,
        headroom=credit.headroom,
        available=credit.available,
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
    """Return whether a relay was commanded otherwise, or never, as one added after the cut."""
    relays = [meter.relay for meter in account.meters if meter.plan.relay_address is not None]
    if state is SupplyState.CONNECTED:
        return any(relay.requested is RelayPosition.OPEN for relay in relays)
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
