"""The credit of an account: what is posted, what it comes to with the accrual, and emergency credit."""

from dataclasses import replace
from typing import Final
from zoneinfo import ZoneInfo

from meter_bridge.core.ledger.credit import (
    Collection,
    CreditState,
    TopUpQuestion,
    after_spending,
    emergency_left,
    emergency_state,
    selection_ends,
    split_charge,
    standing_collection,
)
from meter_bridge.core.money import DIGITS_BELOW_MINOR, MAX_AMOUNT
from meter_bridge.core.rating.period_to_date import accrued_total
from meter_bridge.core.supply.alerts import AlertKey
from meter_bridge.engine.alerts.alerting import set_alert
from meter_bridge.engine.state.events import record_event
from meter_bridge.engine.state.model import Account, Installation
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.protocol.messages import EventKind
from meter_bridge.protocol.vocabulary import AlertKind, EmergencyCreditState, SupplyState


def posted_credit(account: Account) -> CreditState:
    """Return what is posted."""
    return CreditState(account.balance, account.emergency_used, account.arrears, account.emergency_selected)


def accrual(account: Account) -> int:
    """Return what has been used since it was last posted, priced."""
    return sum(accrued_total(supply.rating, supply.timeline) for supply in account.supplies)


def credit_now(account: Account) -> CreditState:
    """Return what the posted credit comes to once the accrual is posted as well."""
    posted = posted_credit(account)
    return after_spending(posted, split_charge(account.policy.credit, posted, accrual(account)))


def standing_charge_collection(account: Account) -> Collection:
    """Return what becomes of a standing charge that is due now."""
    connected = account.state is SupplyState.CONNECTED
    return standing_collection(account.policy.credit, credit_now(account), connected=connected)


def top_up_question(account: Account, credit: CreditState, at: int) -> TopUpQuestion:
    """Return what answers which top-ups are possible, in the smallest coin of the currency."""
    policy = account.policy
    return TopUpQuestion(
        policy.credit,
        credit,
        tuple(account.debts.values()),
        at,
        ZoneInfo(account.site.time_zone),
        step=10**DIGITS_BELOW_MINOR,
        maximum=min(policy.top_up_maximum or MAX_AMOUNT, MAX_AMOUNT - max(credit.balance, 0)),
    )


_ALERTS: Final = {
    EmergencyCreditState.AVAILABLE: AlertKind.EMERGENCY_CREDIT_AVAILABLE,
    EmergencyCreditState.IN_USE: AlertKind.EMERGENCY_CREDIT_IN_USE,
    EmergencyCreditState.EXHAUSTED: AlertKind.EMERGENCY_CREDIT_EXHAUSTED,
}


def update_emergency_credit(
    installation: Installation, account: Account, tx: Transaction, credit: CreditState
) -> CreditState:
    """End a selection that is no longer needed, keep the alert of the state, and return the credit then."""
    policy = account.policy.credit
    if selection_ends(policy, credit):
        set_emergency_selected(installation, account, tx, selected=False)
        credit = replace(credit, selected=False)
    state = emergency_state(policy, credit)
    nobody = account.tenancy.end is not None and state is EmergencyCreditState.AVAILABLE
    facts = {"left_amount": emergency_left(policy, credit), "limit_amount": policy.emergency_limit}
    for wanted, kind in _ALERTS.items():
        # There is nobody to lend to in an empty unit.
        opened = facts if state is wanted and not nobody else None
        set_alert(installation, account, tx, AlertKey(kind, account.id), opened)
    return credit


def set_emergency_selected(
    installation: Installation, account: Account, tx: Transaction, *, selected: bool
) -> None:
    """Select emergency credit, or end its selection."""
    account.emergency_selected = selected
    tx.save_account(account)
    record_event(
        installation,
        tx,
        EventKind.EMERGENCY_CREDIT_CHANGED,
        account_id=account.id,
        data={"selected": selected, "limit": account.policy.credit.emergency_limit},
    )
