"""Meters, and what to do with a register that cannot be believed."""

from typing import Annotated, Literal

import msgspec

from meter_bridge.api.http.authentication import STAFF, STAFF_AND_DEVICE
from meter_bridge.api.http.endpoint import ONCE, Call, Endpoint, Reply, endpoint_once, reply_once
from meter_bridge.engine.sites.device_change import ReplacementOrder
from meter_bridge.protocol.answers import Meters, ReadingResult
from meter_bridge.protocol.messages import ErrorCode, MeterView
from meter_bridge.protocol.patterns import KWH, TEXT


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


type Kwh = Annotated[
    str,
    msgspec.Meta(
        max_length=20,
        pattern=KWH,
        description="A register in kWh as displayed by the meter, as a decimal string.",
        examples=["12345.6"],
    ),
]
type Moment = Annotated[
    str,
    msgspec.Meta(
        max_length=40,
        pattern=TEXT,
        description="An instant with its offset (ISO 8601), not in the future; default: now.",
        examples=["2026-03-03T10:30:00+02:00"],
    ),
]
type MeterAddress = Annotated[str, msgspec.Meta(min_length=1, max_length=256, pattern=TEXT)]


class ReadingRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A manual reading."""

    register: Kwh
    at: Moment | None = None


class ReplacementRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A meter that was replaced."""

    closing: Annotated[Kwh, msgspec.Meta(description="What the old counter showed at last, in kWh.")]
    opening: Annotated[Kwh, msgspec.Meta(description="What the new counter showed at first, in kWh.")]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=TEXT)]
    at: Moment | None = None
    address: (
        Annotated[MeterAddress, msgspec.Meta(description="The new device's address, if it is different.")]
        | None
    ) = None
    relay: (
        Annotated[
            MeterAddress,
            msgspec.Meta(
                description="Its relay's address; by default the new device's if the relay was the old"
                " device's, else unchanged."
            ),
        ]
        | None
    ) = None
    confirmed: Annotated[
        bool,
        msgspec.Meta(description="Accept a closing reading that the bridge would refuse as implausible."),
    ] = False


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
    body = await call.body(ReplacementRequest)
    order = ReplacementOrder(**msgspec.structs.asdict(body))
    return reply_once(await call.app.sites.replace_meter(call.actor, call.id, order, key=key))
