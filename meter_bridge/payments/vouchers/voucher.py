"""Vouchers: what one is, which state it is in, and why it is refused."""

from dataclasses import dataclass

from meter_bridge.protocol.payments import VoucherState


@dataclass(frozen=True, slots=True, kw_only=True)
class Voucher:
    """A voucher with its batch and what became of it; instants in milliseconds since 1970 UTC."""

    serial: str
    batch_id: str
    site_id: str | None
    amount: int
    currency: str
    needs_sale: bool
    expires_at: int | None
    sold_at: int | None = None
    sold_to: str | None = None
    blocked_at: int | None = None
    blocked_reason: str | None = None
    redeemed_at: int | None = None
    account_id: str | None = None

    def state(self, at: int) -> VoucherState:
        """Return the state at an instant; a used voucher stays used, whatever else became of it."""
        if self.redeemed_at is not None:
            return VoucherState.REDEEMED
        if self.blocked_at is not None:
            return VoucherState.BLOCKED
        if self.expires_at is not None and self.expires_at <= at:
            return VoucherState.EXPIRED
        if self.needs_sale and self.sold_at is None:
            return VoucherState.UNSOLD
        return VoucherState.GOOD
