"""Operations on an account's books, each once for each key: refunds, debts, customers who move."""

from typing import Annotated, Final

import msgspec

from meter_bridge.api.http.authentication import LANDLORD, LANDLORD_AND_TENANT, AccessRule
from meter_bridge.api.http.endpoint import (
    ONCE,
    Call,
    Endpoint,
    Reply,
    endpoint_once,
    reply_once,
    visible_account,
)
from meter_bridge.api.http.examples import BOOKED
from meter_bridge.protocol import requests
from meter_bridge.protocol.answers import Debts, Tenancies
from meter_bridge.protocol.messages import ErrorCode, OperationResult


def _operation(
    path: str,
    name: str,
    summary: str,
    example: requests.OperationRequest,
    *,
    noun: str,
    refusals: tuple[ErrorCode, ...] = (),
    rights: AccessRule = LANDLORD,
) -> Endpoint:
    """Return the route that carries out the operation whose request the example shows."""

    async def carry_out(call: Call) -> Reply:
        account = visible_account(call)
        key = call.idempotency_key()
        request = await call.body(type(example))
        confirmed = call.query(requests.Confirmation).confirmed
        accounts = call.app.accounts
        return reply_once(
            await accounts.operate(call.actor, account.id, request, key=key, confirmed=confirmed)
        )

    carry_out.__name__, carry_out.__doc__ = name, summary
    return endpoint_once(
        f"/api/v1/accounts/{{id}}/{path}",
        noun,
        access=rights,
        answer=OperationResult,
        example=example,
        answer_example=BOOKED,
        refusals=(*ONCE, *refusals, ErrorCode.CONFIRMATION_NEEDED, ErrorCode.STORAGE_UNAVAILABLE),
        query=requests.Confirmation,
    )(carry_out)


OPERATIONS: Final[tuple[Endpoint, ...]] = (
    _operation(
        "refunds",
        "refund",
        "Refund money to the customer, at most the balance.",
        requests.Refund(amount="50.00", reason="moves away", reference="eft 7"),
        noun="a refund",
        refusals=(ErrorCode.AMOUNT_OUT_OF_RANGE,),
    ),
    _operation(
        "corrections",
        "correction",
        "Correct the balance, either way; money that comes in repays emergency credit first.",
        requests.Correction(amount="-12.50", reason="meter of the neighbour was read"),
        noun="a correction",
        refusals=(ErrorCode.AMOUNT_OUT_OF_RANGE,),
    ),
    _operation(
        "repricings",
        "repricing",
        "Price a past billing period with another price list; the difference becomes a correction.",
        requests.Repricing(day="2026-06-20", version="home@2026-07-01", reason="published late"),
        noun="a repricing",
    ),
    _operation(
        "transfers",
        "transfer",
        "Transfer credit to another account of the same currency, in one transaction.",
        requests.Transfer(to="flat-7", amount="20.00", reason="moved rooms"),
        noun="a transfer",
        refusals=(ErrorCode.AMOUNT_OUT_OF_RANGE,),
    ),
    _operation(
        "reversals",
        "reversal",
        "Reverse a top-up or a charge, once: its split is undone in reverse order.",
        requests.Reversal(entry="entry-12", reason="cheque bounced"),
        noun="a reversal",
        refusals=(ErrorCode.ALREADY_REVERSED, ErrorCode.CONFLICT),
    ),
    _operation(
        "write-offs",
        "write_off",
        "Write off what is owed of a debt, or of the arrears, in whole or in part.",
        requests.WriteOff(reason="agreed", debt="arrears-2025", amount="20.00"),
        noun="a write-off",
        refusals=(ErrorCode.AMOUNT_OUT_OF_RANGE,),
    ),
    _operation(
        "debts",
        "open_debt",
        "Open a debt that is recovered per local day, week or month, out of top-ups, or both.",
        requests.OpenDebt(
            debt="arrears-2025", description="Arrears of 2025", amount="350.00", reason="agreed", rate="3.50"
        ),
        noun="a debt",
        refusals=(ErrorCode.AMOUNT_OUT_OF_RANGE, ErrorCode.CONFLICT),
    ),
    _operation(
        "debts/change",
        "change_debt",
        "Change how a debt is recovered; what is owed stays.",
        requests.ChangeDebt(debt="arrears-2025", reason="agreed", percent="10", cap="5.00"),
        noun="a change of a debt",
    ),
    _operation(
        "debts/close",
        "close_debt",
        "Close a debt; what is still owed is written off.",
        requests.CloseDebt(debt="arrears-2025", reason="forgiven"),
        noun="closing a debt",
    ),
    _operation(
        "emergency-credit",
        "select_emergency_credit",
        "Select emergency credit, as the customer or on the customer's behalf.",
        requests.SelectEmergencyCredit(),
        noun="the choice of emergency credit",
        refusals=(ErrorCode.EMERGENCY_CREDIT_NOT_AVAILABLE,),
        rights=LANDLORD_AND_TENANT,
    ),
    _operation(
        "move-out",
        "move_out",
        "Make the final settlement with a customer who moves out, and revoke the tenant's access.",
        requests.MoveOut(reason="end of lease", remainder="refund"),
        noun="moving out",
        refusals=(ErrorCode.CONFLICT,),
    ),
    _operation(
        "move-in",
        "move_in",
        "Move the next customer in, with a fresh ledger.",
        requests.MoveIn(customer="N. Dlamini", opening_credit="20.00"),
        noun="moving in",
        refusals=(ErrorCode.AMOUNT_OUT_OF_RANGE, ErrorCode.CONFLICT),
    ),
    _operation(
        "settlements",
        "settle",
        "Settle with a former customer; the present customer is not affected.",
        requests.Settlement(tenancy=1, how="paid", reason="paid by instalments", amount="25.00"),
        noun="a settlement",
        refusals=(ErrorCode.AMOUNT_OUT_OF_RANGE, ErrorCode.CONFLICT),
    ),
)


@Endpoint("GET", "/api/v1/accounts/{id}/tenancies", access=LANDLORD, answer=Tenancies)
async def list_tenancies(call: Call) -> Reply:
    """List the tenancies of a unit, newest first, with the open balance of each."""
    return Reply(Tenancies(tuple(await call.app.ledger.tenancies(call.actor, visible_account(call).id))))


class TenanciesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Filter of tenancies."""

    outstanding: Annotated[bool, msgspec.Meta(description="Only tenancies with an open balance.")] = False


@Endpoint("GET", "/api/v1/tenancies", access=LANDLORD, answer=Tenancies, query=TenanciesQuery)
async def list_all_tenancies(call: Call) -> Reply:
    """List the tenancies of all units, newest first, including closed units."""
    query = call.query(TenanciesQuery)
    found = await call.app.ledger.tenancies(call.actor, None, only_outstanding=query.outstanding)
    seen = (tenancy for tenancy in found if call.actor.sees(tenancy.account_id or "", tenancy.site_id or ""))
    return Reply(Tenancies(tuple(seen)))


@Endpoint("GET", "/api/v1/debts", access=LANDLORD, answer=Debts)
async def list_debts(call: Call) -> Reply:
    """List what customers owe: debts, arrears, emergency credit, negative balances, and former customers."""
    found = await call.app.ledger.debts(call.actor)
    return Reply(Debts(tuple(owed for owed in found if call.actor.sees(owed.account_id, owed.site_id))))
