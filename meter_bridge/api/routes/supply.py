"""The supply of an account: hold, override, release, confirm, reset; and its holds one by one."""

from http import HTTPStatus
from types import MappingProxyType
from typing import Annotated, Final, Literal

import msgspec

from meter_bridge.api.http.authentication import PEOPLE, STAFF
from meter_bridge.api.http.endpoint import Call, Endpoint, Reply, visible_account
from meter_bridge.api.http.examples import SUPPLY_OFF, SUPPLY_ON
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.answers import Holds
from meter_bridge.protocol.messages import ErrorCode, HoldView, Role, SupplyAction, SupplyView
from meter_bridge.protocol.patterns import TEXT
from meter_bridge.protocol.vocabulary import HoldPosition

ALLOWED_ROLES: Final = MappingProxyType(
    {
        SupplyAction.OFF: frozenset({Role.LANDLORD, Role.CARETAKER}),
        SupplyAction.ON: frozenset({Role.LANDLORD}),
        SupplyAction.AUTO: frozenset({Role.LANDLORD, Role.CARETAKER}),
        SupplyAction.CONFIRM: frozenset({Role.LANDLORD, Role.TENANT}),
        SupplyAction.RESET: frozenset({Role.LANDLORD, Role.CARETAKER}),
    }
)
"""Which roles may ask which action."""
HOLD_ROLES: Final = MappingProxyType(
    {HoldPosition.OFF: ALLOWED_ROLES[SupplyAction.OFF], HoldPosition.ON: ALLOWED_ROLES[SupplyAction.ON]}
)
"""Which roles may place which hold."""
ACTIONS_WITH_REASON: Final = frozenset({SupplyAction.OFF, SupplyAction.ON})

type HoldId = Annotated[
    str,
    msgspec.Meta(
        pattern="^[a-z0-9][a-z0-9-]{0,62}$",
        description="Your own id: repeating the request with the same content places nothing twice.",
    ),
]
type Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=TEXT)]


class SupplyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An action on a supply."""

    action: Annotated[
        SupplyAction,
        msgspec.Meta(description="Landlord: all; caretaker: `off`, `auto`, `reset`; tenant: `confirm`."),
    ]
    reason: Annotated[Reason, msgspec.Meta(description="Required with `off` and `on`.")] | None = None


@Endpoint(
    "POST",
    "/api/v1/accounts/{id}/supply",
    access=PEOPLE,
    answer=SupplyView,
    example=SupplyRequest(action=SupplyAction.OFF, reason="inspection"),
    answer_example=SUPPLY_OFF,
    refusals=(ErrorCode.CONFLICT, ErrorCode.NOT_SUPPORTED, ErrorCode.STORAGE_UNAVAILABLE),
)
async def set_supply(call: Call) -> Reply:
    """Hold a supply off, keep it on, let credit decide again, confirm an armed one, or reset protections."""
    body = await call.body(SupplyRequest)
    _check_allowed(call.actor.role, ALLOWED_ROLES[body.action], "action", body.action)
    if body.action in ACTIONS_WITH_REASON:
        _require_reason(body.reason, body.action)
    return Reply(
        await call.app.supply.switch(call.actor, visible_account(call).id, body.action, reason=body.reason)
    )


class HoldRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A hold to place."""

    position: Annotated[
        Literal["off", "on"], msgspec.Meta(description="`off`: landlord, caretaker; `on`: landlord.")
    ]
    reason: Annotated[Reason, msgspec.Meta(description="Shown to the customer.")]
    id: HoldId | None = None


class LiftQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Reason for lifting a hold."""

    reason: Annotated[Reason, msgspec.Meta(description="Recorded with the decision.")] | None = None


@Endpoint("GET", "/api/v1/accounts/{id}/holds", access=PEOPLE, answer=Holds)
async def list_holds(call: Call) -> Reply:
    """List the holds on a supply."""
    return Reply(Holds(tuple(call.app.supply.holds(call.actor, visible_account(call).id))))


@Endpoint(
    "POST",
    "/api/v1/accounts/{id}/holds",
    access=STAFF,
    answer=HoldView,
    status=HTTPStatus.CREATED,
    other_status={HTTPStatus.OK: "A hold with this id and content already exists."},
    example=HoldRequest(position="off", reason="leak under the sink", id="leak"),
    refusals=(ErrorCode.CONFLICT, ErrorCode.STORAGE_UNAVAILABLE),
)
async def place_hold(call: Call) -> Reply:
    """Place a hold on a supply; the supply is off while any hold keeps it off."""
    body = await call.body(HoldRequest)
    position = HoldPosition(body.position)
    _check_allowed(call.actor.role, HOLD_ROLES[position], "position", position)
    _require_reason(body.reason, position)
    account = visible_account(call)
    hold, known = await call.app.supply.place_hold(
        call.actor, account.id, position, reason=body.reason, hold_id=body.id
    )
    return Reply(hold, HTTPStatus.OK if known else HTTPStatus.CREATED)


@Endpoint(
    "DELETE",
    "/api/v1/accounts/{id}/holds/{hold}",
    access=STAFF,
    answer=SupplyView,
    query=LiftQuery,
    answer_example=SUPPLY_ON,
    refusals=(ErrorCode.STORAGE_UNAVAILABLE,),
)
async def lift_hold(call: Call) -> Reply:
    """Lift a hold; other holds remain, and then credit decides."""
    reason = call.query(LiftQuery).reason
    account = visible_account(call)
    hold_id = call.in_path("hold")
    return Reply(await call.app.supply.lift_hold(call.actor, account.id, hold_id, reason=reason))


def _check_allowed(role: Role, may: frozenset[Role], field: str, value: str) -> None:
    if role not in may:
        raise RequestRefused(
            ErrorCode.NOT_ALLOWED,
            f"a token of role {role} may not switch a supply {value}",
            field=field,
            value=value,
            remedy=f"use a token of role {', '.join(sorted(may))}",
        )


def _require_reason(reason: str | None, what: str) -> None:
    if not (reason or "").strip():
        raise RequestRefused(
            ErrorCode.BAD_REQUEST,
            f"switching a supply {what} wants a reason, which customer and ledger are shown",
            field="reason",
            remedy="add a reason, for example 'inspection'",
        )
