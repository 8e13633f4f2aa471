"""Evaluating an account: what is due, what is left, what follows for alerts and supply."""

from typing import Final

from meter_bridge.core.ledger.credit import headroom, state_change_levels, usable_credit
from meter_bridge.core.ledger.debt import next_recovery
from meter_bridge.core.supply import decision as policy_rules
from meter_bridge.core.supply.alerts import AlertKey
from meter_bridge.core.supply.decision import Decision
from meter_bridge.core.tariff.tariff import EXACT_SCALE
from meter_bridge.engine.alerts.alerting import set_alert
from meter_bridge.engine.ledger.credit import accrual, credit_now, posted_credit
from meter_bridge.engine.ledger.debt_recovery import collect_debts
from meter_bridge.engine.ledger.emergency import update_emergency_credit
from meter_bridge.engine.ledger.journal import charge_due_days
from meter_bridge.engine.ledger.purchases import units_worth
from meter_bridge.engine.state.model import UNLIMITED, Account, Installation
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.engine.supply.decision import (
    CreditLeft,
    EvaluationContext,
    change_instants,
    decide_supply,
    is_by_wall_clock,
)
from meter_bridge.protocol.vocabulary import AlertKind

ROUNDING_MARGIN: Final = 16
"""Amount steps kept back for the rounding of lines, so that a threshold is never passed on the fast path."""


def _margin(account: Account) -> int:
    """Return the exact value of what may be used before a threshold or the end of credit is reached."""
    posted = posted_credit(account)
    left = posted.balance - accrual(account)
    levels = (*account.policy.low_credit, *state_change_levels(account.policy.credit, posted))
    floors = [level for level in levels if level < left]
    return max(left - max(floors) - ROUNDING_MARGIN, 0) * EXACT_SCALE if floors else UNLIMITED


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


def evaluate_account(session: Session, account: Account, tx: Transaction, wishes: EvaluationContext) -> None:
    """Charge what the clock made due, then decide warnings and supply from what is left."""
    installation = session.installation
    if wishes.clock_sure:
        for supply in account.supplies:
            charge_due_days(installation, supply, tx)
        collect_debts(installation, account, tx)
    credit = update_emergency_credit(installation, account, tx, credit_now(account))
    worth = units_worth(account)
    available = credit.balance + worth
    _update_low_credit_alerts(installation, account, tx, available)
    # Units are there to be used, whatever is owed in money besides.
    rules = account.policy.credit
    left = CreditLeft(usable_credit(rules, credit) + worth, headroom=max(headroom(rules, credit), worth))
    decision = decide_supply(session, account, tx, wishes, left)
    account.margin = _margin(account)
    tx.touch(account)
    _set_wake_up(account, decision, tx.at, session.clock.to_wall_time(tx.at))


def _update_low_credit_alerts(
    installation: Installation, account: Account, tx: Transaction, available: int
) -> None:
    level = policy_rules.low_credit_levels_passed(account.policy, available, account.low_level)
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
    by_wall = is_by_wall_clock(decision)
    passed = wall if by_wall else at
    change = min((each for each in change_instants(account, decision) if each > passed), default=UNLIMITED)
    if not by_wall:
        due.append(change)
    account.wake_at = min(due, default=UNLIMITED)
    account.wake_at_wall = change if by_wall else UNLIMITED
