"""Wire messages of payments: vouchers, orders, receipts. Units and instants as in ``messages``."""

from dataclasses import dataclass, field
from enum import StrEnum


class VoucherState(StrEnum):
    """State of a voucher."""

    UNSOLD = "unsold"
    """Valid only once it is sold."""
    GOOD = "good"
    REDEEMED = "redeemed"
    BLOCKED = "blocked"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherBatch:
    """Vouchers that were created together."""

    id: str
    site_id: str | None
    """Site at which they are valid; None for every site of the currency."""
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
    """A voucher by its serial number; only its holder has the code."""

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
    """A voucher with its code; shown only once."""

    serial: str
    code: str
    """20 digits in groups of four."""


@dataclass(frozen=True, slots=True)
class NewVouchers:
    """A batch with its codes, which are shown only once."""

    batch: VoucherBatch
    vouchers: tuple[NewVoucher, ...]


@dataclass(frozen=True, slots=True)
class VouchersChanged:
    """The vouchers that were sold or blocked."""

    serials: tuple[str, ...]


class PaymentState(StrEnum):
    """State of a payment that a customer has started."""

    OPEN = "open"
    """The provider has not reported yet."""
    PENDING = "pending"
    """The money is on its way."""
    PAID = "paid"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REVIEW = "review"
    """Money came that a person has to look at."""
    PARTLY_REFUNDED = "partly_refunded"
    REFUNDED = "refunded"
    CHARGED_BACK = "charged_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentView:
    """A payment that a customer has started, and its state."""

    id: str
    account_id: str
    provider: str
    provider_name: str
    amount: int
    currency: str
    amount_digits: int
    reference: str
    """Short enough to be typed by who pays."""
    state: PaymentState
    created_at: str
    url: str | None
    """Where to pay; None if it is paid in another way, or no longer."""
    instructions: str | None
    """What to do to pay."""
    top_up: str | None
    """Journal entry of the top-up; None until it is booked."""
    taken_back: int
    """What of it was refunded or charged back."""


@dataclass(frozen=True, slots=True)
class PaymentList:
    """Payments of an account, newest first."""

    payments: tuple[PaymentView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderView:
    """A payment provider, as offered to customers."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentOptions:
    """The ways in which a customer can pay, and the limits."""

    providers: tuple[ProviderView, ...]
    currency: str
    amount_digits: int
    minor_digits: int
    """Decimal places that people write."""
    smallest: int
    largest: int
    """Less than ``smallest`` if no top-up is possible now."""
    to_restore: int | None
    """Smallest top-up that restores a supply that was cut; None if none is needed."""
    keypad: bool = False
    """Whether what is bought is typed at a keypad meter, as tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUpPreview:
    """Where a top-up would go if it were booked now; nothing was booked."""

    amount: int
    currency: str
    amount_digits: int
    split: dict[str, int]
    """Its parts, named as those of a booked top-up."""
    units_wh: int
    """Units that it would buy, if the tariff sells units."""
    fees: dict[str, int]
    """Taxes included in ``units``, by name, if the tariff sells units."""
    balance_after: int
    restores: bool
    """Whether it would restore a supply that is cut now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingPayment:
    """A payment that a provider reported and that awaits a decision."""

    provider: str
    provider_name: str
    payment: str
    reversal: str | None
    """Refund or chargeback; None for the payment itself."""
    reason: str
    """``wrong_amount``, ``wrong_currency``, ``second_payment``, ``unknown_order`` or ``closed_account``."""
    message: str
    amount: int | None
    currency: str | None
    amount_digits: int | None
    order: str | None
    account_id: str | None
    """Account of the order."""
    heard_at: str


@dataclass(frozen=True, slots=True)
class WaitingPayments:
    """Payments that await a decision, oldest first."""

    waiting: tuple[WaitingPayment, ...]


@dataclass(frozen=True, slots=True)
class PaymentHeard:
    """Response to a webhook: it is stored, and its effect on credit is booked."""

    events: int
    """How many were new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentDecided:
    """Result of the decision on a payment."""

    provider: str
    payment: str
    decision: str
    top_up: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessView:
    """A customer's access to the tenant's page; shown only once."""

    account_id: str
    number: str
    """What the customer types with the code."""
    code: str
    link: str | None
    """Opens the page without typing; None if the page's address is not configured."""
    secret: str
    """What the link carries behind ``#in=``."""
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A customer who has signed in."""

    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationSettings:
    """A customer's notification settings."""

    language: str = ""
    """As in ``en``; empty for the landlord's."""
    email: str = ""
    phone: str = ""
    """With its country code; for messages, never shown to others."""
    quiet_from: str = ""
    """Time of day at which quiet hours begin, such as ``22:00``; empty for none."""
    quiet_to: str = ""
    low_credit: int | None = None
    """Tell when credit falls to this amount of the account's currency; None for the landlord's thresholds."""
    days_left: int | None = None
    """Tell when the credit lasts fewer days than this; None for the landlord's threshold."""
    unconfirmed: tuple[str, ...] = ()
    """New addresses that wait for the code that was sent there: ``email``, ``phone``; never stored."""
    unconfirmed_addresses: dict[str, str] = field(default_factory=dict)
    """These addresses, where the settings are read; never stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The receipt of a top-up."""

    number: str
    at: str
    account_id: str
    account_name: str
    site_name: str
    customer: str | None
    issuer: str | None
    """Who received it, with a tax number if required, as configured in ``payments.yaml``."""
    time_zone: str
    currency: str
    amount_digits: int
    method: str
    reference: str | None
    amount: int
    split: dict[str, int]
    taxes: dict[str, int]
    """Taxes included in the units that it bought; empty if taxes are due as energy is used."""
    balance_after: int
    units_wh: int = 0
    """Units that it bought."""
    charges_due: int = 0
    """What the balance was below zero before, as by a fixed charge; part of ``balance`` in the split."""
    taken_back: bool = False
    """It was reversed since, so that this receipt is no longer valid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableLine:
    """A line of a statement that could not be read, and why; it was not compared."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A payment or refund on which statement and journal disagree."""

    payment: str
    kind: str
    """``not_booked``: stated and not in the journal; ``not_stated``: the other way round; ``different``."""
    reason: str
    """``never_told``, ``waiting``, ``dismissed``, ``missing``, ``amount`` or ``currency``."""
    line: int | None
    """Line of the statement, counted from 1."""
    stated: int | None
    booked: int | None
    currency: str
    amount_digits: int
    account_id: str | None
    entry: str | None
    day: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """Comparison of a provider's statement with the journal."""

    provider: str
    first_day: str | None
    last_day: str | None
    columns: dict[str, str]
    """Which columns of the file were read as what."""
    matched: int
    matched_amount: int | None
    """None if the statement has several currencies."""
    currency: str | None
    amount_digits: int | None
    differences: tuple[Difference, ...]
    unreadable: tuple[UnreadableLine, ...]


class KeypadTokenKind(StrEnum):
    """What a token does when typed into a keypad meter."""

    ADD = "add"
    """Adds energy."""
    DISABLE = "disable"
    """Unlocks the meter for good."""
    SYNC = "sync"
    """Brings the meter's count in step again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeypadToken:
    """A token to type into a keypad meter; the meter accepts each once."""

    token: str
    kind: KeypadTokenKind
    units: int
    wh: int
    count: int
    """Tokens are typed in the order of their counts."""
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeypadTokens:
    """The newest tokens of a keypad meter, newest first."""

    serial: str
    unit_wh: int
    tokens: tuple[KeypadToken, ...]
