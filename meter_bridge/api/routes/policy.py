"""An account's warning thresholds and load limit, changed while the bridge runs."""

from typing import Annotated, Final

import msgspec

from meter_bridge.api.http.authentication import LANDLORD
from meter_bridge.api.http.endpoint import Call, Endpoint, Reply, visible_account
from meter_bridge.engine.sites.policies import PolicyChange
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import AccountView, ErrorCode
from meter_bridge.protocol.patterns import AMOUNT

MOST_THRESHOLDS: Final = 8
MOST_WATTS: Final = 1_000_000

type Threshold = Annotated[str, msgspec.Meta(max_length=40, pattern=AMOUNT, examples=["20.00"])]


class PolicyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Changes of the policy; omitted fields stay unchanged."""

    low_credit: (
        Annotated[
            list[Threshold],
            msgspec.Meta(
                max_length=MOST_THRESHOLDS,
                description="All warning thresholds, in the account's currency; empty for no warning.",
            ),
        ]
        | None
    ) = None
    load_limit_w: (
        Annotated[
            int,
            msgspec.Meta(
                ge=1,
                le=MOST_WATTS,
                description="Load that a supply without credit may use, if it is limited.",
            ),
        ]
        | None
    ) = None


@Endpoint(
    "POST",
    "/api/v1/accounts/{id}/policy",
    access=LANDLORD,
    answer=AccountView,
    example=PolicyRequest(low_credit=["20.00", "5.00"]),
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
    thresholds = None if body.low_credit is None else tuple(body.low_credit)
    change = PolicyChange(thresholds, body.load_limit_w)
    return Reply(await call.app.sites.set_policy(call.actor, account.id, change))
