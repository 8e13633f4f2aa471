"""What the API asks of payments; ``meter_bridge.payments`` implements it beside the engine."""

from collections.abc import Sequence
from typing import Protocol

from meter_bridge.api.port import Actor
from meter_bridge.api.voucher_requests import VoucherOrder
from meter_bridge.protocol.messages import TopUpResult
from meter_bridge.protocol.payments import NewVouchers, VoucherBatches, VoucherList, VouchersChanged


class PaymentsPort(Protocol):
    """Payments as the API sees them; every method raises ``Refused`` where it does not do what was asked."""

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

        Raises ``Refused`` with VOUCHER_NOT_VALID, VOUCHER_USED, VOUCHER_BLOCKED, VOUCHER_EXPIRED or, after
        too many wrong codes, TOO_MANY_REQUESTS.
        """
