"""The bridge's clock: a person may confirm that it is correct."""

from meter_bridge.api.http.authentication import LANDLORD_OF_ALL_SITES
from meter_bridge.api.http.endpoint import Call, Endpoint, Reply
from meter_bridge.protocol.answers import ClockConfirmed
from meter_bridge.protocol.messages import ErrorCode


@Endpoint(
    "POST",
    "/api/v1/clock/confirm",
    access=LANDLORD_OF_ALL_SITES,
    answer=ClockConfirmed,
    refusals=(ErrorCode.STORAGE_UNAVAILABLE,),
)
async def confirm_clock(call: Call) -> Reply:
    """Confirm that the bridge's clock is right, so that charges and cuts resume."""
    return Reply(ClockConfirmed(await call.app.status.confirm_clock(call.actor)))
