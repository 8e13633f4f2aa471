"""Parts of a site file besides tariffs, with all of their keys: installation, site, unit and meter.

A key is declared here, under the name that its value has in the plan unless ``units.py`` derives that, and
shown by ``describe.py`` or ``diff.py``. ``docs/site-file.md`` explains it. A test fails where one of the last
two is forgotten.
"""

from collections.abc import Callable
from datetime import date
from typing import Final

from meter_bridge.config import holidays, quantities, scalars, times
from meter_bridge.config.describe import show_without_bridge
from meter_bridge.config.parts import (
    Part,
    key,
    list_of,
    part,
    part_as,
    part_into,
    read_part,
    separate_list,
    separate_mapping,
)
from meter_bridge.config.plan import MeterPlan
from meter_bridge.config.problems import invalid
from meter_bridge.config.quantities import Rating, amount_text, duration_ms, whole
from meter_bridge.config.scalars import choice, flag, optional, reader, text, words
from meter_bridge.core.calendar import MINUTES_PER_DAY
from meter_bridge.core.ledger.credit import Collection, CreditPolicy
from meter_bridge.core.supply.alerts import ElectricalLimits
from meter_bridge.core.supply.decision import PaymentMode, Policy, RestoreMode
from meter_bridge.core.supply.local_cutoff import WithoutBridge
from meter_bridge.core.supply.protection import MAX_RESETS, ProtectionRule, Protections
from meter_bridge.core.supply.relay import MAX_SWITCHINGS
from meter_bridge.core.tariff.bands import EVERY_DAY, Window

MAIN: Final = "main"
"""Id of a unit's meter that names none."""
MOST_DAYS_LEFT: Final = 30
RULE_SLOTS: Final = (1, 2, 3)
"""Places in a device where its local cut-off may be kept."""
LOAD_RULE: Final = ProtectionRule(delay_ms=30_000, reset_after_ms=120_000)
"""How a load limit behaves where nothing else is written."""


def _either[T](
    word: str, prefix: str, read: Callable[[str], T], message: str, remedy: str
) -> scalars.Reader[T | None]:
    """Return a reader of a word, which means None, or of a quantity after other words."""

    def parse(value: str) -> T | None:
        words = " ".join(value.split())
        if words == word:
            return None
        if words.startswith(prefix):
            return read(words.removeprefix(prefix).strip())
        raise invalid(f"{value!r} {message}", remedy)

    return reader(parse)


protection_reset: Final = _either(
    "manual",
    "automatic after",
    duration_ms,
    "is not a way to reset",
    "write automatic after 5 min, or manual",
)
"""Reads how a protection resets: the time after which it does by itself, or None for by hand."""
exhausted_action: Final = _either(
    "cut",
    "load limit",
    quantities.load,
    "is neither a cut nor a load limit",
    "write cut, or load limit 500 W",
)
"""Reads what follows when credit is used up: a load limit in mW, or None for a cut."""
collection: Final = words(Collection)


class WindowPart(Part):
    """A span of local time on some days."""

    days: frozenset[int] = key(times.days, default=EVERY_DAY)
    start: int = key(times.minute_of_day, name="from", example="from: with a date, or a time of day")
    end: int = key(times.minute_of_day, name="to", example='to: "09:00"')


def window(written: WindowPart, seasons: frozenset[str] = frozenset()) -> Window:
    """Return the window of what is written."""
    if written.start in {MINUTES_PER_DAY, written.end}:
        raise invalid("starts and ends at the same time", "write 00:00 to 24:00 for a whole day")
    return Window(written.days, written.start, written.end % MINUTES_PER_DAY, seasons)


class RulePart(Part, models=(ProtectionRule,)):
    """When a protection trips and how it resets."""

    delay_ms: int = key(optional(duration_ms, none=0), name="delay")
    reset_after_ms: int | None = key(protection_reset, name="reset")
    resets_per_hour: int = key(whole(0, MAX_RESETS))


class LoadRulePart(Part):
    """How long a load above its limit is tolerated, and how often supply comes back."""

    delay_ms: int = key(optional(duration_ms, none=0), name="delay", default=LOAD_RULE.delay_ms)
    reset_after_ms: int | None = key(duration_ms, name="reconnect after", default=LOAD_RULE.reset_after_ms)
    resets_per_hour: int = key(
        whole(0, MAX_RESETS), name="attempts per hour", default=LOAD_RULE.resets_per_hour
    )


protection_rule: Final = part_into(RulePart, ProtectionRule)
load_rule: Final = part_into(LoadRulePart, ProtectionRule)


class ProtectPart(Part, models=(Protections,)):
    """The protections of a supply."""

    over_voltage: ProtectionRule | None = key(protection_rule)
    under_voltage: ProtectionRule | None = key(protection_rule)
    overload: ProtectionRule | None = key(protection_rule)


read_protections: Final = part_into(ProtectPart, Protections)


class EmergencyPart(Part):
    """How much emergency credit there is, and below which balance it may be selected."""

    limit: int = key(amount_text, example="limit: 10.00")
    threshold: int = key(amount_text, example="threshold: 2.00")


class LimitsPart(Part, models=(ElectricalLimits,)):
    """When to raise an electrical alert; the voltages that are not written follow from the site's."""

    over_voltage: int | None = key(optional(quantities.volts), default=None)
    under_voltage: int | None = key(optional(quantities.volts), default=None)
    overload_mw: int | None = key(optional(quantities.load), name="overload")
    voltage_hysteresis_mv: int = key(quantities.volts, name="voltage hysteresis")
    overload_hysteresis_percent: int = key(quantities.whole_percent, name="overload hysteresis")


class SiteHolidaysPart(Part):
    """Whose public holidays count at a site."""

    country: str = key(text, example="country: ZA")
    region: str | None = key(text, default=None)


def site_holidays(value: object, currency: str | None = None, /) -> tuple[date, ...]:
    """Read whose public holidays count: a country, or a country with a region; returns their dates."""
    if isinstance(value, str):
        return holidays.resolve(value, None)
    written = read_part(SiteHolidaysPart, value, currency)
    return holidays.resolve(written.country, written.region)


class InstallationPart(Part):
    """The file as a whole."""

    name: str = key(text, example="name: Rose Street")
    families: object = key(separate_mapping, default=None)
    sites: object = key(separate_mapping, example="sites:, and below it the id of each property")


class PricedSitePart(Part):
    """What the tariffs of a site need of it."""

    name: str | None = key(text, default=None)
    time_zone: str = key(times.time_zone, example="time zone: Africa/Johannesburg")
    currency: str = key(scalars.currency_code, example="currency: ZAR")
    tariffs: object = key(separate_mapping, example="tariffs:, and below it the id of each tariff")


class SitePart(PricedSitePart):
    """A site; its tariffs, defaults and units are read one by one."""

    voltage: int | None = key(quantities.volts, default=None)
    holidays: tuple[date, ...] = key(site_holidays, default=())
    defaults: object = key(separate_mapping, default=None)
    units: object = key(separate_mapping, example="units:, and below it the id of each unit")


class MeterDefaultsPart(Part, models=(MeterPlan,)):
    """What a meter may also take from its unit or site."""

    rating: Rating | None = key(quantities.rating, default=None)
    offline_after_s: int = key(quantities.duration, name="offline after")
    limits: LimitsPart = key(part(LimitsPart), default=LimitsPart())
    without_bridge: WithoutBridge = key(
        choice({show_without_bridge(policy): policy for policy in WithoutBridge}), name="without the bridge"
    )
    rule_slot: int = key(choice({str(slot): slot for slot in RULE_SLOTS}))


class DefaultsPart(MeterDefaultsPart, models=(Policy, CreditPolicy)):
    """What a unit may also take from its site; times in ms."""

    tariff: str | None = key(scalars.identifier, default=None)
    payment_mode: PaymentMode = key(words(PaymentMode))
    restore: RestoreMode = key(words(RestoreMode))
    never_cut: bool = key(flag)
    building_meter: bool = key(flag)
    minimum_to_restore: int | None = key(optional(amount_text))
    low_credit: tuple[int, ...] = key(list_of(amount_text))
    low_credit_hysteresis: int = key(amount_text)
    days_left: int = key(optional(whole(1, MOST_DAYS_LEFT), none=0))
    friendly_hours: tuple[Window, ...] = key(list_of(part_as(WindowPart, window)), default=())
    friendly_dates: tuple[date, ...] = key(list_of(times.day), default=())
    grace: int = key(optional(duration_ms, none=0), default=0)
    warning_ms: int = key(optional(duration_ms, none=0), name="warning before cut")
    when_exhausted: int | None = key(exhausted_action, default=None)
    load_limit: ProtectionRule = key(load_rule, default=LOAD_RULE)
    power_limit: int | None = key(optional(quantities.load), default=None)
    switchings_per_day: int | None = key(optional(whole(1, MAX_SWITCHINGS)), name="credit switchings per day")
    protections: Protections = key(read_protections, name="protect")
    contracted_w: int = key(quantities.watts, name="contracted load")
    free_units: bool = key(flag)
    minimum_top_up: int = key(amount_text, name="minimum top-up", default=0)
    top_up_maximum: int | None = key(optional(amount_text), name="maximum top-up")
    maximum_balance: int | None = key(optional(amount_text))
    overdraft: int = key(amount_text, default=0)
    emergency_credit: EmergencyPart | None = key(optional(part(EmergencyPart)), default=None)
    debt_in_emergency: Collection = key(collection, name="debt while in emergency credit")
    debt_disconnected: Collection = key(collection, name="debt while disconnected")
    standing_in_emergency: Collection = key(
        words(Collection), name="standing charge while in emergency credit"
    )
    standing_disconnected: Collection = key(collection, name="standing charge while disconnected")


class UnitPart(DefaultsPart):
    """A unit; its meters are read one by one."""

    name: str | None = key(text, default=None)
    customer: str | None = key(text, default=None)
    opening_credit: int = key(amount_text, default=0)
    meters: object = key(separate_list, example="meters: [tasmota:kitchen/1]")


class MeterPart(MeterDefaultsPart, models=(MeterPlan,)):
    """A meter."""

    id: str = key(scalars.identifier, default=MAIN)
    name: str | None = key(text, default=None)
    energy_address: str = key(scalars.address, name="address", example="address: tasmota:kitchen/1")
    relay: str | None = key(optional(scalars.address), default=None)
    host: str | None = key(scalars.host)
    password_env: str | None = key(scalars.variable, name="password variable")
    register_modulus_wh: int | None = key(quantities.modulus, name="register wraps at")
    returns_energy: bool = key(flag)
    read_by_hand: bool = key(flag)
