"""How long a unit's credit lasts, and how its balance is likely to go on, by the bridge's forecast.

The bridge stores what each supply will spend (docs/forecast.md). Here it is compared with what is left now,
by the same rules, so that lists, a unit's page, the API and Home Assistant all agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse
from dashboard.queries.units import Unit, policy_of, units
from meter_bridge.core.forecast.consumption_model import PPM
from meter_bridge.core.forecast.cost_projection import Depletion, SupplyForecast, forecast_depletion
from meter_bridge.core.ledger.credit import headroom
from meter_bridge.core.supply.decision import PaymentMode, Policy
from meter_bridge.engine.forecasting.stored_forecast import supply_forecast_of

# An account has a forecast only if all its supplies have one.
_QUERY: Final = """
    WITH bought AS (SELECT asset, sum(amount)::BIGINT AS wh FROM held WHERE bucket = 'units' GROUP BY asset)
    SELECT s.account_id, f.points, f.bands, f.in_units, coalesce(b.wh, 0) AS units
    FROM supply s JOIN permitted($every, $sites, $accounts) p ON p.account_id = s.account_id
    LEFT JOIN foresight f ON f.supply_id = s.id
    LEFT JOIN bought b ON b.asset = 'wh:' || s.id
    ORDER BY s.account_id, s.id"""


def forecasts(warehouse: Warehouse, viewer: Viewer) -> dict[str, tuple[SupplyForecast, ...]]:
    """Return the forecasts of each account; units that were bought count as of the newest posting."""
    found: dict[str, list[SupplyForecast | None]] = {}
    for row in warehouse.rows(_QUERY, viewer.parameters()):
        forecast = (
            supply_forecast_of(
                row["points"], row["bands"], in_units=bool(row["in_units"]), units=row["units"]
            )
            if row["points"]
            else None
        )
        found.setdefault(row["account_id"], []).append(forecast)
    whole = {account: [each for each in every if each] for account, every in found.items()}
    return {account: tuple(known) for account, known in whole.items() if len(known) == len(found[account])}


DAY_MS: Final = 24 * 3_600_000
BEYOND_FORECAST: Final = float("inf")
"""Days of credit that lasts longer than the forecast reaches."""


@dataclass(frozen=True, slots=True)
class CreditDuration:
    """How long credit lasts."""

    days: float | None = None
    """None while too little is known; ``BEYOND_FORECAST`` for longer than the forecast reaches."""
    depletion: Depletion | None = None


UNKNOWN_DURATION: Final = CreditDuration()


@dataclass(frozen=True, slots=True)
class ForecastPoint:
    """A balance that is to be expected, and within which instants it is likely to be reached."""

    at: int
    balance: int
    earliest_at: int
    latest_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceForecast:
    """What is to be expected of a unit's balance."""

    points: tuple[ForecastPoint, ...]
    """From now on, until nothing is left or the forecast ends."""
    depletion: ForecastPoint | None
    """When nothing is left; None where that is beyond the forecast."""
    has_interval: bool
    """Enough is known of the past for a band."""


def credit_duration(unit: Unit, known: Sequence[SupplyForecast], now: int) -> CreditDuration:
    """Return how long the credit of a unit lasts."""
    policy = policy_of(unit.policy)
    if policy is None or policy.payment_mode is not PaymentMode.PREPAYMENT:
        return CreditDuration()
    left = usable_credit(unit, policy)
    if not known:
        return CreditDuration(0.0 if left <= 0 and unit.read_at is not None else None)
    out = forecast_depletion(known, left, now)
    return CreditDuration(BEYOND_FORECAST) if out is None else CreditDuration((out.at - now) / DAY_MS, out)


def usable_credit(unit: Unit, policy: Policy) -> int:
    """Return the credit that may still be used: with the overdraft and selected emergency credit."""
    return headroom(policy.credit, unit.credit)


def balance_forecast(opened: Warehouse, viewer: Viewer, account_id: str) -> BalanceForecast | None:
    """Return how a unit's balance goes on; None while too little is known, or where units are bought."""
    unit = next((each for each in opened.cached(units, viewer) if each.id == account_id), None)
    known = opened.cached(forecasts, viewer).get(account_id)
    policy = None if unit is None else policy_of(unit.policy)
    now = opened.as_of
    if unit is None or policy is None or not known or now is None:
        return None
    left = usable_credit(unit, policy)
    prepaid = policy.payment_mode is PaymentMode.PREPAYMENT
    if not prepaid or left <= 0 or any(each.projection.in_units for each in known):
        return None
    return _forecast(
        known, unit.available, policy.credit.disablement_threshold, forecast_depletion(known, left, now), now
    )


def _forecast(
    known: Sequence[SupplyForecast], available: int, least: int, out: Depletion | None, now: int
) -> BalanceForecast:
    """Return the balance at each coming midnight, and when nothing is left.

    While emergency credit bears what is used, the balance stays at its own minimum.
    """
    floor = min(available, least)
    outlooks = [each.projection for each in known]
    base = sum(each.spent_by(now) for each in outlooks)
    instants = sorted({point.at for each in outlooks for point in each.points if point.at > now})
    points = [ForecastPoint(now, available, now, now)]
    for at in instants:
        if out is not None and at >= out.at:
            break
        balance = available + base - sum(each.spent_by(at) for each in outlooks)
        points.append(_forecast_point(at, max(balance, floor), now, out))
    end = None if out is None else _forecast_point(out.at, floor, now, out)
    return BalanceForecast(
        points=tuple(points) if end is None else (*points, end),
        depletion=end,
        has_interval=out is not None and out.earliest is not None,
    )


def _forecast_point(at: int, balance: int, now: int, out: Depletion | None) -> ForecastPoint:
    if out is None or out.earliest is None or out.latest is None or out.at <= now:
        return ForecastPoint(at, balance, at, at)
    low, high = ((end - now) * PPM // (out.at - now) for end in (out.earliest, out.latest))
    early, late = (now + (at - now) * part // PPM for part in (low, high))
    return ForecastPoint(at, balance, min(early, at), max(late, at))
