"""What can be used beyond credit if bridge or broker stop now."""

from meter_bridge.api.http.authentication import STAFF
from meter_bridge.api.http.endpoint import Call, Endpoint, Reply
from meter_bridge.protocol.answers import Exposures


@Endpoint("GET", "/api/v1/exposure", access=STAFF, answer=Exposures)
async def list_exposures(call: Call) -> Reply:
    """Return what each account can use beyond its credit if the bridge or the broker stops now."""
    return Reply(Exposures(tuple(call.app.supply.exposure(call.actor))))
