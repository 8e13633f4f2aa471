"""The guarded clock: event time goes forwards at the pace of the monotonic clock, whatever wall clocks do."""

from hypothesis import given, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
import pytest

from meter_bridge.core.clock import (
    DEVICE_TOLERANCE_MS,
    TRUSTED_GAP_MS,
    WALL_CLOCK_TOLERANCE_MS,
    GuardedClock,
    check,
    confirm,
    reading_instant,
    start,
)
from tests.core.builders import DAY, HOUR

pytestmark = pytest.mark.invariant(12)
NOON = 1_767_960_000_000


def running(at: int = NOON) -> GuardedClock:
    """Return a sure clock anchored at monotonic zero."""
    return start(at, 0, None, synchronised=False)


class TestDatedReadings:
    @pytest.mark.parametrize(
        "measured, buffered, dated_at",
        [
            (None, False, NOON),
            (None, True, NOON),
            (NOON - DEVICE_TOLERANCE_MS, False, NOON - DEVICE_TOLERANCE_MS),
            (NOON - DEVICE_TOLERANCE_MS - 1, False, NOON),
            (NOON - DAY, True, NOON - DAY),
            (NOON + 1, False, NOON),
            (NOON + DAY, True, NOON),
        ],
    )
    def test_a_devices_own_time_counts_near_receipt_or_where_it_kept_the_reading(
        self, *, measured: int | None, buffered: bool, dated_at: int
    ) -> None:
        assert reading_instant(NOON, measured, buffered=buffered) == dated_at


class TestHowFarItIsAhead:
    def test_it_is_ahead_until_a_clock_that_was_set_back_has_caught_up(self) -> None:
        clock = confirm(running(), NOON - HOUR, 0)
        assert [clock.ahead_ms(passed) for passed in (0, HOUR, 2 * HOUR - 2, 2 * HOUR, DAY)] == [
            HOUR,
            HOUR // 2,
            1,
            0,
            0,
        ]
        assert running().ahead_ms(DAY) == 0
        assert confirm(running(), NOON + HOUR, 0).ahead_ms(0) == 0

    @given(ahead=st.integers(0, 2 * DAY), begun=st.integers(0, DAY), passed=st.integers(0, 5 * DAY))
    def test_how_far_it_was_ahead_is_known_of_every_instant_of_it(
        self, *, ahead: int, begun: int, passed: int
    ) -> None:
        clock = confirm(running(), NOON + begun - ahead, begun)
        monotonic = begun + passed
        now = clock.now(monotonic)
        assert abs(clock.ahead_ms_at(now) - clock.ahead_ms(monotonic)) <= 1
        assert clock.ahead_ms_at(NOON + begun - 1) == ahead
        assert clock.to_event_time(clock.anchored_time(monotonic)) == now

    def test_what_was_told_before_it_slowed_down_is_left_as_it_was_told(self) -> None:
        clock = confirm(running(), NOON - HOUR, 0)
        assert clock.to_event_time(NOON - HOUR - 1) == NOON - HOUR - 1
        assert running().to_event_time(NOON + 5) == NOON + 5
        assert running().ahead_ms_at(NOON + 5) == 0


class TestStart:
    @pytest.mark.parametrize(
        "wall, synchronised, now, sure",
        [
            (NOON, False, NOON, True),
            (NOON + TRUSTED_GAP_MS, False, NOON + TRUSTED_GAP_MS, True),
            (NOON + TRUSTED_GAP_MS + 1, False, NOON, False),
            (NOON + TRUSTED_GAP_MS + 1, True, NOON + TRUSTED_GAP_MS + 1, True),
            (NOON + 365 * DAY, True, NOON + 365 * DAY, True),
            (NOON - 1, False, NOON, True),
            (NOON - WALL_CLOCK_TOLERANCE_MS, False, NOON, True),
            (NOON - WALL_CLOCK_TOLERANCE_MS - 1, False, NOON, False),
            (0, False, NOON, False),
            (0, True, NOON, False),
        ],
    )
    def test_a_wall_clock_before_the_last_instant_or_a_day_after_it_is_not_believed_without_proof(
        self,
        *,
        wall: int,
        synchronised: bool,
        now: int,
        sure: bool,
    ) -> None:
        clock = start(wall, 77, NOON, synchronised=synchronised)
        assert (clock.now(77), clock.sure) == (now, sure)

    def test_a_first_start_has_nothing_to_doubt(self) -> None:
        clock = start(5, 77, None, synchronised=False)
        assert (clock.now(77), clock.now(177), clock.sure) == (5, 105, True)


class TestWhileRunning:
    @pytest.mark.parametrize("drift", [0, 1, WALL_CLOCK_TOLERANCE_MS - 1, WALL_CLOCK_TOLERANCE_MS])
    def test_a_drift_up_to_the_tolerance_is_followed_forwards_and_waited_out_backwards(
        self, drift: int
    ) -> None:
        ahead = check(running(), NOON + HOUR + drift, HOUR, synchronised=False)
        assert (ahead.now(HOUR), ahead.sure) == (NOON + HOUR + drift, True)
        behind = check(running(), NOON + HOUR - drift, HOUR, synchronised=False)
        assert (behind.now(HOUR), behind.sure) == (NOON + HOUR, True)

    @pytest.mark.parametrize("synchronised", [False, True])
    @pytest.mark.parametrize(
        "jump", [WALL_CLOCK_TOLERANCE_MS + 1, -WALL_CLOCK_TOLERANCE_MS - 1, 400 * DAY, -400 * DAY]
    )
    def test_a_jump_beyond_the_tolerance_moves_nothing_and_makes_the_clock_unsure(
        self,
        *,
        jump: int,
        synchronised: bool,
    ) -> None:
        clock = check(running(), NOON + HOUR + jump, HOUR, synchronised=synchronised)
        assert (clock.now(HOUR), clock.sure) == (NOON + HOUR, False)

    def test_a_clock_that_jumps_back_to_where_it_belongs_is_sure_again_by_itself(self) -> None:
        clock = check(running(), NOON + 2 * DAY, 0, synchronised=False)
        clock = check(clock, NOON + 1_000, 1_000, synchronised=False)
        assert (clock.now(1_000), clock.sure) == (NOON + 1_000, True)

    def test_an_unsure_clock_follows_a_wall_clock_forwards_once_that_is_synchronised(self) -> None:
        clock = start(0, 0, NOON, synchronised=False)
        clock = check(clock, NOON + 30 * DAY, HOUR, synchronised=True)
        assert (clock.now(HOUR), clock.sure) == (NOON + 30 * DAY, True)

    def test_an_unsure_clock_stays_unsure_as_long_as_nobody_vouches_for_the_wall_clock(self) -> None:
        clock = start(0, 0, NOON, synchronised=False)
        for hour in range(1, 5):
            clock = check(clock, hour * HOUR, hour * HOUR, synchronised=False)
            assert (clock.now(hour * HOUR), clock.sure) == (NOON + hour * HOUR, False)

    @pytest.mark.parametrize("by_person", [False, True])
    def test_where_event_time_was_ahead_it_passes_at_half_speed_until_a_trusted_wall_clock_has_caught_up(
        self,
        *,
        by_person: bool,
    ) -> None:
        clock = check(running(), NOON - 2 * HOUR, 0, synchronised=False)
        assert not clock.sure
        wall = NOON - 2 * HOUR
        clock = confirm(clock, wall, 0) if by_person else check(clock, wall, 0, synchronised=True)
        for hour in range(7):
            clock = check(clock, wall + hour * HOUR, hour * HOUR, synchronised=False)
            event = max(NOON + hour * HOUR // 2, wall + hour * HOUR)
            assert (clock.now(hour * HOUR), clock.sure) == (event, True)

    def test_more_than_a_day_ahead_only_a_person_slows_event_time_down(self) -> None:
        wall = NOON - TRUSTED_GAP_MS - 1
        clock = check(running(), wall, 0, synchronised=False)
        assert not check(clock, wall, 0, synchronised=True).sure
        assert confirm(clock, wall, 0).sure

    def test_what_a_person_confirms_forwards_is_now(self) -> None:
        clock = confirm(start(0, 0, NOON, synchronised=False), NOON + 9 * DAY, 50)
        assert (clock.now(50), clock.sure) == (NOON + 9 * DAY, True)

    @given(
        st.lists(
            st.tuples(st.integers(0, HOUR), st.sampled_from([0, 0, 1, -1]), st.integers(2, 10**6)),
            max_size=30,
        )
    )
    def test_jumps_either_way_move_event_time_by_nothing_as_long_as_nobody_vouches_for_them(
        self, steps: list[tuple[int, int, int]]
    ) -> None:
        clock, monotonic = running(), 0
        for elapsed, way, size in steps:
            monotonic += elapsed
            clock = check(
                clock, NOON + monotonic + way * size * WALL_CLOCK_TOLERANCE_MS, monotonic, synchronised=False
            )
            assert clock.now(monotonic) == NOON + monotonic
            assert clock.sure == (way == 0)


class ClockMachine(RuleBasedStateMachine):
    """Wall clocks that jump, synchronise and are confirmed, over restarts."""

    @initialize(wall=st.integers(0, 2 * NOON))
    def switch_on(self, wall: int) -> None:
        self.wall, self.monotonic = wall, 0
        self.clock = start(wall, 0, None, synchronised=False)
        self.last = self.clock.now(0)

    @rule(elapsed=st.integers(0, 40 * DAY))
    def time_passes(self, elapsed: int) -> None:
        self.monotonic, self.wall = self.monotonic + elapsed, self.wall + elapsed

    @rule(
        jump=st.integers(-400 * DAY, 400 * DAY)
        | st.integers(-2 * WALL_CLOCK_TOLERANCE_MS, 2 * WALL_CLOCK_TOLERANCE_MS)
    )
    def wall_clock_jumps(self, jump: int) -> None:
        self.wall += jump

    @rule(synchronised=st.booleans())
    def look(self, *, synchronised: bool) -> None:
        before = self.clock.now(self.monotonic)
        self.clock = check(self.clock, self.wall, self.monotonic, synchronised=synchronised)
        moved = self.clock.now(self.monotonic) - before
        assert moved <= WALL_CLOCK_TOLERANCE_MS or synchronised

    @rule()
    def vouch(self) -> None:
        self.clock = confirm(self.clock, self.wall, self.monotonic)
        assert check(self.clock, self.wall, self.monotonic, synchronised=False).sure

    @rule(synchronised=st.booleans(), monotonic=st.integers(0, DAY))
    def restart(self, *, synchronised: bool, monotonic: int) -> None:
        self.monotonic = monotonic
        self.clock = start(self.wall, monotonic, self.last, synchronised=synchronised)

    @invariant()
    def event_time_never_goes_back(self) -> None:
        now = self.clock.now(self.monotonic)
        assert now >= self.last
        self.last = now


TestClockMachine = ClockMachine.TestCase
TestClockMachine.settings = settings(max_examples=80, stateful_step_count=30)
