"""Which operation carries out which request: the request's type decides, and this table is the only list."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from meter_bridge.engine.accounts.adjustments import Correction, Refund, Transfer, WriteOff
from meter_bridge.engine.accounts.booking import BookOperation
from meter_bridge.engine.accounts.debt_terms import CloseDebt, change_debt_of, open_debt_of
from meter_bridge.engine.accounts.emergency_credit import SelectEmergencyCredit
from meter_bridge.engine.accounts.former_settlement import former_settlement_of
from meter_bridge.engine.accounts.repricing import repricing_of
from meter_bridge.engine.accounts.reversals import Reversal
from meter_bridge.engine.accounts.tenancies import MoveIn, MoveOut, RevokeAccess
from meter_bridge.engine.ledger.amounts import parsed_amount
from meter_bridge.engine.state.model import Account
from meter_bridge.protocol import requests

type Build = Callable[[Account, Any, RevokeAccess], BookOperation]
"""Makes the operation of a request, whose type is the key in the table."""

OPERATIONS: Final[Mapping[type, Build]] = MappingProxyType(
    {
        requests.Refund: lambda account, request, _: Refund(parsed_amount(account, request.amount), request),
        requests.Correction: lambda account, request, _: Correction(
            parsed_amount(account, request.amount), request
        ),
        requests.Repricing: lambda account, request, _: repricing_of(account, request),
        requests.Transfer: lambda account, request, _: Transfer(
            parsed_amount(account, request.amount), request
        ),
        requests.Reversal: lambda _account, request, _: Reversal(request),
        requests.WriteOff: lambda account, request, _: WriteOff(
            None if request.amount is None else parsed_amount(account, request.amount), request
        ),
        requests.OpenDebt: lambda account, request, _: open_debt_of(account, request),
        requests.ChangeDebt: lambda account, request, _: change_debt_of(account, request),
        requests.CloseDebt: lambda _account, request, _: CloseDebt(request),
        requests.SelectEmergencyCredit: lambda _account, _request, _: SelectEmergencyCredit(),
        requests.MoveOut: lambda _account, request, revoke: MoveOut(request, revoke),
        requests.MoveIn: lambda account, request, _: MoveIn(
            request, parsed_amount(account, request.opening_credit, "opening_credit")
        ),
        requests.Settlement: lambda account, request, _: former_settlement_of(account, request),
    }
)


def operation_of(account: Account, request: requests.OperationRequest, revoke: RevokeAccess) -> BookOperation:
    """Return what a request asks for; raises ``RequestRefused`` naming field, value and remedy."""
    return OPERATIONS[type(request)](account, request, revoke)
