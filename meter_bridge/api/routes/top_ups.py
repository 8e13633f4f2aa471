"""Top-ups: money in, once for each key."""

import asyncio
from typing import Annotated, Literal

from aiohttp import web
import msgspec

from meter_bridge.api.http.authentication import LANDLORD, LANDLORD_AND_TENANT
from meter_bridge.api.http.endpoint import (
    ONCE,
    Call,
    Endpoint,
    Reply,
    endpoint_once,
    reply_file,
    reply_once,
    visible_account,
)
from meter_bridge.api.http.examples import TOP_UP
from meter_bridge.api.routes.statements import PDF, TYPESETTER
from meter_bridge.payments import receipt
from meter_bridge.protocol.messages import ErrorCode, TopUpResult
from meter_bridge.protocol.patterns import LANGUAGE, TEXT
from meter_bridge.protocol.payments import Receipt
from meter_bridge.protocol.requests import Amount, Confirmation, Reference


class TopUpRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A payment by a customer."""

    amount: Annotated[Amount, msgspec.Meta(examples=["100.00"])]
    method: Annotated[
        str,
        msgspec.Meta(
            min_length=1, max_length=40, pattern=TEXT, description="How it was paid.", examples=["cash"]
        ),
    ]
    reference: Reference | None = None


@endpoint_once(
    "/api/v1/accounts/{id}/top-ups",
    "a top-up",
    access=LANDLORD,
    answer=TopUpResult,
    example=TopUpRequest(amount="100.00", method="cash", reference="receipt 7"),
    answer_example=TOP_UP,
    refusals=(
        *ONCE,
        ErrorCode.AMOUNT_OUT_OF_RANGE,
        ErrorCode.CONFIRMATION_NEEDED,
        ErrorCode.STORAGE_UNAVAILABLE,
    ),
    query=Confirmation,
)
async def top_up(call: Call) -> Reply:
    """Book a top-up; repeating the same key and content returns the first response and books nothing."""
    key = call.idempotency_key()
    body = await call.body(TopUpRequest)
    account = visible_account(call)
    return reply_once(
        await call.app.accounts.top_up(
            call.actor,
            account.id,
            amount=body.amount,
            method=body.method,
            reference=body.reference,
            key=key,
            confirmed=call.query(Confirmation).confirmed,
        )
    )


class ReceiptQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Format of a receipt."""

    format: Literal["json", "pdf"] = "json"
    language: Annotated[str, msgspec.Meta(pattern=LANGUAGE, description="As in `en`.")] = "en"


@Endpoint(
    "GET",
    "/api/v1/accounts/{id}/top-ups/{entry_id}/receipt",
    access=LANDLORD_AND_TENANT,
    answer=Receipt,
    other_media=(PDF,),
    query=ReceiptQuery,
    refusals=(ErrorCode.CONFLICT,),
)
async def get_receipt(call: Call) -> Reply | web.StreamResponse:
    """Return the receipt of a top-up, however it was paid."""
    account = visible_account(call)
    query = call.query(ReceiptQuery)
    found = await call.app.ledger.explain_entry(call.actor, account.id, call.in_path("entry_id"))
    entry_receipt = receipt.receipt_of(
        account, found.entry, call.app.payments.issuer, taken_back=found.taken_back
    )
    if query.format == "json":
        return Reply(entry_receipt)
    printed = await asyncio.to_thread(receipt.printed, entry_receipt, query.language)
    content = await call.request.app[TYPESETTER].typeset(printed, receipt.LAYOUT)
    name = f"receipt-{account.id}-{entry_receipt.number}.pdf"
    return reply_file(content, PDF, name)
