"""Operations on an account's books, each once for each key: refunds, debts, customers who move."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated, Final

import msgspec

from meter_bridge.api.http.endpoint import Call, Endpoint, Reply, endpoint
from meter_bridge.api.http.examples import BOOKED
from meter_bridge.api.http.idempotency import HEADERS, REPLAYED_HEADER, SEEN_BEFORE, idempotency_key
from meter_bridge.api.http.roles import LANDLORD, LANDLORD_AND_TENANT, Rights
from meter_bridge.api.http.scope_check import account_in_reach
from meter_bridge.protocol import requests
from meter_bridge.protocol.answers import Debts, Tenancies
from meter_bridge.protocol.messages import ErrorCode, OperationResult

_ALWAYS: Final = (
    ErrorCode.NOT_FOUND,
    ErrorCode.BAD_REQUEST,
    ErrorCode.IDEMPOTENCY_KEY_MISSING,
    ErrorCode.IDEMPOTENCY_CONFLICT,
    ErrorCode.STORAGE_UNAVAILABLE,
)
type _Handler = Callable[[Call], Awaitable[Reply]]


def _operation(
    path: str,
    example: requests.OperationRequest,
    *refusals: ErrorCode,
    rights: Rights = LANDLORD,
) -> Callable[[_Handler], Endpoint]:
    """Declare a route that carries out the operation whose request the example shows."""
    return endpoint(
        "POST",
        f"/api/v1/accounts/{{id}}/{path}",
        rights=rights,
        answer=OperationResult,
        status=HTTPStatus.CREATED,
        other_status={HTTPStatus.OK: SEEN_BEFORE},
        body=type(example),
        headers=HEADERS,
        example=example,
        answer_example=BOOKED,
        refusals=(*_ALWAYS, *refusals),
    )


async def _carry_out(call: Call, what: str) -> Reply:
    """Ask the engine for what the request's body says."""
    account = account_in_reach(call)
    key = idempotency_key(call, what)
    body: type[requests.OperationRequest] | None = call.endpoint.body
    assert body is not None, "every operation has a body"
    asked = await call.body(body)
    result, replayed = await call.app.accounts.operate(call.actor, account.id, asked, key=key)
    if replayed:
        return Reply(result, HTTPStatus.OK, {REPLAYED_HEADER: "true"})
    return Reply(result, HTTPStatus.CREATED)


@_operation(
    "refunds",
    requests.Refund(amount="50.00", reason="moves away", reference="eft 7"),
    ErrorCode.AMOUNT_OUT_OF_RANGE,
)
async def refund(call: Call) -> Reply:
    """Refund money to the customer, at most the balance."""
    return await _carry_out(call, "a refund")


@_operation(
    "corrections",
    requests.Correction(amount="-12.50", reason="meter of the neighbour was read"),
    ErrorCode.AMOUNT_OUT_OF_RANGE,
)
async def correction(call: Call) -> Reply:
    """Correct the balance, either way; money that comes in repays emergency credit first."""
    return await _carry_out(call, "a correction")


@_operation(
    "repricings",
    requests.Repricing(day="2026-06-20", version="home@2026-07-01", reason="published late"),
)
async def repricing(call: Call) -> Reply:
    """Price a past billing period with another price list; the difference becomes a correction."""
    return await _carry_out(call, "a repricing")


@_operation(
    "transfers",
    requests.Transfer(to="flat-7", amount="20.00", reason="moved rooms"),
    ErrorCode.AMOUNT_OUT_OF_RANGE,
)
async def transfer(call: Call) -> Reply:
    """Transfer credit to another account of the same currency, in one transaction."""
    return await _carry_out(call, "a transfer")


@_operation(
    "reversals",
    requests.Reversal(entry="entry-12", reason="cheque bounced"),
    ErrorCode.ALREADY_REVERSED,
    ErrorCode.CONFLICT,
)
async def reversal(call: Call) -> Reply:
    """Reverse a top-up or a charge, once: its split is undone in reverse order."""
    return await _carry_out(call, "a reversal")


@_operation(
    "write-offs",
    requests.WriteOff(reason="agreed", debt="arrears-2025", amount="20.00"),
    ErrorCode.AMOUNT_OUT_OF_RANGE,
)
async def write_off(call: Call) -> Reply:
    """Write off what is owed of a debt, or of the arrears, in whole or in part."""
    return await _carry_out(call, "a write-off")


@_operation(
    "debts",
    requests.OpenDebt(
        debt="arrears-2025", description="Arrears of 2025", amount="350.00", reason="agreed", rate="3.50"
    ),
    ErrorCode.AMOUNT_OUT_OF_RANGE,
    ErrorCode.CONFLICT,
)
async def open_debt(call: Call) -> Reply:
    """Open a debt that is recovered per local day, week or month, out of top-ups, or both."""
    return await _carry_out(call, "a debt")


@_operation(
    "debts/change",
    requests.ChangeDebt(debt="arrears-2025", reason="agreed", percent="10", cap="5.00"),
)
async def change_debt(call: Call) -> Reply:
    """Change how a debt is recovered; what is owed stays."""
    return await _carry_out(call, "a change of a debt")


@_operation("debts/close", requests.CloseDebt(debt="arrears-2025", reason="forgiven"))
async def close_debt(call: Call) -> Reply:
    """Close a debt; what is still owed is written off."""
    return await _carry_out(call, "closing a debt")


@_operation(
    "emergency-credit",
    requests.SelectEmergencyCredit(),
    ErrorCode.EMERGENCY_CREDIT_NOT_AVAILABLE,
    rights=LANDLORD_AND_TENANT,
)
async def select_emergency_credit(call: Call) -> Reply:
    """Select emergency credit, as the customer or on the customer's behalf."""
    return await _carry_out(call, "the choice of emergency credit")


@_operation(
    "move-out",
    requests.MoveOut(reason="end of lease", remainder="refund"),
    ErrorCode.CONFLICT,
)
async def move_out(call: Call) -> Reply:
    """Make the final settlement with a customer who moves out, and revoke the tenant's access."""
    return await _carry_out(call, "moving out")


@_operation(
    "move-in",
    requests.MoveIn(customer="N. Dlamini", opening_credit="20.00"),
    ErrorCode.AMOUNT_OUT_OF_RANGE,
    ErrorCode.CONFLICT,
)
async def move_in(call: Call) -> Reply:
    """Move the next customer in, with a fresh ledger."""
    return await _carry_out(call, "moving in")


@_operation(
    "settlements",
    requests.Settlement(tenancy=1, how="paid", reason="paid by instalments", amount="25.00"),
    ErrorCode.AMOUNT_OUT_OF_RANGE,
    ErrorCode.CONFLICT,
)
async def settle(call: Call) -> Reply:
    """Settle with a former customer; the present customer is not affected."""
    return await _carry_out(call, "a settlement")


@endpoint(
    "GET",
    "/api/v1/accounts/{id}/tenancies",
    rights=LANDLORD,
    answer=Tenancies,
    refusals=(ErrorCode.NOT_FOUND,),
)
async def list_tenancies(call: Call) -> Reply:
    """List the tenancies of a unit, newest first, with the open balance of each."""
    account = account_in_reach(call)
    return Reply(Tenancies(tuple(await call.app.ledger.tenancies(call.actor, account.id))))


class TenanciesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which tenancies are wanted."""

    outstanding: Annotated[bool, msgspec.Meta(description="Only tenancies with an open balance.")] = False


@endpoint(
    "GET",
    "/api/v1/tenancies",
    rights=LANDLORD,
    answer=Tenancies,
    query=TenanciesQuery,
    refusals=(ErrorCode.BAD_REQUEST,),
)
async def list_all_tenancies(call: Call) -> Reply:
    """List the tenancies of all units, newest first, including closed units."""
    query = call.query(TenanciesQuery)
    found = await call.app.ledger.tenancies(call.actor, None, only_outstanding=query.outstanding)
    seen = (each for each in found if call.actor.sees(each.account_id or "", each.site_id or ""))
    return Reply(Tenancies(tuple(seen)))


@endpoint("GET", "/api/v1/debts", rights=LANDLORD, answer=Debts)
async def list_debts(call: Call) -> Reply:
    """List what customers owe: debts, arrears, emergency credit, negative balances, and former customers."""
    found = await call.app.ledger.debts(call.actor)
    return Reply(Debts(tuple(each for each in found if call.actor.sees(each.account_id, each.site_id))))


ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    refund,
    correction,
    repricing,
    transfer,
    reversal,
    write_off,
    open_debt,
    change_debt,
    close_debt,
    select_emergency_credit,
    move_out,
    move_in,
    settle,
    list_tenancies,
    list_all_tenancies,
    list_debts,
)
