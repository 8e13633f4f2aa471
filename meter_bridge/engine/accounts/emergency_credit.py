"""Selecting emergency credit: an act of the customer, or of the landlord on the customer's behalf."""

from typing import ClassVar, Final, override

from meter_bridge.core.ledger.credit import emergency_state
from meter_bridge.core.money import format_amount
from meter_bridge.engine.accounts.booking import AccountOperation, Booking
from meter_bridge.engine.ledger.credit import credit_now, set_emergency_selected
from meter_bridge.engine.ledger.journal import post_accruals
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol import requests
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.protocol.vocabulary import EmergencyCreditState

_SELECTED: Final = "is selected already"
_REFUSAL_REASONS: Final = {
    EmergencyCreditState.UNSUPPORTED: "has none: its site file lends nothing",
    EmergencyCreditState.SELECTED: _SELECTED,
    EmergencyCreditState.IN_USE: _SELECTED,
    EmergencyCreditState.EXHAUSTED: "is used up",
}


class EmergencyCreditOperation(AccountOperation[requests.SelectEmergencyCredit]):
    """The choice to use emergency credit once the balance is used up."""

    name: ClassVar[str] = "emergency_credit"

    @override
    def fingerprint(self) -> list[object]:
        return []

    @override
    def check(self, session: Session, account: Account) -> None:
        if account.tenancy.end is not None:
            raise RequestRefused(
                ErrorCode.EMERGENCY_CREDIT_NOT_AVAILABLE,
                f"nobody lives in {account.name}, so there is nobody to lend to",
                field="account",
                value=account.id,
                remedy="move the next customer in",
            )
        state = emergency_state(account.policy.credit, credit_now(account))
        if state is EmergencyCreditState.AVAILABLE:
            return
        threshold = format_amount(account.policy.credit.emergency_threshold, account.site.currency)
        why = _REFUSAL_REASONS.get(state, f"may be selected once the credit is below {threshold}")
        raise RequestRefused(
            ErrorCode.EMERGENCY_CREDIT_NOT_AVAILABLE,
            f"the emergency credit of {account.name} {why}",
            field="emergency_credit",
            value=state.value,
            remedy="top up",
        )

    @override
    def book(self, session: Session, account: Account, tx: Transaction) -> Booking:
        # What was used before the choice is the balance's; only what comes after may be lent.
        post_accruals(session.installation, account, tx)
        set_emergency_selected(session.installation, account, tx, selected=True)
        return None, {"limit": account.policy.credit.emergency_limit}
