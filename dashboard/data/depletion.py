"""How long a unit's credit lasts, and how its balance is likely to go on: what the bridge foretold.

The bridge stores what each supply will spend (docs/forecast.md). Here it is held against what is left now, by
the same rules, so that lists, a unit's page, the API and Home Assistant all tell the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dashboard.access import Viewer
from dashboard.data.policies import policy_of
from dashboard.data.warehouse import Warehouse
from dashboard.queries.forecasts import sights
from dashboard.queries.units import Unit, units
from meter_bridge.core.forecast.consumption_model import PPM
from meter_bridge.core.forecast.depletion import RunOut, Sight, run_out
from meter_bridge.core.ledger.credit import headroom
from meter_bridge.core.supply.decision import PaymentMode, Policy

DAY_MS: Final = 24 * 3_600_000
BEYOND: Final = float("inf")
"""Days of credit that lasts longer than is foretold."""


@dataclass(frozen=True, slots=True)
class Lasts:
    """How long credit lasts."""

    days: float | None = None
    """None while too little is known; ``BEYOND`` for longer than is foretold."""
    out: RunOut | None = None


NOT_KNOWN: Final = Lasts()


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
    """From now on, until nothing is left or no more is foretold."""
    out: Ahead | None
    """When nothing is left; None where that is too far ahead to tell."""
    banded: bool
    """Enough is known of the past for a band."""


def lasts(unit: Unit, known: Sequence[Sight], now: int) -> Lasts:
    """Return how long the credit of a unit lasts."""
    policy = policy_of(unit.policy)
    if policy is None or policy.payment_mode is not PaymentMode.PREPAYMENT:
        return Lasts()
    left = left_of(unit, policy)
    if not known:
        return Lasts(0.0 if left <= 0 and unit.read_at is not None else None)
    out = run_out(known, left, now)
    return Lasts(BEYOND) if out is None else Lasts((out.at - now) / DAY_MS, out)


def left_of(unit: Unit, policy: Policy) -> int:
    """Return the credit that may still be used: with the overdraft and selected emergency credit."""
    return headroom(policy.credit, unit.credit)


def foretold(opened: Warehouse, viewer: Viewer, account_id: str) -> Foretold | None:
    """Return how a unit's balance goes on; None while too little is known, or where units are bought."""
    unit = next((each for each in opened.once(units, viewer) if each.id == account_id), None)
    known = opened.once(sights, viewer).get(account_id)
    policy = None if unit is None else policy_of(unit.policy)
    now = opened.as_of
    if unit is None or policy is None or not known or now is None:
        return None
    left = left_of(unit, policy)
    prepaid = policy.payment_mode is PaymentMode.PREPAYMENT
    if not prepaid or left <= 0 or any(each.outlook.in_units for each in known):
        return None
    return _ahead(known, unit.available, policy.credit.disablement_threshold, run_out(known, left, now), now)


def _ahead(known: Sequence[Sight], available: int, least: int, out: RunOut | None, now: int) -> Foretold:
    """Return the balance at each coming midnight, and where nothing is left.

    At the least that is its own the balance stays while emergency credit bears what is used.
    """
    floor = min(available, least)
    outlooks = [each.outlook for each in known]
    base = sum(each.spent(now) for each in outlooks)
    instants = sorted({point.at for each in outlooks for point in each.points if point.at > now})
    points = [Ahead(now, available, now, now)]
    for at in instants:
        if out is not None and at >= out.at:
            break
        balance = available + base - sum(each.spent(at) for each in outlooks)
        points.append(_within(at, max(balance, floor), now, out))
    end = None if out is None else _within(out.at, floor, now, out)
    return Foretold(
        points=tuple(points) if end is None else (*points, end),
        out=end,
        banded=out is not None and out.soonest is not None,
    )


def _within(at: int, balance: int, now: int, out: RunOut | None) -> Ahead:
    """Return a balance with the instants between which it is likely to be reached."""
    if out is None or out.soonest is None or out.latest is None or out.at <= now:
        return Ahead(at, balance, at, at)
    low, high = ((end - now) * PPM // (out.at - now) for end in (out.soonest, out.latest))
    early, late = (now + (at - now) * part // PPM for part in (low, high))
    return Ahead(at, balance, min(early, at), max(late, at))
