"""The register compared with the power: what is wrong is found, what is right never doubted."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise
import random

from hypothesis import given, settings, strategies as st
import pytest

from meter_bridge.core.register import power_comparison as rules
from meter_bridge.core.register.power_comparison import (
    DENSE_MS,
    FAR,
    LEAST_REPORTS,
    SLOWEST_UPDATE_MS,
    SPARSE_MS,
    WINDOW_MS,
    Comparison,
    Finding,
    PowerRecord,
    compare,
    is_told,
    possible_by_power_wh,
)
from tests.core.builders import HOUR

NOON = 1_767_960_000_000
MINUTE = 60_000
RATING_W = 10_000

type Load = Callable[[int], int]
"""Power in mW at an instant after noon."""


def energy_mwms(load: Load, begin: int, end: int, step: int) -> int:
    """Return what flows between two instants, in mW·ms."""
    return sum(load(at) * min(step, end - at) for at in range(begin, end, step))


class Device:
    """A meter with its register, read by the bridge."""

    def __init__(
        self,
        load: Load,
        *,
        step_wh: int = 1,
        factor: float = 1,
        power: Callable[[int], int | None] = lambda power_mw: power_mw,
        every_ms: int = 10_000,
        told_every_ms: int = 0,
        grain_ms: int = 5_000,
    ) -> None:
        self.grain_ms = grain_ms
        self.load, self.step_wh, self.factor, self.power = load, step_wh, factor, power
        self.every_ms, self.told_every_ms = every_ms, told_every_ms
        self.at, self.flowed, self.counted = 0, 0.0, 0
        self.record = PowerRecord()
        self.found: list[Comparison] = []
        self.told: list[Finding] = []
        self.stuck = False

    def passes(self, milliseconds: int) -> None:
        """Let time pass; the device reports now and then."""
        end = self.at + milliseconds
        while self.at < end:
            self.report(min(self.every_ms, end - self.at))

    def silent(self, milliseconds: int) -> None:
        """Let time pass without a report."""
        self._flow(milliseconds)

    def _flow(self, milliseconds: int) -> None:
        self.flowed += energy_mwms(self.load, self.at, self.at + milliseconds, self.grain_ms) * self.factor
        self.at += milliseconds

    def report(self, after_ms: int) -> None:
        """Let time pass and report."""
        self._flow(after_ms)
        at, power = NOON + self.at, self.power(self.load(self.at))
        if power is not None:
            self.record.add(power, at)
        wh = int(self.flowed // rules.MW_MS_PER_WH) // self.step_wh * self.step_wh
        brought_up = not self.told_every_ms or self.at % self.told_every_ms < after_ms
        rose = wh > self.counted and brought_up and not self.stuck
        if rose:
            self.counted = wh
        found = compare(self.record, self.counted, at, 1, rose=rose)
        if rose:
            self.record.rise(at)
        if found is not None:
            self.found.append(found)
            if is_told(found.finding, self.record.mismatches):
                self.told.append(found.finding)

    @property
    def findings(self) -> set[Finding]:
        return {found.finding for found in self.found}


def steady(watts: float) -> Load:
    return lambda _: round(watts * 1000)


class TestWhatIsFound:
    def test_wh_taken_for_kwh_are_far_too_much_within_a_quarter_of_an_hour(self) -> None:
        device = Device(steady(8), factor=1000)
        device.passes(WINDOW_MS + 20_000)
        assert device.told == [Finding.FAR_TOO_MUCH]
        (found,) = device.found
        assert (1_300 < found.counted_wh < 1_400, found.flowed_wh, found.power_mw) == (True, 1, 8_000)

    def test_kwh_taken_for_wh_are_far_too_little(self) -> None:
        device = Device(steady(1_500), factor=0.001)
        device.passes(3 * HOUR)
        assert set(device.told) == {Finding.FAR_TOO_LITTLE}

    @pytest.mark.parametrize("step_wh", [1, 10, 100, 1000])
    def test_a_register_that_stands_still_under_a_load_is_found_within_hours(self, step_wh: int) -> None:
        device = Device(steady(1_500), step_wh=step_wh)
        device.passes(2 * HOUR)
        assert device.told == []
        device.stuck = True
        device.passes(SLOWEST_UPDATE_MS + 2 * HOUR)
        assert set(device.told) == {Finding.STANDS_STILL}

    def test_a_register_that_never_moved_is_found_as_well(self) -> None:
        device = Device(steady(1_500))
        device.stuck = True
        device.passes(SLOWEST_UPDATE_MS + 2 * HOUR)
        assert set(device.told) == {Finding.STANDS_STILL}

    def test_a_still_register_is_found_after_a_gap(self) -> None:
        device = Device(steady(1_500))
        device.passes(HOUR)
        device.stuck = True
        device.silent(HOUR)
        device.passes(SLOWEST_UPDATE_MS + 2 * HOUR)
        assert set(device.told) == {Finding.STANDS_STILL}

    @pytest.mark.parametrize("factor, finding", [(2, Finding.TOO_MUCH), (0.5, Finding.TOO_LITTLE)])
    def test_doubled_and_halved_totals_are_told_after_some_time(
        self, factor: float, finding: Finding
    ) -> None:
        device = Device(steady(900), factor=factor)
        device.passes(HOUR // 2)
        assert device.told == []
        device.passes(HOUR)
        assert set(device.told) == {finding}

    def test_a_total_that_is_doubled_is_found_although_the_load_cycles(self) -> None:
        device = Device(lambda at: 2_000_000 if at % (20 * MINUTE) < 8 * MINUTE else 60_000, factor=2)
        device.passes(6 * HOUR)
        assert set(device.told) == {Finding.TOO_MUCH}

    def test_it_is_over_when_register_and_power_agree(self) -> None:
        device = Device(steady(900), factor=2)
        device.passes(3 * HOUR)
        device.factor = 1
        device.passes(HOUR)
        assert device.found[-1].finding is Finding.AGREES
        assert device.record.mismatches == 0

    def test_a_jump_that_the_rating_allows_is_ruled_out_by_the_power(self) -> None:
        device = Device(steady(100))
        device.passes(HOUR)
        most = possible_by_power_wh(device.record, NOON + device.at, RATING_W)
        assert most is not None
        assert most < 2_868
        assert most >= RATING_W * DENSE_MS // HOUR


class TestWhatIsNotJudged:
    @pytest.mark.parametrize("power", [None, 0, -50_000])
    def test_a_device_without_power_or_with_power_that_flows_back(self, power: int | None) -> None:
        device = Device(steady(2_000), power=lambda _: power)
        device.passes(12 * HOUR)
        assert device.findings <= {Finding.UNCLEAR}
        assert possible_by_power_wh(device.record, NOON + device.at, RATING_W) is None

    def test_few_reports(self) -> None:
        device = Device(steady(8), factor=1000, every_ms=MINUTE)
        device.passes((LEAST_REPORTS - 1) * MINUTE)
        assert device.found == []

    def test_reports_that_are_too_rare_to_see_every_load(self) -> None:
        device = Device(
            lambda at: 2_000_000 if at % (5 * MINUTE) > 4 * MINUTE else 1_000, every_ms=5 * MINUTE
        )
        device.passes(24 * HOUR)
        assert device.told == []
        assert possible_by_power_wh(device.record, NOON + device.at, RATING_W) is None

    @pytest.mark.parametrize("gap", [DENSE_MS + 1_000, SPARSE_MS + 1_000, 8 * HOUR])
    def test_what_a_gap_hid(self, gap: int) -> None:
        device = Device(lambda at: 3_000_000 if HOUR < at < HOUR + gap else 20_000)
        device.passes(HOUR)
        device.silent(gap)
        assert possible_by_power_wh(device.record, NOON + device.at, RATING_W) is None
        device.passes(HOUR)
        assert device.told == []

    def test_a_register_that_another_began(self) -> None:
        device = Device(steady(100))
        device.passes(HOUR)
        device.record.invalidate()
        assert possible_by_power_wh(device.record, NOON + device.at, RATING_W) is None


class TestWhatIsRightIsNeverDoubted:
    @pytest.mark.parametrize("every_ms", [10_000, 60_000, 300_000])
    @pytest.mark.parametrize("told_every_ms", [0, 60_000, HOUR])
    @pytest.mark.parametrize("step_wh", [1, 10, 1000])
    def test_steps_and_how_often_a_register_is_brought_up_to_date_play_no_part(
        self, every_ms: int, told_every_ms: int, step_wh: int
    ) -> None:
        """A hundred watts by night, an oven for an hour."""
        device = Device(
            lambda at: 5_000_000 if 3 * HOUR < at < 4 * HOUR else 100_000,
            every_ms=every_ms,
            told_every_ms=told_every_ms,
            step_wh=step_wh,
        )
        device.passes(12 * HOUR)
        assert device.told == []

    def test_a_fridge_is_not_doubted_and_agrees(self) -> None:
        device = Device(lambda at: 90_000 if at % (40 * MINUTE) < 15 * MINUTE else 1_000)
        device.passes(48 * HOUR)
        assert device.told == []

    def test_standby_that_the_power_does_not_show_is_not_doubted(self) -> None:
        """HLW8012: nothing below 3 W, but a report of 8 W now and then."""
        device = Device(steady(3), power=lambda _: 8_000 if random.Random(device.at).random() < 0.05 else 0)
        device.passes(7 * 24 * HOUR)
        assert device.told == []

    @settings(max_examples=60, deadline=None)
    @given(
        pieces=st.lists(
            st.tuples(st.integers(1, 120), st.sampled_from([0, 4, 60, 400, 2_000, 9_000])),
            min_size=1,
            max_size=12,
        ),
        every_s=st.sampled_from([5, 10, 30, 60, 277]),  # none in step with loads that are switched by minutes
        step_wh=st.sampled_from([1, 10, 100, 1000]),
        rounding_w=st.sampled_from([1, 10]),
        percent=st.integers(92, 108),
    )
    def test_whatever_runs_for_a_minute_or_more(
        self, pieces: list[tuple[int, int]], every_s: int, step_wh: int, rounding_w: int, percent: int
    ) -> None:
        load = schedule([(minutes * MINUTE, watts) for minutes, watts in pieces])
        scale = 1000 * rounding_w
        device = Device(
            load,
            step_wh=step_wh,
            every_ms=every_s * 1_000,
            factor=percent / 100,
            power=lambda power_mw: power_mw // scale * scale,
        )
        device.passes(5 * HOUR)
        assert device.told == []

    @settings(max_examples=15, deadline=None)
    @given(
        seed=st.integers(0, 10**6), on_s=st.integers(2, 20), off_s=st.integers(2, 40), base=st.integers(0, 80)
    )
    def test_bursts_that_most_reports_miss_are_never_quarantined(
        self, seed: int, on_s: int, off_s: int, base: int
    ) -> None:
        """A hob that switches 2 kW on and off within seconds, read every 10 s or when a change is noticed."""
        chance = random.Random(seed)
        switches = list(bursts(chance, on_s, off_s, 4 * HOUR))
        device = Device(schedule(switches, base_w=base), grain_ms=1_000)
        while device.at < 4 * HOUR:
            device.report(chance.choice([10_000, 10_000, 10_000, 1_000, 3_000]))
        assert Finding.FAR_TOO_MUCH not in device.findings
        assert Finding.STANDS_STILL not in device.findings


def schedule(pieces: Sequence[tuple[int, int]], *, base_w: int = 0) -> Load:
    """Return a load that runs through pieces of so many ms and W again and again."""
    ends = list(accumulate(milliseconds for milliseconds, _ in pieces))
    return lambda at: (pieces[bisect_right(ends, at % ends[-1])][1] + base_w) * 1000


def bursts(chance: random.Random, on_s: int, off_s: int, total_ms: int) -> Iterator[tuple[int, int]]:
    """Yield bursts of 2 kW with pauses."""
    passed = 0
    while passed < total_ms:
        for seconds, watts in ((on_s, 2_000), (off_s, 0)):
            milliseconds = round(seconds * chance.uniform(0.7, 1.3)) * 1_000 or 1_000
            passed += milliseconds
            yield milliseconds, watts


class TestRecord:
    @given(st.lists(st.tuples(st.integers(0, 100_000), st.integers(0, 10**7)), max_size=40))
    def test_least_and_most_enclose_every_way_between_two_reports(
        self, reports: list[tuple[int, int]]
    ) -> None:
        record, at, told = PowerRecord(), NOON, [(NOON, 0)]
        record.add(0, NOON)
        record.begin(NOON, 0, from_rise=True)
        for pause, power in reports:
            at += pause
            record.add(power, at)
            told.append((at, power))
        straight = sum(
            (before[1] + after[1]) * (after[0] - before[0]) // 2 for before, after in pairwise(told)
        )
        assert record.low <= straight + len(told)
        assert straight <= record.high

    def test_a_report_from_before_the_newest_changes_nothing(self) -> None:
        record = PowerRecord()
        record.add(1_000, NOON)
        record.add(9_000, NOON - 1)
        assert (record.at, record.power_mw) == (NOON, 1_000)

    def test_a_rise_up_to_the_factor_is_possible(self) -> None:
        record = PowerRecord()
        record.add(1_000_000, NOON)
        record.begin(NOON, 0, from_rise=True)
        for minute in range(1, 61):
            record.add(1_000_000, NOON + minute * MINUTE)
        assert (
            possible_by_power_wh(record, NOON + HOUR, RATING_W) == FAR * 1_020 + RATING_W * DENSE_MS // HOUR
        )

    def test_nothing_is_compared_too_early(self) -> None:
        record = PowerRecord(at=NOON)
        record.begin(NOON, 0, from_rise=True)
        for second in range(1, WINDOW_MS // 1_000):
            record.add(8_000, NOON + second * 1_000)
        assert compare(record, 9_999, NOON + WINDOW_MS - 1, 1, rose=True) is None
        assert compare(record, 9_999, NOON + WINDOW_MS, 1, rose=True) is not None
