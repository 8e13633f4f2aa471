"""The cost of a load profile, as text and as JSON."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from meter_bridge.commands.output import table
from meter_bridge.config.describe import show_amount, show_blocks, show_percent
from meter_bridge.config.plan import SitePlan, TariffPlan
from meter_bridge.core.energy import format_kwh
from meter_bridge.core.money import amount_digits, format_amount, rounding_difference
from meter_bridge.core.rating.load_pricing import PricedLine, PricedPeriod
from meter_bridge.core.rating.rating import ENERGY_KINDS, TAX_KINDS, LineKind
from meter_bridge.core.tariff.periods import period_bounds
from meter_bridge.core.tariff.tariff import Timeline

HEAD: Final = ("CHARGE", "QUANTITY", "PRICE", "AMOUNT", "TAX")
_NAMES: Final[Mapping[str, str]] = {
    LineKind.FREE: "free units",
    LineKind.UNITS: "purchased units used",
    LineKind.VACANT: "used before move-in",
    LineKind.DEMAND: "demand charge",
    LineKind.MINIMUM: "minimum charge shortfall",
    LineKind.LIFELINE: "lifeline",
}


def as_text(timeline: Timeline, currency: str, periods: Sequence[PricedPeriod]) -> str:
    """Return a table for each billing period, and the sum of all."""
    parts = [_period(timeline, currency, period) for period in periods]
    if len(periods) > 1:
        wh, total = sum(period.wh for period in periods), sum(period.total for period in periods)
        rounding = rounding_difference((period.total for period in periods), total)
        note = f" (rounding {_money(rounding, currency)})" if rounding else ""
        parts.append(f"All periods: {format_kwh(wh)}, {format_amount(total, currency)}{note}")
    return "\n\n".join(parts)


def _period(timeline: Timeline, currency: str, priced: PricedPeriod) -> str:
    first, after = period_bounds(priced.period)
    title = f"{first} to {after - timedelta(days=1)}: {format_kwh(priced.wh)}"
    several = len({line.key.version_id for line in priced.lines}) > 1
    shown_lines = [
        line for line in priced.lines if line.key.kind != LineKind.INCLUDED_TAX and _is_shown(line, currency)
    ]
    rows = [
        (
            _name(timeline, line, several=several),
            _quantity(line),
            "" if line.unit_price is None else show_amount(line.unit_price, currency),
            _money(line.amount, currency),
            _money(line.tax, currency) if line.tax else "",
        )
        for line in shown_lines
    ]
    rounding = rounding_difference((line.amount for line in shown_lines), priced.total)
    rows += [("rounding", "", "", _money(rounding, currency), "")] if rounding else []
    rows.append(("sum", "", "", _money(priced.total, currency), ""))
    shown = [title, table(HEAD, rows, right=HEAD[1:])]
    contained = [line for line in priced.lines if line.key.kind == LineKind.INCLUDED_TAX]
    shown += [
        f"Prices include {_name(timeline, line, several=several)}: {format_amount(line.amount, currency)}"
        for line in contained
    ]
    if not priced.complete:
        shown.append(
            "The load does not cover the whole period: charges due at its start or end may be missing."
        )
    return "\n".join(shown)


def _is_shown(line: PricedLine, currency: str) -> bool:
    """Return whether a line comes to anything; a lifeline that was taken back does not."""
    return bool(line.quantity) or {_money(line.amount, currency), _money(line.tax, currency)} != {
        _money(0, currency)
    }


def _name(timeline: Timeline, line: PricedLine, *, several: bool) -> str:
    name = _plain_name(timeline, line)
    return f"{name} ({line.key.version_id.partition('@')[2]})" if several else name


def _plain_name(timeline: Timeline, line: PricedLine) -> str:
    key, version = line.key, timeline.version(line.key.version_id)
    band = key.band if len(version.bands) > 1 else "energy"
    if key.kind == LineKind.CONSUMPTION:
        ladder = version.ladders[version.schedule_of(key.band)]
        if not ladder.limits:
            return band
        return f"{band}, block {key.block + 1}, {show_blocks(ladder.limits)[key.block]}"
    if key.kind in TAX_KINDS:
        rate = next(tax.rate_ppm for tax in version.taxes if tax.name == key.band)
        on = f" in {key.base}" if key.base else ""
        return f"{key.band} {show_percent(rate)}{on}" if rate else key.band
    if key.kind in (LineKind.FREE, LineKind.LIFELINE) and len(version.bands) > 1:
        return f"{_NAMES[key.kind]}, {band}"
    return _NAMES.get(key.kind, key.band)


def _quantity(line: PricedLine) -> str:
    if line.key.kind in ENERGY_KINDS:
        return format_kwh(line.quantity)
    if line.key.kind == LineKind.DEMAND:
        return f"{line.quantity / 1000:,.3f} kW"
    return str(line.quantity) if line.quantity else ""


def _money(amount: int, currency: str) -> str:
    """Return an amount rounded to the minor unit, without its currency."""
    return format_amount(amount, currency).removeprefix(f"{currency} ")


def as_json(plan: TariffPlan, site: SitePlan, periods: Sequence[PricedPeriod]) -> dict[str, object]:
    """Return everything exactly: amounts in steps of the currency, energy in Wh."""
    return {
        "tariff": plan.id,
        "time_zone": site.time_zone,
        "currency": site.currency,
        "amount_digits": amount_digits(site.currency),
        "wh": sum(period.wh for period in periods),
        "total": sum(period.total for period in periods),
        "periods": [
            {
                "period": period.period,
                "whole": period.complete,
                "wh": period.wh,
                "total": period.total,
                "lines": [_line(line) for line in period.lines],
            }
            for period in periods
        ],
    }


def _line(line: PricedLine) -> dict[str, object]:
    key = line.key
    return {
        "kind": key.kind,
        "version_id": key.version_id,
        "block": key.block + 1 if key.block >= 0 else None,
        "band": key.band,
        "contained_in": key.base or None,
        "quantity": line.quantity,
        "unit_price": line.unit_price,
        "amount": line.amount,
        "tax": line.tax,
    }
