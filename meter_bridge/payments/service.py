"""Payments beside an engine, as the API sees them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from meter_bridge.actor import Actor
from meter_bridge.engine.access.secret_key import SecretKey
from meter_bridge.engine.accounts.top_ups import TopUp
from meter_bridge.engine.engine import Engine
from meter_bridge.engine.operations.operation import Operations
from meter_bridge.engine.state.model import Account
from meter_bridge.payments.keypad.issuing import KeypadDesk
from meter_bridge.payments.orders.manual_review import Desk
from meter_bridge.payments.orders.quote import options, preview
from meter_bridge.payments.orders.reconciliation import books_of, reconcile
from meter_bridge.payments.orders.service import Cashier
from meter_bridge.payments.orders.statement_file import read_statement
from meter_bridge.payments.providers.settings_file import ProvidersFile
from meter_bridge.payments.vouchers.batches import VoucherPress
from meter_bridge.payments.vouchers.redemption import VoucherTill
from meter_bridge.protocol.messages import Role, TopUpResult
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

type FindAccount = Callable[[Actor, str], Account]
"""Returns an account that an actor may see; raises ``RequestRefused`` for any other."""


class Payments:
    """Implements ``PaymentsPort`` beside an engine."""

    def __init__(
        self,
        engine: Engine,
        operations: Operations,
        key: SecretKey,
        file: ProvidersFile,
        account: FindAccount,
    ) -> None:
        """Open for business."""
        self._engine = engine
        self._account = account
        self.cashier = Cashier(engine, operations, file)
        self._desk = Desk(engine, operations, self.cashier, account)
        self._keypads = KeypadDesk(engine, file.keypads)
        self._press = VoucherPress(engine, key)
        self._till = VoucherTill(engine, operations, key)

    async def create_vouchers(self, actor: Actor, order: VoucherOrder) -> NewVouchers:
        """Make vouchers; their codes are shown this once."""
        return await self._press.create(actor, order)

    async def vouchers(self, actor: Actor) -> VoucherBatches:
        """Return the batches of vouchers that the actor may see, newest first."""
        return await self._press.batches(actor)

    async def voucher_batch(self, actor: Actor, batch_id: str) -> VoucherList:
        """Return the vouchers of a batch."""
        return await self._press.batch(actor, batch_id)

    async def sell_vouchers(self, actor: Actor, serials: Sequence[str], *, to: str) -> VouchersChanged:
        """Note vouchers as sold, each once."""
        return await self._press.sell(actor, serials, to)

    async def block_vouchers(
        self, actor: Actor, serials: Sequence[str], batch_id: str | None, *, reason: str
    ) -> VouchersChanged:
        """Block vouchers, or all of a batch that were not used."""
        return await self._press.block(actor, serials, batch_id, reason)

    async def redeem_voucher(
        self, actor: Actor, account_id: str, code: str, *, key: str
    ) -> tuple[TopUpResult, bool]:
        """Turn a voucher into credit once per key."""
        return await self._till.redeem(actor, self._account(actor, account_id), code, key)

    def options(self, actor: Actor, account_id: str) -> PaymentOptions:
        """Return how a customer may pay, and how much."""
        account = self._account(actor, account_id)
        offered, now = self.cashier.offered(account), self._engine.clock.now()
        return options(account, offered, now, keypad=self._keypads.has(account.id))

    async def keypad_tokens(self, actor: Actor, account_id: str, kind: KeypadTokenKind) -> KeypadTokens:
        """Issue the tokens that are due for a keypad meter; return the newest."""
        return await self._keypads.issue(actor, self._account(actor, account_id), kind)

    @property
    def issuer(self) -> str | None:
        """Return who receipts are from, where that is said."""
        return self.cashier.file.issuer

    def preview(self, actor: Actor, account_id: str, amount: str | None) -> TopUpPreview:
        """Return where a top-up would go if it were booked now."""
        account, now = self._account(actor, account_id), self._engine.clock.now()
        if amount is None:
            possible = self.options(actor, account_id)
            return preview(account, possible.to_restore or possible.smallest, now)
        asked = TopUp.asked(account, amount, "preview", None)
        asked.check(self._engine, account)
        return preview(account, asked.amount, now)

    async def start_payment(
        self, actor: Actor, account_id: str, asked: PaymentOrder, *, key: str
    ) -> tuple[PaymentView, bool]:
        """Make an order and let the customer pay."""
        return await self.cashier.open(actor, self._account(actor, account_id), asked, key)

    async def payments(self, actor: Actor, account_id: str) -> PaymentList:
        """Return the payments of an account, newest first."""
        account = self._account(actor, account_id)
        return await self.cashier.list(account, _tenancy(actor, account))

    async def payment(self, actor: Actor, account_id: str, order_id: str) -> PaymentView:
        """Return what has become of a payment."""
        account = self._account(actor, account_id)
        return await self.cashier.look(account, _tenancy(actor, account), order_id)

    async def hear(self, provider_id: str, headers: Mapping[str, str], body: bytes) -> PaymentHeard:
        """Take a provider's message."""
        return PaymentHeard(await self.cashier.hearing.hear(provider_id, headers, body))

    async def reconcile(self, provider_id: str, raw: bytes, query: ReconcileQuery) -> Reconciliation:
        """Hold a provider's statement against the journal."""

        def compare() -> Reconciliation:
            file = read_statement(raw, query.columns(), query.currency)
            books = books_of(self._engine.reader, provider_id)
            return reconcile(provider_id, file, books, query.first, query.last)

        return await asyncio.to_thread(compare)

    async def waiting_payments(self, actor: Actor) -> WaitingPayments:
        """Return what waits for a person."""
        return await self._desk.waiting(actor)

    async def decide_payment(self, actor: Actor, asked: PaymentDecision) -> PaymentDecided:
        """Credit or dismiss a payment that waits."""
        return await self._desk.decide(actor, asked)

    async def tick(self) -> None:
        """Let time pass."""
        self._till.watch()
        await self.cashier.tick()


def _tenancy(actor: Actor, account: Account) -> int | None:
    """Return the tenancy whose payments an actor sees; None for those of all."""
    return account.tenancy.n if actor.role is Role.TENANT else None
