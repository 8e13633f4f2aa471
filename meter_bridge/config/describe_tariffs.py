"""A tariff version as the site file writes it."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

from meter_bridge.config.describe import show_amount
from meter_bridge.config.tariff_words import BLOCKS_APPLY, TAX_BASES
from meter_bridge.core.energy import WH_PER_KWH
from meter_bridge.core.tariff.bands import WEEKDAYS
from meter_bridge.core.tariff.periods import PeriodRule, PeriodUnit
from meter_bridge.core.tariff.tariff import (
    BlockBasis,
    DemandCharge,
    DemandOf,
    TariffVersion,
    Tax,
    TaxBase,
)

_NAMES: Final = {base: name for name, base in TAX_BASES.items()}
_BLOCKS_APPLY: Final = {meaning: words for words, meaning in BLOCKS_APPLY.items()}
_KWH_PER_MWH: Final = 1000


def show_kwh(wh: int) -> str:
    """Return energy in kWh with no more digits than it needs."""
    exact = (Decimal(wh) / WH_PER_KWH).normalize()
    return f"{exact:f} kWh"


def show_price(per_mwh: int, currency: str) -> str:
    """Return a price per kWh, exactly."""
    return show_amount(per_mwh // _KWH_PER_MWH, currency)


def show_blocks(limits: Sequence[int]) -> tuple[str, ...]:
    """Return each block by its upper limit."""
    if not limits:
        return ("all",)
    return (*(f"up to {show_kwh(limit)}" for limit in limits), f"above {show_kwh(limits[-1])}")


def show_charges(version: TariffVersion) -> Iterator[tuple[str, str]]:
    """Yield name and value of everything in a version besides its bands and prices."""
    yield from _blocks(version)
    yield from _fixed(version)
    yield from _units(version)
    for tax in version.taxes:
        yield tax.name, _tax(tax, version.currency)
    if version.billing_period.day != 1:
        yield "billing day", str(version.billing_period.day)
    if version.prorate:
        yield "first period", "pro rata"
    if version.prorate_last:
        yield "last period", "pro rata"
    if version.profile is not None:
        yield "times without readings", "spread by the load profile"


def show_changes(before: TariffVersion, after: TariffVersion) -> str:
    """Return what differs between two states of a version: charges with their values, the rest by name."""
    parts = {
        "bands": (before.bands, after.bands),
        "seasons": (before.calendar.seasons, after.calendar.seasons),
        "holidays": (_holidays(before), _holidays(after)),
        "blocks and prices": (before.ladders, after.ladders),
        "load profile": (before.profile, after.profile),
        "source": (before.source, after.source),
    }
    old, new = dict(show_charges(before)), dict(show_charges(after))
    changes = [name for name, (was, now) in parts.items() if was != now]
    changes += [
        f"{name} {old.get(name, 'none')} → {new.get(name, 'none')}"
        for name in {**old, **new}
        if old.get(name) != new.get(name)
    ]
    return ", ".join(changes)


def _holidays(version: TariffVersion) -> tuple[object, ...]:
    calendar = version.calendar
    return calendar.holidays, calendar.holiday_as, calendar.holiday_rule


def _blocks(version: TariffVersion) -> Iterator[tuple[str, str]]:
    if any(ladder.limits for ladder in version.ladders):
        yield "blocks reset", _reset(version.block_period)
        if len(version.bands) > 1:
            yield "blocks apply", _BLOCKS_APPLY[version.meaning]
    if version.history_periods:
        yield "block by", f"the mean of the last {version.history_periods} months"
    if version.basis is BlockBasis.PURCHASE_TIME:
        yield "sold as", "units bought"


def _fixed(version: TariffVersion) -> Iterator[tuple[str, str]]:
    for charge in version.standing:
        yield charge.name, f"{show_amount(charge.amount, version.currency)} per {charge.per}"
    if version.demand is not None:
        yield "demand charge", _demand(version.demand, version.currency)
    if version.minimum:
        yield "minimum charge", f"{show_amount(version.minimum, version.currency)} per month"


def _units(version: TariffVersion) -> Iterator[tuple[str, str]]:
    if version.lifeline is not None:
        named = zip(version.bands, version.lifeline.prices, strict=True)
        prices = [show_price(price, version.currency) for price in version.lifeline.prices]
        if len(version.bands) > 1:
            prices = [f"{show_price(price, version.currency)} {band.name}" for band, price in named]
        limit = show_kwh(version.lifeline.limit_wh)
        yield "lifeline", f"{', '.join(prices)} per kWh if the month stays within {limit}"
    if version.free_wh:
        beside = "" if version.free_climbs else ", beside the blocks"
        yield "free units", f"{show_kwh(version.free_wh)} per month where eligible{beside}"


def _reset(rule: PeriodRule) -> str:
    match rule.unit:
        case PeriodUnit.DAY:
            return "daily"
        case PeriodUnit.WEEK:
            return f"weekly on {WEEKDAYS[rule.day - 1]}"
        case PeriodUnit.MONTH:
            return f"monthly on day {rule.day}"
        case PeriodUnit.QUARTER:
            return f"quarterly on {rule.month:02d}-{rule.day:02d}"
        case PeriodUnit.YEAR:
            return f"yearly on {rule.month:02d}-{rule.day:02d}"


def _demand(demand: DemandCharge, currency: str) -> str:
    of = "contracted" if demand.of is DemandOf.CONTRACTED else f"maximum of {demand.interval_min} min"
    return f"{show_amount(demand.per_kw, currency)} per kW and month, {of}"


def show_percent(rate_ppm: int) -> str:
    """Return a rate in per cent."""
    return f"{(Decimal(rate_ppm) / 10_000).normalize():f} %"


def _tax(tax: Tax, currency: str) -> str:
    if tax.per_mwh:
        return f"{tax.kind}, {show_price(tax.per_mwh, currency)} per kWh"
    bases = [_NAMES[base] for base in TaxBase if base in tax.on]
    if len(bases) == len(TaxBase):
        bases = ["all charges"]
    on = ", ".join([*bases, *sorted(tax.on - set(TaxBase))])
    contained = ", included in prices" if tax.inclusive else ""
    return f"{tax.kind}, {show_percent(tax.rate_ppm)} on {on}{contained}"
