"""An account's warning thresholds and load limit, changed while the bridge runs."""

from typing import Final

from meter_bridge.api.http.authentication import LANDLORD
from meter_bridge.api.http.endpoint import Call, Endpoint, Reply, endpoint, visible_account
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import AccountView, ErrorCode
from meter_bridge.protocol.requests import PolicyRequest


@endpoint(
    "POST",
    "/api/v1/accounts/{id}/policy",
    access=LANDLORD,
    answer=AccountView,
    body=PolicyRequest,
    example=PolicyRequest(low_credit=("20.00", "5.00")),
    refusals=(
        ErrorCode.NOT_FOUND,
        ErrorCode.BAD_REQUEST,
        ErrorCode.CONFLICT,
        ErrorCode.STORAGE_UNAVAILABLE,
    ),
)
async def set_policy(call: Call) -> Reply:
    """Change warning thresholds or load limit; a site file undoes that only on request."""
    body = await call.body(PolicyRequest)
    if body.low_credit is None and body.load_limit_w is None:
        raise RequestRefused(
            ErrorCode.BAD_REQUEST,
            "no change was requested",
            field="low_credit",
            remedy="give low_credit, load_limit_w or both",
        )
    account = visible_account(call)
    return Reply(await call.app.sites.set_policy(call.actor, account.id, body))


ENDPOINTS: Final[tuple[Endpoint, ...]] = (set_policy,)
