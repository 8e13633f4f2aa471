"""How often credit may switch a contactor."""

from hypothesis import given, strategies as st

from meter_bridge.core.calendar import DAY_MS
from meter_bridge.core.supply.relay import MAX_SWITCHINGS, add_switching, switching_blocked_until

T = 10**12


def test_a_cut_waits_until_the_oldest_switching_that_is_too_many_is_a_day_old() -> None:
    switchings = (T, T + 10, T + 20)
    assert switching_blocked_until(switchings, 4, T + 30) is None
    assert switching_blocked_until(switchings, 3, T + 30) == T + DAY_MS
    assert switching_blocked_until(switchings, 3, T + DAY_MS) is None
    assert switching_blocked_until(switchings, 2, T + 30) == T + 10 + DAY_MS


def test_without_a_limit_nothing_wears() -> None:
    assert switching_blocked_until((T,) * 100, None, T) is None


@given(st.lists(st.integers(0, DAY_MS // 4), max_size=300), st.integers(1, 20))
def test_cuts_that_heed_the_limit_never_exceed_it_and_little_is_remembered(
    gaps: list[int], most: int
) -> None:
    kept: tuple[int, ...] = ()
    cuts: list[int] = []
    at = T
    for gap in gaps:
        at += gap
        if switching_blocked_until(kept, most, at) is None:
            kept = add_switching(kept, at)
            cuts.append(at)
        assert sum(1 for cut in cuts if at - cut < DAY_MS) <= most
        assert len(kept) <= MAX_SWITCHINGS
