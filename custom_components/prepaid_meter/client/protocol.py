"""Wire messages of the bridge's API, schema version 1.

This file uses nothing but the standard library, so that a client can carry a byte-identical copy.

Units are part of every name: ``_wh`` watt-hours, ``_mw`` milliwatts, ``_mv`` millivolts, ``_ma``
milliamperes, ``_mhz`` millihertz. An *amount* is an integer of the account's currency in units of
10 ** -``amount_digits`` (``amount_digits`` is the currency's ISO 4217 exponent plus four). An instant is an
ISO 8601 string in UTC with milliseconds and a ``Z``. ``None`` always means "not known", never zero.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

SCHEMA_VERSION: Final = 1
MIN_SCHEMA_VERSION: Final = 1


class ErrorCode(StrEnum):
    """Stable codes of errors; the accompanying message is for people."""

    NOT_AUTHENTICATED = "not_authenticated"
    NOT_ALLOWED = "not_allowed"
    NOT_FOUND = "not_found"
    BAD_REQUEST = "bad_request"
    IDEMPOTENCY_KEY_MISSING = "idempotency_key_missing"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"
    AMOUNT_OUT_OF_RANGE = "amount_out_of_range"
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
    """Role of a token; the API's routes declare which roles may call them."""

    LANDLORD = "landlord"
    CARETAKER = "caretaker"
    TENANT = "tenant"
    DEVICE = "device"
    UNKNOWN = "unknown"


class SupplyState(StrEnum):
    """State of a supply as GB/DLMS names it: armed may be reconnected by the customer."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    ARMED = "armed"
    UNKNOWN = "unknown"


class SupplyReason(StrEnum):
    """Reason for the state of the supply."""

    IN_CREDIT = "in_credit"
    CREDIT_EXHAUSTED = "credit_exhausted"
    AWAITING_CONFIRMATION = "awaiting_confirmation"
    BELOW_RESTORE_MINIMUM = "below_restore_minimum"
    FRIENDLY_HOURS = "friendly_hours"
    FRIENDLY_GRACE = "friendly_grace"
    NEVER_CUT = "never_cut"
    CREDIT_MODE = "credit_mode"
    LANDLORD_OFF = "landlord_off"
    LANDLORD_ON = "landlord_on"
    CLOCK_UNSURE = "clock_unsure"
    PROTECTION = "protection"
    LOAD_LIMITED = "load_limited"
    LOAD_LIMIT_EXCEEDED = "load_limit_exceeded"
    WEAR_LIMIT = "wear_limit"
    UNKNOWN = "unknown"


class SupplyAction(StrEnum):
    """Actions on a supply."""

    OFF = "off"
    """Landlord: hold the supply off, whatever the credit."""
    ON = "on"
    """Landlord: keep the supply on, whatever the credit."""
    AUTO = "auto"
    """Landlord: lift the hold or override; credit decides again."""
    CONFIRM = "confirm"
    """Customer: reconnect an armed supply."""
    RESET = "reset"
    """Landlord or caretaker: reset a protection that has tripped."""


class HoldPosition(StrEnum):
    """Position in which a hold keeps a supply."""

    OFF = "off"
    ON = "on"
    UNKNOWN = "unknown"


class Protection(StrEnum):
    """What a supply is protected against."""

    OVER_VOLTAGE = "over_voltage"
    UNDER_VOLTAGE = "under_voltage"
    OVERLOAD = "overload"
    UNKNOWN = "unknown"


class RelayPosition(StrEnum):
    """Position of a relay's contact."""

    OPEN = "open"
    CLOSED = "closed"


class RelayProof(StrEnum):
    """How far a requested relay position is proven.

    ``pending`` no report yet, ``reported`` the device reports it, ``confirmed`` a reading newer than the
    command shows it, ``no_load`` the device reports it and there is no load that could prove it,
    ``disobeys`` the device is in the other position.
    """

    PENDING = "pending"
    REPORTED = "reported"
    CONFIRMED = "confirmed"
    NO_LOAD = "no_load"
    DISOBEYS = "disobeys"
    UNKNOWN = "unknown"


class AlertKind(StrEnum):
    """Kinds of alerts."""

    LOW_CREDIT = "low_credit"
    EMERGENCY_CREDIT_AVAILABLE = "emergency_credit_available"
    EMERGENCY_CREDIT_IN_USE = "emergency_credit_in_use"
    EMERGENCY_CREDIT_EXHAUSTED = "emergency_credit_exhausted"
    SUPPLY_CUT = "supply_cut"
    SUPPLY_ARMED = "supply_armed"
    CUT_SOON = "cut_soon"
    LOAD_LIMITED = "load_limited"
    PROTECTION_TRIPPED = "protection_tripped"
    METER_OFFLINE = "meter_offline"
    RELAY_DISOBEYS = "relay_disobeys"
    TAMPER = "tamper"
    REGISTER_QUARANTINED = "register_quarantined"
    LOCAL_CUT_OFF = "local_cut_off"
    OVER_VOLTAGE = "over_voltage"
    UNDER_VOLTAGE = "under_voltage"
    OVERLOAD = "overload"
    POWER_OUTAGE = "power_outage"
    BROKER_LOST = "broker_lost"
    CLOCK_WRONG = "clock_wrong"
    STORAGE_FAILING = "storage_failing"
    VOUCHER_GUESSING = "voucher_guessing"
    PAYMENT_WAITING = "payment_waiting"
    DAYS_LEFT = "days_left"
    UNUSUAL_CONSUMPTION = "unusual_consumption"
    NO_CONSUMPTION = "no_consumption"
    ENERGY_UNACCOUNTED = "energy_unaccounted"
    LEDGER_AUDIT = "ledger_audit"
    UNKNOWN = "unknown"


class EmergencyCreditState(StrEnum):
    """State of emergency credit, as GB SMETS2 and DLMS have it.

    ``unsupported`` there is none, ``unavailable`` there is credit enough, ``available`` the customer may
    select it, ``selected`` it is used once the balance is, ``in_use`` it is being used, ``exhausted`` all of
    it is.
    """

    UNSUPPORTED = "unsupported"
    UNAVAILABLE = "unavailable"
    AVAILABLE = "available"
    SELECTED = "selected"
    IN_USE = "in_use"
    EXHAUSTED = "exhausted"
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
    """A code was refused, or entry was locked after too many wrong ones."""
    PAYMENT_ORDERED = "payment_ordered"
    """A customer started a payment."""
    PAYMENT_HEARD = "payment_heard"
    """A provider reported a payment, a failure, a refund or a chargeback."""
    PAYMENT_DECIDED = "payment_decided"
    """A person decided on a pending payment."""
    KEYPAD_TOKENS = "keypad_tokens"
    """Tokens for a keypad meter were issued."""
    ACCESS_CHANGED = "access_changed"
    """A customer's code and link for the tenant's page were created or revoked."""
    ACCESS_LOCKED = "access_locked"
    """Too many wrong codes were entered on the tenant's page."""
    CLOCK_CONFIRMED = "clock_confirmed"
    """A person confirmed the bridge's clock."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerInfo:
    """First message on a WebSocket and the response of ``GET /api/v1/info``."""

    schema_version: int
    min_schema_version: int
    version: str
    installation_id: str
    name: str
    latest_version: str | None = None
    """Newest version known to the operator; the bridge never checks by itself. None if not configured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayView:
    """The three states of a meter's relay: requested, reported, confirmed."""

    requested: RelayPosition | None
    requested_at: str | None
    revision: int
    reported: RelayPosition | None
    reported_at: str | None
    proof: RelayProof


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineView:
    """Why a register is quarantined until a person decides."""

    cause: str
    """``fell`` or ``jumped``."""
    opened_at: str | None
    register_wh: int
    """Latest reading, which contradicts the meter's ``register_wh``, up to which was charged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseView:
    """Latest electrical values of one phase."""

    power_mw: int | None = None
    voltage_mv: int | None = None
    current_ma: int | None = None
    power_factor_permille: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterView:
    """A meter and its latest readings."""

    id: str
    name: str
    family: str
    address: str
    account_id: str | None
    online: bool | None
    last_seen: str | None
    register_wh: int | None
    energy_wh: int | None
    """Energy charged since the meter was assigned, over all epochs; never falls."""
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
    """Phases of a meter that measures several, in its own order; else empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldView:
    """A hold on a supply; a supply is off while any hold keeps it off."""

    id: str
    position: HoldPosition
    reason: str
    by: str
    """Who placed it: the name of a token."""
    since: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TripView:
    """A protection that has tripped."""

    protection: Protection
    meter_id: str
    since: str
    locked: bool
    """Whether only a person can reset it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyView:
    """State of an account's supply with its reason."""

    state: SupplyState
    reason: SupplyReason
    since: str | None
    note: str | None
    """The landlord's note when holding or overriding the supply."""
    proof: RelayProof
    """Proof of the least proven relay of the supply's meters."""
    cut_at: str | None = None
    """When a pending cut or limit takes effect unless somebody pays; None if none is pending."""
    load_limit_mw: int | None = None
    """Present load limit, without credit or permanent; None while the load is not limited."""
    holds: tuple[HoldView, ...] = ()
    trips: tuple[TripView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockView:
    """A block of the current ladder, and how much of the block period's energy it contains."""

    number: int
    """From 1."""
    end_wh: int | None
    """Energy of the block period at which it ends; None for the last block."""
    used_wh: int
    """Energy used in it, or bought in it if the tariff sells units."""
    price_per_kwh: int
    """Amount per kWh in the present band, taxes included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffNow:
    """The present price."""

    tariff_id: str
    version_id: str
    price_per_kwh: int
    """Amount per kWh of the next unit, taxes included, rounded half-even to the amount's digits."""
    band: str
    block: int
    """Number of the present block, from 1."""
    blocks: int
    block_remaining_wh: int | None
    """Energy until the next block begins; None in the last block."""
    next_change: str | None
    """Next instant at which the price changes with time; None if it never does."""
    ladder: tuple[BlockView, ...] = ()
    """Blocks in ascending order; empty if the price does not depend on consumption in the block period."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUpView:
    """A booked top-up and where it went."""

    id: str
    at: str
    amount: int
    method: str
    reference: str | None
    split: dict[str, int]
    """Where the money went: ``payment_debt``, ``arrears``, ``emergency_credit``, ``units`` if there was
    any, and always ``balance``. Sums to amount."""
    balance_after: int
    units_wh: int = 0
    """Units that it bought, if the tariff sells units."""


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
    """How much of it may still be used, once it is selected."""
    threshold: int
    """It may be selected when the available credit is below this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DebtView:
    """A debt and how it is recovered."""

    id: str
    description: str
    owed: int
    priority: int
    rate: int
    """Recovered at the start of every period; 0 if it is not recovered by time."""
    every: str
    """``day``, ``week`` or ``month``."""
    next_recovery: str | None
    percent_ppm: int
    """Share of each top-up in parts per million; 0 if payments recover nothing."""
    cap: int | None
    """Maximum that payments recover per cap period."""
    cap_every: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FriendlyHoursView:
    """The present or the next friendly hours, in which exhausted credit does not cut the supply."""

    start: str
    end: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutView:
    """When credit is forecast to run out, with an interval that is right four times out of five."""

    at: str
    soonest: str | None = None
    """None, like ``latest``, while too few past days are known for an interval."""
    latest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView:
    """A prepaid account with everything that a household sees."""

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
    """Balance once everything used so far is posted: what is left now, without emergency credit."""
    units_left_wh: int | None
    """Energy that the available credit buys from now on in the present band, through the blocks; None if
    unpriced."""
    seconds_left: int | None
    """How long the credit is forecast to last; None while there is no forecast."""
    low_credit: bool
    low_credit_thresholds: tuple[int, ...]
    energy_wh: int | None
    energy_today_wh: int | None
    cost_today: int | None
    cost_period: int | None
    """Charges since the present block period (month) began."""
    supply: SupplyView
    tariff: TariffNow | None
    meters: tuple[MeterView, ...]
    alerts: tuple[AlertView, ...]
    last_top_up: TopUpView | None
    headroom: int | None = None
    """Credit that may still be used before supply ends: with the overdraft and selected emergency credit."""
    emergency_credit: EmergencyCreditView | None = None
    """None where the account has none."""
    arrears: int = 0
    """Accumulated debt, which the next top-up clears."""
    debts: tuple[DebtView, ...] = ()
    amount_to_restore: int | None = None
    """Smallest top-up that restores a supply that was cut for lack of credit; None if none is needed."""
    period_start: str | None = None
    """Start of ``cost_period``: the billing period's start, or when the customer moved in."""
    friendly_hours: FriendlyHoursView | None = None
    """None if there are none, or none within the next weeks."""
    load_limit_mw: int | None = None
    """Load that the policy allows a supply without credit; None if it is cut."""
    protection_pending: tuple[str, ...] = ()
    """Meters whose device may still open its relay by itself, although credit must never cut this unit: it is
    protected only once none is left."""
    closed_at: str | None = None
    """When the unit was removed from the site file; its balance and debts stay on record."""
    runs_out: RunOutView | None = None
    """None while there is no forecast, if credit lasts for months, and in credit mode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeLine:
    """One priced line of a charge."""

    kind: str
    """``consumption``, ``standing`` or ``tax``."""
    supply_id: str
    period: str
    tariff_version_id: str
    block: int | None
    band: str | None
    quantity: int
    """Wh of a consumption line, days of a standing line, 0 of a tax line."""
    unit_price: int | None
    """Amount per kWh or per day."""
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One journal entry of an account, newest first in lists."""

    seq: int
    id: str
    at: str
    kind: str
    """``top_up``, ``charge``, ``correction``, ``opening``."""
    amount: int
    """Change of the balance: positive credits the customer."""
    balance_after: int
    description: str
    key: str | None
    refers_to: str | None
    reference: str | None = None
    """Receipt or note that was submitted with it."""
    reason: str | None = None
    """Reason given by the person who requested it."""
    by: str | None = None
    """Who requested it: the name of a token, ``local operator``, or ``bridge``."""
    split: dict[str, int] = field(default_factory=dict)
    lines: tuple[ChargeLine, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerPage:
    """A page of an account's ledger, newest first."""

    entries: tuple[LedgerEntry, ...]
    next_before: int | None
    """Pass as ``before`` to read on; None at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUpResult:
    """Response to a top-up; the same key and content return it again."""

    top_up: TopUpView
    balance: int
    available: int
    supply: SupplyView


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationResult:
    """Response to an operation on an account's books; the same key and content return it again."""

    operation: str
    id: str | None
    """Journal entry that it booked; None if it moved no money."""
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
    """The time of one customer in a unit."""

    n: int
    """Number of the tenancy in its account, from 1."""
    customer: str | None
    start: str
    end: str | None
    """None while the customer lives there."""
    account_id: str | None = None
    site_id: str | None = None
    time_zone: str | None = None
    currency: str | None = None
    amount_digits: int | None = None
    outstanding: int = 0
    """Open balance of a customer who moved out: kept for the customer, or still owed if negative."""
    closed: bool = False
    """The unit has since been removed from the site file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedView:
    """An amount owed by a present or former customer."""

    account_id: str
    site_id: str
    tenancy: int
    customer: str | None
    former: bool
    """The customer moved out; it is paid by a settlement, not by a top-up of the account."""
    kind: str
    """``debt``, ``arrears``, ``emergency_credit`` (lent), ``balance`` (below zero) or ``tenancy`` (open
    balance when the customer moved out)."""
    owed: int
    currency: str
    amount_digits: int
    debt: DebtView | None = None
    """Terms of a debt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryHour:
    """Energy used in an hour, and its cost with taxes, including corrections."""

    start: str
    """Full hour in UTC."""
    wh: int
    amount: int
    """Negative if more was refunded than charged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountHistory:
    """Every non-empty hour from the first one that changed; earlier hours are unchanged."""

    account_id: str
    hours: tuple[HistoryHour, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPage:
    """The accounts whose hours changed since a journal entry, in the order of their ids."""

    seq: int
    """Journal entry up to which everything is included; pass it as ``after`` the next time."""
    accounts: tuple[AccountHistory, ...]
    next_account: str | None
    """Pass as ``from_account``, with the same ``after`` and ``upto`` = ``seq``; None on the last page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A durable event."""

    seq: int
    at: str
    kind: EventKind
    account_id: str | None
    meter_id: str | None
    data: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemDetail:
    """One of several errors in a site file, or forbidden changes."""

    code: str
    """Stable, such as ``minute_unpriced``."""
    field: str
    """Keys that lead to it, or the id of what it is about."""
    value: str
    message: str
    remedy: str
    line: int | None = None
    column: int | None = None
    """Where it stands in the file, counted from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Body of every error response."""

    code: ErrorCode
    message: str
    field: str | None = None
    value: str | None = None
    remedy: str | None = None
    problems: tuple[ProblemDetail, ...] | None = None
    """Everything that is wrong, one by one, where it is more than one thing or stands in a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything the token may see, as of event ``seq``."""

    type: str
    seq: int
    role: Role
    accounts: tuple[AccountView, ...]
    unassigned_meters: tuple[MeterView, ...]
    alerts: tuple[AlertView, ...]
    """Open alerts that belong to no single account, such as a lost broker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """Changed accounts since the last message; coalesced, not numbered."""

    type: str
    accounts: tuple[AccountView, ...]
    removed: tuple[str, ...]
    alerts: tuple[AlertView, ...] | None
    """The new list of alerts that belong to no account, or None if unchanged."""
