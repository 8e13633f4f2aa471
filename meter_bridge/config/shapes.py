"""The shape of a site file: which keys each part has and what kind of value each of them takes."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Final, TypedDict

from voluptuous import ALLOW_EXTRA, Invalid, MultipleInvalid, Optional, Required, Schema

from meter_bridge.config import holidays, quantities, scalars, supply_shapes, times
from meter_bridge.config.describe import show_without_bridge
from meter_bridge.config.quantities import Rating
from meter_bridge.config.scalars import Reader, Wrong
from meter_bridge.core.calendar import MINUTES_PER_DAY
from meter_bridge.core.ledger.credit import Collection
from meter_bridge.core.supply.decision import PaymentMode, RestoreMode
from meter_bridge.core.supply.local_cutoff import WithoutBridge
from meter_bridge.core.supply.protection import Protections, Rule
from meter_bridge.core.tariff.bands import EVERY_DAY, Window

MAX_ITEMS: Final = 50
"""Windows of a band, blocks, taxes, thresholds."""
MAX_PARTS: Final = 100
"""Versions of a tariff, meters of a unit."""

EXAMPLES: Final[Mapping[str, str]] = {
    "name": "name: Rose Street",
    "sites": "sites:, and below it the id of each property",
    "time zone": "time zone: Africa/Johannesburg",
    "currency": "currency: ZAR",
    "tariffs": "tariffs:, and below it the id of each tariff",
    "units": "units:, and below it the id of each unit",
    "versions": "versions: with a list of prices and their start",
    "prices": "prices: 2.50",
    "taxes name": "name: VAT",
    "up to": "up to: with the limit of the block",
    "bands": "bands: with the names of bands",
    "seasons from": "from: 06-01",
    "seasons to": "to: 09-30",
    "meters": "meters: [tasmota:kitchen/1]",
    "address": "address: tasmota:kitchen/1",
    "tariff": "tariff: and the id of a tariff, here or in defaults",
    "country": "country: ZA",
    "limit": "limit: 10.00",
    "threshold": "threshold: 2.00",
    "from": "from: with a date, or a time of day",
    "to": 'to: "09:00"',
}
"""How a missing key is written, where it matters with the name of the part around it."""

type Shape[T] = tuple[Schema, type[T]]
"""A schema, with the type of what it returns."""
RULE_SLOTS: Final = (1, 2, 3)
"""Rule sets of a Tasmota device."""
LimitsDraft = TypedDict(
    "LimitsDraft",
    {
        "over voltage": int | None,
        "under voltage": int | None,
        "overload": int | None,
        "voltage hysteresis": int,
        "overload hysteresis": int,
    },
    total=False,
)


class EmergencyDraft(TypedDict):
    """Emergency credit as it is written."""

    limit: str
    threshold: str


PolicyDraft = TypedDict(
    "PolicyDraft",
    {
        "tariff": str,
        "payment mode": PaymentMode,
        "restore": RestoreMode,
        "never cut": bool,
        "building meter": bool,
        "minimum to restore": str,
        "low credit": tuple[str, ...],
        "low credit hysteresis": str,
        "days left": int | None,
        "friendly hours": tuple[Window, ...],
        "friendly dates": tuple[date, ...],
        "grace": int | None,
        "warning before cut": int | None,
        "when exhausted": int | None,
        "load limit": Rule,
        "power limit": int | None,
        "credit switchings per day": int | None,
        "protect": Protections,
        "contracted load": int,
        "free units": bool,
        "minimum top-up": str,
        "maximum top-up": str | None,
        "maximum balance": str | None,
        "overdraft": str,
        "emergency credit": EmergencyDraft | None,
        "debt while in emergency credit": Collection,
        "debt while disconnected": Collection,
        "standing charge while in emergency credit": Collection,
        "standing charge while disconnected": Collection,
        "rating": Rating,
        "offline after": int,
        "limits": LimitsDraft,
        "without the bridge": WithoutBridge,
        "rule slot": int,
    },
    total=False,
)


_OwnKeys = TypedDict("_OwnKeys", {"opening credit": str}, total=False)


class UnitDraft(PolicyDraft, _OwnKeys, total=False):
    """A unit as it is written."""

    name: str
    customer: str


MeterDraft = TypedDict(
    "MeterDraft",
    {
        "id": str,
        "name": str,
        "address": str,
        "relay": str | None,
        "rating": Rating,
        "offline after": int,
        "limits": LimitsDraft,
        "host": str,
        "password variable": str,
        "register wraps at": int,
        "returns energy": bool,
        "without the bridge": WithoutBridge,
        "rule slot": int,
    },
    total=False,
)
WindowDraft = TypedDict(
    "WindowDraft",
    {"days": frozenset[int], "from": int, "to": int, "season": frozenset[str]},
    total=False,
)


class HolidaysDraft(TypedDict, total=False):
    """Whose public holidays count."""

    country: str
    region: str


class SiteDraft(TypedDict, total=False):
    """The head of a site; its parts are read one by one."""

    name: str


def each[T](read: Reader[T] | Schema) -> Callable[[object], tuple[T, ...]]:
    """Return a reader of lists that finds what is wrong with every item, not only with the first."""

    def collect(value: object) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise Wrong(
                "a list is expected here", "write its items in [ ], or each on a line that begins with a dash"
            )
        _check_length(value, MAX_ITEMS)
        items: list[T] = []
        errors: list[Invalid] = []
        for index, item in enumerate(value):
            try:
                items.append(read(item))
            except Invalid as error:
                error.prepend([index])
                errors.extend(error.errors if isinstance(error, MultipleInvalid) else [error])
        if errors:
            raise MultipleInvalid(errors)
        return tuple(items)

    return collect


def part(value: object) -> object:
    """Accept a mapping whose own keys are read later, one part after the other."""
    if not isinstance(value, dict):
        raise Wrong("keys with values are expected here", "write them indented below, each as key: value")
    return value


def _check_length(value: list[object], most: int) -> None:
    if len(value) > most:
        raise Wrong(f"{len(value)} items are more than {most}", f"write at most {most}")


def parts(value: object) -> object:
    """Accept a list whose items are read later, one after the other; it holds at least one."""
    if not isinstance(value, list) or not value:
        remedy = "write its items in [ ], or each on a line that begins with a dash"
        raise Wrong("a list with at least one item is expected here", remedy)
    _check_length(value, MAX_PARTS)
    return value


def window(value: object) -> Window:
    """Read a span of local time on some days."""
    return window_of(_WINDOW(value))


def window_of(draft: WindowDraft) -> Window:
    """Return the window of keys that were read."""
    start, end = draft["from"], draft["to"]
    if start in {MINUTES_PER_DAY, end}:
        raise Wrong("begins where it ends", "write 00:00 to 24:00 for a whole day")
    return Window(
        draft.get("days", EVERY_DAY), start, end % MINUTES_PER_DAY, draft.get("season", frozenset())
    )


def public_holidays(value: object) -> tuple[date, ...]:
    """Read whose public holidays count: a country, or a country with a region; returns their dates."""
    if isinstance(value, str):
        return holidays.resolve(value, None)
    draft: HolidaysDraft = _HOLIDAYS(value)
    return holidays.resolve(draft["country"], draft.get("region"))


def emergency_credit(value: object) -> EmergencyDraft | None:
    """Read how much emergency credit there is, and from where on it may be selected, or ``none``."""
    if value == scalars.NONE:
        return None
    found: EmergencyDraft = _EMERGENCY(part(value))
    return found


_WINDOW: Final = Schema(
    {
        Optional("days"): times.days,
        Required("from"): times.minute_of_day,
        Required("to"): times.minute_of_day,
    }
)
_HOLIDAYS: Final = Schema({Required("country"): scalars.text, Optional("region"): scalars.text})
_LIMITS: Final = Schema(
    {
        Optional("over voltage"): scalars.optional(quantities.volts),
        Optional("under voltage"): scalars.optional(quantities.volts),
        Optional("overload"): scalars.optional(quantities.load),
        Optional("voltage hysteresis"): quantities.volts,
        Optional("overload hysteresis"): quantities.whole_percent,
    }
)
_METER_DEFAULTS: Final = {
    Optional("rating"): quantities.rating,
    Optional("offline after"): quantities.duration,
    Optional("limits"): _LIMITS,
    Optional("without the bridge"): scalars.choice(
        {show_without_bridge(policy): policy for policy in WithoutBridge}
    ),
    Optional("rule slot"): scalars.choice({str(slot): slot for slot in RULE_SLOTS}),
}
_EMERGENCY: Final = Schema(
    {Required("limit"): quantities.not_negative, Required("threshold"): quantities.not_negative}
)
_COLLECTION: Final = scalars.choice({each.value: each for each in Collection})
_POLICY: Final = {
    Optional("tariff"): scalars.identifier,
    Optional("payment mode"): scalars.choice({mode.value: mode for mode in PaymentMode}),
    Optional("restore"): scalars.choice({mode.value: mode for mode in RestoreMode}),
    Optional("never cut"): scalars.flag,
    Optional("building meter"): scalars.flag,
    Optional("minimum to restore"): quantities.not_negative,
    Optional("low credit"): each(quantities.not_negative),
    Optional("low credit hysteresis"): quantities.not_negative,
    Optional("days left"): supply_shapes.days_left,
    Optional("friendly hours"): each(window),
    Optional("friendly dates"): each(times.day),
    Optional("grace"): scalars.optional(quantities.duration),
    Optional("warning before cut"): scalars.optional(quantities.duration),
    Optional("when exhausted"): supply_shapes.when_exhausted,
    Optional("load limit"): supply_shapes.load_rule,
    Optional("power limit"): scalars.optional(quantities.load),
    Optional("credit switchings per day"): supply_shapes.switchings_per_day,
    Optional("protect"): supply_shapes.protect,
    Optional("contracted load"): quantities.watts,
    Optional("free units"): scalars.flag,
    Optional("minimum top-up"): quantities.not_negative,
    Optional("maximum top-up"): scalars.optional(quantities.not_negative),
    Optional("maximum balance"): scalars.optional(quantities.not_negative),
    Optional("overdraft"): quantities.not_negative,
    Optional("emergency credit"): emergency_credit,
    Optional("debt while in emergency credit"): _COLLECTION,
    Optional("debt while disconnected"): _COLLECTION,
    Optional("standing charge while in emergency credit"): _COLLECTION,
    Optional("standing charge while disconnected"): _COLLECTION,
}
_DEFAULTS: Final = Schema(_POLICY).extend(_METER_DEFAULTS)

INSTALLATION: Final[Shape[SiteDraft]] = (
    Schema({Required("name"): scalars.text, Required("sites"): part}),
    SiteDraft,
)
SITE: Final[Shape[SiteDraft]] = (
    Schema(
        {
            Optional("name"): scalars.text,
            Required("time zone"): times.time_zone,
            Required("currency"): scalars.currency,
            Optional("voltage"): quantities.volts,
            Optional("holidays"): public_holidays,
            Optional("defaults"): part,
            Required("tariffs"): part,
            Required("units"): part,
        }
    ),
    SiteDraft,
)
PRICED_SITE: Final[Shape[SiteDraft]] = (
    Schema(
        {
            Optional("name"): scalars.text,
            Required("time zone"): times.time_zone,
            Required("currency"): scalars.currency,
            Required("tariffs"): part,
        },
        extra=ALLOW_EXTRA,
    ),
    SiteDraft,
)
"""What of a site its tariffs need; the rest is not looked at."""
DEFAULTS: Final[Shape[PolicyDraft]] = (_DEFAULTS, PolicyDraft)
UNIT: Final[Shape[UnitDraft]] = (
    _DEFAULTS.extend(
        {
            Optional("name"): scalars.text,
            Optional("customer"): scalars.text,
            Optional("opening credit"): quantities.not_negative,
            Required("meters"): parts,
        }
    ),
    UnitDraft,
)
METER: Final[Shape[MeterDraft]] = (
    Schema(_METER_DEFAULTS).extend(
        {
            Optional("id"): scalars.identifier,
            Optional("name"): scalars.text,
            Required("address"): scalars.address,
            Optional("relay"): scalars.optional(scalars.address),
            Optional("host"): scalars.host,
            Optional("password variable"): scalars.variable,
            Optional("register wraps at"): quantities.modulus,
            Optional("returns energy"): scalars.flag,
        }
    ),
    MeterDraft,
)
