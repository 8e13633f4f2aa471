"""Top-ups: money in, once for each key."""

import asyncio
from http import HTTPStatus
from typing import Annotated, Final, Literal

from aiohttp import web
import msgspec

from meter_bridge.api.http.authentication import LANDLORD, LANDLORD_AND_TENANT
from meter_bridge.api.http.endpoint import Call, Endpoint, Reply, endpoint, visible_account
from meter_bridge.api.http.examples import TOP_UP
from meter_bridge.api.http.idempotency import HEADERS, REPLAYED_HEADER, SEEN_BEFORE, idempotency_key
from meter_bridge.api.routes.statements import PDF, TYPESETTER
from meter_bridge.payments import receipt
from meter_bridge.protocol.messages import ErrorCode, TopUpResult
from meter_bridge.protocol.patterns import AMOUNT, LANGUAGE, TEXT
from meter_bridge.protocol.payments import Receipt


class TopUpRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A payment by a customer."""

    amount: Annotated[
        str,
        msgspec.Meta(
            max_length=40,
            pattern=AMOUNT,
            description="Amount in the account's currency, as a decimal string.",
            examples=["100.00"],
        ),
    ]
    method: Annotated[
        str,
        msgspec.Meta(
            min_length=1, max_length=40, pattern=TEXT, description="How it was paid.", examples=["cash"]
        ),
    ]
    reference: (
        Annotated[
            str,
            msgspec.Meta(
                max_length=200, pattern=TEXT, description="Receipt or note.", examples=["receipt 7"]
            ),
        ]
        | None
    ) = None


@endpoint(
    "POST",
    "/api/v1/accounts/{id}/top-ups",
    access=LANDLORD,
    answer=TopUpResult,
    status=HTTPStatus.CREATED,
    other_status={HTTPStatus.OK: SEEN_BEFORE},
    body=TopUpRequest,
    headers=HEADERS,
    example=TopUpRequest(amount="100.00", method="cash", reference="receipt 7"),
    answer_example=TOP_UP,
    refusals=(
        ErrorCode.NOT_FOUND,
        ErrorCode.BAD_REQUEST,
        ErrorCode.IDEMPOTENCY_KEY_MISSING,
        ErrorCode.IDEMPOTENCY_CONFLICT,
        ErrorCode.AMOUNT_OUT_OF_RANGE,
        ErrorCode.STORAGE_UNAVAILABLE,
    ),
)
async def top_up(call: Call) -> Reply:
    """Book a top-up; repeating the same key and content returns the first response and books nothing."""
    key = idempotency_key(call, "a top-up")
    body = await call.body(TopUpRequest)
    account = visible_account(call)
    result, replayed = await call.app.accounts.top_up(
        call.actor, account.id, amount=body.amount, method=body.method, reference=body.reference, key=key
    )
    if replayed:
        return Reply(result, HTTPStatus.OK, {REPLAYED_HEADER: "true"})
    return Reply(result, HTTPStatus.CREATED)


class ReceiptQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a receipt is wanted."""

    format: Literal["json", "pdf"] = "json"
    language: Annotated[str, msgspec.Meta(pattern=LANGUAGE, description="As in `en`.")] = "en"


@endpoint(
    "GET",
    "/api/v1/accounts/{id}/top-ups/{entry_id}/receipt",
    access=LANDLORD_AND_TENANT,
    answer=Receipt,
    other_media=(PDF,),
    query=ReceiptQuery,
    refusals=(ErrorCode.NOT_FOUND, ErrorCode.BAD_REQUEST, ErrorCode.CONFLICT),
)
async def get_receipt(call: Call) -> Reply | web.StreamResponse:
    """Return the receipt of a top-up, however it was paid."""
    account = visible_account(call)
    query = call.query(ReceiptQuery)
    found = await call.app.ledger.explain_entry(call.actor, account.id, call.request.match_info["entry_id"])
    entry_receipt = receipt.receipt_of(
        account, found.entry, call.app.payments.issuer, taken_back=found.taken_back
    )
    if query.format == "json":
        return Reply(entry_receipt)
    printed = await asyncio.to_thread(receipt.printed, entry_receipt, query.language)
    content = await call.request.app[TYPESETTER].typeset(printed, receipt.LAYOUT)
    name = f"receipt-{account.id}-{entry_receipt.number}.pdf"
    headers = {"Content-Type": PDF, "Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(body=content, headers=headers)


ENDPOINTS: Final[tuple[Endpoint, ...]] = (top_up, get_receipt)
