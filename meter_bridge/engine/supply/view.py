"""How a supply looks from outside."""

from meter_bridge.core.calendar import iso
from meter_bridge.core.supply.decision import Hold
from meter_bridge.core.supply.protection import ProtectionTimer
from meter_bridge.engine.state.model import Account, ProtectionKey
from meter_bridge.engine.supply import protections
from meter_bridge.protocol.messages import HoldView, Protection, SupplyView, TripView
from meter_bridge.protocol.vocabulary import RelayProof

_WEAKEST_PROOF_FIRST = (
    RelayProof.DISOBEYS,
    RelayProof.NO_ANSWER,
    RelayProof.PENDING,
    RelayProof.REPORTED,
    RelayProof.NO_LOAD,
    RelayProof.CONFIRMED,
)


def supply_view(account: Account) -> SupplyView:
    """Return the supply's state with its reason and the least proven of its relays."""
    proofs = [meter.relay.proof for meter in account.meters if meter.relay.requested is not None]
    least = min(proofs, key=_WEAKEST_PROOF_FIRST.index) if proofs else None
    limit = protections.effective_limit(account)
    return SupplyView(
        state=account.state,
        reason=account.reason,
        since=iso(account.since) if account.since else None,
        note=account.note,
        proof=least or RelayProof.UNKNOWN,
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
        position=hold.position,
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
