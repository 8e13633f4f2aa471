"""Exposure: what can be used beyond credit if bridge or broker stop now (invariant 11).

Credit covers the least energy at the dearest price, so the worst is worked out there. What a device will
cut by itself is bounded; everything else has no bound but its rating and the time that it goes on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from meter_bridge.core.energy import MS_PER_HOUR, max_energy_wh
from meter_bridge.core.tariff.tariff import EXACT_SCALE

REACTION_MS: Final = 3_000
"""How long after its register passed a value a device may take to open its relay: rules look each second."""


@dataclass(frozen=True, slots=True)
class MeterExposure:
    """What one meter may still use with nobody to cut it."""

    rating_w: int
    cut_off_in_wh: int | None
    """Energy until its device cuts by itself; None if it does not."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """The most that can be used beyond credit: once, and besides in each hour."""

    once_wh: int
    once_amount: int
    hourly_wh: int
    hourly_amount: int


def supply_exposure(
    outlets: Sequence[MeterExposure], units_wh: int, spendable: int, dearest: int
) -> Exposure:
    """Return the exposure; each outlet may use all the credit. ``dearest`` is the exact value of one Wh."""
    reach = sum(
        outlet.cut_off_in_wh + max_energy_wh(outlet.rating_w, REACTION_MS)
        for outlet in outlets
        if outlet.cut_off_in_wh is not None
    )
    rating = sum(outlet.rating_w for outlet in outlets if outlet.cut_off_in_wh is None)
    credit, paid = max(spendable, 0), max(reach - units_wh, 0)
    covered = units_wh + (credit * EXACT_SCALE // dearest if dearest > 0 else reach)
    hourly = max_energy_wh(rating, MS_PER_HOUR)
    return Exposure(
        once_wh=max(reach - covered, 0),
        once_amount=max(_cost_rounded_up(paid, dearest) - credit, 0),
        hourly_wh=hourly,
        hourly_amount=_cost_rounded_up(hourly, dearest),
    )


def _cost_rounded_up(wh: int, value: int) -> int:
    return -(-wh * max(value, 0) // EXACT_SCALE)
