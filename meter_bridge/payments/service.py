"""Payments beside a session, as the API sees them."""

import asyncio
from collections.abc import Callable, Mapping

from meter_bridge.actor import Actor
from meter_bridge.config.problems import suggest
from meter_bridge.engine.access.secret_key import SecretKey
from meter_bridge.engine.accounts.top_ups import TopUp
from meter_bridge.engine.operations.operation import Operations
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.errors import RequestRefused
from meter_bridge.payments.keypad.tokens import KeypadTokenIssuer
from meter_bridge.payments.orders.manual_review import ManualReview
from meter_bridge.payments.orders.quote import payment_options, preview_top_up
from meter_bridge.payments.orders.reconciliation import read_books, reconcile
from meter_bridge.payments.orders.service import OrderService
from meter_bridge.payments.orders.statement_file import read_statement
from meter_bridge.payments.settings_file import ProvidersFile
from meter_bridge.payments.vouchers.batches import VoucherBatchService
from meter_bridge.payments.vouchers.redemption import VoucherRedemption
from meter_bridge.protocol.messages import ErrorCode, Role, TopUpResult
from meter_bridge.protocol.payments import (
    KeypadTokenKind,
    KeypadTokens,
    PaymentHeard,
    PaymentList,
    PaymentOptions,
    PaymentView,
    Reconciliation,
    TopUpPreview,
)
from meter_bridge.protocol.requests import PaymentOrder, ReconcileQuery

type FindAccount = Callable[[Actor, str], Account]
"""Returns an account that an actor may see; raises ``RequestRefused`` for any other."""


class Payments:
    """Vouchers, payments and keypad tokens of one session."""

    def __init__(
        self,
        session: Session,
        operations: Operations,
        key: SecretKey,
        file: ProvidersFile,
        find_account: FindAccount,
    ) -> None:
        self._session = session
        self._find_account = find_account
        self.orders = OrderService(session, operations, file)
        self.review = ManualReview(session, operations, self.orders, find_account)
        self._keypads = KeypadTokenIssuer(session, file.keypads)
        self.vouchers = VoucherBatchService(session, key)
        self._voucher_redemption = VoucherRedemption(session, operations, key)

    async def redeem_voucher(
        self, actor: Actor, account_id: str, code: str, *, key: str
    ) -> tuple[TopUpResult, bool]:
        """Turn a voucher into credit once per key."""
        return await self._voucher_redemption.redeem(actor, self._find_account(actor, account_id), code, key)

    def options(self, actor: Actor, account_id: str) -> PaymentOptions:
        """Return how a customer may pay, and how much."""
        account = self._find_account(actor, account_id)
        offered, now = self.orders.offered_providers(account), self._session.clock.now()
        return payment_options(account, offered, now, keypad=self._keypads.has(account.id))

    async def keypad_tokens(self, actor: Actor, account_id: str, kind: KeypadTokenKind) -> KeypadTokens:
        """Issue the tokens that are due for a keypad meter; return the newest."""
        return await self._keypads.issue(actor, self._find_account(actor, account_id), kind)

    @property
    def issuer(self) -> str | None:
        """Return who receipts are from, where that is said."""
        return self.orders.file.issuer

    def preview(self, actor: Actor, account_id: str, amount: str | None) -> TopUpPreview:
        """Return where a top-up would go if it were booked now."""
        account, now = self._find_account(actor, account_id), self._session.clock.now()
        if amount is None:
            possible = self.options(actor, account_id)
            top_up = TopUp(possible.to_restore or possible.smallest, "preview", None)
        else:
            top_up = TopUp.from_request(account, amount, "preview", None)
        top_up.check(self._session, account)
        return preview_top_up(account, top_up.amount, now)

    async def start_payment(
        self, actor: Actor, account_id: str, request: PaymentOrder, *, key: str, confirmed: bool = True
    ) -> tuple[PaymentView, bool]:
        """Make an order and let the customer pay.

        Unless ``confirmed``, an unusual amount is refused as ``CONFIRMATION_NEEDED``.
        """
        account = self._find_account(actor, account_id)
        return await self.orders.place_order(actor, account, request, key, confirmed=confirmed)

    async def payments(self, actor: Actor, account_id: str) -> PaymentList:
        """Return the payments of an account, newest first."""
        account = self._find_account(actor, account_id)
        return await self.orders.list(account, _visible_tenancy(actor, account))

    async def payment(self, actor: Actor, account_id: str, order_id: str) -> PaymentView:
        """Return what has become of a payment."""
        account = self._find_account(actor, account_id)
        return await self.orders.refreshed_view(account, _visible_tenancy(actor, account), order_id)

    async def hear(self, provider_id: str, headers: Mapping[str, str], body: bytes) -> PaymentHeard:
        """Take a provider's message."""
        return PaymentHeard(await self.orders.event_handler.receive_webhook(provider_id, headers, body))

    async def reconcile(self, provider_id: str, raw: bytes, query: ReconcileQuery) -> Reconciliation:
        """Hold a provider's statement against the journal."""
        known = self.orders.file.providers

        def compare() -> Reconciliation:
            file = read_statement(raw, query.columns(), query.currency)
            books = read_books(self._session.reader, provider_id)
            if provider_id not in known and not books.booked and not books.event_kinds:
                raise RequestRefused(
                    ErrorCode.NOT_FOUND,
                    f"there is no provider {provider_id!r}, and nothing was ever booked for one",
                    field="provider",
                    value=provider_id,
                    remedy=suggest(provider_id, known, "" if known else "see payments.yaml"),
                )
            return reconcile(provider_id, file, books, query.first, query.last)

        return await asyncio.to_thread(compare)

    async def tick(self) -> None:
        """Let time pass."""
        self._voucher_redemption.update_attack_alert()
        await self.orders.tick()


def _visible_tenancy(actor: Actor, account: Account) -> int | None:
    """Return the tenancy whose payments an actor sees; None for all."""
    return account.tenancy.n if actor.role is Role.TENANT else None
