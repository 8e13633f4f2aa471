"""The supply of an account: hold, override, release, confirm."""

from types import MappingProxyType
from typing import Annotated, Final

import msgspec

from meter_bridge.api.bodies import TEXT
from meter_bridge.api.endpoint import Call, Endpoint, Reply, endpoint
from meter_bridge.api.examples import SUPPLY_OFF
from meter_bridge.api.port import Refused
from meter_bridge.api.reach import account_in_reach
from meter_bridge.api.rights import PEOPLE
from meter_bridge.protocol.messages import ErrorCode, Role, SupplyAction, SupplyView

MAY: Final = MappingProxyType(
    {
        SupplyAction.OFF: frozenset({Role.LANDLORD, Role.CARETAKER}),
        SupplyAction.ON: frozenset({Role.LANDLORD}),
        SupplyAction.AUTO: frozenset({Role.LANDLORD, Role.CARETAKER}),
        SupplyAction.CONFIRM: frozenset({Role.LANDLORD, Role.TENANT}),
    }
)
"""Which roles may ask which action."""
NEED_REASON: Final = frozenset({SupplyAction.OFF, SupplyAction.ON})


class SupplyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked of a supply."""

    action: Annotated[
        SupplyAction,
        msgspec.Meta(
            description="`off`, `on`, `auto`: landlord; `off`, `auto`: caretaker; `confirm`: tenant."
        ),
    ]
    reason: (
        Annotated[
            str,
            msgspec.Meta(
                min_length=1, max_length=500, pattern=TEXT, description="Needed with `off` and `on`."
            ),
        ]
        | None
    ) = None


@endpoint(
    "POST",
    "/api/v1/accounts/{id}/supply",
    rights=PEOPLE,
    answer=SupplyView,
    body=SupplyRequest,
    example=SupplyRequest(action=SupplyAction.OFF, reason="inspection"),
    answer_example=SUPPLY_OFF,
    refusals=(
        ErrorCode.NOT_FOUND,
        ErrorCode.BAD_REQUEST,
        ErrorCode.CONFLICT,
        ErrorCode.NOT_SUPPORTED,
        ErrorCode.STORAGE_UNAVAILABLE,
    ),
)
async def set_supply(call: Call) -> Reply:
    """Hold a supply off, keep it on, let credit decide again, or confirm an armed one."""
    body = await call.body(SupplyRequest)
    _check_role(call.actor.role, body.action)
    _check_reason(body)
    account = account_in_reach(call)
    return Reply(await call.port.set_supply(call.actor, account.id, body.action, reason=body.reason))


def _check_role(role: Role, action: SupplyAction) -> None:
    if role not in MAY[action]:
        raise Refused(
            ErrorCode.NOT_ALLOWED,
            f"a token of role {role} may not switch a supply {action}",
            field="action",
            value=action,
            remedy=f"use a token of role {', '.join(sorted(MAY[action]))}",
        )


def _check_reason(body: SupplyRequest) -> None:
    if body.action in NEED_REASON and not (body.reason or "").strip():
        raise Refused(
            ErrorCode.BAD_REQUEST,
            f"switching a supply {body.action} wants a reason, which customer and ledger are shown",
            field="reason",
            remedy="add a reason, for example 'inspection'",
        )


ENDPOINTS: Final[tuple[Endpoint, ...]] = (set_supply,)
