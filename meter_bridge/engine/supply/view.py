"""How a supply looks from outside."""

from meter_bridge.core.calendar import iso
from meter_bridge.core.supply.decision import Hold
from meter_bridge.core.supply.protection import ProtectionTimer
from meter_bridge.core.supply.relay import Proof
from meter_bridge.engine.state.model import Account, ProtectionKey
from meter_bridge.engine.supply import protections
from meter_bridge.protocol.messages import (
    HoldPosition,
    HoldView,
    Protection,
    RelayProof,
    SupplyReason,
    SupplyState,
    SupplyView,
    TripView,
)

_WEAKEST_PROOF_FIRST = (Proof.DISOBEYS, Proof.PENDING, Proof.REPORTED, Proof.NO_LOAD, Proof.CONFIRMED)


def supply_view(account: Account) -> SupplyView:
    """Return the supply's state with its reason and the least proven of its relays."""
    proofs = [meter.relay.proof for meter in account.meters if meter.relay.requested is not None]
    least = min(proofs, key=_WEAKEST_PROOF_FIRST.index) if proofs else None
    limit = protections.effective_limit(account)
    return SupplyView(
        state=SupplyState(account.state.value),
        reason=SupplyReason(account.reason.value),
        since=iso(account.since) if account.since else None,
        note=account.note,
        proof=RelayProof(least.value) if least else RelayProof.UNKNOWN,
        cut_at=None if account.cut_at is None else iso(account.cut_at),
        load_limit_mw=None if limit is None else limit.limit_mw,
        holds=tuple(hold_view(hold) for hold in account.holds),
        trips=tuple(
            _trip_view(key, guard) for key, guard in protections.tripped_protections(account).items()
        ),
    )


def hold_view(hold: Hold) -> HoldView:
    """Return a hold as it goes over the wire."""
    return HoldView(
        id=hold.id,
        position=HoldPosition(hold.position.value),
        reason=hold.reason,
        by=hold.by,
        since=iso(hold.since),
    )


def _trip_view(key: ProtectionKey, timer: ProtectionTimer) -> TripView:
    return TripView(
        protection=Protection(key.protection.value),
        meter_id=key.meter_id,
        since=iso(timer.tripped_at or 0),
        locked=timer.locked,
    )
