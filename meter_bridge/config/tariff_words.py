"""Readers of the wording of tariffs: periods, what blocks apply to, charges per day or per kW."""

from dataclasses import dataclass
import re
from typing import Final

from meter_bridge.config import times
from meter_bridge.config.problems import invalid
from meter_bridge.config.quantities import price_text
from meter_bridge.config.scalars import choice, reader, single
from meter_bridge.core.tariff.bands import WEEKDAYS
from meter_bridge.core.tariff.periods import LATEST_ANCHOR_DAY, PeriodRule, PeriodUnit
from meter_bridge.core.tariff.tariff import (
    INTERVALS_MIN,
    BlockBandMeaning,
    BlockBasis,
    DemandCharge,
    DemandOf,
    TaxBase,
)

MAX_SOURCE: Final = 400
MAX_HISTORY: Final = 24
KWH_PER_MWH: Final = 1000
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
class BlockReset:
    """A length of period, with its start where that is written."""

    unit: PeriodUnit
    rule: PeriodRule | None


BLOCKS_APPLY: Final = {
    "to all bands in order of use": BlockBandMeaning.POOLED_CHRONOLOGICAL,
    "to all bands in proportion": BlockBandMeaning.POOLED_PRO_RATA,
    "to each band": BlockBandMeaning.LADDER_PER_BAND,
}
sold_as: Final = choice(
    {"energy used": BlockBasis.CONSUMPTION_TIME, "units bought": BlockBasis.PURCHASE_TIME}
)
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
        raise invalid(f"text is longer than {MAX_SOURCE} characters", "shorten it")
    return line


@reader
def blocks_reset(value: str) -> BlockReset:
    """Read when blocks start again, such as ``monthly on day 5`` or ``yearly on 07-01``."""
    word, on, anchor = value.partition(" on ")
    if word not in _UNITS:
        raise invalid(f"{value!r} is not a period of blocks", _RESET_REMEDY)
    unit = _UNITS[word]
    return BlockReset(unit, _anchor(unit, anchor, value) if on else None)


def _anchor(unit: PeriodUnit, written: str, value: str) -> PeriodRule:
    wrong = invalid(f"{value!r} does not say when such a period begins", _RESET_REMEDY)
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
        raise invalid(
            f"{value!r} is a day that some months do not have", f"choose a day up to {LATEST_ANCHOR_DAY}"
        )
    return PeriodRule(unit, day, month)


@reader
def billing_day(value: str) -> int:
    """Read the day of the month on which a bill starts."""
    day = int(value) if value.isascii() and value.isdecimal() and len(value) < len("100") else 0
    if not 1 <= day <= LATEST_ANCHOR_DAY:
        raise invalid(
            f"{value!r} is not a day that every month has", f"write a day from 1 to {LATEST_ANCHOR_DAY}"
        )
    return day


@reader
def block_by(value: str) -> int:
    """Read what sets the block; returns months of history, 0 for the use in the period."""
    if value == IN_THE_PERIOD:
        return 0
    match = _HISTORY.fullmatch(value)
    months = int(match[1]) if match else MAX_HISTORY + 1
    if months > MAX_HISTORY:
        remedy = f"write the mean of the last 3 months (at most {MAX_HISTORY}), or {IN_THE_PERIOD}"
        raise invalid(f"{value!r} is not a way to choose the block", remedy)
    return months


def standing_charge(value: object, currency: str | None = None, /) -> tuple[int, PeriodUnit]:
    """Read an amount per day, week or month, such as ``4.50 per day``."""
    text = single(value)
    amount, _, unit = text.partition(" per ")
    if unit.strip() not in _PER:
        raise invalid(f"{text!r} does not say per day, per week or per month", "write it like 4.50 per day")
    return price_text(amount.strip(), currency), _PER[unit.strip()]


def per_month(value: object, currency: str | None = None, /) -> int:
    """Read an amount per month."""
    text = single(value)
    amount, _, unit = text.partition(" per ")
    if unit.strip() != PeriodUnit.MONTH:
        raise invalid(f"{text!r} does not say per month", "write it like 100.00 per month")
    return price_text(amount.strip(), currency)


def demand_charge(value: object, currency: str | None = None, /) -> DemandCharge:
    """Read a demand charge, such as ``42 per kW, contracted`` or ``42 per kW, maximum of 15 min``."""
    text = single(value)
    match = _DEMAND.fullmatch(text)
    if match is None:
        remedy = "write it like 42.00 per kW, contracted or 42.00 per kW, maximum of 15 min"
        raise invalid(f"{text!r} is not a charge per kW", remedy)
    per_kw = price_text(match[1], currency)
    if match[2]:
        return DemandCharge(per_kw, DemandOf.CONTRACTED)
    if int(match[3]) not in INTERVALS_MIN:
        raise invalid(f"a maximum of {match[3]} min cannot be measured", "write 15, 30 or 60 min")
    return DemandCharge(per_kw, DemandOf.MAXIMUM, int(match[3]))
