"""Wire messages of payments: vouchers, orders, receipts. Units and instants as in ``messages``."""

from dataclasses import dataclass
from enum import StrEnum


class VoucherState(StrEnum):
    """What may be done with a voucher."""

    UNSOLD = "unsold"
    """Good only once it is sold."""
    GOOD = "good"
    REDEEMED = "redeemed"
    BLOCKED = "blocked"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherBatch:
    """Vouchers that were made together."""

    id: str
    site_id: str | None
    """Where they are good; None for every site of the currency."""
    amount: int
    """What each is worth."""
    currency: str
    amount_digits: int
    created_at: str
    expires_at: str | None
    needs_sale: bool
    note: str
    by: str
    states: dict[VoucherState, int]
    """How many are in each state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherView:
    """A voucher under its serial number; nobody but its holder has the code."""

    serial: str
    state: VoucherState
    sold_at: str | None
    sold_to: str | None
    redeemed_at: str | None
    account_id: str | None
    """The account whose credit it became."""
    blocked_at: str | None
    blocked_reason: str | None


@dataclass(frozen=True, slots=True)
class VoucherBatches:
    """Batches, newest first."""

    batches: tuple[VoucherBatch, ...]


@dataclass(frozen=True, slots=True)
class VoucherList:
    """The vouchers of a batch."""

    batch: VoucherBatch
    vouchers: tuple[VoucherView, ...]


@dataclass(frozen=True, slots=True)
class NewVoucher:
    """A voucher with its code, as it is shown this once."""

    serial: str
    code: str
    """20 digits in groups of four."""


@dataclass(frozen=True, slots=True)
class NewVouchers:
    """A batch with its codes, which are shown this once."""

    batch: VoucherBatch
    vouchers: tuple[NewVoucher, ...]


@dataclass(frozen=True, slots=True)
class VouchersChanged:
    """The vouchers that were sold or blocked."""

    serials: tuple[str, ...]
