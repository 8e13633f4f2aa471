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

from meter_bridge.core.energy import format_kwh
from meter_bridge.core.forecast import anomalies
from meter_bridge.core.forecast.consumption_model import Uses, fit
from meter_bridge.core.forecast.cost_projection import (
    CostProjection,
    ForecastRun,
    Point,
    projected_points,
    sells_units,
    with_debts,
)
from meter_bridge.core.forecast.prediction_interval import (
    HORIZONS,
    PredictionInterval,
    errors,
    prediction_interval,
)
from meter_bridge.core.supply.alerts import AlertKey, AlertKind
from meter_bridge.core.supply.decision import PaymentMode
from meter_bridge.engine.alerts.alerting import set_alert
from meter_bridge.engine.forecasting.account_forecast import days_left, debts_of, has_forecast
from meter_bridge.engine.forecasting.daily_use import close_day, over_days, read_on, used_on
from meter_bridge.engine.forecasting.stored_forecast import forecast_row
from meter_bridge.engine.state.model import Account, Site, Supply
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.storage import changeset as ops

FRESH_MS: Final = 6 * 3_600_000
EVERY_S: Final = 0.25
ROUND_MS: Final = 15_000
"""Shortest time from the begin of a round of all accounts to the next."""
AT_ONCE: Final = 10
"""Accounts that are looked at each time."""
DAYS_AT_ONCE: Final = 8
SIMILAR_MS: Final = 3_600_000
"""For how long a comparison of a site's supplies serves."""
PAST: Final = "past"
SIMILAR: Final = "similar"
_SLACK_TENTHS: Final = 5
"""Tenths of a day above its threshold at which the days-left alert closes."""


@dataclass(frozen=True, slots=True)
class _Similar:
    """How the supplies of a site compared at an instant."""

    made_at: int
    units: int
    anomalies: Mapping[str, anomalies.Anomaly]


class Forecaster:
    """Goes round the accounts of an session."""

    def __init__(self, session: Session) -> None:
        """Keep the session."""
        self._session = session
        self._round: deque[str] = deque()
        self._round_at = -inf
        """When the round began, by the steady clock."""
        self._work: Iterator[None] | None = None
        self._similar: dict[tuple[str, str], _Similar] = {}

    async def tick(self) -> None:
        """Do one step of what is under way, or look at the next accounts."""
        session = self._session
        if not session.can_change or not session.clock.sure:
            self._work = None
            return
        if self._work is not None:
            self._step()
            return
        now = session.clock.steady()
        if not self._round and now - self._round_at >= ROUND_MS:
            self._round.extend(session.installation.accounts)
            self._round_at = now
        for _ in range(min(AT_ONCE, len(self._round))):
            account = session.installation.accounts.get(self._round.popleft())
            if account is not None and self._process_account(account):
                return

    async def whole_round(self) -> None:
        """Look at every account, and do what there is to do."""
        for account in list(self._session.installation.accounts.values()):
            self._process_account(account)
            while self._work is not None:
                self._step()
            self._process_account(account)

    def _step(self) -> None:
        """Do one step."""
        assert self._work is not None
        try:
            next(self._work)
        except StopIteration:
            self._work = None

    def _process_account(self, account: Account) -> bool:
        """Close days, keep alerts; begin work if a supply is to be foretold anew."""
        unit = Transaction(self._session.clock.now())
        if [supply for supply in account.supplies if close_day(supply, unit)]:
            self._update_anomaly_alerts(account, unit)
            if account.policy.building_meter:
                self._update_unaccounted_alert(account, unit)
        self._update_days_left_alert(account, unit)
        self._session.submit(unit)
        stale = next((supply for supply in account.supplies if _stale(supply, unit.at)), None)
        if stale is not None:
            self._work = self._forecast(stale, unit.at)
            self._session.feed.mark_changed(account.id)
        return stale is not None

    def _forecast(self, supply: Supply, at: int) -> Iterator[None]:
        """Look ahead, step by step, then store what was seen for those who only read."""
        yield from _make_forecast(supply, at)
        if supply.forecast is not None:
            unit = Transaction(self._session.clock.now())
            unit.changeset.add(ops.UPSERT_FORESIGHT, forecast_row(supply, supply.forecast))
            self._session.submit(unit)

    def _update_days_left_alert(self, account: Account, unit: Transaction) -> None:
        """Open or close the alert of days left."""
        key = AlertKey(AlertKind.DAYS_LEFT, account.id)
        if not account.policy.days_left and key not in account.alerts:
            return
        threshold, left = account.policy.days_left, days_left(account, unit.at)
        slack = _SLACK_TENTHS if key in account.alerts else 0
        message = None
        if threshold and left is not None and left.tenths < threshold * 10 + slack:
            message = f"{account.name}: credit lasts about {left.text} more (warning at {threshold} days)"
        if left is not None or not threshold or has_forecast(account):
            set_alert(self._session.installation, account, unit, key, message)

    def _update_anomaly_alerts(self, account: Account, unit: Transaction) -> None:
        """Open or close the alerts of consumption, once a day."""
        for supply in account.supplies:
            uses = supply.history.uses if supply.history else ()
            wanted = {
                AlertKey(AlertKind.NO_CONSUMPTION, account.id, None, supply.id): _idle(account, uses),
                AlertKey(AlertKind.UNUSUAL_CONSUMPTION, account.id, None, f"{PAST} {supply.id}"): None,
                AlertKey(AlertKind.UNUSUAL_CONSUMPTION, account.id, None, f"{SIMILAR} {supply.id}"): None,
            }
            idle, past, similar = wanted
            if wanted[idle] is None:
                wanted[past] = _against_past(account, uses, present=past in account.alerts)
                wanted[similar] = self._against_similar(account.site, supply, unit.at)
            for key, message in wanted.items():
                set_alert(self._session.installation, account, unit, key, message)

    def _update_unaccounted_alert(self, building: Account, unit: Transaction) -> None:
        """Hold a building's newest days that are over against the sum of its units, once a day."""
        key = AlertKey(AlertKind.ENERGY_UNACCOUNTED, building.id)
        others = [
            supply
            for account in self._session.installation.accounts.values()
            if account.site is building.site and not account.policy.building_meter
            for supply in account.supplies
        ]
        sums = [0, 0]
        for supply in building.supplies:
            for day in over_days(supply, unit.at):
                alike = [other for other in others if other.commodity == supply.commodity]
                if not alike or not all(read_on(other, day) for other in alike):
                    continue  # what a silent meter measured is not missing
                sums[0] += used_on(supply, day)
                sums[1] += sum(used_on(other, day) for other in alike)
        found = anomalies.unaccounted(*sums, present=key in building.alerts)
        message = None
        if found is not None:
            message = (
                f"{building.name}: {format_kwh(found.now_wh)} of {format_kwh(found.usual_wh)} in the last"
                f" days ({found.percent} %) went through no unit's meter; losses, a meter that stands still,"
                " or a tap"
            )
        set_alert(self._session.installation, building, unit, key, message)

    def _against_similar(self, site: Site, supply: Supply, now: int) -> str | None:
        """Return what to say of a supply whose week stands out in its site."""
        key = (site.id, supply.commodity)
        known = self._similar.get(key)
        if known is None or now - known.made_at > SIMILAR_MS:
            known = self._similar[key] = self._compare(site, supply.commodity, now)
        found = known.anomalies.get(supply.id)
        if found is None:
            return None
        return (
            f"{supply.account.name}: {format_kwh(found.now_wh)} a day last week, where the middle one of"
            f" {known.units} units here uses {format_kwh(found.usual_wh)}"
        )

    def _compare(self, site: Site, commodity: str, now: int) -> _Similar:
        """Hold the supplies of a commodity in a site against each other."""
        weeks = {
            supply.id: week
            for account in self._session.installation.accounts.values()
            if account.site is site and not account.policy.building_meter
            for supply in account.supplies
            if supply.commodity == commodity and supply.history is not None
            if (week := anomalies.week_of(supply.history.uses)) is not None
        }
        return _Similar(now, len(weeks), anomalies.against_similar(weeks))


def _idle(account: Account, uses: Uses) -> str | None:
    """Return what to say of a supply that uses nothing."""
    days = anomalies.idle_days(uses)
    return (
        f"{account.name}: nothing used for {days} days, though the supply is on; empty, or past the meter?"
        if days
        else None
    )


def _against_past(account: Account, uses: Uses, *, present: bool) -> str | None:
    """Return what to say of a supply whose week differs from the month before."""
    found = anomalies.against_own_past(uses, present=present)
    if found is None:
        return None
    return (
        f"{account.name}: {format_kwh(found.now_wh)} a day last week,"
        f" {found.percent} % of the usual {format_kwh(found.usual_wh)}"
    )


def _stale(supply: Supply, now: int) -> bool:
    """Say whether a supply is to be foretold anew."""
    if supply.account.policy.payment_mode is not PaymentMode.PREPAYMENT or supply.history is None:
        return False
    known = supply.forecast
    return known is None or (
        now - known.made_at > FRESH_MS
        or known.last != supply.history.last
        or known.timeline is not supply.timeline
        or known.debts != debts_of(supply)
    )


def _make_forecast(supply: Supply, at: int) -> Iterator[None]:
    """Learn and look ahead, step by step; the result counts once it is whole."""
    history, timeline, debts = supply.history, supply.timeline, debts_of(supply)
    assert history is not None
    habit = fit(history)
    bands: dict[int, PredictionInterval | None] = {}
    points: list[Point] = []
    if habit is not None:
        known = supply.forecast
        same = known is not None and known.last == history.last
        for days in HORIZONS:
            bands[days] = (
                known.intervals[days]
                if same and known and known.intervals
                else prediction_interval(errors(history, days))
            )
            yield
        ahead = projected_points(supply.rating, timeline, habit, at)
        while part := list(islice(ahead, DAYS_AT_ONCE)):
            points += part
            yield
    outlook = None
    if points:
        plain = CostProjection(tuple(points), sells_units(timeline, at))
        outlook = with_debts(plain, debts, timeline.versions[0].zone)
    if supply.history is history:  # else another customer moved in meanwhile, or a day ended
        supply.forecast = ForecastRun(at, history.last, timeline, debts, outlook, bands)
