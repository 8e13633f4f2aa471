"""A stand-in for payments: one voucher, and orders that are what was asked."""

from collections.abc import Awaitable, Callable, Sequence

from meter_bridge.api.port import Actor, Refused
from meter_bridge.api.voucher_requests import VoucherOrder
from meter_bridge.protocol.messages import ErrorCode, TopUpResult
from meter_bridge.protocol.payments import (
    NewVoucher,
    NewVouchers,
    VoucherBatch,
    VoucherBatches,
    VoucherList,
    VouchersChanged,
    VoucherState,
    VoucherView,
)

CODE = "1234 5678 9012 3456 7890"
BATCH = VoucherBatch(
    id="7KQ2MX",
    site_id="rose",
    amount=50_000_000,
    currency="ZAR",
    amount_digits=6,
    created_at="2026-03-01T10:00:00.000Z",
    expires_at=None,
    needs_sale=False,
    note="Spaza shop",
    by="owner",
    states={VoucherState.GOOD: 1},
)
VOUCHER = VoucherView(
    serial="7KQ2MX-0001",
    state=VoucherState.GOOD,
    sold_at=None,
    sold_to=None,
    redeemed_at=None,
    account_id=None,
    blocked_at=None,
    blocked_reason=None,
)
type TopUp = Callable[..., Awaitable[tuple[TopUpResult, bool]]]


class StandInPayments:
    """Payments in memory."""

    def __init__(self, asked: Callable[[str], None], top_up: TopUp) -> None:
        """Keep how the stand-in notes what is asked, and how it books."""
        self._asked = asked
        self._top_up = top_up

    async def create_vouchers(self, actor: Actor, order: VoucherOrder) -> NewVouchers:
        """Return one voucher, whatever was ordered."""
        self._asked(f"create_vouchers {order.count} {order.amount}")
        return NewVouchers(BATCH, (NewVoucher(VOUCHER.serial, CODE),))

    async def vouchers(self, actor: Actor) -> VoucherBatches:
        """Return the one batch."""
        self._asked("vouchers")
        return VoucherBatches((BATCH,))

    async def voucher_batch(self, actor: Actor, batch_id: str) -> VoucherList:
        """Return the one voucher."""
        self._asked(f"voucher_batch {batch_id}")
        if batch_id != BATCH.id:
            raise Refused(ErrorCode.NOT_FOUND, f"there is no batch {batch_id!r}", field="batch")
        return VoucherList(BATCH, (VOUCHER,))

    async def sell_vouchers(self, actor: Actor, serials: Sequence[str], *, to: str) -> VouchersChanged:
        """Say that all were sold."""
        self._asked(f"sell_vouchers {to}")
        return VouchersChanged(tuple(serials))

    async def block_vouchers(
        self, actor: Actor, serials: Sequence[str], batch_id: str | None, *, reason: str
    ) -> VouchersChanged:
        """Say that all were blocked."""
        self._asked(f"block_vouchers {reason}")
        return VouchersChanged((*serials, VOUCHER.serial) if batch_id else tuple(serials))

    async def redeem_voucher(
        self, actor: Actor, account_id: str, code: str, *, key: str
    ) -> tuple[TopUpResult, bool]:
        """Book the one voucher."""
        self._asked("redeem_voucher")
        if code.replace(" ", "") != CODE.replace(" ", ""):
            raise Refused(ErrorCode.VOUCHER_NOT_VALID, "this voucher is not valid", field="code")
        return await self._top_up(
            actor, account_id, amount="50.00", method="voucher", reference=VOUCHER.serial, key=key
        )
