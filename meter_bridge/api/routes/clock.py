"""The bridge's clock: a person may say that it is right."""

from dataclasses import dataclass
from typing import Final

from meter_bridge.api.http.endpoint import Call, Endpoint, Reply, endpoint
from meter_bridge.api.http.roles import LANDLORD
from meter_bridge.protocol.messages import ErrorCode


@dataclass(frozen=True, slots=True)
class ClockConfirmed:
    """The bridge's time after the confirmation."""

    now: str


@endpoint(
    "POST",
    "/api/v1/clock/confirm",
    rights=LANDLORD,
    answer=ClockConfirmed,
    refusals=(ErrorCode.STORAGE_UNAVAILABLE,),
)
async def confirm_clock(call: Call) -> Reply:
    """Confirm that the bridge's clock is right, so that charges and cuts resume."""
    return Reply(ClockConfirmed(await call.port.confirm_clock(call.actor)))


ENDPOINTS: Final[tuple[Endpoint, ...]] = (confirm_clock,)
