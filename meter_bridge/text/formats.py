"""Numbers, amounts, energy, dates and times as the readers of a language write them, by Babel's CLDR data.

The language says where a currency stands and how a date is written; the marks of thousands and decimals can
be chosen apart from it. Currencies are written by their codes, which need no guessing. Babel knows the marks;
Python writes the numbers, in a twentieth of Babel's time.
"""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from meter_bridge.core.money import format_amount
from meter_bridge.text.catalogue import ENGLISH, locale_of

if TYPE_CHECKING:
    from babel import Locale

MINUS: Final = "\N{MINUS SIGN}"
SPACE: Final = "\N{NO-BREAK SPACE}"
CONVENTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {"1,234.5": "en", "1.234,5": "de", "1 234,5": "fr", "1'234.5": "de_CH"}
)
"""Ways to mark thousands and decimals, each with a locale that writes so."""
_PLAIN: Final = str.maketrans({SPACE: " ", "\N{NARROW NO-BREAK SPACE}": " ", MINUS: "-", "’": "'"})
"""For text messages: one character outside their alphabet halves how much fits into one."""


class Formats:
    """How one language writes figures."""

    def __init__(self, language: str, numbers: str | None = None, *, plain: bool = False) -> None:
        """Read the marks; ``numbers`` is one of ``CONVENTIONS``, ``plain`` is for messages and terminals."""
        self._name = locale_of(language)
        self.decimal_mark, self.thousands_mark = _marks(CONVENTIONS.get(numbers or "", self._name))
        self._table = str.maketrans({",": self.thousands_mark, ".": self.decimal_mark, "-": MINUS})
        self._code_first = language == ENGLISH or _currency_leads(self._name)
        self._plain = plain

    @property
    def _locale(self) -> Locale:
        return _locale(self._name)

    def _text(self, text: str) -> str:
        return text.translate(_PLAIN) if self._plain else text

    def written(self, number: str) -> str:
        """Return a number that Python wrote, such as ``-1,234.5``, as this language writes it."""
        return self._text(number.translate(self._table))

    def number(self, value: float | Decimal, places: int = 4) -> str:
        """Return a number with no more decimals than it needs."""
        text = f"{value:,.{places}f}"
        return self.written(text.rstrip("0").rstrip(".") if "." in text else text)

    def whole(self, value: int) -> str:
        """Return a whole number."""
        return self.written(f"{value:,}")

    def amount(self, amount: int, currency: str) -> str:
        """Return an amount without its currency, rounded to the minor unit."""
        return self.written(format_amount(amount, currency).partition(" ")[2])

    def money(self, amount: int, currency: str, *, signed: bool = False) -> str:
        """Return an amount with its currency; ``signed`` writes a plus before what is more than nothing."""
        sign = "+" if signed and amount > 0 else ""
        return self.with_currency(sign + self.amount(amount, currency), currency)

    def with_currency(self, number: str, currency: str) -> str:
        """Return a number that is written already, with its currency."""
        return self._text(f"{currency}{SPACE}{number}" if self._code_first else f"{number}{SPACE}{currency}")

    def with_unit(self, number: str, unit: str) -> str:
        """Return a number that is written already, with a unit such as ``kWh``."""
        return self._text(f"{number}{SPACE}{unit}")

    def energy(self, watt_hours: int, places: int | None = None) -> str:
        """Return energy in kWh, with as many decimals as it needs or as are wanted."""
        value = Decimal(watt_hours) / 1000
        text = self.number(value, 3) if places is None else self.written(f"{value:,.{places}f}")
        return self.with_unit(text, "kWh")

    def day(self, local: date) -> str:
        """Return a date such as ``20 Nov 2026``."""
        from babel.dates import format_date  # noqa: PLC0415 - slow to import, and seldom needed where this module is

        return self._text(format_date(local, "medium", self._locale))

    def long_day(self, local: date) -> str:
        """Return a date such as ``20 November 2026``."""
        from babel.dates import format_date  # noqa: PLC0415 - as above

        return self._text(format_date(local, "long", self._locale))

    def short_day(self, local: date) -> str:
        """Return a date without its year, such as ``20 Nov``."""
        return self._skeleton("MMMd", local)

    def month(self, local: date) -> str:
        """Return a month such as ``Nov 2026``."""
        return self._skeleton("yMMM", local)

    def time(self, local: datetime) -> str:
        """Return a time of day such as ``18:40``."""
        from babel.dates import format_time  # noqa: PLC0415 - as above

        return self._text(format_time(local.time(), "short", locale=self._locale))

    def moment(self, local: datetime) -> str:
        """Return an instant such as ``20 Nov 2026, 18:40``."""
        return self._joined(self.day(local), local)

    def short_moment(self, local: datetime) -> str:
        """Return an instant such as ``20 Nov, 18:40``."""
        return self._joined(self.short_day(local), local)

    def weekdays(self) -> tuple[str, ...]:
        """Return the short names of the days, Monday first."""
        names = self._locale.days["stand-alone"]["abbreviated"]
        return tuple(names[index] for index in range(7))

    def _joined(self, day: str, local: datetime) -> str:
        from babel.dates import get_datetime_format  # noqa: PLC0415 - as above

        pattern = str(get_datetime_format("medium", self._locale)).replace("'", "")
        return pattern.replace("{0}", self.time(local)).replace("{1}", day)

    def _skeleton(self, skeleton: str, local: date) -> str:
        from babel.dates import format_skeleton  # noqa: PLC0415 - as above

        at = datetime(local.year, local.month, local.day)  # noqa: DTZ001 - a date, whatever the zone
        return self._text(format_skeleton(skeleton, at, locale=self._locale))


@cache
def _locale(name: str) -> Locale:
    from babel import Locale  # noqa: PLC0415 - as above

    return Locale.parse(name)


@cache
def _marks(name: str) -> tuple[str, str]:
    """Return the marks of decimals and thousands; those of English without Babel."""
    if name.partition("_")[0] == ENGLISH:
        return ".", ","
    from babel.numbers import get_decimal_symbol, get_group_symbol  # noqa: PLC0415 - as above

    return get_decimal_symbol(_locale(name)), get_group_symbol(_locale(name))


def _currency_leads(name: str) -> bool:
    return str(_locale(name).currency_formats["standard"].pattern).startswith("¤")


@cache
def formats(language: str, numbers: str | None = None, *, plain: bool = False) -> Formats:
    """Return how a language writes figures."""
    return Formats(language, numbers, plain=plain)
