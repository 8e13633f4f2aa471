"""What the API asks of payments; ``meter_bridge.payments`` implements it beside the engine."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from meter_bridge.actor import Actor
from meter_bridge.protocol.messages import TopUpResult
from meter_bridge.protocol.payment_requests import PaymentDecision, PaymentOrder, ReconcileQuery
from meter_bridge.protocol.payments import (
    KeypadTokenKind,
    KeypadTokens,
    NewVouchers,
    PaymentDecided,
    PaymentHeard,
    PaymentList,
    PaymentOptions,
    PaymentView,
    Reconciliation,
    TopUpPreview,
    VoucherBatches,
    VoucherList,
    VouchersChanged,
    WaitingPayments,
)
from meter_bridge.protocol.voucher_requests import VoucherOrder


class PaymentsPort(Protocol):
    """Payments as the API sees them.

    Every method raises ``RequestRefused`` where it does not do what was asked.
    """

    async def create_vouchers(self, actor: Actor, order: VoucherOrder) -> NewVouchers:
        """Make vouchers; their codes are shown this once."""

    async def vouchers(self, actor: Actor) -> VoucherBatches:
        """Return the batches of vouchers that the actor may see, newest first."""

    async def voucher_batch(self, actor: Actor, batch_id: str) -> VoucherList:
        """Return the vouchers of a batch."""

    async def sell_vouchers(self, actor: Actor, serials: Sequence[str], *, to: str) -> VouchersChanged:
        """Note vouchers as sold, each once."""

    async def block_vouchers(
        self, actor: Actor, serials: Sequence[str], batch_id: str | None, *, reason: str
    ) -> VouchersChanged:
        """Block vouchers, or all of a batch that were not used."""

    async def redeem_voucher(
        self, actor: Actor, account_id: str, code: str, *, key: str
    ) -> tuple[TopUpResult, bool]:
        """Turn a voucher into credit; the flag says that the key was seen before.

        Raises ``RequestRefused`` with VOUCHER_NOT_VALID, VOUCHER_USED, VOUCHER_BLOCKED, VOUCHER_EXPIRED or,
        after too many wrong codes, TOO_MANY_REQUESTS.
        """

    def options(self, actor: Actor, account_id: str) -> PaymentOptions:
        """Return how a customer may pay, and how much."""

    @property
    def issuer(self) -> str | None:
        """Return who receipts are from, where that is said."""

    def preview(self, actor: Actor, account_id: str, amount: str | None) -> TopUpPreview:
        """Return where a top-up would go if it were booked now."""

    async def start_payment(
        self, actor: Actor, account_id: str, asked: PaymentOrder, *, key: str
    ) -> tuple[PaymentView, bool]:
        """Make an order and let the customer pay; the flag says that the key was seen before."""

    async def payments(self, actor: Actor, account_id: str) -> PaymentList:
        """Return the payments of an account, newest first; a tenant's are those of the own tenancy."""

    async def payment(self, actor: Actor, account_id: str, order_id: str) -> PaymentView:
        """Return what has become of a payment."""

    async def hear(self, provider_id: str, headers: Mapping[str, str], body: bytes) -> PaymentHeard:
        """Take a provider's message; returns when what it means is booked and stored."""

    async def keypad_tokens(self, actor: Actor, account_id: str, kind: KeypadTokenKind) -> KeypadTokens:
        """Issue the tokens that are due for an account's keypad meter; return the newest."""

    async def reconcile(self, provider_id: str, raw: bytes, query: ReconcileQuery) -> Reconciliation:
        """Hold a provider's statement against the journal."""

    async def waiting_payments(self, actor: Actor) -> WaitingPayments:
        """Return what waits for a person."""

    async def decide_payment(self, actor: Actor, asked: PaymentDecision) -> PaymentDecided:
        """Credit or dismiss a payment that waits."""
