"""Numbers and times as people read them: the edge where integers become text."""

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
import re
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale

from dashboard.settings import settings
from dashboard.text.translate import _, figures, ngettext
from meter_bridge.core.forecast.prediction_interval import MAX_FORECAST_DAYS
from meter_bridge.core.money import minor_digits, to_decimal
from meter_bridge.text.catalogue import ENGLISH, locale_of, supported
from meter_bridge.text.formats import SPACE
from meter_bridge.text.marks import N_

KILO: Final = 1_000
EXACT_DAYS: Final = 10
"""From this many days on a forecast has no decimals."""
_AXIS_PARTS: Final = {"d": "%-d", "dd": "%d", "M": "%-m", "MM": "%m", "y": "%Y"}


def separators() -> str:
    """Return the marks of decimals and thousands, in this order, as charts want them."""
    written = figures()
    return written.decimal_mark + written.thousands_mark


def money(amount: int, currency: str) -> str:
    """Return an amount such as ``ZAR 12.35``."""
    return figures().money(amount, currency)


def signed_money(amount: int, currency: str) -> str:
    """Return an amount with its sign, for differences."""
    return figures().money(amount, currency, signed=True)


def price(amount: int, currency: str) -> str:
    """Return a price with the currency's decimals, and up to two more where it has them."""
    least = minor_digits(currency)
    exact = to_decimal(amount, currency).quantize(Decimal(1).scaleb(-least - 2))
    places = max(least, -int(exact.normalize().as_tuple().exponent))
    written = figures()
    return written.with_currency(written.written(f"{exact:,.{places}f}"), currency)


def number(value: float, places: int = 4) -> str:
    """Return a number with no more decimals than it needs."""
    return figures().number(value, places)


def main_units(amount: int, currency: str) -> float:
    """Return an amount in main units as a chart's coordinate; never to reckon with."""
    return float(to_decimal(amount, currency))


def count(number: int) -> str:
    """Return a whole number."""
    return figures().whole(number)


def kwh(watt_hours: int) -> str:
    """Return energy such as ``1,234.5 kWh``."""
    return figures().energy(watt_hours, 1)


def power(milliwatts: int | None) -> str:
    """Return power in W or kW, or that it is not known."""
    if milliwatts is None:
        return _("not known")
    watts, written = Decimal(milliwatts) / 1000, figures()
    if abs(watts) < KILO:
        return written.with_unit(written.written(f"{watts:,.0f}"), "W")
    return written.with_unit(written.written(f"{watts / 1000:,.2f}"), "kW")


def days(left: float | None) -> str:
    """Return how long credit lasts, no more exact than it is known."""
    if left is None:
        return _("not yet known")
    if left > MAX_FORECAST_DAYS:
        return _("over {number} days", number=MAX_FORECAST_DAYS).replace(" ", SPACE)
    if left <= 0:
        return ngettext("{number} day", "{number} days", 0).replace(" ", SPACE)
    if left < 1:
        return _("under a day")
    places, shown = int(left < EXACT_DAYS), number_of_days(left)
    known = round(Decimal(left), places)
    return ngettext("{number} day", "{number} days", known, number=shown).replace(" ", SPACE)


def number_of_days(left: float) -> str:
    """Return a number of days with one decimal below ten."""
    return figures().written(f"{left:.1f}" if left < EXACT_DAYS else f"{left:.0f}")


def change(now: int, before: int) -> str | None:
    """Return a change in percent, or None where it rounds to none or there is nothing to compare with."""
    if before == 0:
        return None
    rounded = f"{(now - before) * 100 / abs(before):+,.0f}"
    if int(rounded.replace(",", "")) == 0:
        return None
    written = figures()
    return written.with_unit(written.written(rounded), "%")


def percent(share: float) -> str:
    """Return a share of one in percent, with one decimal below ten."""
    value, written = share * 100, figures()
    if not value:
        return written.with_unit("0", "%")
    return written.with_unit(
        written.written(f"{value:.1f}" if abs(value) < EXACT_DAYS else f"{value:.0f}"), "%"
    )


def at_place(instant: int, time_zone: str) -> datetime:
    """Return an instant in milliseconds as local time."""
    return datetime.fromtimestamp(instant / 1000, UTC).astimezone(ZoneInfo(time_zone))


def moment(instant: int, time_zone: str) -> str:
    """Return an instant such as ``20 Nov 2026, 18:40``."""
    return figures().moment(at_place(instant, time_zone))


def short_moment(instant: int, time_zone: str) -> str:
    """Return an instant such as ``20 Nov, 18:40``."""
    return figures().short_moment(at_place(instant, time_zone))


def day(local: date) -> str:
    """Return a date such as ``20 Nov 2026``."""
    return figures().day(local)


def month(local: date) -> str:
    """Return a month such as ``Nov 2026``."""
    return figures().month(local)


def weekdays() -> tuple[str, ...]:
    """Return the short names of the days, Monday first."""
    return figures().weekdays()


def hour_of_day(hour: int) -> str:
    """Return a full hour such as ``18:00``."""
    return figures().time(datetime(2000, 1, 1, hour))  # noqa: DTZ001 - any day


def ago(instant: int, now: int) -> str:
    """Return how long ago an instant was."""
    minutes = max(now - instant, 0) // 60_000
    for size, text in ((1440, N_("{number} d ago")), (60, N_("{number} h ago"))):
        if minutes >= 2 * size:
            return _(text, number=count(minutes // size)).replace(" ", SPACE)
    return _("{number} min ago", number=minutes).replace(" ", SPACE) if minutes else _("just now")


def axis_day(*, year: bool = False, weekday: bool = False, time: bool = False) -> str:
    """Return how a chart writes days, as a format of d3: with English names, else in figures."""
    language = supported(settings().language)
    if language == ENGLISH:
        text = ("%a " if weekday else "") + "%-d %b" + (" %Y" if year else "")
    else:
        text = _figures_of_a_day(language, year=year)
    return text + ((", " if weekday else " ") + "%H:%M" if time else "")


def axis_month() -> str:
    """Return how a chart writes a month, as a format of d3."""
    return "%b" if supported(settings().language) == ENGLISH else "%-m"


@cache
def _figures_of_a_day(language: str, *, year: bool) -> str:
    skeletons = Locale.parse(locale_of(language)).datetime_skeletons
    pattern = str(skeletons["yMd" if year else "Md"].pattern)
    return re.sub("d+|M+|y+", lambda part: _AXIS_PARTS[part[0]], pattern)
