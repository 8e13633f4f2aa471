"""Alerts: conditions that open, may be acknowledged, and close by themselves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from meter_bridge.protocol.vocabulary import AlertKind

BOOKS_OF: Final = "books:"
"""Begins the detail of the alert of a site of which nothing can be booked."""


class AlertKey(NamedTuple):
    """What tells two open alerts apart: kind, account, meter and a detail such as a threshold."""

    kind: AlertKind
    account_id: str | None = None
    meter_id: str | None = None
    detail: str = ""


OF_SITES: Final = frozenset({AlertKind.POWER_OUTAGE, AlertKind.PAYMENT_WAITING})
"""Kinds that may belong to a site as a whole, whose id is then the detail."""
FOR_LANDLORDS: Final = frozenset({AlertKind.PAYMENT_WAITING})
"""Kinds about money, of which nobody else is told."""


def site_of(kind: str, detail: str) -> str:
    """Return the site that an alert of no account belongs to as a whole, or an empty text."""
    if detail.startswith(BOOKS_OF):
        return detail.removeprefix(BOOKS_OF)
    return detail if kind in OF_SITES else ""


type Fact = str | int
type AlertFacts = Mapping[str, Fact]
"""What an alert is about, without a word: ``text.alerts`` makes its text of them in the reader's language."""


@dataclass(frozen=True, slots=True)
class ElectricalLimits:
    """Limits of a meter, by default EN 50160's 230 V plus and minus 10 per cent; ``None`` is not watched."""

    over_voltage_mv: int | None = 253_000
    under_voltage_mv: int | None = 207_000
    overload_mw: int | None = None
    voltage_hysteresis_mv: int = 2_000
    overload_hysteresis_percent: int = 5


@dataclass(frozen=True, slots=True)
class AlertChanges:
    """Alerts to open, with their facts, and to close."""

    opened: dict[AlertKey, AlertFacts] = field(default_factory=dict)
    closed: tuple[AlertKey, ...] = ()


def alert_changes(present: frozenset[AlertKey], wanted: Mapping[AlertKey, AlertFacts]) -> AlertChanges:
    """Return what opens and closes so that exactly the wanted alerts are open."""
    opened = {key: facts for key, facts in wanted.items() if key not in present}
    closed = tuple(sorted((key for key in present if key not in wanted), key=str))
    return AlertChanges(opened, closed)


class NormalRange(NamedTuple):
    """Values that lie well within all limits; ``None`` is no bound."""

    lowest_mv: int
    highest_mv: int | None
    highest_mw: int | None


def normal_range(limits: ElectricalLimits) -> NormalRange:
    """Return which values can only close alarms."""
    low = limits.under_voltage_mv
    lowest = NO_VOLTAGE_MV + 1 if low is None else low
    return NormalRange(lowest, limits.over_voltage_mv, limits.overload_mw)


def is_normal(limits: ElectricalLimits, millivolts: int | None, milliwatts: int | None) -> bool:
    """Say quickly that values lie well within all limits, so that they can only close alarms."""
    low, high, load = normal_range(limits)
    return (millivolts is None or (millivolts >= low and (high is None or millivolts <= high))) and (
        milliwatts is None or load is None or milliwatts <= load
    )


def voltage_alarm(
    limits: ElectricalLimits, millivolts: int | None, present: AlertKind | None, *, relay_open: bool
) -> AlertKind | None:
    """Return the voltage alarm, unchanged without a reading; zero volts mean an open relay or an outage."""
    if millivolts is None:
        return present
    if millivolts <= NO_VOLTAGE_MV:
        return None if relay_open else AlertKind.POWER_OUTAGE
    low, high, hysteresis = limits.under_voltage_mv, limits.over_voltage_mv, limits.voltage_hysteresis_mv
    if high is not None and millivolts > high - (hysteresis if present is AlertKind.OVER_VOLTAGE else 0):
        return AlertKind.OVER_VOLTAGE
    floor = None if low is None else low + (hysteresis if present is AlertKind.UNDER_VOLTAGE else 0)
    if floor is not None and millivolts < floor:
        return AlertKind.UNDER_VOLTAGE
    return None


NO_VOLTAGE_MV = 50_000
"""Up to this a phase counts as absent rather than low."""


def overloaded(limits: ElectricalLimits, milliwatts: int | None, *, present: bool) -> bool:
    """Return whether the load is above its limit, with hysteresis on the way down."""
    if limits.overload_mw is None:
        return False
    if milliwatts is None:
        return present
    hysteresis = limits.overload_mw * limits.overload_hysteresis_percent // 100 if present else 0
    return milliwatts > limits.overload_mw - hysteresis
