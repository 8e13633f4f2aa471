"""Readers of single values: the file's text in, a value of the right kind out, or ``Wrong``."""

from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime, time
from decimal import ROUND_CEILING, Decimal
from functools import cache
import re
from typing import Final, NamedTuple
from zoneinfo import available_timezones

from voluptuous import Invalid

from meter_bridge.config.currencies import CURRENCIES
from meter_bridge.config.nearest import nearest, suggest
from meter_bridge.core.calendar import MINUTES_PER_DAY
from meter_bridge.core.energy import EnergyError, parse_kwh
from meter_bridge.core.money import MoneyError, parse_decimal
from meter_bridge.core.tariff import WEEKDAYS
from meter_bridge.devices.addresses import AddressError, parse_address

type Reader[T] = Callable[[object], T]

MAX_TEXT: Final = 120
MAX_RATING_W: Final = 10_000_000
FIRST_YEAR, LAST_YEAR = 2000, 2199
NONE: Final = "none"
PPM_PER_PERCENT: Final = 10_000
EVERY_DAY: Final = frozenset(range(7))

_IDENTIFIER: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}")
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]")
_TIME: Final = re.compile(r"([01][0-9]|2[0-4]):([0-5][0-9])")
_QUANTITY: Final = re.compile(r"(-?[0-9][0-9.]*) ?([A-Za-z%]*)")
_RATING: Final = re.compile(r"(?:([1-3]) ?[x×] ?)?([0-9][0-9.]*) ?(kW|W|A)")
_START: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2}))?")


class Wrong(Invalid):
    """A value that cannot be accepted, with the way to mend it."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


class Start(NamedTuple):
    """A local date, or a date with a time of day, at which something begins."""

    day: date
    at: time | None

    def __str__(self) -> str:
        """Return the one spelling that ids use; midnight is the day itself."""
        return self.day.isoformat() if self.at is None else f"{self.day.isoformat()}T{self.at:%H:%M}"


class Rating(NamedTuple):
    """Largest load of a supply, as current or as power."""

    amperes: Decimal | None
    watts: int

    def at_voltage(self, millivolts: int) -> int:
        """Return the rating in W, rounded up."""
        if self.amperes is None:
            return self.watts
        return int((self.amperes * millivolts / 1000).to_integral_value(ROUND_CEILING))


def reader[T](parse: Callable[[str], T]) -> Reader[T]:
    """Return a reader that accepts a single text and nothing else."""

    def read(value: object) -> T:
        if not isinstance(value, str):
            raise Wrong("a single value is expected here, not a list or mapping", "write one text or number")
        if not value.strip():
            raise Wrong("has no value", "write a value after the colon, or take the key away")
        return parse(value)

    return read


def optional[T](read: Reader[T]) -> Reader[T | None]:
    """Return a reader that also takes the word ``none``."""
    return lambda value: None if value == NONE else read(value)


def choice[T](values: Mapping[str, T]) -> Reader[T]:
    """Return a reader of one of some words."""

    def parse(word: str) -> T:
        if word not in values:
            raise Wrong(f"{word!r} is not one of {', '.join(values)}", suggest(word, values))
        return values[word]

    return reader(parse)


flag: Final = choice({"yes": True, "no": False, "true": True, "false": False})


@reader
def text(value: str) -> str:
    """Read a name or other text for people."""
    if len(value) > MAX_TEXT or "\n" in value:
        raise Wrong(f"text is longer than a line of {MAX_TEXT} characters", "shorten it")
    return value.strip()


@reader
def identifier(value: str) -> str:
    """Read an id."""
    if not _IDENTIFIER.fullmatch(value):
        remedy = "use up to 64 lower-case letters, digits and dashes, such as flat-1"
        raise Wrong(f"{value!r} cannot be an id", remedy)
    return value


@reader
def decimal_text(value: str) -> str:
    """Read a number that must be kept as it is written; returns its text."""
    _decimal(value)
    return value


@reader
def not_negative(value: str) -> str:
    """Read an amount of money of zero or more; returns its text."""
    if _decimal(value) < 0:
        raise Wrong(f"{value!r} is negative", "write zero or more")
    return value


def _decimal(value: str) -> Decimal:
    try:
        return parse_decimal(value)
    except MoneyError:
        raise Wrong(
            f"{value!r} is not a plain decimal number", "write it like 4.50, without a currency"
        ) from None


@reader
def per_day(value: str) -> str:
    """Read an amount per day, such as ``4.50 per day``; returns the amount's text."""
    amount, words, unit = value.partition(" per ")
    if not words or unit.strip() != "day":
        raise Wrong(f"{value!r} does not say per day", "write it like 4.50 per day")
    return not_negative(amount.strip())


@reader
def kwh(value: str) -> int:
    """Read energy in kWh; returns Wh."""
    number, unit = _quantity(value, "350 kWh")
    if unit not in {"", "kWh"}:
        raise Wrong(f"{value!r} is not in kWh", "write it like 350 kWh")
    try:
        return parse_kwh(number)
    except EnergyError as error:
        raise Wrong(str(error), "write it like 350 kWh") from None


def _quantity(value: str, example: str) -> tuple[str, str]:
    """Return number and unit of a quantity."""
    found = _QUANTITY.fullmatch(value.strip())
    if not found:
        raise Wrong(f"{value!r} is not a number with its unit", f"write it like {example}")
    return found[1], found[2]


def _scaled(value: str, factors: Mapping[str, int], example: str) -> int:
    """Return a positive quantity in its smallest step; units are the keys of ``factors``."""
    number, unit = _quantity(value, example)
    if unit not in factors:
        raise Wrong(f"{value!r} needs a unit: {' or '.join(factors)}", f"write it like {example}")
    steps = _decimal(number) * factors[unit]
    if steps <= 0 or steps != steps.to_integral_value():
        raise Wrong(f"{value!r} is not above zero, or finer than can be kept", f"write it like {example}")
    return int(steps)


@reader
def volts(value: str) -> int:
    """Read a voltage; returns mV."""
    millivolts = _scaled(value, {"V": 1000}, "230 V")
    if millivolts > 1_000_000:  # noqa: PLR2004 - low voltage ends at 1000 V (IEC 60038)
        raise Wrong(f"{value!r} is not a low voltage", "write at most 1000 V")
    return millivolts


@reader
def load(value: str) -> int:
    """Read a power; returns mW."""
    milliwatts = _scaled(value, {"W": 1000, "kW": 1_000_000}, "12 kW")
    if milliwatts > MAX_RATING_W * 1000:
        raise Wrong(f"{value!r} is more than any supply of a unit", "write at most 10000 kW")
    return milliwatts


@reader
def rating(value: str) -> Rating:
    """Read a rating: ``60 A``, ``3x63 A``, ``14.5 kW`` or ``14500 W``."""
    found = _RATING.fullmatch(value.strip())
    if not found:
        remedy = "write it like 60 A, 3x63 A or 14.5 kW"
        raise Wrong(f"{value!r} is not a rating with its unit", remedy)
    number = _decimal(found[2]) * int(found[1] or 1)
    amperes = number if found[3] == "A" else None
    watts = Decimal(0) if amperes else number * (1000 if found[3] == "kW" else 1)
    if number <= 0 or number > MAX_RATING_W or watts > MAX_RATING_W:
        raise Wrong(f"{value!r} is not the rating of a supply", "write it like 60 A, 3x63 A or 14.5 kW")
    return Rating(amperes, int(watts.to_integral_value(ROUND_CEILING)))


@reader
def duration(value: str) -> int:
    """Read a time span; returns seconds."""
    seconds = _scaled(value, {"s": 1, "min": 60, "h": 3600}, "15 min")
    if seconds > 7 * 86_400:
        raise Wrong(f"{value!r} is longer than a week", "write it like 15 min")
    return seconds


@reader
def percent_ppm(value: str) -> int:
    """Read a rate in per cent; returns parts per million."""
    number, unit = _quantity(value, "15")
    ppm = _decimal(number) * PPM_PER_PERCENT
    if unit not in {"", "%"} or not 0 <= ppm <= 100 * PPM_PER_PERCENT or ppm != ppm.to_integral_value():
        remedy = "write between 0 and 100, with at most four decimal places"
        raise Wrong(f"{value!r} is not a rate in per cent", remedy)
    return int(ppm)


@reader
def whole_percent(value: str) -> int:
    """Read whole per cent, from 0 to 50."""
    number, unit = _quantity(value, "5 %")
    if unit not in {"", "%"} or not number.isdigit() or not 0 <= int(number[:9]) <= 50:  # noqa: PLR2004 - as said
        raise Wrong(f"{value!r} is not whole per cent from 0 to 50", "write it like 5 %")
    return int(number)


@reader
def minute_of_day(value: str) -> int:
    """Read a time of day; returns its minute, 1440 for 24:00."""
    found = _TIME.fullmatch(value)
    minute = int(found[1]) * 60 + int(found[2]) if found else MINUTES_PER_DAY + 1
    if minute > MINUTES_PER_DAY:
        remedy = 'write hours and minutes with two digits each, such as "06:00"'
        raise Wrong(f"{value!r} is not a time of day", remedy)
    return minute


@reader
def weekdays(value: str) -> frozenset[int]:
    """Read days such as ``mon-fri``, ``sat, sun`` or ``every day``; Monday is 0."""
    if value == "every day":
        return EVERY_DAY
    days: set[int] = set()
    for part in value.split(","):
        first, dash, last = (piece.strip() for piece in part.partition("-"))
        start, end = _weekday(first), _weekday(last if dash else first)
        days.update((start + step) % 7 for step in range((end - start) % 7 + 1))
    return frozenset(days)


def _weekday(name: str) -> int:
    if name not in WEEKDAYS:
        raise Wrong(f"{name!r} is not a day", "write days like mon-fri, or sat, sun, or every day")
    return WEEKDAYS.index(name)


@reader
def start(value: str) -> Start:
    """Read a local date, or a local date-time to the minute."""
    found = _START.fullmatch(value)
    try:
        moment = datetime.fromisoformat(f"{found[1]}T{found[2] or '00:00'}") if found else None
    except ValueError:
        moment = None
    if moment is None or not FIRST_YEAR <= moment.year <= LAST_YEAR:
        remedy = f"write it like 2026-07-01 or 2026-07-01 06:00, between {FIRST_YEAR} and {LAST_YEAR}"
        raise Wrong(f"{value!r} is not a date", remedy)
    midnight = moment.time() == time(0)
    return Start(moment.date(), None if midnight else moment.time())


def _meant(word: str, known: Collection[str], otherwise: str) -> str:
    """Return the remedy for one of very many words: the nearest, or else how such a word looks."""
    found = nearest(word, known)
    return f"did you mean {found!r}?" if found else otherwise


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


@reader
def time_zone(value: str) -> str:
    """Read the name of a time zone of the IANA database."""
    if value not in _time_zones():
        remedy = _meant(value, _time_zones(), "write a name such as Africa/Johannesburg or Europe/Berlin")
        raise Wrong(f"{value!r} is not a known time zone", remedy)
    return value


@reader
def currency(value: str) -> str:
    """Read a currency code of ISO 4217."""
    if value not in CURRENCIES:
        remedy = _meant(value, CURRENCIES, "write its three capital letters, such as ZAR, KES or EUR")
        raise Wrong(f"{value!r} is not a currency code", remedy)
    return value


@reader
def address(value: str) -> str:
    """Read a meter's address, ``family:device/channel``."""
    try:
        return str(parse_address(value))
    except AddressError as error:
        # The parser writes "what is wrong: the remedy"; the address itself may hold a colon.
        message, _, remedy = str(error).replace(value, "\0").partition(": ")
        raise Wrong(message.replace("\0", value), remedy or "write it like tasmota:kitchen/1") from None


@reader
def host(value: str) -> str:
    """Read a host name or address of the network."""
    if not _HOST.fullmatch(value):
        raise Wrong(f"{value!r} is not a host name or address", "write it like 192.168.1.20, without http://")
    return value


@reader
def variable(value: str) -> str:
    """Read the name of an environment variable."""
    if not _VARIABLE.fullmatch(value):
        remedy = "write a name such as SHELLY_PASSWORD and set that variable for the bridge"
        raise Wrong("this is not the name of an environment variable", remedy)
    return value
