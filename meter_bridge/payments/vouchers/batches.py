"""Making, selling and blocking vouchers, each as one unit of work."""

import asyncio
from collections.abc import Sequence
import secrets
from typing import Final

from meter_bridge.actor import EVERYTHING, Actor
from meter_bridge.config.problems import suggest
from meter_bridge.core.calendar import DAY_MS, iso
from meter_bridge.core.money import format_amount
from meter_bridge.engine.access.secret_key import SecretKey, code_hash
from meter_bridge.engine.ledger.amounts import parse_request_amount
from meter_bridge.engine.operations.unusual_amount import check_usual_vouchers
from meter_bridge.engine.state.events import record_event
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.errors import RequestRefused
from meter_bridge.payments.vouchers import queries
from meter_bridge.payments.vouchers.code import RANDOM_DIGITS, Voucher, grouped, with_check_digits
from meter_bridge.protocol.messages import ErrorCode, EventKind
from meter_bridge.protocol.payments import (
    NewVoucher,
    NewVouchers,
    VoucherBatches,
    VoucherList,
    VouchersChanged,
    VoucherState,
)
from meter_bridge.protocol.requests import VoucherOrder
from meter_bridge.storage import changeset as ops

ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""Of serial numbers: no sign that could be taken for another."""
_LIST: Final = "'meter-bridge voucher list' shows those that there are"


class VoucherBatchService:
    """Vouchers of one session, as the landlord deals with them."""

    def __init__(self, session: Session, key: SecretKey) -> None:
        self._session = session
        self._key = key

    async def create(self, actor: Actor, order: VoucherOrder, *, confirmed: bool = True) -> NewVouchers:
        """Make vouchers and return them with their codes, of which only hashes are kept.

        Unless ``confirmed``, vouchers of unusual worth are refused as ``CONFIRMATION_NEEDED``.
        """
        currency = await self._currency(actor, order)
        amount = self._amount(order.amount, currency)
        if not confirmed:
            check_usual_vouchers(
                self._accounts(order, currency), order.count, amount, self._session.clock.now()
            )
        tx = self._session.begin(actor)
        today = self._session.clock.believed_wall()
        batch_id = "".join(secrets.choice(ALPHABET) for _ in range(6))
        new_vouchers = [
            (f"{batch_id}-{n:04d}", with_check_digits(secrets.randbelow(10**RANDOM_DIGITS)))
            for n in range(1, order.count + 1)
        ]
        tx.changeset.add(
            ops.INSERT_VOUCHER_BATCH,
            {
                "id": batch_id,
                "site_id": order.site,
                "amount": amount,
                "currency": currency,
                "count": order.count,
                "needs_sale": order.needs_sale,
                "note": order.note,
                "key_id": self._key.id,
                "actor": tx.actor,
                "created_at": tx.at,
                "expires_at": None if order.days is None else today + order.days * DAY_MS,
            },
        )
        nothing = dict.fromkeys(
            ("sold_at", "sold_to", "sold_by", "blocked_at", "blocked_by", "blocked_reason")
        )
        tx.changeset.extend(
            ops.INSERT_VOUCHER,
            [
                nothing | {"id": serial, "batch_id": batch_id, "code_hash": code_hash(self._key, code)}
                for serial, code in new_vouchers
            ],
        )
        self._record_event(tx, "made", batch=batch_id, count=order.count, amount=amount, currency=currency)
        await self._session.commit(tx)
        (batch,) = queries.batches(self._session.reader, today, batch_id)
        return NewVouchers(batch, tuple(NewVoucher(serial, grouped(code)) for serial, code in new_vouchers))

    def _accounts(self, order: VoucherOrder, currency: str) -> list[Account]:
        """Return the accounts that may use the vouchers."""
        return [
            account
            for account in self._session.installation.accounts.values()
            if account.site.currency == currency and order.site in (None, account.site.id)
        ]

    async def _currency(self, actor: Actor, order: VoucherOrder) -> str:
        """Raise ``RequestRefused`` for a site that the actor may not see."""
        sites = await asyncio.to_thread(queries.currencies, self._session.reader)
        if order.site is not None:
            if order.site not in sites or not _sees(actor, order.site):
                raise RequestRefused(
                    ErrorCode.NOT_FOUND,
                    f"there is no site {order.site!r}",
                    field="site",
                    value=order.site,
                    remedy=suggest(order.site, [site for site in sites if _sees(actor, site)]),
                )
            found = {sites[order.site]}
        else:
            if EVERYTHING not in actor.sites:
                raise RequestRefused(
                    ErrorCode.NOT_ALLOWED,
                    "vouchers that are good everywhere are made with a token of all sites",
                    field="site",
                    remedy="name one of your sites",
                )
            found = set(sites.values())
        if order.currency is not None and order.currency in found:
            return order.currency
        if order.currency is not None or len(found) != 1:
            raise RequestRefused(
                ErrorCode.BAD_REQUEST,
                "the currency of the vouchers is not one that is used there",
                field="currency",
                value=order.currency,
                remedy=f"choose from {', '.join(sorted(found)) or 'none; apply a site file first'}",
            )
        return found.pop()

    @staticmethod
    def _amount(text: str, currency: str) -> int:
        amount = parse_request_amount(currency, text)
        if amount <= 0:
            raise RequestRefused(
                ErrorCode.BAD_REQUEST,
                f"a voucher of {format_amount(amount, currency)} is worth nothing",
                field="amount",
                value=text,
                remedy="write an amount above zero",
            )
        return amount

    async def batches(self, actor: Actor) -> VoucherBatches:
        """Return the batches that the actor may see."""
        at = self._session.clock.believed_wall()
        found = await asyncio.to_thread(queries.batches, self._session.reader, at)
        return VoucherBatches(tuple(batch for batch in found if _sees(actor, batch.site_id)))

    async def batch(self, actor: Actor, batch_id: str) -> VoucherList:
        """Return the vouchers of a batch; raises ``RequestRefused`` where the actor may not see it."""
        at = self._session.clock.believed_wall()
        found = queries.batches(self._session.reader, at, batch_id)
        if not found or not _sees(actor, found[0].site_id):
            raise _not_found("batch", batch_id)
        vouchers = await asyncio.to_thread(queries.of_batch, self._session.reader, batch_id)
        return VoucherList(found[0], tuple(queries.view(each, at) for each in vouchers))

    async def sell(self, actor: Actor, serials: Sequence[str], *, to: str) -> VouchersChanged:
        """Note vouchers as sold, all or none; one that was sold is not sold again."""
        tx = self._session.begin(actor)
        found = self._find(actor, serials)
        for voucher in found:
            state = voucher.state(self._session.clock.believed_wall())
            if voucher.sold_at is not None or state not in (VoucherState.UNSOLD, VoucherState.GOOD):
                what = f"sold on {iso(voucher.sold_at)[:10]}" if voucher.sold_at is not None else state.value
                raise RequestRefused(
                    ErrorCode.CONFLICT,
                    f"voucher {voucher.serial} is {what}; none was noted as sold",
                    field="serials",
                    value=voucher.serial,
                    remedy="leave it out, and sell another",
                )
            row = {"row_id": voucher.serial, "new_sold_at": tx.at}
            tx.changeset.add(ops.SELL_VOUCHER, row | {"new_sold_to": to, "new_sold_by": tx.actor})
        return await self._save_changes(tx, "sold", found, to=to)

    async def block(
        self, actor: Actor, serials: Sequence[str], batch_id: str | None, *, reason: str
    ) -> VouchersChanged:
        """Block vouchers; those of a whole batch as far as they were not used."""
        tx = self._session.begin(actor)
        found = self._find(actor, serials)
        for voucher in found:
            if voucher.redeemed_at is not None:
                raise RequestRefused(
                    ErrorCode.CONFLICT,
                    f"voucher {voucher.serial} was used for {voucher.account_id}; nothing was blocked",
                    field="serials",
                    value=voucher.serial,
                    remedy="take its top-up back with 'meter-bridge reverse'",
                )
        if batch_id is not None:
            await self.batch(actor, batch_id)
            whole_batch = queries.of_batch(self._session.reader, batch_id)
            found += [each for each in whole_batch if each.redeemed_at is None and each.serial not in serials]
        found = [voucher for voucher in found if voucher.blocked_at is None]
        for voucher in found:
            row = {"row_id": voucher.serial, "new_blocked_at": tx.at}
            tx.changeset.add(
                ops.BLOCK_VOUCHER, row | {"new_blocked_by": tx.actor, "new_blocked_reason": reason}
            )
        return await self._save_changes(tx, "blocked", found, reason=reason)

    def _find(self, actor: Actor, serials: Sequence[str]) -> list[Voucher]:
        found = {each.serial: each for each in queries.by_serials(self._session.reader, serials)}
        for serial in serials:
            if serial not in found or not _sees(actor, found[serial].site_id):
                raise _not_found("voucher", serial)
        return list(found.values())

    async def _save_changes(
        self, tx: Transaction, what: str, vouchers: Sequence[Voucher], **more: object
    ) -> VouchersChanged:
        serials = tuple(voucher.serial for voucher in vouchers)
        if serials:
            self._record_event(tx, what, serials=serials, **more)
            await self._session.commit(tx)
        return VouchersChanged(serials)

    def _record_event(self, tx: Transaction, what: str, **data: object) -> None:
        event_data = {"what": what, "by": tx.actor, **data}
        record_event(self._session.installation, tx, EventKind.VOUCHERS_CHANGED, data=event_data)


def _sees(actor: Actor, site_id: str | None) -> bool:
    """Return whether the actor may see vouchers of a site; None stands for those valid everywhere."""
    return EVERYTHING in actor.sites or (site_id is not None and site_id in actor.sites)


def _not_found(what: str, identifier: str) -> RequestRefused:
    return RequestRefused(
        ErrorCode.NOT_FOUND,
        f"there is no {what} {identifier!r}",
        field=what,
        value=identifier,
        remedy=_LIST,
    )
