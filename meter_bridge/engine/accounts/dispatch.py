"""From a request of the API to the operation that carries it out."""

from meter_bridge.engine.accounts import adjustments, debt_terms, tenancies
from meter_bridge.engine.accounts.booking import BookOperation
from meter_bridge.engine.accounts.emergency_credit import SelectEmergencyCredit
from meter_bridge.engine.accounts.former_settlement import former_settlement_of
from meter_bridge.engine.accounts.repricing import repricing_of
from meter_bridge.engine.accounts.reversals import Reversal
from meter_bridge.engine.state.model import Account
from meter_bridge.protocol import requests


def operation_of(  # noqa: C901, PLR0911, PLR0912 - one line for each request
    account: Account, request: requests.OperationRequest, revoke: tenancies.RevokeAccess
) -> BookOperation:
    """Return what a request asks for; raises ``RequestRefused`` naming field, value and remedy."""
    match request:
        case requests.Refund():
            return adjustments.refund_of(account, request)
        case requests.Correction():
            return adjustments.correction_of(account, request)
        case requests.Repricing():
            return repricing_of(account, request)
        case requests.Transfer():
            return adjustments.transfer_of(account, request)
        case requests.Reversal():
            return Reversal(request)
        case requests.WriteOff():
            return adjustments.write_off_of(account, request)
        case requests.OpenDebt():
            return debt_terms.open_debt_of(account, request)
        case requests.ChangeDebt():
            return debt_terms.change_debt_of(account, request)
        case requests.CloseDebt():
            return debt_terms.CloseDebt(request)
        case requests.SelectEmergencyCredit():
            return SelectEmergencyCredit()
        case requests.MoveOut():
            return tenancies.MoveOut(request, revoke)
        case requests.MoveIn():
            return tenancies.move_in_of(account, request)
        case requests.Settlement():
            return former_settlement_of(account, request)
