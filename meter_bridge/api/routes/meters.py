"""Meters, and what to do with a register that cannot be believed."""

from typing import Annotated, Literal

import msgspec

from meter_bridge.api.http.authentication import STAFF, STAFF_AND_DEVICE
from meter_bridge.api.http.endpoint import ONCE, Call, Endpoint, Reply, endpoint_once, reply_once
from meter_bridge.protocol.answers import Meters, ReadingResult
from meter_bridge.protocol.messages import ErrorCode, MeterView
from meter_bridge.protocol.patterns import TEXT
from meter_bridge.protocol.requests import Kwh, Moment, ReplacementRequest


class QuarantineRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Decision on a quarantined register."""

    decision: Annotated[
        Literal["accept", "discard", "new_epoch"],
        msgspec.Meta(
            description="`accept` charges the jump, `discard` continues from the register without"
            " charging it, `new_epoch` means that the counter was reset or replaced."
        ),
    ]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=TEXT)]


class ReadingRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A manual reading."""

    register: Kwh
    at: Moment | None = None


@Endpoint("GET", "/api/v1/meters", access=STAFF, answer=Meters)
async def list_meters(call: Call) -> Reply:
    """List the meters, including discovered ones that are not assigned yet."""
    return Reply(Meters(tuple(call.app.meters.views(call.actor))))


@Endpoint(
    "POST",
    "/api/v1/meters/{id}/quarantine",
    access=STAFF,
    answer=MeterView,
    example=QuarantineRequest(decision="new_epoch", reason="meter replaced on 3 March"),
    refusals=(ErrorCode.CONFLICT, ErrorCode.STORAGE_UNAVAILABLE),
)
async def decide_quarantine(call: Call) -> Reply:
    """Decide on a quarantined register."""
    body = await call.body(QuarantineRequest)
    return Reply(
        await call.app.meters.decide_quarantine(call.actor, call.id, body.decision, reason=body.reason)
    )


@Endpoint(
    "POST",
    "/api/v1/meters/{id}/readings",
    access=STAFF_AND_DEVICE,
    answer=ReadingResult,
    example=ReadingRequest(register="12345.6", at="2026-03-03T10:30:00+02:00"),
    refusals=(ErrorCode.CONFLICT, ErrorCode.STORAGE_UNAVAILABLE),
)
async def read_register(call: Call) -> Reply:
    """Submit a manual reading; it is processed like every reading."""
    body = await call.body(ReadingRequest)
    return Reply(
        await call.app.meters.submit_reading(call.actor, call.id, register=body.register, at=body.at)
    )


@endpoint_once(
    "/api/v1/meters/{id}/replacement",
    "a replacement",
    access=STAFF,
    answer=MeterView,
    example=ReplacementRequest(closing="12345.6", opening="0.0", reason="display was dark"),
    refusals=(ErrorCode.CONFLICT, ErrorCode.NOT_SUPPORTED, *ONCE, ErrorCode.STORAGE_UNAVAILABLE),
)
async def replace_meter(call: Call) -> Reply:
    """Replace a meter: charge the old counter to its closing, the new one from its opening reading."""
    key = call.idempotency_key()
    request = await call.body(ReplacementRequest)
    return reply_once(await call.app.sites.replace_meter(call.actor, call.id, request, key=key))
