"""A unit's key figures: what is left, for how long, what the next kWh costs, what the week cost."""

import json
from typing import Final

from dashboard.access import Viewer
from dashboard.attention import Standing
from dashboard.charts.template import band_name
from dashboard.figures import ago, days, kwh, moment, money, power, short_moment
from dashboard.foretold import Foretold, foretold
from dashboard.language import say
from dashboard.parts.key_figures import Figure
from dashboard.price_now import PriceNow
from dashboard.queries.units import Unit
from dashboard.queries.week import Weeks, charged_and_energy
from dashboard.warehouse import Warehouse

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
NO_BREAK: Final = "\N{NO-BREAK SPACE}"


def unit_figures(
    opened: Warehouse, viewer: Viewer, standing: Standing, price: PriceNow | None
) -> list[Figure]:
    """Return a unit's figures."""
    unit = standing.unit
    charged, energy = opened.once(charged_and_energy, viewer)
    week = charged.get(unit.currency, Weeks(now=0, before=0))
    return [
        Figure(say("Balance"), money(unit.available, unit.currency), None, _accrued(unit)),
        _lasts(standing, opened.once(foretold, viewer, unit.id), opened.as_of or 0),
        *(() if price is None else (_next_kwh(price, unit.currency),)),
        Figure(say("Charged, 7 days"), money(week.now, unit.currency), None, kwh(energy.now)),
        Figure(say("Power now"), power(unit.power_mw), None, _read(unit, opened.as_of or 0)),
    ]


def _lasts(standing: Standing, ahead: Foretold | None, now: int) -> Figure:
    """Return how long the balance lasts, with its band where there is one."""
    if ahead is None or ahead.out is None:
        return Figure(say("Lasts"), days(standing.days_left), None, why_days(standing))
    unit = standing.unit
    told = say("until {instant}", instant=short_moment(ahead.out.at, unit.time_zone))
    if ahead.banded and ahead.out.early - now >= DAY_MS:
        early, late = (
            days((at - now) / DAY_MS).partition(NO_BREAK)[0] for at in (ahead.out.early, ahead.out.late)
        )
        told = say("{early} to {late} days, four times out of five", early=early, late=late)
    elif ahead.banded:
        early, late = (short_moment(at, unit.time_zone) for at in (ahead.out.early, ahead.out.late))
        told = say("{early} to {late}, four times out of five", early=early, late=late)
    return Figure(say("Lasts"), days(ahead.days(now)), None, told)


def _accrued(unit: Unit) -> str:
    """Return what the balance consists of."""
    return say("{amount} not yet posted", amount=money(unit.accrued, unit.currency))


def why_days(standing: Standing) -> str:
    """Return what the forecast rests on."""
    if standing.unit.never_ends:
        return say("billed later, never cut")
    if standing.days_left is None:
        return say("needs two full days of use")
    return say("at the recent pace")


def _next_kwh(price: PriceNow, currency: str) -> Figure:
    """Return what the next kWh costs, and where on the ladder that is."""
    return Figure(say("Next kWh"), money(price.per_kwh, currency), None, where_on_ladder(price))


def where_on_ladder(price: PriceNow) -> str:
    """Return block and band, and how far it is to the next block."""
    parts = []
    if price.blocks > 1:
        parts.append(say("block {number} of {all}", number=price.block, all=price.blocks))
    if price.bands > 1:
        parts.append(band_name(price.band).lower())
    if price.left_wh is not None:
        parts.append(say("{energy} to the next", energy=kwh(price.left_wh)))
    return " · ".join(parts) if parts else say("one price for all")


def _read(unit: Unit, now: int) -> str:
    """Return when the meter was last heard."""
    if unit.read_at is None:
        return say("no reading yet")
    if now - unit.read_at < HOUR_MS:
        return say("read {when}", when=ago(unit.read_at, now))
    return say("read {when}", when=moment(unit.read_at, unit.time_zone))


def thresholds(unit: Unit) -> tuple[int, ...]:
    """Return the account's low-credit thresholds from its policy."""
    policy = json.loads(unit.policy)
    listed = policy.get("low_credit", []) if isinstance(policy, dict) else []
    return tuple(amount for amount in listed if isinstance(amount, int))
