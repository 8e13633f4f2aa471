"""Values of a plan as a site file would write them, for the lines of a difference."""

from collections.abc import Collection, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from meter_bridge.config.tariff_words import BLOCKS_APPLY, KWH_PER_MWH, TAX_BASES
from meter_bridge.core.calendar import MINUTES_PER_DAY, day_start, local_time
from meter_bridge.core.energy import WH_PER_KWH
from meter_bridge.core.ledger.credit import CreditPolicy
from meter_bridge.core.money import minor_digits, to_decimal
from meter_bridge.core.supply.alerts import ElectricalLimits
from meter_bridge.core.supply.decision import LoadLimit, Policy
from meter_bridge.core.supply.local_cutoff import WithoutBridge
from meter_bridge.core.supply.protection import Protections
from meter_bridge.core.tariff.bands import HOLIDAY, WEEKDAYS, Window
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


def show_amount(amount: int, currency: str) -> str:
    """Return an amount exactly, with at least the digits of the currency's minor unit."""
    exact = to_decimal(amount, currency).normalize()
    exponent = exact.as_tuple().exponent
    places = max(minor_digits(currency), -exponent if isinstance(exponent, int) else 0)
    return f"{exact:.{places}f}"


def show_instant(at: int, time_zone: str) -> str:
    """Return an instant as a local date, with its time where that is not the day's first instant."""
    zone = ZoneInfo(time_zone)
    local = local_time(at, zone)
    whole_day = at == day_start(local.date(), zone)
    return f"{local:%Y-%m-%d}" if whole_day else f"{local:%Y-%m-%d %H:%M}"


def show_windows(windows: tuple[Window, ...]) -> str:
    """Return windows such as ``mon-fri 18:00-08:00``."""
    shown = (
        f"{show_days(window.days)} {show_clock(window.start)}-{show_clock(window.end or MINUTES_PER_DAY)}"
        for window in windows
    )
    return ", ".join(shown) or "none"


def show_dates(dates: Collection[date], most: int = 20) -> str:
    """Return dates, the first of very many."""
    shown = ", ".join(day.isoformat() for day in sorted(dates)[:most])
    return f"{shown} and {len(dates) - most} more" if len(dates) > most else shown or "none"


def show_duration(milliseconds: int) -> str:
    """Return a time span in the largest unit that holds it whole."""
    seconds = milliseconds // 1000
    for unit, length in (("h", 3600), ("min", 60), ("s", 1)):
        if seconds and seconds % length == 0:
            return f"{seconds // length} {unit}"
    return "none"


def show_policy(policy: Policy, currency: str) -> dict[str, str]:
    """Return a policy by its keys in the site file."""
    least, maximum = policy.minimum_to_restore, policy.top_up_maximum
    thresholds = ", ".join(show_amount(threshold, currency) for threshold in policy.low_credit)
    return {
        "payment mode": policy.payment_mode.value,
        "restore": policy.restore.value,
        "never cut": "yes" if policy.never_cut else "no",
        "building meter": "yes" if policy.building_meter else "no",
        "minimum to restore": "none" if least is None else show_amount(least, currency),
        "low credit": thresholds or "none",
        "low credit hysteresis": show_amount(policy.low_credit_hysteresis, currency),
        "days left": str(policy.days_left or "none"),
        "friendly hours": show_windows(policy.friendly_hours.windows),
        "friendly dates": show_dates(policy.friendly_hours.dates),
        "grace": show_duration(policy.friendly_hours.grace_ms),
        "warning before cut": show_duration(policy.warning_ms),
        "when exhausted": f"load limit {_show_limit(policy.load_limit)}" if policy.load_limit else "cut",
        "power limit": _show_limit(policy.power_limit) if policy.power_limit else "none",
        "credit switchings per day": str(policy.switchings_per_day or "none"),
        "protect": _show_protections(policy.protections),
        "contracted load": f"{policy.contracted_w} W" if policy.contracted_w else "none",
        "free units": "yes" if policy.free_units else "no",
        "minimum top-up": show_amount(policy.top_up_minimum, currency),
        "maximum top-up": "none" if maximum is None else show_amount(maximum, currency),
        **_show_credit(policy.credit, currency),
    }


def _show_credit(credit: CreditPolicy, currency: str) -> dict[str, str]:
    lent, maximum = "none", credit.maximum_balance
    if credit.emergency_limit:
        limit = show_amount(credit.emergency_limit, currency)
        lent = f"{limit} below {show_amount(credit.emergency_threshold, currency)}"
    return {
        "maximum balance": "none" if maximum is None else show_amount(maximum, currency),
        "overdraft": show_amount(-credit.disablement_threshold, currency),
        "emergency credit": lent,
        "debt while in emergency credit": credit.debt_in_emergency.value,
        "debt while disconnected": credit.debt_disconnected.value,
        "standing charge while in emergency credit": credit.standing_in_emergency.value,
        "standing charge while disconnected": credit.standing_disconnected.value,
    }


def _show_limit(limit: LoadLimit) -> str:
    """Return a limit such as ``500 W (delay 30 s, reconnect after 2 min, 3 attempts per hour)``."""
    rule = limit.rule
    how = f"delay {show_duration(rule.delay_ms)}, reconnect after {show_duration(rule.reset_after_ms or 0)}"
    often = f"{rule.resets_per_hour} attempts per hour"
    return f"{_thousandth(limit.limit_mw, 'W')} ({how}, {often})"


def _show_protections(protections: Protections) -> str:
    """Return protections such as ``overload (delay 5 s, manual)``."""
    shown: list[str] = []
    for protection, rule in protections.rules.items():
        how = "manual"
        if rule.reset_after_ms is not None:
            after = show_duration(rule.reset_after_ms)
            how = f"automatic after {after}, {rule.resets_per_hour} resets per hour"
        shown.append(f"{protection.replace('_', ' ')} (delay {show_duration(rule.delay_ms)}, {how})")
    return ", ".join(shown) or "none"


def show_limits(limits: ElectricalLimits) -> dict[str, str]:
    """Return the limits of a meter by their keys in the site file."""
    return {
        "over voltage": _thousandth(limits.over_voltage_mv, "V"),
        "under voltage": _thousandth(limits.under_voltage_mv, "V"),
        "overload": _thousandth(limits.overload_mw, "W"),
        "voltage hysteresis": _thousandth(limits.voltage_hysteresis_mv, "V"),
        "overload hysteresis": f"{limits.overload_hysteresis_percent} %",
    }


def show_without_bridge(policy: WithoutBridge) -> str:
    """Return what a relay does without the bridge, as the site file writes it."""
    return {WithoutBridge.LOCAL_CUT_OFF: "local cut-off"}.get(policy, policy.value)


def _thousandth(steps: int | None, unit: str) -> str:
    return "none" if steps is None else f"{Decimal(steps).scaleb(-3).normalize():f} {unit}"


def show_clock(minute: int) -> str:
    """Return a minute of the day as a time of day."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def show_days(days: frozenset[int]) -> str:
    """Return days as ranges: ``every day``, ``mon-fri`` or ``mon, wed-thu, holidays``."""
    if len(days) > len(WEEKDAYS) or days == frozenset(range(len(WEEKDAYS))):
        return "every day"
    runs: list[list[int]] = []
    for day in sorted(days - {HOLIDAY}):
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    names = [f"{WEEKDAYS[run[0]]}-{WEEKDAYS[run[-1]]}" if run[1:] else WEEKDAYS[run[0]] for run in runs]
    return ", ".join([*names, "holidays"] if HOLIDAY in days else names)


def show_kwh(wh: int) -> str:
    """Return energy in kWh with no more digits than it needs."""
    exact = (Decimal(wh) / WH_PER_KWH).normalize()
    return f"{exact:f} kWh"


def show_price(per_mwh: int, currency: str) -> str:
    """Return a price per kWh, exactly."""
    return show_amount(per_mwh // KWH_PER_MWH, currency)


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
