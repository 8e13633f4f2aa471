"""Payments: options, previews, orders, webhooks, and review."""

from meter_bridge.api.http.authentication import LANDLORD, LANDLORD_AND_TENANT, LANDLORD_OF_ALL_SITES, PUBLIC
from meter_bridge.api.http.endpoint import (
    BODY_BYTES,
    ONCE,
    STATEMENT_BYTES,
    Call,
    Endpoint,
    Reply,
    endpoint_once,
    read_body,
    reply_once,
    visible_account,
)
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode, Role
from meter_bridge.protocol.payments import (
    KeypadTokenKind,
    KeypadTokens,
    PaymentDecided,
    PaymentHeard,
    PaymentList,
    PaymentOptions,
    PaymentView,
    Reconciliation,
    TopUpPreview,
    WaitingPayments,
)
from meter_bridge.protocol.requests import (
    Confirmation,
    KeypadRequest,
    PaymentDecision,
    PaymentOrder,
    PreviewQuery,
    ReconcileQuery,
)


@Endpoint("GET", "/api/v1/accounts/{id}/payment-options", access=LANDLORD_AND_TENANT, answer=PaymentOptions)
async def get_payment_options(call: Call) -> Reply:
    """Return the ways in which a customer can pay, and the limits."""
    return Reply(call.app.payments.options(call.actor, visible_account(call).id))


@Endpoint(
    "GET",
    "/api/v1/accounts/{id}/top-up-preview",
    access=LANDLORD_AND_TENANT,
    answer=TopUpPreview,
    query=PreviewQuery,
    refusals=(ErrorCode.AMOUNT_OUT_OF_RANGE,),
)
async def preview_top_up(call: Call) -> Reply:
    """Return where a top-up would go if it were booked now, and the resulting balance."""
    query = call.query(PreviewQuery)
    return Reply(call.app.payments.preview(call.actor, visible_account(call).id, query.amount))


@endpoint_once(
    "/api/v1/accounts/{id}/payments",
    "a payment",
    access=LANDLORD_AND_TENANT,
    answer=PaymentView,
    example=PaymentOrder(provider="card", amount="50.00"),
    refusals=(
        *ONCE,
        ErrorCode.AMOUNT_OUT_OF_RANGE,
        ErrorCode.CONFIRMATION_NEEDED,
        ErrorCode.CONFLICT,
        ErrorCode.PROVIDER_UNAVAILABLE,
        ErrorCode.STORAGE_UNAVAILABLE,
    ),
    query=Confirmation,
)
async def start_payment(call: Call) -> Reply:
    """Start a payment and return where to pay; credit is given when the provider reports the payment."""
    account = visible_account(call)
    key = call.idempotency_key()
    body = await call.body(PaymentOrder)
    confirmed = call.query(Confirmation).confirmed
    payments = call.app.payments
    return reply_once(
        await payments.start_payment(call.actor, account.id, body, key=key, confirmed=confirmed)
    )


@Endpoint("GET", "/api/v1/accounts/{id}/payments", access=LANDLORD_AND_TENANT, answer=PaymentList)
async def list_payments(call: Call) -> Reply:
    """List the payments that an account's customer has started, newest first."""
    return Reply(await call.app.payments.payments(call.actor, visible_account(call).id))


@Endpoint("GET", "/api/v1/accounts/{id}/payments/{payment}", access=LANDLORD_AND_TENANT, answer=PaymentView)
async def get_payment(call: Call) -> Reply:
    """Return the state of a payment; if its provider has not reported yet, it is polled."""
    account = visible_account(call)
    payment = call.in_path("payment")
    return Reply(await call.app.payments.payment(call.actor, account.id, payment))


@Endpoint(
    "POST",
    "/api/v1/payment-events/{provider}",
    access=PUBLIC,
    answer=PaymentHeard,
    body_media="application/json",
    refusals=(
        ErrorCode.NOT_FOUND,
        ErrorCode.NOT_AUTHENTICATED,
        ErrorCode.IDEMPOTENCY_CONFLICT,
        ErrorCode.PAYLOAD_TOO_LARGE,
        ErrorCode.PROVIDER_UNAVAILABLE,
        ErrorCode.STORAGE_UNAVAILABLE,
    ),
)
async def hear_payment_event(call: Call) -> Reply:
    """Receive a provider's signed webhook; answered only when it is stored and booked."""
    body = await read_body(call.request, BODY_BYTES)
    provider = call.in_path("provider")
    return Reply(await call.app.payments.hear(provider, call.request.headers, body))


@Endpoint("GET", "/api/v1/payments/waiting", access=LANDLORD, answer=WaitingPayments)
async def list_waiting_payments(call: Call) -> Reply:
    """List the payments that await a decision, oldest first."""
    return Reply(await call.app.payments.review.waiting(call.actor))


@Endpoint(
    "POST",
    "/api/v1/payments/decide",
    access=LANDLORD,
    answer=PaymentDecided,
    example=PaymentDecision(
        provider="mpesa", payment="QK12345678", decision="credit", reason="typed the room wrong"
    ),
    refusals=(ErrorCode.NOT_FOUND, ErrorCode.CONFLICT, ErrorCode.STORAGE_UNAVAILABLE),
)
async def decide_payment(call: Call) -> Reply:
    """Credit a pending payment, or dismiss it because it was returned."""
    body = await call.body(PaymentDecision)
    return Reply(await call.app.payments.review.decide(call.actor, body))


@Endpoint(
    "POST",
    "/api/v1/payments/reconciliation/{provider}",
    access=LANDLORD_OF_ALL_SITES,
    answer=Reconciliation,
    body_media="text/csv",
    query=ReconcileQuery,
    refusals=(ErrorCode.NOT_FOUND, ErrorCode.PAYLOAD_TOO_LARGE),
)
async def reconcile_payments(call: Call) -> Reply:
    """Compare a provider's statement, as CSV, with the journal, and return the differences."""
    query = call.query(ReconcileQuery)
    raw = await read_body(call.request, STATEMENT_BYTES)
    provider = call.in_path("provider")
    return Reply(await call.app.payments.reconcile(provider, raw, query))


@Endpoint(
    "POST",
    "/api/v1/accounts/{id}/keypad-tokens",
    access=LANDLORD_AND_TENANT,
    answer=KeypadTokens,
    example=KeypadRequest(),
    refusals=(ErrorCode.NOT_SUPPORTED, ErrorCode.CONFLICT, ErrorCode.STORAGE_UNAVAILABLE),
)
async def issue_keypad_tokens(call: Call) -> Reply:
    """Issue the tokens that are due for a keypad meter, each unit once; return the latest, newest first."""
    account = visible_account(call)
    body = await call.body(KeypadRequest)
    if body.kind is not KeypadTokenKind.ADD and call.actor.role is not Role.LANDLORD:
        raise RequestRefused(
            ErrorCode.NOT_ALLOWED,
            "only a landlord unlocks a meter or brings it in step",
            field="kind",
            value=body.kind.value,
            remedy="ask the landlord",
        )
    return Reply(await call.app.payments.keypad_tokens(call.actor, account.id, body.kind))
