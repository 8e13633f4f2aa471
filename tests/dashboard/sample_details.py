"""What an invented house has besides its charges: price lists, debts, relays, quarantines."""

from datetime import date, timedelta
import json

from meter_bridge.config.codec import encode
from meter_bridge.core.calendar import local_day
from meter_bridge.core.forecast.consumption_model import History, fit
from meter_bridge.core.forecast.cost_projection import projected_points
from meter_bridge.core.forecast.prediction_interval import HORIZONS, backtest_errors, prediction_interval
from meter_bridge.core.rating.rating import SupplyTerms
from meter_bridge.core.tariff.bands import Band, BandCalendar, Window
from meter_bridge.core.tariff.periods import PeriodRule
from meter_bridge.core.tariff.tariff import BlockSchedule, StandingCharge, TariffVersion, Tax, Timeline
from meter_bridge.engine.forecasting.stored_forecast import intervals_text, pack_points
from meter_bridge.engine.state.supply_document import rating_of

WORKDAYS = frozenset(range(5))
EVERY_DAY = frozenset(range(8))
BANDS = ("off_peak", "standard", "peak")
VERSION = "home-2026"
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def home_calendar(time_zone: str) -> BandCalendar:
    """Return the bands of the invented tariff."""
    night = Window(EVERY_DAY, 22 * 60, 6 * 60)
    peak = (Window(WORKDAYS, 7 * 60, 9 * 60), Window(WORKDAYS, 17 * 60, 20 * 60))
    return BandCalendar(
        time_zone, (Band("off_peak", (night,)), Band("standard", (), rest=True), Band("peak", peak))
    )


def home_version(
    time_zone: str,
    currency: str,
    prices: tuple[int, ...],
    percents: dict[str, int],
    limits: tuple[int, ...],
    *,
    standing: int,
    version_id: str = VERSION,
    valid_from: int = 0,
) -> TariffVersion:
    """Return a price list with blocks, bands, a standing charge and a tax; prices per kWh."""
    steps = tuple(tuple(price * 10 * percents[band] for band in BANDS) for price in prices)
    return TariffVersion(
        id=version_id,
        tariff_id="home",
        valid_from=valid_from,
        currency=currency,
        calendar=home_calendar(time_zone),
        ladders=(BlockSchedule(BANDS, steps, limits),),
        standing=(StandingCharge("Standing charge", standing),),
        taxes=(Tax("VAT", 150_000, frozenset({"consumption", "standing"})),),
    )


def version_document(version: TariffVersion) -> str:
    """Return a price list as the bridge stores it."""
    return encode(version)


def supply_document(now: int, time_zone: str, month_wh: int, version: TariffVersion) -> bytes:
    """Return the stored state of a supply that used this much of its month."""
    period = PeriodRule().text(local_day(now, version.zone))
    state = [[], [[period, 0, month_wh]], [], [], 0, [], [0, 0, 0, 0], 0, [], {}, {}, [], None]
    return json.dumps(state).encode()


def foresight_row(
    supply_id: str,
    account_id: str,
    uses: dict[str, int],
    document: bytes,
    version: TariffVersion,
    span: tuple[int, int],
) -> dict[str, object]:
    """Return what the bridge would foretell of a supply from its days, from its opening to the present."""
    opened, now = span
    days = _whole_days(uses, local_day(opened, version.zone), local_day(now, version.zone))
    history = History(local_day(now, version.zone) - timedelta(days=1), days)
    habit, points = fit(history), b""
    if habit is not None:
        rating = rating_of(document, SupplyTerms(local_day(opened, version.zone)))
        points = pack_points(tuple(projected_points(rating, Timeline((version,)), habit, now)))
    return {
        "supply_id": supply_id,
        "account_id": account_id,
        "made_at": now,
        "in_units": False,
        "points": points,
        "bands": intervals_text(
            {days: prediction_interval(backtest_errors(history, days)) for days in HORIZONS}
        ),
    }


def _whole_days(uses: dict[str, int], opened: date, today: date) -> tuple[int | None, ...]:
    """Return the energy of each day between opening and today; a day without any is not known."""
    between = range(1, (today - opened).days)
    return tuple(uses.get((opened + timedelta(days=each)).isoformat()) or None for each in between)


def debt_terms(owed: int, due: int) -> dict[str, object]:
    """Return the terms of a debt as an account's document holds them."""
    return {
        "id": "arrears-2025",
        "description": "Arrears of 2025",
        "owed": owed,
        "rate": 20_000_000,
        "every": "week",
        "due": due,
        "percent_ppm": 100_000,
    }
