"""Emergency credit as its state moves: the end of a selection, and the alerts of each state."""

from dataclasses import replace
from typing import Final

from meter_bridge.core.ledger.credit import (
    CreditState,
    emergency_left,
    emergency_state,
    selection_ends,
)
from meter_bridge.core.supply.alerts import AlertKey
from meter_bridge.engine.alerts.alerting import set_alert
from meter_bridge.engine.state.events import record_event
from meter_bridge.engine.state.model import Account, Installation
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.protocol.messages import EventKind
from meter_bridge.protocol.vocabulary import AlertKind, EmergencyCreditState

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
