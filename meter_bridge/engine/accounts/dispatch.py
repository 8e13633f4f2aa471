"""From a request of the API to the operation that carries it out."""

from meter_bridge.engine.accounts import adjustments, debt_terms, tenancies
from meter_bridge.engine.accounts.booking import BookOperation
from meter_bridge.engine.accounts.emergency_credit import SelectEmergencyCredit
from meter_bridge.engine.accounts.former_settlement import settlement
from meter_bridge.engine.accounts.repricing import repricing
from meter_bridge.engine.accounts.reversals import Reversal
from meter_bridge.engine.state.model import Account
from meter_bridge.protocol import requests


def operation_of(  # noqa: C901, PLR0911, PLR0912 - one line for each request
    account: Account, request: requests.OperationRequest, revoke: tenancies.Revoke
) -> BookOperation:
    """Return what a request asks for; raises ``RequestRefused`` naming field, value and remedy."""
    match request:
        case requests.Refund():
            return adjustments.refund(account, request)
        case requests.Correction():
            return adjustments.correction(account, request)
        case requests.Repricing():
            return repricing(account, request)
        case requests.Transfer():
            return adjustments.transfer(account, request)
        case requests.Reversal():
            return Reversal(request)
        case requests.WriteOff():
            return adjustments.written_off(account, request)
        case requests.OpenDebt():
            return debt_terms.opened(account, request)
        case requests.ChangeDebt():
            return debt_terms.changed(account, request)
        case requests.CloseDebt():
            return debt_terms.CloseDebt(request)
        case requests.SelectEmergencyCredit():
            return SelectEmergencyCredit()
        case requests.MoveOut():
            return tenancies.MoveOut(request, revoke)
        case requests.MoveIn():
            return tenancies.moved_in(account, request)
        case requests.Settlement():
            return settlement(account, request)
