"""Which operation carries out which request: the request's type decides, and this table is the only list."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from meter_bridge.engine.accounts.adjustments import (
    CorrectionOperation,
    RefundOperation,
    TransferOperation,
    WriteOffOperation,
)
from meter_bridge.engine.accounts.booking import AccountOperation
from meter_bridge.engine.accounts.debt_terms import (
    ChangeDebtOperation,
    CloseDebtOperation,
    OpenDebtOperation,
)
from meter_bridge.engine.accounts.emergency_credit import EmergencyCreditOperation
from meter_bridge.engine.accounts.former_settlement import SettlementOperation
from meter_bridge.engine.accounts.move_out import MoveInOperation, MoveOutOperation
from meter_bridge.engine.accounts.repricing import RepricingOperation
from meter_bridge.engine.accounts.reversals import ReversalOperation
from meter_bridge.engine.state.model import Account
from meter_bridge.protocol import requests

OPERATIONS: Final[Mapping[type, type[AccountOperation[Any]]]] = MappingProxyType(
    {
        requests.Refund: RefundOperation,
        requests.Correction: CorrectionOperation,
        requests.Repricing: RepricingOperation,
        requests.Transfer: TransferOperation,
        requests.Reversal: ReversalOperation,
        requests.WriteOff: WriteOffOperation,
        requests.OpenDebt: OpenDebtOperation,
        requests.ChangeDebt: ChangeDebtOperation,
        requests.CloseDebt: CloseDebtOperation,
        requests.SelectEmergencyCredit: EmergencyCreditOperation,
        requests.MoveOut: MoveOutOperation,
        requests.MoveIn: MoveInOperation,
        requests.Settlement: SettlementOperation,
    }
)


def operation_of[Request: requests.OperationRequest](
    account: Account, request: Request
) -> AccountOperation[Request]:
    """Return the operation that a request asks for; raises ``RequestRefused``."""
    operation: AccountOperation[Request] = OPERATIONS[type(request)](request)
    operation.prepare(account)
    return operation
