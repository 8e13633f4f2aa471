"""Readers of what a tariff says in words: periods, meanings, charges per day or kW."""

from dataclasses import dataclass
import re
from typing import Final

from meter_bridge.config import times
from meter_bridge.config.quantities import not_negative
from meter_bridge.config.scalars import Wrong, choice, reader
from meter_bridge.core.tariff.bands import WEEKDAYS
from meter_bridge.core.tariff.periods import LATEST_ANCHOR_DAY, PeriodRule, PeriodUnit
from meter_bridge.core.tariff.tariff import (
    INTERVALS_MIN,
    BlockBandMeaning,
    BlockBasis,
    DemandOf,
    TaxBase,
    TaxKind,
)

MAX_SOURCE: Final = 400
MAX_HISTORY: Final = 24
IN_THE_PERIOD: Final = "use in the period"

_UNITS: Final = {
    "daily": PeriodUnit.DAY,
    "weekly": PeriodUnit.WEEK,
    "monthly": PeriodUnit.MONTH,
    "quarterly": PeriodUnit.QUARTER,
    "yearly": PeriodUnit.YEAR,
}
_RESET_REMEDY: Final = "write daily, weekly on mon, monthly on day 1, quarterly on 01-01 or yearly on 01-01"
_HISTORY: Final = re.compile(r"the mean of the last ([1-9][0-9]?) months?")
_DEMAND: Final = re.compile(r"(\S+) per kW, (?:(contracted)|maximum of ([0-9]{1,3}) min)")
_PER: Final = {unit.value: unit for unit in (PeriodUnit.DAY, PeriodUnit.WEEK, PeriodUnit.MONTH)}


@dataclass(frozen=True, slots=True)
class Anchored:
    """A length of period, with where it begins if that is said."""

    unit: PeriodUnit
    rule: PeriodRule | None


@dataclass(frozen=True, slots=True)
class Fixed:
    """An amount as written, due once per period."""

    amount: str
    per: PeriodUnit


@dataclass(frozen=True, slots=True)
class Demand:
    """An amount as written per kW of a power."""

    amount: str
    of: DemandOf
    interval_min: int = INTERVALS_MIN[0]


meaning: Final = choice(
    {
        "to all bands in order of use": BlockBandMeaning.POOLED_CHRONOLOGICAL,
        "to all bands in proportion": BlockBandMeaning.POOLED_PRO_RATA,
        "to each band": BlockBandMeaning.LADDER_PER_BAND,
    }
)
basis: Final = choice({"energy used": BlockBasis.CONSUMPTION_TIME, "units bought": BlockBasis.PURCHASE_TIME})
tax_kind: Final = choice({kind.value: kind for kind in TaxKind})
TAX_BASES: Final = {
    "consumption": TaxBase.CONSUMPTION,
    "standing charge": TaxBase.STANDING,
    "demand charge": TaxBase.DEMAND,
    "minimum charge": TaxBase.MINIMUM,
}
"""What a tax can be raised on besides other taxes."""


@reader
def source(value: str) -> str:
    """Read where and when a price list was published."""
    line = " ".join(value.split())
    if len(line) > MAX_SOURCE:
        raise Wrong(f"text is longer than {MAX_SOURCE} characters", "shorten it")
    return line


@reader
def reset(value: str) -> Anchored:
    """Read when blocks begin anew, such as ``monthly on day 5`` or ``yearly on 07-01``."""
    word, on, anchor = value.partition(" on ")
    if word not in _UNITS:
        raise Wrong(f"{value!r} is not a period of blocks", _RESET_REMEDY)
    unit = _UNITS[word]
    return Anchored(unit, _anchor(unit, anchor, value) if on else None)


def _anchor(unit: PeriodUnit, written: str, value: str) -> PeriodRule:
    """Return a period that begins where it is said."""
    wrong = Wrong(f"{value!r} does not say when such a period begins", _RESET_REMEDY)
    if unit is PeriodUnit.DAY:
        raise wrong
    if unit is PeriodUnit.WEEK:
        if written not in WEEKDAYS:
            raise wrong
        return PeriodRule(unit, WEEKDAYS.index(written) + 1)
    if unit is PeriodUnit.MONTH:
        word, _, number = written.partition(" ")
        if word != "day":
            raise wrong
        return PeriodRule(unit, billing_day(number))
    month, day = divmod(times.day_of_year(written), 100)
    if day > LATEST_ANCHOR_DAY:
        raise Wrong(f"{value!r} is a day that not every month has", f"choose a day up to {LATEST_ANCHOR_DAY}")
    return PeriodRule(unit, day, month)


@reader
def billing_day(value: str) -> int:
    """Read the day of the month on which a bill begins."""
    day = int(value) if value.isascii() and value.isdecimal() and len(value) < len("100") else 0
    if not 1 <= day <= LATEST_ANCHOR_DAY:
        raise Wrong(
            f"{value!r} is not a day that every month has", f"write a day from 1 to {LATEST_ANCHOR_DAY}"
        )
    return day


@reader
def history(value: str) -> int:
    """Read by what the block is chosen; returns the months of history, 0 for the use in the period."""
    if value == IN_THE_PERIOD:
        return 0
    found = _HISTORY.fullmatch(value)
    months = int(found[1]) if found else MAX_HISTORY + 1
    if months > MAX_HISTORY:
        remedy = f"write the mean of the last 3 months (at most {MAX_HISTORY}), or {IN_THE_PERIOD}"
        raise Wrong(f"{value!r} is not a way to choose the block", remedy)
    return months


@reader
def fixed(value: str) -> Fixed:
    """Read an amount per day, week or month, such as ``4.50 per day``."""
    written, _, unit = value.partition(" per ")
    if unit.strip() not in _PER:
        raise Wrong(f"{value!r} does not say per day, per week or per month", "write it like 4.50 per day")
    return Fixed(not_negative(written.strip()), _PER[unit.strip()])


@reader
def per_month(value: str) -> str:
    """Read an amount per month; returns the amount's text."""
    written, _, unit = value.partition(" per ")
    if unit.strip() != PeriodUnit.MONTH:
        raise Wrong(f"{value!r} does not say per month", "write it like 100.00 per month")
    return not_negative(written.strip())


@reader
def demand(value: str) -> Demand:
    """Read a demand charge, such as ``42 per kW, contracted`` or ``42 per kW, maximum of 15 min``."""
    found = _DEMAND.fullmatch(value)
    if found is None:
        remedy = "write it like 42.00 per kW, contracted or 42.00 per kW, maximum of 15 min"
        raise Wrong(f"{value!r} is not a charge per kW", remedy)
    written = not_negative(found[1])
    if found[2]:
        return Demand(written, DemandOf.CONTRACTED)
    if int(found[3]) not in INTERVALS_MIN:
        raise Wrong(f"a maximum of {found[3]} min cannot be told", "write 15, 30 or 60 min")
    return Demand(written, DemandOf.MAXIMUM, int(found[3]))
