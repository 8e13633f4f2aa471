"""How a unit's balance is likely to go on, with a band: the bridge's own forecast over the data on record.

Each supply's days are learned, and rated ahead by the ledger's rules (docs/forecast.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
import json
from typing import Final

import msgspec

from dashboard.access import Viewer
from dashboard.price_now import rating_of_supply
from dashboard.queries.daily_use import histories
from dashboard.queries.tariffs import supply_tariffs
from dashboard.queries.units import units
from dashboard.warehouse import Warehouse
from meter_bridge.config.codec import CodecError
from meter_bridge.core.forecast import Band, band, errors, horizon
from meter_bridge.core.habit import PPM, History, learn
from meter_bridge.core.outlook import Outlook, look_ahead, runs_out
from meter_bridge.core.tariff import TariffError

DAY_MS: Final = 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Ahead:
    """A balance that is to be expected, and within which instants it is likely to be reached."""

    at: int
    balance: int
    early: int
    late: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Foretold:
    """What is to be expected of a unit's balance."""

    points: tuple[Ahead, ...]
    """From now on, until it is used up or no more is foretold."""
    out: Ahead | None
    """When it is used up; None where that is too far ahead to tell."""
    banded: bool
    """Enough is known of the past for a band."""

    def days(self, now: int) -> float | None:
        """Return for how many days the balance lasts."""
        return None if self.out is None else (self.out.at - now) / DAY_MS


def foretold(opened: Warehouse, viewer: Viewer, account_id: str) -> Foretold | None:
    """Return how a unit's balance goes on; None while too little is known, or where units are bought."""
    unit = next((each for each in opened.once(units, viewer) if each.id == account_id), None)
    known = opened.once(histories, viewer, account_id)
    now = opened.as_of
    if unit is None or now is None or not known or unit.never_ends or unit.available <= 0:
        return None
    try:
        outlooks = [_outlook(opened, viewer, supply, history, now) for supply, history in known.items()]
    except CodecError, TariffError, msgspec.DecodeError, json.JSONDecodeError:
        return None
    sure = [each for each in outlooks if each is not None and not each.in_units]
    if not sure or len(sure) < len(outlooks):
        return None
    return _ahead(sure, list(known.values()), unit.available, now)


def _outlook(opened: Warehouse, viewer: Viewer, supply_id: str, history: History, now: int) -> Outlook | None:
    """Return what a supply will spend."""
    line = next((each for each in opened.once(supply_tariffs, viewer) if each.supply_id == supply_id), None)
    habit = learn(history)
    if line is None or habit is None:
        return None
    rating = rating_of_supply(opened, viewer, line)
    return None if rating is None else look_ahead(rating, line.timeline, habit, now)


def _ahead(outlooks: Sequence[Outlook], known: Sequence[History], available: int, now: int) -> Foretold:
    """Return the balance at each coming midnight, and where it ends."""
    end = runs_out(outlooks, available, now)
    base = sum(each.spent(now) for each in outlooks)
    instants = sorted({point.at for each in outlooks for point in each.points if point.at > now})
    spread = None if end is None else _band(known, end - now)
    points = [Ahead(now, available, now, now)]
    for at in instants:
        if end is not None and at >= end:
            break
        left = available - sum(each.spent(at) for each in outlooks) + base
        points.append(_within(at, left, now, spread))
    out = None if end is None else _within(end, 0, now, spread)
    return Foretold(
        points=tuple(points) if out is None else (*points, out), out=out, banded=spread is not None
    )


def _band(known: Sequence[History], left: int) -> Band | None:
    """Return how sure the time is, from the supply that used most; None while too little is known."""
    history = max(known, key=lambda each: sum(use or 0 for use in each.uses))
    near: int | None = horizon(left * PPM // DAY_MS)
    return None if not near else band(errors(history, near))


def _within(at: int, balance: int, now: int, spread: Band | None) -> Ahead:
    """Return a balance with the instants between which it is likely to be reached."""
    if spread is None:
        return Ahead(at, balance, at, at)
    early, late = (now + (at - now) * part // PPM for part in (spread.low, spread.high))
    return Ahead(at, balance, min(early, at), max(late, at))
