"""What the bridge keeps in memory of sites, accounts, supplies and meters.

The database holds the same, at most a second late; after a failed commit all of it is read anew.
"""

from dataclasses import dataclass, field, replace
from sys import intern
from typing import Final, NamedTuple, Protocol

from meter_bridge.config.plan import MeterPlan
from meter_bridge.core.calendar import day_end, local_day
from meter_bridge.core.forecast.consumption_model import History
from meter_bridge.core.forecast.cost_projection import ForecastRun
from meter_bridge.core.ledger.debt import Debt
from meter_bridge.core.ledger.journal import Bucket, debt_of
from meter_bridge.core.rating.rating import (
    Rating,
    SupplyTerms,
)
from meter_bridge.core.register.power_comparison import PowerRecord
from meter_bridge.core.register.register import Register, ReverseEnergy
from meter_bridge.core.supply.alerts import (
    AlertFacts,
    AlertKey,
)
from meter_bridge.core.supply.decision import (
    Hold,
    Policy,
    effective_hold,
)
from meter_bridge.core.supply.local_cutoff import CutOffState
from meter_bridge.core.supply.protection import GuardedLimit, ProtectionTimer
from meter_bridge.core.supply.relay import Relay
from meter_bridge.core.tariff.tariff import Timeline
from meter_bridge.devices.base.driver import Phase, Report, Unread
from meter_bridge.devices.family import NO_SETTINGS, FamilySettings
from meter_bridge.protocol.messages import TopUpView
from meter_bridge.protocol.vocabulary import AlertKind, HoldPosition, SupplyReason, SupplyState
from meter_bridge.storage.shards import WHOLE, Shard

UNLIMITED = 1 << 120
_INITIAL_RELAY = Relay()
"""One for all meters: a relay is replaced, never changed."""


@dataclass(slots=True)
class Site:
    """A property."""

    id: str
    name: str
    time_zone: str
    currency: str


type ReadingNote = tuple[int, int, int]
"""Instant, register in Wh and epoch of a reading, as an entry keeps them."""


@dataclass(frozen=True, slots=True)
class DeferredPosting:
    """What closed and is to be posted as of an instant, whenever its turn comes."""

    at: int
    """Instant of the entry: of the reading that closed what is due."""
    readings: dict[str, ReadingNote]
    """The newest reading then, by meter."""


class PendingReadings(Protocol):
    """What a meter on its fast path has read and not yet added to its register and its supply's rating."""

    def flush(self) -> None:
        """Add it."""

    def status_row(self, now: int) -> tuple[object, ...] | None:
        """Return the supply's row for storage if it is at hand."""


@dataclass(slots=True)
class OpenAlert:
    """An open alert of an account or of the installation."""

    id: str
    facts: AlertFacts
    opened_at: int
    acknowledged_at: int | None = None


class ProtectionKey(NamedTuple):
    """What tells the guards of an account apart."""

    meter_id: str
    protection: GuardedLimit


@dataclass(slots=True)
class DayTotal:
    """Energy and settled charges of one local day."""

    day: str
    wh: int = 0
    amount: int = 0


@dataclass(slots=True)
class Absence:
    """For how long a meter was offline since its newest reading, and whether its device lost power then."""

    lasted_ms: int
    back_at: int
    restarted: bool | None = None
    """None until the device says which boot this is."""

    @property
    def without_power_ms(self) -> int:
        """Return for how long nothing flowed through the device for all that is known."""
        return self.lasted_ms if self.restarted else 0


@dataclass(slots=True, eq=False)
class Meter:
    """A meter with its register, newest values and relay."""

    id: str
    plan: MeterPlan
    supply: Supply
    assigned_at: int = 0
    _register: Register | None = None
    earlier_wh: int = 0
    """Energy charged in earlier epochs."""
    unread: Unread | None = None
    """The newest message in which its register was not found; None once it was read, or after a start."""
    power_mw: int | None = None
    voltage_mv: int | None = None
    current_ma: int | None = None
    frequency_mhz: int | None = None
    power_factor_permille: int | None = None
    """Of the newest message; like ``phases`` it is not kept over a restart."""
    phases: tuple[Phase, ...] = ()
    online: bool | None = None
    last_seen: int | None = None
    present_since: int = 0
    """From when on this device may be expected to tell its register: it came, or came back."""
    absent_since: int = 0
    """When it was found to be away last."""
    silent_at: int = 0
    """Next instant at which it may be found silent; 0 to look at once."""
    relay: Relay = _INITIAL_RELAY
    proven_at: int = 0
    """When the relay's proof last changed."""
    relay_opened_at: int | None = None
    """When the relay proved open as it was told to; energy used before that was used lawfully."""
    fast_path: PendingReadings | None = None
    voltage_alarm: AlertKind | None = None
    overloaded: bool = False
    tampered_at: int | None = None
    quarantine_id: str | None = None
    boot_id: str | None = None
    gone_at: int | None = None
    """When the broker said that it is gone, as it does when a device loses power; None while it is there."""
    absence: Absence | None = None
    """None once it was read again; neither is kept over a restart."""
    unmarked_since: int | None = None
    """When its device first left out its reset marker since its register was taken."""
    power_record: PowerRecord = field(default_factory=PowerRecord)
    """What its power says of its register; begins anew after a restart."""
    reverse_energy: ReverseEnergy | None = None
    cut_offs: list[DeviceCutOff] = field(default_factory=list)
    """What its device is to hold, and what it said that it holds, by slot."""

    @property
    def register(self) -> Register | None:
        """Return the register with all that was read."""
        if self.fast_path is not None:
            self.fast_path.flush()
        return self._register

    @register.setter
    def register(self, register: Register | None) -> None:
        self._register = register

    @property
    def told_at(self) -> int:
        """Return when the register was told last, believed or not; 0 if it never was."""
        register = self.register
        if register is None:
            return 0
        return register.at if register.doubt is None else max(register.at, register.doubt.at)

    def note_presence(self, at: int, *, online: bool) -> None:
        """Note that the device came, came back or went.

        One that comes and goes all the time without telling its register gains no time by it.
        """
        self.online, self.silent_at = online, 0
        if not online:
            self.absent_since = at
            return
        was_away_for_long = at - self.absent_since >= self.plan.offline_after_s * 1000
        if was_away_for_long or self.told_at >= self.present_since:
            self.present_since = at

    def replace_device(self, at: int) -> None:
        """Note that from now on another device is meant, of which nothing was heard."""
        self.online = self.last_seen = None
        self.present_since, self.silent_at = at, 0

    def update_values(self, report: Report) -> None:
        """Keep the newest electrical values; what a report does not speak of stays."""
        if report.power_mw is not None:
            self.power_mw = report.power_mw
        if report.voltage_mv is not None:
            self.voltage_mv = report.voltage_mv
        if report.current_ma is not None:
            self.current_ma = report.current_ma
        if report.frequency_mhz is not None:
            self.frequency_mhz = report.frequency_mhz
        if report.power_factor_permille is not None:
            self.power_factor_permille = report.power_factor_permille
        if report.phases:
            self.phases = report.phases

    @property
    def energy_wh(self) -> int | None:
        """Return the energy charged since the meter was assigned, or None before the first reading."""
        register = self.register
        return None if register is None else self.earlier_wh + register.charged_wh


@dataclass(slots=True, eq=False)
class Supply:
    """A supply of an account with its rating state."""

    id: str
    account: Account
    commodity: str
    tariff_id: str
    timeline: Timeline
    _rating: Rating = field(default_factory=Rating)
    meters: list[Meter] = field(default_factory=list)
    standing_due: int = 0
    """Start of the next local day whose standing charge is due."""
    days: list[DayTotal] = field(default_factory=list)
    """Totals of the newest local days, newest last."""
    history: History | None = None
    """What it used on each of the newest local days; None before the first."""
    forecast: ForecastRun | None = None
    """What is foretold of it; stored for those who only read, and looked at anew after a start."""
    earlier_wh: int = 0
    """Energy charged through meters that were removed."""
    deferred_posting: DeferredPosting | None = None
    """What closed and waits for its turn to be posted."""

    @property
    def rating(self) -> Rating:
        """Return the rating state with all that was read."""
        for meter in self.meters:
            if meter.fast_path is not None:
                meter.fast_path.flush()
        return self._rating

    @rating.setter
    def rating(self, rating: Rating) -> None:
        self._rating = rating


@dataclass(frozen=True, slots=True)
class Tenancy:
    """A customer's time in a unit; what was booked and told before it is another's."""

    n: int = 1
    start: int = 0
    first_seq: int = 0
    """First journal entry, and first event, that are its own."""
    first_event: int = 0
    end: int | None = None
    """When the customer moved out; None while living there."""

    @property
    def replaced_at(self) -> int:
        """Return when the customer followed another; 0 for the first, to whom all belongs that is heard."""
        return self.start if self.n > 1 else 0

    def includes_entry(self, seq: int) -> bool:
        """Return whether a journal entry belongs to it; none does once it is over."""
        return self.end is None and seq >= self.first_seq

    def includes_event(self, event_seq: int) -> bool:
        """Return whether an event belongs to it; none does once it is over."""
        return self.end is None and event_seq >= self.first_event


@dataclass(slots=True, eq=False)
class Account:
    """A prepaid account: one balance, its supplies, its supply decision."""

    id: str
    site: Site
    name: str
    customer: str | None
    policy: Policy
    opened_at: int
    tenancy: Tenancy = Tenancy()
    earlier_costs: dict[str, int] = field(default_factory=dict)
    """What the block periods in which the customer moved in had cost others, by supply and period."""
    balance: int = 0
    emergency_used: int = 0
    """Emergency credit lent and not repaid."""
    emergency_selected: bool = False
    arrears: int = 0
    """Accumulated debt, which the next top-up clears."""
    debts: dict[str, Debt] = field(default_factory=dict)
    supplies: list[Supply] = field(default_factory=list)
    state: SupplyState = SupplyState.CONNECTED
    reason: SupplyReason = SupplyReason.IN_CREDIT
    since: int = 0
    cut_at: int | None = None
    """When the supply is cut or limited unless somebody pays, where that waits for an instant."""
    holds: tuple[Hold, ...] = ()
    has_run_out: bool = False
    """Credit ran out and the supply has been off since."""
    switchings: tuple[int, ...] = ()
    """When credit switched the supply within the last day."""
    closed_at: int | None = None
    """Of a unit that is no longer served: only its books are left, and no part of the engine holds it."""
    protection_timers: dict[ProtectionKey, ProtectionTimer] = field(default_factory=dict)
    """Protections and load limit that are not at rest."""
    next_protection_at: int = UNLIMITED
    """Next instant at which time alone changes a guard."""
    revision: int = 0
    low_level: int = 0
    margin: int = 0
    """What may still be used before something is to be decided, as an exact value."""
    wake_at: int = UNLIMITED
    """Next instant of event time at which time alone changes something."""
    wake_at_wall: int = UNLIMITED
    """Next instant of the wall clock at which friendly hours or their warning change something."""
    alerts: dict[AlertKey, OpenAlert] = field(default_factory=dict)
    last_top_up: TopUpView | None = None
    next_friendly_hours: tuple[int, int] | None = None
    """Friendly hours that are on or come next, as they were last worked out."""
    friendly_hours_valid_until: int = 0
    """When they are to be worked out anew."""

    def is_due(self, at: int, wall: int) -> bool:
        """Return whether time alone changes something by now, by event time or by the wall clock."""
        return self.wake_at <= at or self.wake_at_wall <= wall

    @property
    def hold(self) -> HoldPosition | None:
        """Return where people hold the supply."""
        found = effective_hold(self.holds)
        return None if found is None else found.position

    @property
    def note(self) -> str | None:
        """Return the reason of the hold in force."""
        found = effective_hold(self.holds)
        return None if found is None else found.reason

    @property
    def meters(self) -> list[Meter]:
        """Return the meters of all supplies."""
        return [meter for supply in self.supplies for meter in supply.meters]


class CutOffSlot(NamedTuple):
    """Where a device keeps its local cut-off: the register that it watches, and its slot."""

    address: str
    number: int


@dataclass(slots=True, eq=False)
class DeviceCutOff:
    """The local cut-off of a device."""

    slot: CutOffSlot
    relay_address: str
    state: CutOffState = field(default_factory=CutOffState)
    stored: bool = False
    """Whether it is on disk that the device may hold what it is to hold."""
    answered: bool = True
    """Whether nothing that was sent before a start may have arrived unknown."""
    unconfirmed_since: int = 0
    """Since when the device owes a confirmation; 0 while it owes none."""
    meter: Meter | None = None
    """The meter whose register it watches, if it is still in use."""
    unassigned: bool = False
    """No meter's policy asks for it any more."""
    may_open_from_wh: int | None = None
    """A lower value, at which the device may have opened its relay before it took a higher one."""

    def mark_stored(self, cut_off: CutOffState) -> None:
        """Note what came to disk, unless something else is to be held by now."""
        self.stored = self.stored or cut_off.target_wh == self.state.target_wh


@dataclass(slots=True)
class Sequences:
    """Last numbers given by the one writer."""

    entry: int = 0
    event: int = 0
    decision: int = 0
    applied: int = 0
    applied_here: int = 0
    """The site file that the accounts are of; another worker may have applied a newer one."""


@dataclass(slots=True)
class Installation:
    """Everything that one bridge serves, with the indexes that messages need."""

    id: str
    name: str
    created_at: int
    shard: Shard = WHOLE
    sites: dict[str, Site] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    families: FamilySettings = field(default_factory=lambda: NO_SETTINGS)
    """Settings of meter families."""
    closed: set[str] = field(default_factory=set)
    """Accounts that were closed; their balance stays, and one that comes back goes on with it."""
    meters: dict[str, Meter] = field(default_factory=dict)
    by_energy_address: dict[str, Meter] = field(default_factory=dict)
    by_relay_address: dict[str, list[Meter]] = field(default_factory=dict)
    alerts: dict[AlertKey, OpenAlert] = field(default_factory=dict)
    """Open alerts that belong to no account."""
    cut_offs: dict[CutOffSlot, DeviceCutOff] = field(default_factory=dict)
    sequences: Sequences = field(default_factory=Sequences)
    exported: int = 0

    def index(self, meter: Meter) -> None:
        """Let the meter's addresses find it."""
        self.meters[meter.id] = meter
        # Drivers intern their addresses as well, so that a message finds its meter without comparing texts.
        self.by_energy_address[intern(meter.plan.energy_address)] = meter
        if meter.plan.relay_address is not None:
            self.by_relay_address.setdefault(meter.plan.relay_address, []).append(meter)

    def unindex(self, meter: Meter) -> None:
        """Take a meter out of the indexes."""
        self.meters.pop(meter.id, None)
        if self.by_energy_address.get(meter.plan.energy_address) is meter:
            del self.by_energy_address[meter.plan.energy_address]
        if meter.plan.relay_address is not None:
            switched = self.by_relay_address.get(meter.plan.relay_address, [])
            if meter in switched:
                switched.remove(meter)


HOLDING_BUCKETS: Final = (Bucket.BALANCE, Bucket.EMERGENCY, Bucket.ARREARS)
"""Buckets that are held of every account, besides those of its debts."""


def move(account: Account, bucket: str, amount: int) -> bool:
    """Follow a posting; say whether it moved something besides the balance that is kept of an account."""
    debt_id = debt_of(bucket)
    if bucket == Bucket.BALANCE:
        account.balance += amount
        return False
    if bucket == Bucket.EMERGENCY:
        account.emergency_used -= amount
        # What is lent was selected, also where a reversal lends it again.
        account.emergency_selected = account.emergency_selected or account.emergency_used > 0
    elif bucket == Bucket.ARREARS:
        account.arrears -= amount
    elif debt_id is not None and debt_id in account.debts:
        debt = account.debts[debt_id]
        account.debts[debt_id] = replace(debt, owed=debt.owed - amount)
    else:
        return False
    return True


def terms_of(account: Account, timeline: Timeline) -> SupplyTerms:
    """Return what the tariff has to know of an account and its customer."""
    started = local_day(account.tenancy.start or account.opened_at, timeline.versions[0].zone)
    return SupplyTerms(started, account.policy.contracted_w, account.policy.free_units)


def first_standing(account: Account, timeline: Timeline) -> int:
    """Return when the first standing charge is due: the midnight after the opening; the first day is free."""
    zone = timeline.versions[0].zone
    return day_end(local_day(account.opened_at, zone), zone)
