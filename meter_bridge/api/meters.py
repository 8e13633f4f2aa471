"""Meters, and what to do with a register that cannot be believed."""

from dataclasses import dataclass
from typing import Annotated, Final, Literal

import msgspec

from meter_bridge.api.bodies import TEXT
from meter_bridge.api.endpoint import Call, Endpoint, Reply, endpoint
from meter_bridge.api.rights import STAFF
from meter_bridge.protocol.messages import ErrorCode, MeterView


@dataclass(frozen=True, slots=True)
class Meters:
    """The meters that the token may see, with those that nobody has assigned."""

    meters: tuple[MeterView, ...]


class QuarantineRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person decides on a quarantined register."""

    decision: Annotated[
        Literal["accept", "discard", "new_epoch"],
        msgspec.Meta(
            description="`accept` charges the jump, `discard` begins at the register without charging it,"
            " `new_epoch` says that the counter was reset or replaced."
        ),
    ]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=TEXT)]


@endpoint("GET", "/api/v1/meters", rights=STAFF, answer=Meters)
async def list_meters(call: Call) -> Reply:
    """List the meters, also those that were discovered and belong to no account yet."""
    return Reply(Meters(tuple(call.port.meters(call.actor))))


@endpoint(
    "POST",
    "/api/v1/meters/{id}/quarantine",
    rights=STAFF,
    answer=MeterView,
    body=QuarantineRequest,
    example=QuarantineRequest(decision="new_epoch", reason="meter replaced on 3 March"),
    refusals=(
        ErrorCode.NOT_FOUND,
        ErrorCode.BAD_REQUEST,
        ErrorCode.CONFLICT,
        ErrorCode.STORAGE_UNAVAILABLE,
    ),
)
async def decide_quarantine(call: Call) -> Reply:
    """Decide what a quarantined register means."""
    body = await call.body(QuarantineRequest)
    return Reply(await call.port.decide_quarantine(call.actor, call.id, body.decision, reason=body.reason))


ENDPOINTS: Final[tuple[Endpoint, ...]] = (list_meters, decide_quarantine)
