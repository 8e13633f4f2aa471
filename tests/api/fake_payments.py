"""A stand-in for payments: one voucher, and orders that are what was asked."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from meter_bridge.actor import Actor
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode, TopUpResult
from meter_bridge.protocol.payment_requests import PaymentDecision, PaymentOrder, ReconcileQuery
from meter_bridge.protocol.payments import (
    KeypadTokenKind,
    KeypadTokens,
    NewVoucher,
    NewVouchers,
    PaymentDecided,
    PaymentHeard,
    PaymentList,
    PaymentOptions,
    PaymentState,
    PaymentView,
    ProviderView,
    Reconciliation,
    TopUpPreview,
    VoucherBatch,
    VoucherBatches,
    VoucherList,
    VouchersChanged,
    VoucherState,
    VoucherView,
    WaitingPayment,
    WaitingPayments,
)
from meter_bridge.protocol.voucher_requests import VoucherOrder

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
PAYMENT = PaymentView(
    id="pay-1",
    account_id="flat-1",
    provider="till",
    provider_name="Mobile money",
    amount=50_000_000,
    currency="ZAR",
    amount_digits=6,
    reference="7KQ2MXRA",
    state=PaymentState.OPEN,
    created_at="2026-03-01T10:00:00.000Z",
    url="https://till.example.org/",
    instructions=None,
    top_up=None,
    taken_back=0,
)
OPTIONS = PaymentOptions(
    providers=(ProviderView(id="till", name="Mobile money"),),
    currency="ZAR",
    amount_digits=6,
    minor_digits=2,
    smallest=10_000,
    largest=1_000_000_000,
    to_restore=None,
)
PREVIEW = TopUpPreview(
    amount=50_000_000,
    currency="ZAR",
    amount_digits=6,
    split={"balance": 50_000_000},
    units_wh=0,
    fees={},
    balance_after=62_500_000,
    restores=False,
)
WAITING = WaitingPayment(
    provider="till",
    provider_name="Mobile money",
    payment="QK1",
    reversal=None,
    reason="wrong_amount",
    message="A payment of ZAR 40.00 waits: what was paid is not what was ordered, ZAR 50.00",
    amount=40_000_000,
    currency="ZAR",
    amount_digits=6,
    order="pay-1",
    account_id="flat-1",
    heard_at="2026-03-01T10:00:00.000Z",
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
            raise RequestRefused(ErrorCode.NOT_FOUND, f"there is no batch {batch_id!r}", field="batch")
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
            raise RequestRefused(ErrorCode.VOUCHER_NOT_VALID, "this voucher is not valid", field="code")
        return await self._top_up(
            actor, account_id, amount="50.00", method="voucher", reference=VOUCHER.serial, key=key
        )

    def options(self, actor: Actor, account_id: str) -> PaymentOptions:
        """Return one way to pay."""
        self._asked(f"options {account_id}")
        return OPTIONS

    issuer = "Rose Street Properties"

    def preview(self, actor: Actor, account_id: str, amount: str | None) -> TopUpPreview:
        """Say that everything goes to the balance."""
        self._asked(f"preview {account_id} {amount}")
        return PREVIEW

    async def start_payment(
        self, actor: Actor, account_id: str, asked: PaymentOrder, *, key: str
    ) -> tuple[PaymentView, bool]:
        """Return the one order."""
        self._asked(f"start_payment {account_id} {asked.provider} {asked.amount} {key}")
        return PAYMENT, False

    async def payments(self, actor: Actor, account_id: str) -> PaymentList:
        """Return the one order."""
        self._asked(f"payments {account_id}")
        return PaymentList((PAYMENT,))

    async def payment(self, actor: Actor, account_id: str, order_id: str) -> PaymentView:
        """Return the one order."""
        self._asked(f"payment {account_id} {order_id}")
        return PAYMENT

    async def hear(self, provider_id: str, headers: Mapping[str, str], body: bytes) -> PaymentHeard:
        """Accept what is signed with a word."""
        self._asked(f"hear {provider_id} {len(body)}")
        if headers.get("Prepaid-Signature") != "k":
            raise RequestRefused(ErrorCode.NOT_AUTHENTICATED, "there is no signature")
        return PaymentHeard(1)

    async def keypad_tokens(self, actor: Actor, account_id: str, kind: KeypadTokenKind) -> KeypadTokens:
        """Return no token."""
        self._asked(f"keypad_tokens {account_id} {kind}")
        return KeypadTokens(serial="000123", unit_wh=100, tokens=())

    async def reconcile(self, provider_id: str, raw: bytes, query: ReconcileQuery) -> Reconciliation:
        """Say that all is well."""
        self._asked(f"reconcile {provider_id} {len(raw)}")
        return Reconciliation(
            provider=provider_id,
            first_day="2026-03-01",
            last_day="2026-03-31",
            columns={"payment": "Receipt No.", "amount": "Paid In"},
            matched=2,
            matched_amount=100_000_000,
            currency="ZAR",
            amount_digits=6,
            differences=(),
            unreadable=(),
        )

    async def waiting_payments(self, actor: Actor) -> WaitingPayments:
        """Return the one payment that waits."""
        self._asked("waiting_payments")
        return WaitingPayments((WAITING,))

    async def decide_payment(self, actor: Actor, asked: PaymentDecision) -> PaymentDecided:
        """Say that it was done."""
        self._asked(f"decide_payment {asked.payment} {asked.decision}")
        entry = "entry-9" if asked.decision == "credit" else None
        return PaymentDecided(
            provider=asked.provider, payment=asked.payment, decision=asked.decision, top_up=entry
        )
