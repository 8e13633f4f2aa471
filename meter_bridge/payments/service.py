"""Payments beside an engine, as the API sees them."""

from collections.abc import Callable, Sequence

from meter_bridge.api.port import Actor
from meter_bridge.api.voucher_requests import VoucherOrder
from meter_bridge.engine.engine import Engine
from meter_bridge.engine.operations import Operations
from meter_bridge.engine.state import Account
from meter_bridge.payments.secret_key import SecretKey
from meter_bridge.payments.voucher_press import VoucherPress
from meter_bridge.payments.voucher_till import VoucherTill
from meter_bridge.protocol.messages import TopUpResult
from meter_bridge.protocol.payments import NewVouchers, VoucherBatches, VoucherList, VouchersChanged

type FindAccount = Callable[[Actor, str], Account]
"""Returns an account that an actor may see; raises ``Refused`` for any other."""


class Payments:
    """Implements ``PaymentsPort`` beside an engine."""

    def __init__(self, engine: Engine, operations: Operations, key: SecretKey, account: FindAccount) -> None:
        """Open for business."""
        self._account = account
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

    async def tick(self) -> None:
        """Let time pass."""
        self._till.watch()
