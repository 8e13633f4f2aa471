"""Wire messages of statements and explanations; units and forms are those of ``messages``.

Separate because no client carries a copy: clients of statements read the bridge's own documents.
"""

from dataclasses import dataclass
from enum import StrEnum

from meter_bridge.protocol.messages import ChargeLine, LedgerEntry


class Detail(StrEnum):
    """Level of detail of the charges."""

    LINE = "line"
    """One row for each line of the price list."""
    DAY = "day"
    """The same, and besides one row for each local day of use and line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCharge:
    """Consumption of one local day on one line of the price list, as charged in the period."""

    day: str
    """ISO date in the site's time zone on which it was used; it may lie before the period."""
    kind: str
    supply_id: str
    tariff_version_id: str
    block: int | None
    band: str | None
    quantity: int
    """Wh of energy, number of charges of a standing charge, else 0."""
    unit_price: int | None
    amount: int
    """Before the taxes that come on top of it."""
    tax: int
    estimated_wh: int
    """Energy of it in quarter hours that are estimates: spread evenly over a time without readings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A part of what the customer has; amounts owed are negative."""

    name: str
    """``balance``, ``emergency_credit`` (lent), ``arrears``, or ``debt:`` and the id of a debt."""
    opening: int
    closing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitsHeld:
    """Units of one supply whose tariff sells units at the top-up: opening + bought - used = closing."""

    supply_id: str
    opening_wh: int
    bought_wh: int
    used_wh: int
    closing_wh: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KindSum:
    """Total effect of all entries of one kind; for ``changes`` see ``StatementEntry``."""

    kind: str
    entries: int
    amount: int
    changes: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementEntry:
    """An entry that is not a charge: a top-up, a correction, a refund ..."""

    seq: int
    id: str
    at: str
    kind: str
    description: str
    reference: str | None
    refers_to: str | None
    amount: int
    """Received, or paid out if negative; 0 if something only moves between holdings."""
    changes: dict[str, int]
    """The same by holding: where a top-up went. What was spent at once is among the charges as well; here it
    is ``units`` if it bought units, else ``charges``."""
    units_wh: int
    """Units that it bought."""
    balance_after: int
    """The balance alone."""
    reason: str | None = None
    """Reason given by the person who requested it."""
    by: str | None = None
    """Who requested it: the name of a token, ``local operator``, or ``bridge``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotYetPosted:
    """Consumption since the last posting; the next one charges it."""

    at: str
    wh: int
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterReading:
    """A register as the meter reported it."""

    at: str
    wh: int
    epoch: int
    """Life of the counter; a different one than before means that it was reset or replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterReadings:
    """The readings before and after the energy of an entry, or of a statement's period."""

    meter_id: str
    before: RegisterReading | None
    """Latest reading when what came before was posted; None if not known."""
    after: RegisterReading
    """Newest reading when that, or the last of a period, was posted; it may reach beyond what is charged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxSum:
    """A tax, levy or rebate of the charges, over all lines and versions in which it has one rate."""

    name: str
    rate_ppm: int
    """Rate in parts per million; 0 for an amount per kWh."""
    included: bool
    """The prices contain it: ``base`` contains it as well."""
    base: int
    """Sum of the charges, and of the earlier taxes, on which it is raised."""
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Everything that changed what a customer has in a period: opening + credits - charges = closing.

    What the customer has is the sum of the holdings: the balance minus what is owed.

    An entry belongs to the period in which it was booked, in the order of the journal, so that statements of
    one period after the other join without gap and a statement of the past never changes.
    """

    account_id: str
    account_name: str
    customer: str | None
    site_id: str
    site_name: str
    time_zone: str
    currency: str
    amount_digits: int
    start: str
    end: str
    """First instant after the period."""
    first_day: str
    last_day: str
    """Local days of the first and the last instant of the period."""
    made_at: str
    open: bool
    """The period has not ended: what it holds may still grow."""
    detail: Detail
    opening: int
    credits: int
    """Sum of everything but charges; what took away, such as a refund, counts as negative."""
    charges: int
    """Sum of the charges, positive as they take away."""
    closing: int
    holdings: tuple[Holding, ...]
    """What opening and closing are made of: the balance, and all others that there were."""
    units: tuple[UnitsHeld, ...]
    sums: tuple[KindSum, ...]
    lines: tuple[ChargeLine, ...]
    """Charges by line of the price list, taxes as lines of their own. Their sum is ``charges``; an
    ``included_tax`` is in the lines that contain it and does not count again."""
    days: tuple[DayCharge, ...]
    """Charges by local day of use; empty unless requested. With their tax they sum to ``charges``."""
    entries: tuple[StatementEntry, ...]
    """Every entry that is not a charge, oldest first."""
    tenancy: int | None
    """The tenancy that the statement covers; None for the account, over all tenancies."""
    outstanding: int | None
    """Open balance of a customer who moved out: kept for the customer, or owed if negative."""
    settlements: tuple[StatementEntry, ...]
    """What was settled later with a customer who moved out, oldest first. It is in no sum: ``amount`` is what
    it changed of ``outstanding``."""
    not_yet_posted: NotYetPosted | None
    """None once the period has ended, or where all that was used is posted, as it is whenever that can be
    stored."""
    taxes: tuple[TaxSum, ...] = ()
    """The taxes among the lines, each with its rate and what it is raised on."""
    readings: tuple[MeterReadings, ...] = ()
    """What each meter showed before the first and after the last charge of the period."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentView:
    """At most a quarter of an hour of one meter on one line, with its share of the charge."""

    kind: str
    supply_id: str
    meter_id: str | None
    start: str
    end: str
    wh: int
    register_from_wh: int | None
    register_to_wh: int | None
    """Register at start and end, interpolated linearly between two readings; None if not known."""
    tariff_version_id: str
    block: int | None
    band: str | None
    amount: int
    """Before tax."""
    tax: int
    estimated: bool
    """Some of the energy was spread evenly over a time without readings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repriced:
    """A billing period priced again: what it had been charged, and its lines by the other price list."""

    supply_id: str
    period: str
    tariff_version_id: str
    wh: int
    charged: int
    priced: int
    """Sum of the lines; an ``included_tax`` is in those that contain it and does not count again."""
    lines: tuple[ChargeLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryExplanation:
    """A journal entry with everything that it was calculated from, down to the readings."""

    entry: LedgerEntry
    segments: tuple[SegmentView, ...]
    readings: tuple[MeterReadings, ...]
    taken_back: bool = False
    """A later entry reversed it."""
    repriced: Repriced | None = None
    """What the correction of a repricing was calculated from."""
