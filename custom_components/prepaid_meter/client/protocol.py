"""Wire messages of the bridge's API, schema version 1.

This file imports only the standard library and its vocabulary, so that a client can include byte-identical
copies of both.

Names end with their unit: ``_wh`` watt-hours, ``_mw`` milliwatts, ``_mv`` millivolts, ``_ma`` milliamperes,
``_mhz`` millihertz. An *amount* is an integer of the account's currency in units of 10 ** -``amount_digits``
(``amount_digits`` is the currency's ISO 4217 exponent plus four). A time is an ISO 8601 string in UTC with
milliseconds and a ``Z``. ``None`` always means "not known", never zero.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from .vocabulary import (
    AlertKind,
    EmergencyCreditState,
    HoldPosition,
    RelayPosition,
    RelayProof,
    SupplyReason,
    SupplyState,
)

SCHEMA_VERSION: Final = 1
MIN_SCHEMA_VERSION: Final = 1


class ErrorCode(StrEnum):
    """Stable codes of refused requests; the accompanying message is for people."""

    NOT_AUTHENTICATED = "not_authenticated"
    NOT_ALLOWED = "not_allowed"
    NOT_FOUND = "not_found"
    BAD_REQUEST = "bad_request"
    IDEMPOTENCY_KEY_MISSING = "idempotency_key_missing"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"
    AMOUNT_OUT_OF_RANGE = "amount_out_of_range"
    CONFIRMATION_NEEDED = "confirmation_needed"
    ALREADY_REVERSED = "already_reversed"
    EMERGENCY_CREDIT_NOT_AVAILABLE = "emergency_credit_not_available"
    VOUCHER_NOT_VALID = "voucher_not_valid"
    VOUCHER_USED = "voucher_used"
    VOUCHER_BLOCKED = "voucher_blocked"
    VOUCHER_EXPIRED = "voucher_expired"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    CONFLICT = "conflict"
    BOOKS_WRONG = "books_wrong"
    NOT_SUPPORTED = "not_supported"
    SCHEMA_TOO_OLD = "schema_too_old"
    SCHEMA_TOO_NEW = "schema_too_new"
    TOO_MANY_REQUESTS = "too_many_requests"
    PAYLOAD_TOO_LARGE = "payload_too_large"
    STORAGE_UNAVAILABLE = "storage_unavailable"
    INTERNAL = "internal"
    UNKNOWN = "unknown"


class Role(StrEnum):
    """The role of a token; the API documents the permissions of each role."""

    LANDLORD = "landlord"
    CARETAKER = "caretaker"
    TENANT = "tenant"
    DEVICE = "device"
    UNKNOWN = "unknown"


class SupplyAction(StrEnum):
    """Actions on a supply."""

    OFF = "off"
    """Landlord: hold the supply off, regardless of the credit."""
    ON = "on"
    """Landlord: keep the supply on, regardless of the credit."""
    AUTO = "auto"
    """Landlord: lift the hold or override, so that the credit decides again."""
    CONFIRM = "confirm"
    """Customer: reconnect an armed supply."""
    RESET = "reset"
    """Landlord or caretaker: reset a tripped protection."""


class Protection(StrEnum):
    """What a supply is protected against."""

    OVER_VOLTAGE = "over_voltage"
    UNDER_VOLTAGE = "under_voltage"
    OVERLOAD = "overload"
    UNKNOWN = "unknown"


class EventKind(StrEnum):
    """Kinds of durable events; each has a ``seq`` and is delivered once per subscription."""

    TOP_UP = "top_up"
    SUPPLY_CHANGED = "supply_changed"
    ALERT_OPENED = "alert_opened"
    ALERT_CLOSED = "alert_closed"
    ALERT_ACKNOWLEDGED = "alert_acknowledged"
    LEDGER_ENTRY = "ledger_entry"
    """A refund, reversal, correction, transfer, write-off, new debt or final settlement."""
    DEBT_RECOVERED = "debt_recovered"
    DEBT_CHANGED = "debt_changed"
    CUSTOMER_CHANGED = "customer_changed"
    """A customer moved out or in."""
    EMERGENCY_CREDIT_CHANGED = "emergency_credit_changed"
    ACCOUNT_ADDED = "account_added"
    ACCOUNT_CHANGED = "account_changed"
    ACCOUNT_REMOVED = "account_removed"
    HOLD_PLACED = "hold_placed"
    HOLD_LIFTED = "hold_lifted"
    PROTECTION_RESET = "protection_reset"
    REGISTER_RESET = "register_reset"
    REGISTER_ROLLED_OVER = "register_rolled_over"
    QUARANTINE_DECIDED = "quarantine_decided"
    REGISTER_READ = "register_read"
    METER_REPLACED = "meter_replaced"
    VOUCHERS_CHANGED = "vouchers_changed"
    """Vouchers were created, sold or blocked."""
    VOUCHER_REFUSED = "voucher_refused"
    """A voucher code was refused, or entry was locked after too many invalid codes."""
    PAYMENT_ORDERED = "payment_ordered"
    """A customer started a payment."""
    PAYMENT_HEARD = "payment_heard"
    """A payment provider reported a payment, a failure, a refund or a chargeback."""
    PAYMENT_DECIDED = "payment_decided"
    """A person decided on a payment that needed review."""
    KEYPAD_TOKENS = "keypad_tokens"
    """Tokens for a keypad meter were issued."""
    ACCESS_CHANGED = "access_changed"
    """A customer's code and link for the tenant page were created or revoked."""
    ACCESS_LOCKED = "access_locked"
    """Sign-in to the tenant page was locked after too many wrong codes."""
    CLOCK_CONFIRMED = "clock_confirmed"
    """A person confirmed that the clock of the bridge is correct."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerInfo:
    """First message on a WebSocket, and the response of ``GET /api/v1/info``."""

    schema_version: int
    min_schema_version: int
    version: str
    installation_id: str
    name: str
    latest_version: str | None = None
    """Reserved for the newest version; no bridge sets it yet, because none queries a server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayView:
    """The three states of a meter's relay: requested, reported, confirmed."""

    requested: RelayPosition | None
    requested_at: str | None
    revision: int
    reported: RelayPosition | None
    reported_at: str | None
    proof: RelayProof
    proof_at: str | None = None
    """Since when it is proven, is not, or has had no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineView:
    """Why a register is quarantined until a person decides on it."""

    cause: str
    """``fell``, ``jumped``, ``other_counter`` (it rose under another marker) or ``contradicts_power``."""
    opened_at: str | None
    register_wh: int
    """Newest reading that contradicts the meter's ``register_wh``, which has been charged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseView:
    """Newest electrical values of one phase."""

    power_mw: int | None = None
    voltage_mv: int | None = None
    current_ma: int | None = None
    power_factor_permille: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterView:
    """A meter and its newest readings."""

    id: str
    name: str
    family: str
    address: str
    account_id: str | None
    online: bool | None
    last_seen: str | None
    register_wh: int | None
    energy_wh: int | None
    """Energy charged since the meter was assigned, over all epochs; never decreases."""
    epoch: int
    power_mw: int | None
    voltage_mv: int | None
    current_ma: int | None
    frequency_mhz: int | None
    relay: RelayView | None
    quarantined: bool
    model: str | None = None
    firmware: str | None = None
    returned_wh: int | None = None
    """Register of reverse energy, if the meter has one; it is never credited automatically."""
    quarantine: QuarantineView | None = None
    power_factor_permille: int | None = None
    phases: tuple[PhaseView, ...] = ()
    """Values of the phases of a polyphase meter, in the meter's order; otherwise empty."""
    family_title: str | None = None
    """The family's name as its makers write it; None from an older bridge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldView:
    """A hold on a supply; any hold with the position ``off`` keeps the supply off."""

    id: str
    position: HoldPosition
    reason: str
    by: str
    """Name of the token that placed it."""
    since: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TripView:
    """A tripped protection."""

    protection: Protection
    meter_id: str
    since: str
    locked: bool
    """Whether only a person can reset it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyView:
    """State of an account's supply, with the reason."""

    state: SupplyState
    reason: SupplyReason
    since: str | None
    note: str | None
    """The landlord's note on a hold or override."""
    proof: RelayProof
    """The least confirmed state of the relays of the supply's meters."""
    cut_at: str | None = None
    """When the supply will be cut or limited unless somebody pays; None if no cut is pending."""
    load_limit_mw: int | None = None
    """Load limit that applies now; None while the load is not limited."""
    holds: tuple[HoldView, ...] = ()
    trips: tuple[TripView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockView:
    """A block of the tariff in force, and the energy of the block period that fell into it."""

    number: int
    """From 1."""
    end_wh: int | None
    """Energy of the block period at which the block ends; None for the last block."""
    used_wh: int
    """Energy used in the block, or bought in it if the tariff sells units."""
    price_per_kwh: int
    """Amount per kWh in the current price band, taxes included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffNow:
    """The current price."""

    tariff_id: str
    version_id: str
    price_per_kwh: int
    """Amount per kWh of the next unit, taxes included, rounded half-even to the amount's digits."""
    band: str
    block: int
    """Number of the current block, from 1."""
    blocks: int
    block_remaining_wh: int | None
    """Energy until the next block starts; None in the last block."""
    next_change: str | None
    """Time of the next time-based price change; None if there is none."""
    ladder: tuple[BlockView, ...] = ()
    """The blocks in order; empty if the price does not depend on usage in the block period."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUpView:
    """A booked top-up and its allocation."""

    id: str
    at: str
    amount: int
    method: str
    reference: str | None
    split: dict[str, int]
    """Allocation of the amount: ``payment_debt``, ``arrears``, ``emergency_credit`` and ``units`` if they
    received anything, and always ``balance``. The values add up to ``amount``."""
    balance_after: int
    units_wh: int = 0
    """Units bought, if the tariff sells units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertView:
    """An alert; open while ``closed_at`` is None."""

    id: str
    kind: AlertKind
    site_id: str | None
    account_id: str | None
    meter_id: str | None
    message: str
    opened_at: str
    acknowledged_at: str | None
    closed_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyCreditView:
    """Emergency credit of an account."""

    state: EmergencyCreditState
    limit: int
    left: int
    """Remaining emergency credit, which may be used once it is selected."""
    threshold: int
    """Emergency credit may be selected while the available credit is below this amount."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DebtView:
    """A debt and its recovery terms."""

    id: str
    description: str
    owed: int
    priority: int
    rate: int
    """Amount recovered at the start of every period; 0 without time-based recovery."""
    every: str
    """``day``, ``week`` or ``month``."""
    next_recovery: str | None
    percent_ppm: int
    """Share of each top-up in parts per million; 0 without payment-based recovery."""
    cap: int | None
    """Maximum recovered from payments in a cap period."""
    cap_every: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FriendlyHoursView:
    """The current or next friendly hours, during which the supply is not cut when the credit is used up."""

    start: str
    end: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutView:
    """When the credit is forecast to run out, with an 80 % prediction interval."""

    at: str
    soonest: str | None = None
    """Start of the prediction interval; None while there are too few past days for one."""
    latest: str | None = None
    """End of the prediction interval; None while there are too few past days for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView:
    """A prepaid account with everything that the household can see."""

    id: str
    name: str
    site_id: str
    site_name: str
    customer: str | None
    currency: str
    amount_digits: int
    time_zone: str
    payment_mode: str
    """``prepayment`` or ``credit``."""
    balance: int
    """Posted balance."""
    available: int
    """Remaining credit, without emergency credit: the balance minus usage that is not posted yet."""
    units_left_wh: int | None
    """Energy that the available credit buys at the prices of the current band, taking blocks into account;
    None without a price."""
    seconds_left: int | None
    """How long the credit is forecast to last; None while there is too little data."""
    low_credit: bool
    low_credit_thresholds: tuple[int, ...]
    energy_wh: int | None
    energy_today_wh: int | None
    cost_today: int | None
    cost_period: int | None
    """Charges since the start of the current block period (month)."""
    supply: SupplyView
    tariff: TariffNow | None
    meters: tuple[MeterView, ...]
    alerts: tuple[AlertView, ...]
    last_top_up: TopUpView | None
    headroom: int | None = None
    """Credit that may be used before the supply is cut, including overdraft and selected emergency credit."""
    emergency_credit: EmergencyCreditView | None = None
    """None if the account has no emergency credit."""
    arrears: int = 0
    """Accumulated debt, which the next top-up clears."""
    debts: tuple[DebtView, ...] = ()
    amount_to_restore: int | None = None
    """Smallest top-up that restores a supply that was cut for lack of credit; None if none is needed."""
    period_start: str | None = None
    """Start of ``cost_period``: the start of the billing period, or when the customer moved in."""
    friendly_hours: FriendlyHoursView | None = None
    """None if there are none, or none within the next weeks."""
    load_limit_mw: int | None = None
    """Load limit of a supply without credit, according to the policy; None if the supply is cut instead."""
    protection_pending: tuple[str, ...] = ()
    """Meters whose device may still open its relay on its own, although this unit must never be cut for lack
    of credit. The unit is protected only once this is empty."""
    closed_at: str | None = None
    """When the unit was removed from the site file; its balance and debts stay on record."""
    runs_out: RunOutView | None = None
    """None while there is too little data, if the credit lasts for months, and in credit mode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeLine:
    """One priced line of a charge."""

    kind: str
    """``consumption``, ``free`` (free units), ``units`` (energy paid for when its units were bought),
    ``vacant`` (energy from before the customer moved in), ``purchase`` (units bought), ``standing``,
    ``demand``, ``minimum``, ``lifeline``, ``tax`` or ``included_tax`` (contained in the other amounts)."""
    supply_id: str
    period: str
    tariff_version_id: str
    block: int | None
    band: str | None
    quantity: int
    """Energy in Wh, or how often another charge applies, such as the number of days; 0 for a tax line."""
    unit_price: int | None
    """Amount per kWh, or for each time that another charge applies."""
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """A journal entry of an account."""

    seq: int
    id: str
    at: str
    kind: str
    """``opening``, ``top_up``, ``charge``, ``correction``, ``reversal``, ``refund``, ``transfer``,
    ``write_off``, ``debt`` (a new debt), ``debt_recovery`` (an instalment), ``closing`` (final settlement of
    a customer who moves out) or ``settlement`` (a later settlement with a former customer)."""
    amount: int
    """Change of the balance; positive amounts credit the customer."""
    balance_after: int
    description: str
    key: str | None
    refers_to: str | None
    reference: str | None = None
    """Receipt number or note."""
    reason: str | None = None
    """Reason as given by the person who requested it."""
    by: str | None = None
    """Who requested it: the name of a token, ``local operator`` or ``bridge``."""
    split: dict[str, int] = field(default_factory=dict)
    lines: tuple[ChargeLine, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerPage:
    """A page of an account's ledger, newest first."""

    entries: tuple[LedgerEntry, ...]
    next_before: int | None
    """Pass as ``before`` to get the next page; None on the last page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUpResult:
    """Response to a top-up; the same key and content return the same response again."""

    top_up: TopUpView
    balance: int
    available: int
    supply: SupplyView


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationResult:
    """Response to an operation on an account; the same key and content return the same response again."""

    operation: str
    id: str | None
    """ID of the journal entry; None if the operation moved no money."""
    at: str
    detail: dict[str, object]
    balance: int
    available: int
    arrears: int
    emergency_credit: EmergencyCreditView | None
    debts: tuple[DebtView, ...]
    supply: SupplyView


@dataclass(frozen=True, slots=True, kw_only=True)
class TenancyView:
    """A tenancy: a customer's time in a unit."""

    n: int
    """Number of the tenancy in its account, from 1."""
    customer: str | None
    start: str
    end: str | None
    """None for the current tenancy."""
    account_id: str | None = None
    site_id: str | None = None
    time_zone: str | None = None
    currency: str | None = None
    amount_digits: int | None = None
    outstanding: int = 0
    """Outstanding amount after move-out: positive if it belongs to the customer, negative if it is owed."""
    closed: bool = False
    """Whether the unit has been removed from the site file since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedView:
    """An amount owed by a current or former customer."""

    account_id: str
    site_id: str
    tenancy: int
    customer: str | None
    former: bool
    """Whether the customer has moved out; then the amount is paid by a settlement, not by a top-up."""
    kind: str
    """``debt``, ``arrears``, ``emergency_credit`` (used), ``balance`` (below zero) or ``tenancy``
    (outstanding when the customer moved out)."""
    owed: int
    currency: str
    amount_digits: int
    debt: DebtView | None = None
    """Terms of a debt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryHour:
    """Usage in an hour and its cost with taxes, corrections included."""

    start: str
    """Full hour in UTC."""
    wh: int
    amount: int
    """Negative if more was credited than charged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountHistory:
    """All hours with usage or cost from the first changed hour on; earlier hours have not changed."""

    account_id: str
    hours: tuple[HistoryHour, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPage:
    """The accounts whose hours have changed since a journal entry, in the order of their ids."""

    seq: int
    """Journal entry up to which the history is complete; pass it as ``after`` the next time."""
    accounts: tuple[AccountHistory, ...]
    next_account: str | None
    """Pass as ``from_account``, with the same ``after`` and ``upto`` = ``seq``; None on the last page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event, which is stored and delivered once per subscription."""

    seq: int
    at: str
    kind: EventKind
    account_id: str | None
    meter_id: str | None
    data: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemDetail:
    """One of several errors in a site file or request."""

    code: str
    """Stable code, such as ``minute_unpriced``."""
    field: str
    """Path of the keys to the error, or the id of the object concerned."""
    value: str
    message: str
    remedy: str
    line: int | None = None
    column: int | None = None
    """Position in the file, counted from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Response body of every refused request."""

    code: ErrorCode
    message: str
    field: str | None = None
    value: str | None = None
    remedy: str | None = None
    problems: tuple[ProblemDetail, ...] | None = None
    """The individual errors, if there are several or if they are in a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything that the token may see, as of event ``seq``."""

    type: str
    seq: int
    role: Role
    accounts: tuple[AccountView, ...]
    unassigned_meters: tuple[MeterView, ...]
    alerts: tuple[AlertView, ...]
    """Open alerts without an account, such as an unreachable broker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """Accounts that have changed since the last message; updates are coalesced and not numbered."""

    type: str
    accounts: tuple[AccountView, ...]
    removed: tuple[str, ...]
    alerts: tuple[AlertView, ...] | None
    """The new list of alerts without an account, or None if unchanged."""
