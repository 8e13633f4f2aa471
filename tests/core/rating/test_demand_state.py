"""A maximum demand over several meters, one of them silent for months: what is kept stays small and right."""

from hypothesis import given, settings, strategies as st

from meter_bridge.core.calendar import DAY_MS, MINUTE_MS
from meter_bridge.core.rating.rating import Rating, allocate, purge_intervals
from meter_bridge.core.tariff.tariff import DemandCharge, Timeline
from tests.core.builders import amount, instant, tariff

START = instant("2026-01-01 00:00", "Africa/Johannesburg")
QUARTER = 15 * MINUTE_MS
VERSION = tariff(more={"demand": DemandCharge(amount("10.00"))})


def spoken(rating: Rating, timeline: Timeline, days: int, loads: list[int], *, forgets: bool) -> None:
    """Let one meter be heard every quarter of an hour, with the loads over and over again."""
    for n in range(days * 96):
        at = START + n * QUARTER
        allocate(rating, timeline, "heard", at, at + QUARTER, loads[n % len(loads)])
        if forgets and n % 96 == 95:
            purge_intervals(rating, START - 3_600_000, VERSION.zone)


@settings(max_examples=10, deadline=None)
@given(
    loads=st.lists(st.integers(0, 4_000), min_size=1, max_size=131),
    days=st.integers(8, 59),
    silent_wh=st.integers(0, 500_000),
)
def test_what_is_forgotten_changes_no_peak(loads: list[int], days: int, silent_wh: int) -> None:
    peaks = []
    for forgets in (True, False):
        rating, timeline = Rating(), Timeline((VERSION,))
        spoken(rating, timeline, days, loads, forgets=forgets)
        allocate(rating, timeline, "silent", START, START + days * DAY_MS, silent_wh * 96)
        peaks.append(rating.demand_peaks)
    assert peaks[0].keys() == peaks[1].keys()
    # Whole Wh are given to each quarter of an hour, so that one may get a Wh more than the next.
    assert all(abs(wh - peaks[1][period]) <= 1 for period, wh in peaks[0].items())


def test_a_meter_that_is_silent_for_months_lets_the_state_grow_no_further() -> None:
    rating, timeline = Rating(), Timeline((VERSION,))
    spoken(rating, timeline, 150, [100, 300, 200], forgets=True)
    assert len(rating.demand_intervals) <= 7 * 96 + 1 + 92
