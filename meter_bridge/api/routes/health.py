"""Whether the bridge is well."""

from http import HTTPStatus
from typing import Final

from meter_bridge.api.http.authentication import PUBLIC
from meter_bridge.api.http.endpoint import Call, Endpoint, Reply
from meter_bridge.engine.state.session import Health

DOWN: Final = "down"


@Endpoint(
    "GET",
    "/health",
    access=PUBLIC,
    answer=Health,
    other_status={HTTPStatus.SERVICE_UNAVAILABLE: "The bridge is down."},
)
async def get_health(call: Call) -> Reply:
    """Return `ok`, `degraded` or `down` with the reasons; for monitors and load balancers."""
    health = call.app.status.health()
    return Reply(health, HTTPStatus.SERVICE_UNAVAILABLE if health.status == DOWN else HTTPStatus.OK)
