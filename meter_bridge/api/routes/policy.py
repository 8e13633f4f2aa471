"""An account's warning thresholds and load limit, changed while the bridge runs."""

from meter_bridge.api.http.authentication import LANDLORD
from meter_bridge.api.http.endpoint import Call, Endpoint, Reply, visible_account
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import AccountView, ErrorCode
from meter_bridge.protocol.requests import PolicyRequest


@Endpoint(
    "POST",
    "/api/v1/accounts/{id}/policy",
    access=LANDLORD,
    answer=AccountView,
    example=PolicyRequest(low_credit=("20.00", "5.00")),
    refusals=(ErrorCode.CONFLICT, ErrorCode.STORAGE_UNAVAILABLE),
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
