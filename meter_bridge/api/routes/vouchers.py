"""Vouchers: make, sell and block them, and turn one into credit."""

from http import HTTPStatus

from meter_bridge.api.http.authentication import LANDLORD, LANDLORD_AND_TENANT
from meter_bridge.api.http.endpoint import (
    ONCE,
    Call,
    Endpoint,
    Reply,
    endpoint_once,
    reply_once,
    visible_account,
)
from meter_bridge.api.http.examples import TOP_UP
from meter_bridge.protocol.messages import ErrorCode, TopUpResult
from meter_bridge.protocol.payments import NewVouchers, VoucherBatches, VoucherList, VouchersChanged
from meter_bridge.protocol.requests import Confirmation, VoucherBlock, VoucherCode, VoucherOrder, VoucherSale


@endpoint_once(
    "/api/v1/accounts/{id}/vouchers",
    "redeeming a voucher",
    access=LANDLORD_AND_TENANT,
    answer=TopUpResult,
    example=VoucherCode(code="1234 5678 9012 3456 7890"),
    answer_example=TOP_UP,
    refusals=(
        *ONCE,
        ErrorCode.VOUCHER_NOT_VALID,
        ErrorCode.VOUCHER_USED,
        ErrorCode.VOUCHER_BLOCKED,
        ErrorCode.VOUCHER_EXPIRED,
        ErrorCode.AMOUNT_OUT_OF_RANGE,
        ErrorCode.STORAGE_UNAVAILABLE,
    ),
)
async def redeem_voucher(call: Call) -> Reply:
    """Turn a voucher into credit, once; five wrong codes within ten minutes lock entry for an hour."""
    account = visible_account(call)
    key = call.idempotency_key()
    body = await call.body(VoucherCode)
    return reply_once(await call.app.payments.redeem_voucher(call.actor, account.id, body.code, key=key))


@Endpoint("GET", "/api/v1/vouchers", access=LANDLORD, answer=VoucherBatches)
async def list_vouchers(call: Call) -> Reply:
    """List the batches of vouchers, newest first, with how many are in each state."""
    return Reply(await call.app.payments.vouchers.batches(call.actor))


@Endpoint(
    "GET", "/api/v1/vouchers/{batch}", access=LANDLORD, answer=VoucherList, refusals=(ErrorCode.NOT_FOUND,)
)
async def get_vouchers(call: Call) -> Reply:
    """Return the vouchers of a batch with the state of each; codes are never shown again."""
    return Reply(await call.app.payments.vouchers.batch(call.actor, call.in_path("batch")))


@Endpoint(
    "POST",
    "/api/v1/vouchers",
    access=LANDLORD,
    answer=NewVouchers,
    status=HTTPStatus.CREATED,
    example=VoucherOrder(count=50, amount="50.00", site="rose", days=365, note="Spaza shop, March"),
    query=Confirmation,
    refusals=(ErrorCode.NOT_FOUND, ErrorCode.CONFIRMATION_NEEDED, ErrorCode.STORAGE_UNAVAILABLE),
)
async def create_vouchers(call: Call) -> Reply:
    """Create vouchers; their codes are in this response and nowhere else."""
    body = await call.body(VoucherOrder)
    confirmed = call.query(Confirmation).confirmed
    created = await call.app.payments.vouchers.create(call.actor, body, confirmed=confirmed)
    return Reply(created, HTTPStatus.CREATED)


@Endpoint(
    "POST",
    "/api/v1/vouchers/sell",
    access=LANDLORD,
    answer=VouchersChanged,
    example=VoucherSale(serials=("7KQ2MX-0001",), to="Flat 1, receipt 12"),
    refusals=(ErrorCode.NOT_FOUND, ErrorCode.STORAGE_UNAVAILABLE, ErrorCode.CONFLICT),
)
async def sell_vouchers(call: Call) -> Reply:
    """Mark vouchers as sold, each only once; all of them or none."""
    body = await call.body(VoucherSale)
    return Reply(await call.app.payments.vouchers.sell(call.actor, body.serials, to=body.to))


@Endpoint(
    "POST",
    "/api/v1/vouchers/block",
    access=LANDLORD,
    answer=VouchersChanged,
    example=VoucherBlock(reason="stolen from the shop", batch="7KQ2MX"),
    refusals=(ErrorCode.NOT_FOUND, ErrorCode.STORAGE_UNAVAILABLE, ErrorCode.CONFLICT),
)
async def block_vouchers(call: Call) -> Reply:
    """Block vouchers permanently: some, or all unused ones of a batch."""
    body = await call.body(VoucherBlock)
    return Reply(
        await call.app.payments.vouchers.block(call.actor, body.serials, body.batch, reason=body.reason)
    )
