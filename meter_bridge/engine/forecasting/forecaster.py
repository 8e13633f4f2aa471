"""Foretelling how long credit lasts, and telling of consumption that is unusual: a little at a time.

Learning and looking ahead take some 40 ms for a supply, so they are cut into steps of a few milliseconds, one
at a time between messages. A few accounts in turn are looked at each time; what was foretold serves until it
is older than six hours, or until the price list or the debts change.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from math import inf
from typing import Final

from meter_bridge.core.forecast import anomalies
from meter_bridge.core.forecast.consumption_model import Uses, fit
from meter_bridge.core.forecast.cost_projection import (
    CostProjection,
    ForecastRun,
    Point,
    add_debt_recovery,
    projected_points,
)
from meter_bridge.core.forecast.prediction_interval import (
    HORIZONS,
    PredictionInterval,
    backtest_errors,
    prediction_interval,
)
from meter_bridge.core.rating.unit_purchase import sells_units
from meter_bridge.core.supply.alerts import AlertFacts, AlertKey
from meter_bridge.core.supply.decision import PaymentMode
from meter_bridge.engine.alerts.alerting import set_alert
from meter_bridge.engine.forecasting.daily_use import close_day, completed_days, energy_on, is_read_on
from meter_bridge.engine.forecasting.stored_forecast import (
    debts_in_forecast,
    estimate_days_left,
    forecast_row,
    has_forecast,
)
from meter_bridge.engine.state.model import Account, Site, Supply
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.protocol.vocabulary import AlertKind
from meter_bridge.storage import changeset as ops

FORECAST_VALID_MS: Final = 6 * 3_600_000
STEP_S: Final = 0.25
MIN_ROUND_MS: Final = 15_000
"""Shortest time from the begin of a round of all accounts to the next."""
ACCOUNTS_PER_STEP: Final = 10
"""Accounts that are looked at each time."""
DAYS_PER_STEP: Final = 8
COMPARISON_VALID_MS: Final = 3_600_000
"""For how long a comparison of a site's supplies serves."""
PAST_DETAIL: Final = "past"
SIMILAR_DETAIL: Final = "similar"
_HYSTERESIS_TENTHS: Final = 5
"""Tenths of a day above its threshold at which the days-left alert closes."""


@dataclass(frozen=True, slots=True)
class _SiteComparison:
    """How the supplies of a site compared at an instant."""

    made_at: int
    units: int
    anomalies: Mapping[str, anomalies.Anomaly]


class Forecaster:
    """Goes round the accounts of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._round: deque[str] = deque()
        self._round_at = -inf
        """When the round began, by the steady clock."""
        self._running: Iterator[None] | None = None
        self._comparisons: dict[tuple[str, str], _SiteComparison] = {}

    async def tick(self) -> None:
        """Do one step of what is under way, or look at the next accounts."""
        session = self._session
        if not session.can_change or not session.clock.sure:
            self._running = None
            return
        if self._running is not None:
            self._step()
            return
        now = session.clock.steady_ms()
        if not self._round and now - self._round_at >= MIN_ROUND_MS:
            self._round.extend(session.installation.accounts)
            self._round_at = now
        for _ in range(min(ACCOUNTS_PER_STEP, len(self._round))):
            account = session.installation.accounts.get(self._round.popleft())
            if account is not None and self._process_account(account):
                return

    async def run_all(self) -> None:
        """Look at every account, and do what there is to do."""
        for account in list(self._session.installation.accounts.values()):
            self._process_account(account)
            while self._running is not None:
                self._step()
            self._process_account(account)

    def _step(self) -> None:
        assert self._running is not None
        try:
            next(self._running)
        except StopIteration:
            self._running = None

    def _process_account(self, account: Account) -> bool:
        tx = Transaction(self._session.clock.now())
        if [supply for supply in account.supplies if close_day(supply, tx)]:
            self._update_anomaly_alerts(account, tx)
            if account.policy.building_meter:
                self._update_unaccounted_alert(account, tx)
        self._update_days_left_alert(account, tx)
        self._session.submit(tx)
        stale = next((supply for supply in account.supplies if _needs_forecast(supply, tx.at)), None)
        if stale is not None:
            self._running = self._forecast(stale, tx.at)
            self._session.feed.mark_changed(account.id)
        return stale is not None

    def _forecast(self, supply: Supply, at: int) -> Iterator[None]:
        yield from _make_forecast(supply, at)
        if supply.forecast is not None:
            tx = Transaction(self._session.clock.now())
            row = forecast_row(supply, supply.forecast, supply.forecast.made_at)
            tx.changeset.add(ops.UPSERT_FORESIGHT, row)
            self._session.submit(tx)

    def _update_days_left_alert(self, account: Account, tx: Transaction) -> None:
        key = AlertKey(AlertKind.DAYS_LEFT, account.id)
        if not account.policy.days_left and key not in account.alerts:
            return
        threshold, left = account.policy.days_left, estimate_days_left(account, tx.at)
        slack = _HYSTERESIS_TENTHS if key in account.alerts else 0
        facts: AlertFacts | None = None
        if threshold and left is not None and left.tenths < threshold * 10 + slack:
            facts = {"days": left.number, "threshold_days": threshold}
        if left is not None or not threshold or has_forecast(account):
            set_alert(self._session.installation, account, tx, key, facts)

    def _update_anomaly_alerts(self, account: Account, tx: Transaction) -> None:
        for supply in account.supplies:
            uses = supply.history.uses if supply.history else ()
            wanted = {
                AlertKey(AlertKind.NO_CONSUMPTION, account.id, None, supply.id): _idle_facts(uses),
                AlertKey(AlertKind.UNUSUAL_CONSUMPTION, account.id, None, f"{PAST_DETAIL} {supply.id}"): None,
                AlertKey(
                    AlertKind.UNUSUAL_CONSUMPTION, account.id, None, f"{SIMILAR_DETAIL} {supply.id}"
                ): None,
            }
            idle, past, similar = wanted
            if wanted[idle] is None:
                wanted[past] = _past_facts(uses, present=past in account.alerts)
                wanted[similar] = self._similar_facts(account.site, supply, tx.at)
            for key, facts in wanted.items():
                set_alert(self._session.installation, account, tx, key, facts)

    def _update_unaccounted_alert(self, building: Account, tx: Transaction) -> None:
        """Compare a building's newest days that are over with the sum of its units, once a day."""
        key = AlertKey(AlertKind.ENERGY_UNACCOUNTED, building.id)
        others = [
            supply
            for account in self._session.installation.accounts.values()
            if account.site is building.site and not account.policy.building_meter
            for supply in account.supplies
        ]
        sums = [0, 0]
        for supply in building.supplies:
            for day in completed_days(supply, tx.at):
                alike = [other for other in others if other.commodity == supply.commodity]
                if not alike or not all(is_read_on(other, day) for other in alike):
                    continue  # what a silent meter measured is not missing
                sums[0] += energy_on(supply, day)
                sums[1] += sum(energy_on(other, day) for other in alike)
        missing = anomalies.unaccounted_energy(*sums, present=key in building.alerts)
        facts = None
        if missing is not None:
            facts = {
                "missing_wh": missing.now_wh,
                "total_wh": missing.usual_wh,
                "percent": missing.percent,
            }
        set_alert(self._session.installation, building, tx, key, facts)

    def _similar_facts(self, site: Site, supply: Supply, now: int) -> AlertFacts | None:
        key = (site.id, supply.commodity)
        known = self._comparisons.get(key)
        if known is None or now - known.made_at > COMPARISON_VALID_MS:
            known = self._comparisons[key] = self._compare(site, supply.commodity, now)
        anomaly = known.anomalies.get(supply.id)
        if anomaly is None:
            return None
        return {
            "case": SIMILAR_DETAIL,
            "now_wh": anomaly.now_wh,
            "usual_wh": anomaly.usual_wh,
            "units": known.units,
        }

    def _compare(self, site: Site, commodity: str, now: int) -> _SiteComparison:
        weeks = {
            supply.id: week
            for account in self._session.installation.accounts.values()
            if account.site is site and not account.policy.building_meter
            for supply in account.supplies
            if supply.commodity == commodity and supply.history is not None
            if (week := anomalies.weekly_mean(supply.history.uses)) is not None
        }
        return _SiteComparison(now, len(weeks), anomalies.compare_with_similar(weeks))


def _idle_facts(uses: Uses) -> AlertFacts | None:
    days = anomalies.idle_days(uses)
    return {"days": days} if days else None


def _past_facts(uses: Uses, *, present: bool) -> AlertFacts | None:
    anomaly = anomalies.compare_with_own_past(uses, present=present)
    if anomaly is None:
        return None
    return {
        "case": PAST_DETAIL,
        "now_wh": anomaly.now_wh,
        "usual_wh": anomaly.usual_wh,
        "percent": anomaly.percent,
    }


def _needs_forecast(supply: Supply, now: int) -> bool:
    if supply.account.policy.payment_mode is not PaymentMode.PREPAYMENT or supply.history is None:
        return False
    known = supply.forecast
    return known is None or (
        now - known.made_at > FORECAST_VALID_MS
        or known.last_day != supply.history.last_day
        or known.timeline is not supply.timeline
        or known.debts != debts_in_forecast(supply)
    )


def _make_forecast(supply: Supply, at: int) -> Iterator[None]:
    """Fit and project, step by step; the result counts once it is complete."""
    history, timeline, debts = supply.history, supply.timeline, debts_in_forecast(supply)
    assert history is not None
    model = fit(history)
    bands: dict[int, PredictionInterval | None] = {}
    points: list[Point] = []
    if model is not None:
        known = supply.forecast
        same = known is not None and known.last_day == history.last_day
        for days in HORIZONS:
            bands[days] = (
                known.intervals[days]
                if same and known and known.intervals
                else prediction_interval(backtest_errors(history, days))
            )
            yield
        ahead = projected_points(supply.rating, timeline, model, at)
        while part := list(islice(ahead, DAYS_PER_STEP)):
            points += part
            yield
    projection = None
    if points:
        plain = CostProjection(tuple(points), sells_units(timeline, at))
        projection = add_debt_recovery(plain, debts, timeline.versions[0].zone)
    if supply.history is history:  # else another customer moved in meanwhile, or a day ended
        supply.forecast = ForecastRun(at, history.last_day, timeline, debts, projection, bands)
