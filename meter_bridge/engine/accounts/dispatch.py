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
    account: Account, asked: requests.OperationRequest, revoke: tenancies.Revoke
) -> BookOperation:
    """Return what a request asks for; raises ``RequestRefused`` naming field, value and remedy."""
    match asked:
        case requests.Refund():
            return adjustments.refund(account, asked)
        case requests.Correction():
            return adjustments.correction(account, asked)
        case requests.Repricing():
            return repricing(account, asked)
        case requests.Transfer():
            return adjustments.transfer(account, asked)
        case requests.Reversal():
            return Reversal(asked)
        case requests.WriteOff():
            return adjustments.written_off(account, asked)
        case requests.OpenDebt():
            return debt_terms.opened(account, asked)
        case requests.ChangeDebt():
            return debt_terms.changed(account, asked)
        case requests.CloseDebt():
            return debt_terms.CloseDebt(asked)
        case requests.SelectEmergencyCredit():
            return SelectEmergencyCredit()
        case requests.MoveOut():
            return tenancies.MoveOut(asked, revoke)
        case requests.MoveIn():
            return tenancies.moved_in(account, asked)
        case requests.Settlement():
            return settlement(account, asked)
