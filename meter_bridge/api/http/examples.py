"""Answers as the API's document shows them."""

from typing import Final

from meter_bridge.protocol.messages import (
    EmergencyCreditView,
    OperationResult,
    ServerInfo,
    SupplyView,
    TopUpResult,
    TopUpView,
)
from meter_bridge.protocol.vocabulary import EmergencyCreditState, RelayProof, SupplyReason, SupplyState

INFO: Final = ServerInfo(
    schema_version=1,
    min_schema_version=1,
    version="0.1.0",
    installation_id="3f6c1a52",
    name="Rose Street",
)
SUPPLY_OFF: Final = SupplyView(
    state=SupplyState.DISCONNECTED,
    reason=SupplyReason.LANDLORD_OFF,
    since="2026-03-01T10:00:00.000Z",
    note="inspection",
    proof=RelayProof.PENDING,
)
SUPPLY_ON: Final = SupplyView(
    state=SupplyState.CONNECTED,
    reason=SupplyReason.IN_CREDIT,
    since="2026-03-01T10:00:00.000Z",
    note=None,
    proof=RelayProof.CONFIRMED,
)
BOOKED: Final = OperationResult(
    operation="refund",
    id="entry-17",
    at="2026-03-01T10:00:00.000Z",
    detail={"amount": 50_000_000, "reason": "moves away", "reference": "eft 7"},
    balance=62_500_000,
    available=62_310_000,
    arrears=0,
    emergency_credit=EmergencyCreditView(
        state=EmergencyCreditState.UNAVAILABLE, limit=10_000_000, left=10_000_000, threshold=2_000_000
    ),
    debts=(),
    supply=SUPPLY_ON,
)
TOP_UP: Final = TopUpResult(
    top_up=TopUpView(
        id="top-up-1",
        at="2026-03-01T10:00:00.000Z",
        amount=100_000_000,
        method="cash",
        reference="receipt 7",
        split={"balance": 100_000_000},
        balance_after=112_500_000,
    ),
    balance=112_500_000,
    available=112_310_000,
    supply=SUPPLY_ON,
)
