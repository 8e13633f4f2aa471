"""How each unit stands, which units need a person, and why."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse
from dashboard.queries.units import Unit, units
from dashboard.status.depletion import UNKNOWN_DURATION, CreditDuration, credit_duration, forecasts
from dashboard.text.labels import VACANT, Label, reason_text, supply_label
from dashboard.text.translate import inside
from meter_bridge.text.marks import N_

SOON_DAYS: Final = 3.0
ELECTRICAL: Final = frozenset({"over_voltage", "under_voltage", "overload", "power_outage"})


@dataclass(frozen=True, slots=True)
class UnitStatus:
    """A unit with its forecast."""

    unit: Unit
    duration: CreditDuration = UNKNOWN_DURATION

    @property
    def days_left(self) -> float | None:
        """Return for how many days credit lasts; None while that is not known."""
        return self.duration.days


@dataclass(frozen=True, slots=True)
class Cause:
    """A reason for attention."""

    key: str
    label: Label
    applies: Callable[[UnitStatus], bool]


@dataclass(frozen=True, slots=True)
class AttentionItem:
    """A cause with the units that it applies to."""

    cause: Cause
    statuses: tuple[UnitStatus, ...]


def _has(*kinds: str) -> Callable[[UnitStatus], bool]:
    wanted = frozenset(kinds)
    return lambda standing: not wanted.isdisjoint(standing.unit.alerts)


def out_of_credit(status: UnitStatus) -> bool:
    """Return whether a unit has nothing left or was cut for it; a vacant one needs nothing."""
    unit = status.unit
    if unit.vacant_since is not None:
        return False
    return unit.reason == "credit_exhausted" or "supply_cut" in unit.alerts or _exhausted(unit)


def _exhausted(unit: Unit) -> bool:
    """Return whether a charged unit has no credit; a new unit without charges is not out of credit."""
    return unit.available <= 0 and unit.read_at is not None and not unit.is_billed_later


def runs_out_soon(status: UnitStatus) -> bool:
    """Return whether credit lasts only days, or fell below a threshold."""
    soon = status.days_left is not None and status.days_left < SOON_DAYS
    vacant = status.unit.vacant_since is not None
    return not vacant and not out_of_credit(status) and (soon or "low_credit" in status.unit.alerts)


CAUSES: Final = (
    Cause("out", Label(N_("Out of credit"), "power_off", "red"), out_of_credit),
    Cause("tamper", Label(N_("Tamper suspected"), "gpp_maybe", "red"), _has("tamper")),
    Cause("relay", Label(N_("Relay not responding"), "sync_problem", "red"), _has("relay_disobeys")),
    Cause("soon", Label(N_("Running out soon"), "hourglass_bottom", "amber"), runs_out_soon),
    Cause("offline", Label(N_("Meter offline"), "sensors_off", "amber"), _has("meter_offline")),
    Cause("quarantine", Label(N_("Reading in quarantine"), "rule", "amber"), _has("register_quarantined")),
    Cause(
        "armed",
        Label(N_("Waiting for customer"), "touch_app", "amber"),
        lambda s: s.unit.supply_state == "armed",
    ),
    Cause("electrical", Label(N_("Voltage or load"), "electric_bolt", "amber"), _has(*ELECTRICAL)),
)


def supply_state(unit: Unit) -> tuple[Label, str]:
    """Return how the supply of a unit stands, and why; a vacant one alarms nobody."""
    label = supply_label(unit.supply_state)
    if unit.vacant_since is not None:
        return VACANT, inside(label.said)
    return label, reason_text(unit.reason) if unit.reason else ""


def attention_items(statuses: Sequence[UnitStatus]) -> list[AttentionItem]:
    """Return the causes that apply, most severe first, each with its units, the shortest credit first."""
    ranked = sorted(statuses, key=_by_days_left)
    found = [AttentionItem(cause, tuple(filter(cause.applies, ranked))) for cause in CAUSES]
    return [concern for concern in found if concern.statuses]


def urgency(status: UnitStatus) -> tuple[int, bool, float, str]:
    """Return a key that sorts units that need attention first, then by days left."""
    rank = next((place for place, cause in enumerate(CAUSES) if cause.applies(status)), len(CAUSES))
    return rank, *_by_days_left(status)


def _by_days_left(status: UnitStatus) -> tuple[bool, float, str]:
    return status.days_left is None, status.days_left or 0.0, status.unit.name


def unit_statuses(opened: Warehouse, viewer: Viewer) -> list[UnitStatus]:
    """Return the units that the viewer may see, each with its forecast."""
    known, now = opened.cached(forecasts, viewer), opened.as_of or 0
    return [
        UnitStatus(unit, credit_duration(unit, known.get(unit.id, ()), now))
        for unit in opened.cached(units, viewer)
    ]
