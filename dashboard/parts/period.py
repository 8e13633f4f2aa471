"""The choice of some days: the last ones, a month, or any others."""

from dataclasses import dataclass
from datetime import date, timedelta
import time
from typing import Final

import streamlit as st

from dashboard.data.warehouse import local_date
from dashboard.text.translate import _
from meter_bridge.text.marks import N_

DAY_MS: Final = 24 * 3_600_000
LAST: Final = {N_("7 days"): 7, N_("30 days"): 30, N_("90 days"): 90, N_("1 year"): 365}
THIS_MONTH: Final = N_("This month")
LAST_MONTH: Final = N_("Last month")
OTHER: Final = N_("Other days")
NAMES: Final = (*LAST, THIS_MONTH, LAST_MONTH, OTHER)
KEY: Final = "period"
DAYS_KEY: Final = "other days"
MARGIN_DAYS: Final = 2
"""A local day begins up to fourteen hours before the same day in UTC."""


@dataclass(frozen=True, slots=True)
class Period:
    """Some local days, by name: the newest local day need not be known yet."""

    name: str
    first: date | None = None
    last: date | None = None

    def between(self, today: date) -> tuple[date, date]:
        """Return first and last day, included, for an installation whose newest day is given."""
        if self.name in LAST:
            return today - timedelta(days=LAST[self.name] - 1), today
        begin = today.replace(day=1)
        if self.name == LAST_MONTH:
            return (begin - timedelta(days=1)).replace(day=1), begin - timedelta(days=1)
        if self.name == THIS_MONTH or self.first is None:
            return begin, today
        return self.first, self.last or self.first

    def since(self, now: int) -> int:
        """Return an instant before the first day begins anywhere, the same all day long."""
        today = local_date(now, "UTC")
        first, _ = self.between(today)
        return (first - date(1970, 1, 1)).days * DAY_MS - MARGIN_DAYS * DAY_MS


def choose_period(default: str = "30 days") -> Period:
    """Let the person choose."""
    chosen = st.selectbox(
        _("Time"), NAMES, index=NAMES.index(default), format_func=_, key=KEY, bind="query-params"
    )
    if chosen == OTHER:
        today = local_date(int(time.time() * 1000), "UTC")
        st.date_input(
            _("Days"),
            (today - timedelta(days=6), today),
            max_value=today + timedelta(days=1),
            key=DAYS_KEY,
            format="YYYY-MM-DD",
        )
    return chosen_period(default)


def chosen_period(default: str = "30 days") -> Period:
    """Return what is chosen, also before the choice is shown: from the address, or the default."""
    name = st.session_state.get(KEY) or st.query_params.get(KEY, default)
    if name not in NAMES:
        return Period(default)
    days = st.session_state.get(DAYS_KEY)
    if name != OTHER or not isinstance(days, tuple) or not days:
        return Period(name)
    return Period(OTHER, days[0], days[-1])
