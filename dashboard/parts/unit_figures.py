"""A unit's key figures: what is left, for how long, what the next kWh costs, what the week cost."""

import json
import time
from typing import Final

from dashboard.access import Viewer
from dashboard.charts.template import band_name
from dashboard.data.warehouse import Warehouse, local_date
from dashboard.parts.key_figures import Figure
from dashboard.queries.sums import WeekSums, charged_and_energy
from dashboard.queries.units import Unit
from dashboard.status.attention import UnitStatus
from dashboard.status.current_price import CurrentPrice
from dashboard.status.depletion import BEYOND_FORECAST
from dashboard.text.formatting import (
    ago,
    day,
    days,
    kwh,
    moment,
    money,
    number_of_days,
    power,
    short_moment,
)
from dashboard.text.translate import _, inside
from meter_bridge.core.forecast.cost_projection import Depletion

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS


def unit_figures(
    opened: Warehouse, viewer: Viewer, status: UnitStatus, price: CurrentPrice | None
) -> list[Figure]:
    """Return a unit's figures."""
    unit = status.unit
    charged, energy = opened.cached(charged_and_energy, viewer)
    week = charged.get(unit.currency, WeekSums(now=0, before=0))
    return [
        Figure(_("Balance"), money(unit.available, unit.currency), _accrued(unit)),
        Figure(_("Lasts"), _lasts(status), depletion_text(status, opened.as_of or 0)),
        *(() if price is None else (_next_kwh(price, unit.currency),)),
        Figure(_("Charged, 7 days"), money(week.now, unit.currency), kwh(energy.now)),
        Figure(_("Power now"), power(unit.power_mw), _last_reading(unit, int(time.time() * 1000))),
    ]


def _lasts(status: UnitStatus) -> str:
    return "–" if status.unit.vacant_since is not None else days(status.days_left)


def _accrued(unit: Unit) -> str:
    return _("{amount} not yet posted", amount=money(unit.accrued, unit.currency))


def depletion_text(status: UnitStatus, now: int) -> str:
    """Return until when credit lasts, with the interval where there is one, or why that is not known."""
    if status.unit.is_billed_later:
        return _("billed later, never cut")
    if status.unit.vacant_since is not None:
        return _("vacant since {day}", day=day(local_date(status.unit.vacant_since, status.unit.time_zone)))
    if status.days_left is None:
        return _("needs three full days of use")
    depletion = status.duration.depletion
    if status.days_left <= 0 or (depletion is None and status.days_left < BEYOND_FORECAST):
        return _("nothing is left")
    if depletion is None:
        return _("no end in sight yet")
    return _until(depletion, now, status.unit.time_zone)


def _until(depletion: Depletion, now: int, zone: str) -> str:
    if depletion.earliest is None or depletion.latest is None:
        return _("until {instant}", instant=short_moment(depletion.at, zone))
    if depletion.earliest - now < DAY_MS:
        early, late = short_moment(depletion.earliest, zone), short_moment(depletion.latest, zone)
        return _("{early} to {late}, four times out of five", early=early, late=late)
    early, late = (number_of_days((at - now) / DAY_MS) for at in (depletion.earliest, depletion.latest))
    if early == late:
        return _("until {instant}", instant=short_moment(depletion.at, zone))
    return _("{early} to {late} days, four times out of five", early=early, late=late)


def _next_kwh(price: CurrentPrice, currency: str) -> Figure:
    return Figure(_("Next kWh"), money(price.per_kwh, currency), tier_text(price))


def tier_text(price: CurrentPrice) -> str:
    """Return block and band, and how far it is to the next block."""
    parts = []
    if price.blocks > 1:
        parts.append(_("block {number} of {all}", number=price.block, all=price.blocks))
    if price.bands > 1:
        parts.append(inside(band_name(price.band)))
    if price.left_wh is not None:
        parts.append(_("{energy} to the next", energy=kwh(price.left_wh)))
    return " · ".join(parts) if parts else _("one price for all")


def _last_reading(unit: Unit, now: int) -> str:
    """Return the age of the newest reading by the wall clock: the bridge may be silent as well."""
    if unit.silent_since is not None:
        return _("no register since {when}", when=short_moment(unit.silent_since, unit.time_zone))
    if unit.read_at is None:
        return _("no reading yet")
    if now - unit.read_at < HOUR_MS:
        return _("read {when}", when=ago(unit.read_at, now))
    return _("read {when}", when=moment(unit.read_at, unit.time_zone))


def thresholds(unit: Unit) -> tuple[int, ...]:
    """Return the account's low-credit thresholds from its policy."""
    policy = json.loads(unit.policy)
    listed = policy.get("low_credit", []) if isinstance(policy, dict) else []
    return tuple(amount for amount in listed if isinstance(amount, int))
