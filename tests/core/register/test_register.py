"""Register arithmetic: what is charged is the register's rise, whatever messages do on their way."""

from dataclasses import dataclass, replace
import struct

from hypothesis import assume, given, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
import pytest

from meter_bridge.core.register.register import (
    DOUBTS_BEFORE_QUARANTINE,
    GRACE_MS,
    MIN_DOUBT_MS,
    Cause,
    Decision,
    Doubt,
    Register,
    RegisterReading,
    adjust_to_clock,
    advance,
    decide,
    first_reading,
)
from meter_bridge.devices.base.quantities import float32_step_wh, register_mwh
from tests.core.builders import DAY, HOUR

RATING_W = 10_000
NOON = 1_767_960_000_000


def begin(wh: int = 100_000, at: int = NOON, witness: str | None = None) -> Register:
    """Return a register after its first reading."""
    return first_reading(RegisterReading(wh, at, reset_marker=witness))


@dataclass
class Meter:
    """A register that is fed, and all that was charged."""

    register: Register
    charged: int = 0

    def read(
        self,
        wh: int,
        at: int,
        *,
        step: int = 1,
        witness: str | None = None,
        rating_w: int = RATING_W,
        modulus: int | None = None,
        boot: str | None = None,
        ahead: int = 0,
        away: int = 0,
    ) -> int:
        """Take a reading and return what it charges."""
        reading = RegisterReading(wh, at, step, witness, modulus, boot, ahead, away)
        result = advance(self.register, reading, rating_w)
        assert result.delta_wh >= 0
        if result.delta_wh:
            assert result.from_at == self.register.at <= result.register.at
        self.register = result.register
        self.charged += result.delta_wh
        return result.delta_wh

    def decide(self, decision: Decision) -> int:
        """Apply a person's decision and return what it charges."""
        result = decide(self.register, decision)
        self.register = result.register
        self.charged += result.delta_wh
        return result.delta_wh


def quarantined(*, at: int = NOON, wh: int = 900_000, witness: str | None = None) -> Meter:
    """Return a meter of which three readings in a row cannot be."""
    meter = Meter(begin(witness=None if witness is None else "old"))
    for second in range(DOUBTS_BEFORE_QUARANTINE):
        meter.read(wh + second, at + (second + 1) * 5_000, witness=witness)
    assert meter.register.quarantined
    return meter


class TestReadings:
    def test_nothing_is_charged_for_what_was_before_the_first_reading(self) -> None:
        register = begin(123_456)
        assert (register.start_wh, register.watermark_wh, register.charged_wh, register.epoch) == (
            123_456,
            123_456,
            0,
            0,
        )

    def test_a_rise_is_charged_over_the_time_since_the_watermark(self) -> None:
        result = advance(begin(), RegisterReading(100_010, NOON + 10_000), RATING_W)
        assert (result.delta_wh, result.from_at, result.register.at) == (10, NOON, NOON + 10_000)

    def test_a_repeated_reading_charges_nothing_and_moves_the_time_on(self) -> None:
        meter = Meter(begin())
        assert [meter.read(100_000, NOON + second) for second in (0, 5, 5)] == [0, 0, 0]
        assert meter.register.at == NOON + 5

    def test_time_never_goes_back_for_a_reading_that_comes_late(self) -> None:
        meter = Meter(begin())
        assert meter.read(100_001, NOON - HOUR) == 1
        assert meter.register.at == NOON

    def test_the_largest_rise_that_rating_time_and_grace_allow_is_charged_and_one_more_is_not(self) -> None:
        possible = RATING_W * (HOUR + GRACE_MS) // HOUR + 1 + 1
        assert RATING_W * (HOUR + GRACE_MS) % HOUR, "the limit is rounded up"
        assert Meter(begin()).read(100_000 + possible, NOON + HOUR) == possible
        assert Meter(begin()).read(100_000 + possible + 1, NOON + HOUR) == 0

    def test_a_rise_that_was_held_back_on_its_way_is_charged_once_time_allows_it(self) -> None:
        meter = Meter(begin())
        assert meter.read(100_200, NOON + 1_000) == 0
        assert meter.read(100_201, NOON + 20_000) == 201
        assert meter.register.doubt is None


class TestFloat32Registers:
    def test_a_fall_within_one_step_is_the_same_value(self) -> None:
        meter = Meter(begin())
        assert meter.read(99_992, NOON + 1, step=8) == 0
        assert (meter.register.watermark_wh, meter.register.doubt) == (100_000, None)

    def test_a_fall_of_more_than_one_step_is_doubted(self) -> None:
        meter = Meter(begin())
        meter.read(99_991, NOON + 1, step=8)
        assert meter.register.doubt is not None
        assert meter.register.doubt.cause is Cause.FELL

    def test_values_that_creep_down_step_by_step_do_not_take_the_watermark_along(self) -> None:
        meter = Meter(begin())
        for down in (8, 16, 24, 32):
            meter.read(100_000 - down, NOON + down * 1_000, step=8)
        assert (meter.register.watermark_wh, meter.register.quarantined, meter.charged) == (100_000, True, 0)

    @given(st.lists(st.integers(0, 40), max_size=40), st.sampled_from([1, 2, 4, 8]))
    def test_a_true_register_seen_in_coarse_steps_is_charged_once(self, rises: list[int], step: int) -> None:
        true, meter = 16_384_000, Meter(begin(16_384_000))
        for number, rise in enumerate(rises):
            true += rise
            meter.read(true // step * step, NOON + number * 60_000, step=step)
            meter.read((true // step - 1) * step, NOON + number * 60_000, step=step)
        assert meter.charged == meter.register.charged_wh == max(true // step * step - 16_384_000, 0)

    @settings(max_examples=300)
    @given(
        st.integers(1, 2**27),
        st.lists(st.tuples(st.integers(0, 30 * 60_000), st.integers(0, 100)), max_size=30),
        st.data(),
    )
    def test_a_float32_register_is_charged_as_exactly_as_it_can_be_written(
        self, start: int, use: list[tuple[int, int]], data: st.DataObject
    ) -> None:
        true, at = start, NOON
        said, step = as_float32(true)
        meter = Meter(begin(said))
        for elapsed, percent in use:
            at, true = at + elapsed, true + RATING_W * elapsed * percent // (100 * HOUR)
            wh, step = as_float32(true)
            meter.read(wh - data.draw(st.sampled_from([0, 0, step])), at, step=step)
            assert meter.charged == meter.register.charged_wh <= as_float32(true)[0] - said
            assert meter.register.doubt is None
        assert 0 <= as_float32(true)[0] - said - meter.charged <= step


def as_float32(wh: int) -> tuple[int, int]:
    """Return a register as a device says it that keeps kWh as float32, and its step there, both in Wh."""
    (kwh,) = struct.unpack("<f", struct.pack("<f", wh / 1000))
    return register_mwh(kwh, 1_000_000) // 1000, float32_step_wh(kwh)


MODULUS = 1_000_000


class TestRollover:
    def test_a_register_that_begins_again_goes_on_in_its_epoch(self) -> None:
        meter = Meter(begin(MODULUS - 100))
        assert meter.read(50, NOON + HOUR, modulus=MODULUS) == 150
        assert (meter.register.epoch, meter.register.watermark_wh, meter.register.charged_wh) == (0, 50, 150)
        assert meter.register.turned_wh == MODULUS
        assert meter.read(80, NOON + 2 * HOUR, modulus=MODULUS) == 30

    def test_without_a_modulus_a_fall_is_a_fall(self) -> None:
        meter = Meter(begin(MODULUS - 100))
        assert meter.read(50, NOON + HOUR) == 0
        assert meter.register.doubt is not None

    def test_the_largest_turn_that_the_rating_allows_is_charged_and_one_more_is_not(self) -> None:
        possible = RATING_W * (HOUR + GRACE_MS) // HOUR + 1 + 1
        for more, charged in ((0, possible), (1, 0)):
            meter = Meter(begin(MODULUS - 100))
            assert meter.read(possible - 100 + more, NOON + HOUR, modulus=MODULUS) == charged

    @pytest.mark.parametrize("start,wh", [(MODULUS * 9 // 10 - 1, 0), (MODULUS - 1, MODULUS // 10)])
    def test_a_turn_from_or_to_beyond_a_tenth_of_the_range_is_left_to_a_person(
        self, start: int, wh: int
    ) -> None:
        meter = Meter(begin(start))
        assert meter.read(wh, NOON + 3 * DAY, modulus=MODULUS) == 0
        assert meter.register.doubt is not None

    def test_where_a_full_turn_is_possible_a_fall_is_left_to_a_person(self) -> None:
        meter = Meter(begin(MODULUS - 100))
        assert meter.read(50, NOON + 5 * DAY, modulus=MODULUS) == 0
        assert meter.register.doubt is not None

    def test_a_coarse_register_that_wavers_at_its_end_turns_once(self) -> None:
        meter = Meter(begin(MODULUS - 8))
        for second, wh in enumerate((0, MODULUS - 8, 0, MODULUS - 8, 8), 1):
            meter.read(wh, NOON + second * 10_000, step=8, modulus=MODULUS)
        assert (meter.charged, meter.register.turned_wh, meter.register.doubt) == (16, MODULUS, None)

    def test_a_register_above_its_modulus_does_not_turn(self) -> None:
        meter = Meter(begin(MODULUS + 100))
        assert meter.read(MODULUS + 200, NOON + HOUR, modulus=MODULUS) == 100
        assert meter.read(MODULUS + 50, NOON + 2 * HOUR, modulus=MODULUS) == 0

    @given(st.lists(st.integers(0, 3 * DAY), max_size=12))
    def test_a_quarantined_fall_is_never_charged_as_a_turn_by_the_passing_of_time(
        self, pauses: list[int]
    ) -> None:
        meter, at = Meter(begin(MODULUS * 95 // 100)), NOON
        for _ in range(DOUBTS_BEFORE_QUARANTINE):
            at += 5_000
            meter.read(500, at, modulus=MODULUS)
        assert meter.register.quarantined
        for pause in pauses:
            at += pause
            assert meter.read(500, at, modulus=MODULUS) == 0
        assert meter.decide(Decision.ACCEPT) == MODULUS * 5 // 100 + 500
        assert (meter.register.epoch, meter.register.turned_wh) == (0, MODULUS)

    def test_a_quarantined_jump_is_not_charged_by_a_turn_that_follows(self) -> None:
        meter = Meter(begin(MODULUS * 93 // 100))
        for number in range(DOUBTS_BEFORE_QUARANTINE):
            meter.read(MODULUS * 98 // 100, NOON + number * 5_000, modulus=MODULUS)
        assert meter.register.quarantined
        assert meter.read(10, NOON + 2 * DAY, modulus=MODULUS) == 0

    @pytest.mark.invariant(5)
    @settings(max_examples=300)
    @given(st.data())
    def test_what_is_charged_is_the_true_use_over_any_number_of_turns(self, data: st.DataObject) -> None:
        modulus = data.draw(st.sampled_from([100_000, 99_999, 250_000]))
        steps = data.draw(
            st.lists(st.tuples(st.integers(1, 40), st.integers(0, 100)), min_size=1, max_size=60)
        )
        start = data.draw(st.integers(0, modulus - 1))
        meter, true, at, heard = Meter(begin(start)), start, NOON, NOON
        for minutes, percent in steps:
            at += minutes * 60_000
            true += RATING_W * minutes * percent // 6_000
            # Losing readings must not let more than a tenth of the range pass unheard.
            if data.draw(st.booleans()) and at - heard < 30 * 60_000:
                continue
            heard = at
            for _ in range(data.draw(st.integers(1, 2))):
                meter.read(true % modulus, at, modulus=modulus)
            assert meter.charged == meter.register.charged_wh == true - start
            late = data.draw(st.integers(0, 300))
            meter.read((true - late) % modulus, at - 1, modulus=modulus)
            assert meter.charged == true - start
        assert meter.register.epoch == 0


class TestRestarts:
    def test_a_fall_that_persists_after_a_restart_goes_on_from_there(self) -> None:
        meter = Meter(first_reading(RegisterReading(100_000, NOON, boot_id="7")))
        charged = [meter.read(99_700 + n, NOON + n * 10_000, boot="8") for n in range(1, 5)]
        assert charged == [0, 0, 0, 1]
        assert (meter.register.epoch, meter.register.start_wh, meter.register.doubt) == (1, 99_703, None)

    def test_a_fall_that_passes_after_a_restart_is_forgotten(self) -> None:
        meter = Meter(first_reading(RegisterReading(100_000, NOON, boot_id="7")))
        for second, wh in enumerate((0, 0, 100_001)):
            meter.read(wh, NOON + second * 10_000, boot="8")
        assert (meter.register.epoch, meter.charged, meter.register.boot) == (0, 1, "8")

    @pytest.mark.parametrize("boots", [(None, "8"), ("7", None), ("7", "7")])
    def test_a_fall_without_a_known_restart_waits_for_a_person(
        self, boots: tuple[str | None, str | None]
    ) -> None:
        meter = Meter(first_reading(RegisterReading(100_000, NOON, boot_id=boots[0])))
        for second in range(1, 5):
            meter.read(5, NOON + second * 10_000, boot=boots[1])
        assert meter.register.quarantined

    def test_a_restart_does_not_explain_a_register_that_jumped_as_well(self) -> None:
        meter = Meter(first_reading(RegisterReading(100_000, NOON, boot_id="7")))
        for second, wh in enumerate((5, 900_000, 6, 7), 1):
            meter.read(wh, NOON + second * 5_000, boot="8")
        assert meter.register.quarantined

    @pytest.mark.invariant(6)
    @given(st.lists(st.tuples(st.integers(0, 99_999), st.integers(0, 600_000)), max_size=12))
    def test_no_fall_after_a_restart_charges_what_the_register_fell_to(
        self, fallen: list[tuple[int, int]]
    ) -> None:
        meter, at = Meter(first_reading(RegisterReading(100_000, NOON, boot_id="7"))), NOON
        for wh, elapsed in fallen:
            at += elapsed
            before = meter.register
            charged = meter.read(wh, at, boot="8")
            assert charged <= max(0, wh - before.watermark_wh)


class TestDatedReadings:
    def test_a_lower_reading_dated_before_the_watermark_tells_nothing_new(self) -> None:
        meter = Meter(begin())
        for _ in range(5):
            assert meter.read(99_000, NOON - HOUR) == 0
        assert (meter.register.watermark_wh, meter.register.at, meter.register.doubt) == (100_000, NOON, None)

    @pytest.mark.invariant(5)
    @given(st.permutations([(100_000 + n * 50, NOON + n * 60_000) for n in range(12)]))
    def test_buffered_readings_in_any_order_charge_the_same_energy(
        self, readings: list[tuple[int, int]]
    ) -> None:
        meter = Meter(begin())
        for wh, at in readings:
            meter.read(wh, at)
        assert (meter.charged, meter.register.doubt) == (550, None)


@pytest.mark.invariant(5)
class TestLossRepetitionAndOrder:
    @settings(max_examples=300)
    @given(st.data())
    def test_what_is_charged_is_the_last_register_minus_the_start_whatever_was_lost_repeated_or_reordered(
        self, data: st.DataObject
    ) -> None:
        steps = data.draw(
            st.lists(st.tuples(st.integers(0, 600_000), st.integers(0, 900)), min_size=1, max_size=25)
        )
        true, wh, at = [], 100_000, NOON
        for elapsed, rise in steps:
            at, wh = at + elapsed, wh + rise
            true.append((wh, at))
        stream = data.draw(st.lists(st.sampled_from(true), max_size=60))
        by_receipt = data.draw(st.booleans())
        meter, heard = Meter(begin()), NOON
        for wh, measured in [*stream, true[-1]]:
            heard = max(heard, measured) + 1
            meter.read(wh, heard if by_receipt else measured, rating_w=10**9)
            assert meter.charged == meter.register.charged_wh
        assert meter.charged == true[-1][0] - 100_000
        assert meter.register.doubt is None

    @given(st.integers(1, 5), st.integers(0, 2), st.lists(st.integers(0, 30), min_size=1, max_size=6))
    def test_readings_of_before_a_witnessed_reset_that_come_late_are_not_charged_again(
        self, late: int, used_before: int, after: list[int]
    ) -> None:
        meter = Meter(begin(40, witness="2025"))
        meter.read(50, NOON + 10_000, witness="2025")
        meter.read(used_before, NOON + 20_000, witness="2026")
        for number in range(late):
            assert meter.read(40 + number, NOON + 21_000 + number, witness="2025") == 0
        wh = used_before
        for number, rise in enumerate(after):
            wh += rise
            meter.read(wh, NOON + (number + 3) * 10_000, witness="2026")
        assert meter.charged == 10 + wh
        assert (meter.register.epoch, meter.register.doubt) == (1, None)

    def test_a_late_reading_from_before_a_reset_is_not_taken_for_a_second_reset(self) -> None:
        meter = Meter(begin(50, witness="2025"))
        meter.read(0, NOON + 10_000, witness="2026")
        meter.read(100, NOON + 60_000, witness="2026")
        assert meter.read(49, NOON + 61_000, witness="2025") == 0
        assert meter.register.epoch == 1


@pytest.mark.invariant(6)
class TestImpossibleRegisters:
    @pytest.mark.parametrize("wh", [0, 99_000, 900_000])
    def test_one_reading_that_cannot_be_is_doubted_and_three_in_a_row_are_quarantined(self, wh: int) -> None:
        meter = Meter(begin())
        counts = []
        for number in range(1, 6):
            assert meter.read(wh, NOON + number * 5_000) == 0
            assert meter.register.doubt is not None
            counts.append((meter.register.doubt.count, meter.register.quarantined))
        assert counts == [(1, False), (2, False), (3, True), (3, True), (3, True)]
        assert (meter.register.watermark_wh, meter.register.at) == (100_000, NOON)

    def test_readings_that_contradict_in_turns_above_and_below_are_quarantined_as_well(self) -> None:
        meter = Meter(begin())
        for number, wh in enumerate((0, 900_000, 5), 1):
            meter.read(wh, NOON + number * 5_000)
        assert meter.register.quarantined

    @pytest.mark.parametrize("boot", [None, "7"])
    def test_kept_messages_that_come_late_in_one_burst_are_no_quarantine_and_no_epoch(
        self, boot: str | None
    ) -> None:
        """They carry the boot from before the restart, and no time of their own."""
        meter = Meter(first_reading(RegisterReading(100_000, NOON, boot_id="7" if boot is None else "6")))
        meter.read(100_050, NOON + HOUR, boot="8")
        for number in range(20):
            assert meter.read(99_000 + number, NOON + HOUR + number * 400, boot=boot) == 0
            assert not meter.register.quarantined
        assert meter.register.epoch == 0
        assert meter.read(100_060, NOON + HOUR + 10_000, boot="8") == 10
        assert (meter.register.doubt, meter.register.charged_wh) == (None, 60)

    def test_doubts_that_go_on_after_a_burst_are_a_quarantine(self) -> None:
        meter = Meter(begin())
        for milliseconds in (0, 1, 2, 3, MIN_DOUBT_MS - 1):
            meter.read(5, NOON + milliseconds)
            assert not meter.register.quarantined
        meter.read(5, NOON + MIN_DOUBT_MS)
        assert meter.register.quarantined

    def test_a_quarantine_that_an_older_version_stored_goes_on(self) -> None:
        stored = replace(begin(), doubt=Doubt(Cause.FELL, DOUBTS_BEFORE_QUARANTINE, 5, NOON))
        meter = Meter(stored)
        meter.read(6, NOON + 1)
        assert meter.register.quarantined

    def test_a_reading_that_agrees_ends_a_doubt_and_doubts_are_counted_anew(self) -> None:
        meter = Meter(begin())
        for second in range(0, 40, 4):
            for wh in (5, 900_000, 100_000):
                meter.read(wh, NOON + second)
        assert meter.register.doubt is None

    def test_a_rise_right_after_a_doubt_is_charged_from_the_watermark_once(self) -> None:
        meter = Meter(begin())
        meter.read(5, NOON + 1_000)
        assert meter.read(100_020, NOON + 10_000) == 20
        assert meter.register.doubt is None
        assert meter.read(100_020, NOON + 11_000) == 0

    @given(st.lists(st.tuples(st.integers(0, 30 * DAY), st.integers(0, 10**7)), max_size=10))
    def test_a_quarantined_jump_is_never_charged_by_the_passing_of_time(
        self, later: list[tuple[int, int]]
    ) -> None:
        meter, at = quarantined(), NOON + 15_000
        for elapsed, above in later:
            at += elapsed
            assert meter.read(900_000 + above, at) == 0
            assert meter.register.quarantined

    def test_a_jump_that_goes_away_again_leaves_quarantine_by_itself(self) -> None:
        meter = quarantined()
        assert meter.read(100_500, NOON + HOUR) == 500
        assert meter.register.doubt is None

    @given(
        st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10_000)), max_size=60),
        st.integers(1, 20_000),
    )
    def test_no_stream_of_readings_charges_more_than_the_rating_allows_or_less_than_nothing(
        self, stream: list[tuple[int, int]], rating_w: int
    ) -> None:
        meter, at = Meter(begin()), NOON
        for wh, elapsed in stream:
            at += elapsed
            meter.read(wh, at, rating_w=rating_w)
            assert meter.charged == meter.register.charged_wh >= 0
        readings = len(stream)
        assert meter.charged <= rating_w * (at - NOON + readings * GRACE_MS) // HOUR + 2 * readings


def set_back(state: Register, ahead_ms: int) -> Register:
    """Return a register once the wall clock was set back by so much."""
    return adjust_to_clock(state, 0, ahead_ms)


class TestWhileEventTimeIsAhead:
    """Event time passes slowly after a correction; how far it is ahead tells how long it was in truth."""

    @pytest.mark.invariant(5)
    @given(
        st.lists(st.tuples(st.integers(0, 30 * 60_000), st.integers(1, 5)), max_size=20), st.integers(0, HOUR)
    )
    def test_what_the_rating_allows_is_charged_at_once(
        self, pauses: list[tuple[int, int]], wrong_ms: int
    ) -> None:
        at, ahead, wh = NOON + wrong_ms, 11 * HOUR, 100_000
        meter, used = Meter(set_back(begin(), ahead)), wrong_ms * RATING_W // HOUR
        for pause, slower in pauses:
            passed = pause // slower
            at, ahead, used = at + passed, ahead - pause + passed, used + pause * RATING_W // HOUR
            wh = 100_000 + used
            meter.read(wh, at, ahead=ahead)
            assert meter.register.doubt is None
        assert meter.charged == wh - 100_000

    @pytest.mark.invariant(6)
    def test_more_than_the_rating_allows_is_doubted_and_then_quarantined(self) -> None:
        meter = Meter(set_back(begin(), 11 * HOUR))
        counts = []
        for number in range(1, 5):
            assert meter.read(900_000, NOON, ahead=11 * HOUR - number * 5_000) == 0
            assert meter.register.doubt is not None
            counts.append((meter.register.doubt.count, meter.register.quarantined))
        assert counts == [(1, False), (2, False), (3, True), (3, True)]

    def test_a_doubt_from_before_goes_on(self) -> None:
        meter = Meter(begin())
        for millisecond in range(2):
            meter.read(900_000, NOON + millisecond)
        meter.register = set_back(meter.register, HOUR)
        meter.read(900_000, NOON + 2, ahead=HOUR - MIN_DOUBT_MS)
        assert meter.register.quarantined

    @pytest.mark.parametrize("decision", list(Decision))
    @pytest.mark.parametrize("wh, charged", [(101_000, 1_000), (103_000, 0)])
    def test_what_follows_a_decision_is_judged_from_the_reading_that_was_decided(
        self, decision: Decision, wh: int, charged: int
    ) -> None:
        meter = Meter(set_back(begin(), 11 * HOUR))
        for number in range(1, 5):
            meter.read(900_000, NOON, ahead=11 * HOUR - number * 30 * 60_000)
        meter.decide(decision)
        later = 9 * HOUR - 6 * 60_000
        assert meter.read(800_000 + wh, NOON, ahead=later) == charged

    def test_what_event_time_lacked_is_added_once(self) -> None:
        meter = Meter(set_back(begin(), HOUR))
        assert meter.read(100_000 + 2 * RATING_W, NOON + HOUR) == 2 * RATING_W
        assert meter.register.ahead_ms == 0
        assert meter.read(100_000 + 3 * RATING_W, NOON + HOUR) == 0

    def test_a_late_reading_takes_no_time_from_those_that_follow(self) -> None:
        meter = Meter(set_back(begin(), 2 * HOUR))
        meter.read(100_000 + RATING_W, NOON, ahead=HOUR)
        assert meter.read(100_000 + RATING_W + 10, NOON - HOUR, ahead=2 * HOUR) == 10
        assert meter.register.ahead_ms == HOUR

    @pytest.mark.invariant(5)
    def test_a_second_correction_backwards_adds_to_the_first(self) -> None:
        meter = Meter(set_back(begin(), 2 * HOUR))
        meter.read(100_010, NOON, ahead=HOUR)
        meter.register = adjust_to_clock(meter.register, HOUR // 2, 6 * HOUR)
        assert meter.read(100_010 + RATING_W, NOON, ahead=5 * HOUR + HOUR // 2) == RATING_W

    @pytest.mark.invariant(6)
    def test_a_correction_that_is_undone_is_no_time_that_passed(self) -> None:
        meter = Meter(set_back(begin(), 11 * HOUR))
        meter.read(100_010, NOON, ahead=11 * HOUR)
        meter.register = adjust_to_clock(meter.register, 11 * HOUR, 0)
        assert meter.read(140_000, NOON + 10_000) == 0

    @pytest.mark.parametrize("stored, known", [(0, 5 * HOUR), (6 * HOUR, 6 * HOUR)])
    def test_after_a_start_what_was_stored_counts_where_it_is_more(self, stored: int, known: int) -> None:
        state = adjust_to_clock(replace(begin(), ahead_ms=stored), None, 5 * HOUR)
        assert state.ahead_ms == known


class TestWitnessedResets:
    def test_a_device_that_says_it_was_reset_starts_an_epoch_charged_from_nought(self) -> None:
        meter = Meter(begin(witness="2025"))
        assert meter.read(30, NOON + 60_000, witness="2026") == 30
        assert (meter.register.epoch, meter.register.start_wh, meter.register.charged_wh) == (1, 0, 30)

    def test_after_a_reset_a_register_beyond_the_rating_starts_where_it_is(self) -> None:
        meter = Meter(begin(witness="2025"))
        assert meter.read(90_000, NOON + 60_000, witness="2026") == 0
        assert (meter.register.epoch, meter.register.start_wh, meter.register.watermark_wh) == (
            1,
            90_000,
            90_000,
        )

    def test_a_fall_without_a_new_witness_is_no_reset(self) -> None:
        for witness in (None, "2025"):
            meter = Meter(begin(witness="2025"))
            meter.read(30, NOON + 60_000, witness=witness)
            assert meter.register.epoch == 0
            assert meter.register.doubt is not None

    def test_a_new_witness_of_a_register_that_stands_where_it_was_is_only_remembered(self) -> None:
        meter = Meter(begin(witness="2025"))
        assert meter.read(100_000, NOON + 60_000, witness="2026") == 0
        assert (meter.register.epoch, meter.register.witness) == (0, "2026")
        assert meter.read(100_010, NOON + 120_000, witness="2026") == 10

    def test_a_message_without_a_witness_leaves_the_known_one(self) -> None:
        meter = Meter(begin(witness="2025"))
        meter.read(100_001, NOON + 60_000)
        meter.read(100_001, NOON + 60_001)
        assert meter.register.witness == "2025"

    def test_a_witnessed_reset_ends_quarantine(self) -> None:
        meter = quarantined(wh=5)
        meter.register.witness = "2025"
        meter.read(10, NOON + DAY, witness="2026")
        assert (meter.register.epoch, meter.register.doubt) == (1, None)


@pytest.mark.invariant(6)
class TestAnotherCounterIsNeverChargedAsARise:
    def test_a_rise_under_another_reset_marker_is_doubted_like_a_fall(self) -> None:
        meter = Meter(begin(witness="2025"))
        counts = []
        for number in range(1, 5):
            assert meter.read(100_010 + number, NOON + number * 5_000, witness="2026") == 0
            assert meter.register.doubt is not None
            counts.append((meter.register.doubt.cause, meter.register.quarantined))
        assert counts == [(Cause.OTHER_COUNTER, quarantined) for quarantined in (False, False, True, True)]
        assert (meter.register.watermark_wh, meter.register.witness) == (100_000, "2025")

    def test_a_counter_that_comes_back_leaves_quarantine_and_is_charged(self) -> None:
        meter = Meter(begin(witness="2025"))
        for number in range(1, 5):
            meter.read(100_500, NOON + number * 5_000, witness="2026")
        assert meter.read(100_100, NOON + HOUR, witness="2025") == 100
        assert meter.register.doubt is None

    @pytest.mark.parametrize(
        "decision, charged", [(Decision.ACCEPT, 10), (Decision.NEW_EPOCH, 0), (Decision.DISCARD, 0)]
    )
    def test_a_person_decides_whose_the_difference_is(self, decision: Decision, charged: int) -> None:
        meter = Meter(begin(witness="2025"))
        for number in range(1, 5):
            meter.read(100_010, NOON + number * 5_000, witness="2026")
        assert meter.decide(decision) == charged
        assert meter.register.epoch == (0 if charged else 1)
        assert meter.read(100_030, NOON + HOUR, witness="2026") == 20

    def test_a_lower_counter_that_began_long_before_the_last_reading_is_another_device(self) -> None:
        """A plug replaced by an older one: what that one counted elsewhere is not this customer's."""
        noon = "2026-01-09T12:00:00"
        for began, charged in (
            ("2025-06-01T00:00:00", 0),
            ("2026-01-08T21:59:59", 0),
            (noon, 900),
            ("2025", 900),
        ):
            meter = Meter(begin(witness="2024-01-01T00:00:00"))
            assert meter.read(900, NOON + HOUR, witness=began) == charged
            assert (meter.register.epoch, meter.register.charged_wh) == (1, charged)

    @pytest.mark.parametrize("shown", [0, 1, 900, 99_999])
    def test_of_what_another_device_shows_nothing_is_charged(self, shown: int) -> None:
        """Nobody knows when it was counted, whatever the rating allows."""
        meter = Meter(begin(witness="0xa8032ab12345"))
        assert meter.read(shown, NOON + 90 * DAY, witness="0xa8032ab1ffff") == 0
        assert (meter.register.epoch, meter.register.watermark_wh) == (1, shown)
        assert meter.read(shown + 7, NOON + 91 * DAY, witness="0xa8032ab1ffff") == 7

    def test_a_jump_that_shows_after_a_boot_never_becomes_plausible_by_waiting(self) -> None:
        """Tasmota issue 16791: +2.868 kWh after an outage."""
        meter = Meter(first_reading(RegisterReading(100_000, NOON, boot_id="7")))
        for minute in (1, 6, 11, 16, 21, 600):
            assert meter.read(102_868 + minute, NOON + minute * 60_000, boot="8") == 0
        assert meter.register.quarantined

    def test_after_a_boot_a_rise_is_bounded_by_the_time_that_the_device_was_there(self) -> None:
        outage = 8 * HOUR
        possible = RATING_W * (GRACE_MS + 5 * 60_000) // HOUR + 1
        for more, charged in ((0, possible), (1, 0)):
            meter = Meter(first_reading(RegisterReading(100_000, NOON, boot_id="7")))
            at = NOON + outage + 5 * 60_000
            assert meter.read(100_000 + possible + more, at, boot="8", away=outage) == charged

    @given(st.lists(st.tuples(st.integers(0, 30 * DAY), st.integers(0, 10**4)), min_size=1, max_size=10))
    def test_time_never_makes_plausible_what_a_boot_brought(self, later: list[tuple[int, int]]) -> None:
        meter, at = Meter(first_reading(RegisterReading(100_000, NOON, boot_id="7"))), NOON + 10_000
        assert meter.read(103_000, at, boot="8") == 0
        for elapsed, above in later:
            at += elapsed
            assert meter.read(103_000 + above, at, boot="8") == 0


@pytest.mark.invariant(6)
class TestATotalThatComesBack:
    def restarted(self, zeros: int = 4) -> Meter:
        """Return a meter that showed nought after a restart."""
        meter = Meter(first_reading(RegisterReading(1_000, NOON, boot_id="7")))
        assert meter.read(1_215, NOON + HOUR, boot="7") == 215
        for number in range(1, zeros + 1):
            assert meter.read(0, NOON + HOUR + number * 10_000, boot="8") == 0
        return meter

    @pytest.mark.parametrize("zeros", range(1, 8))
    def test_zeros_at_a_boot_and_then_the_old_total_charge_nothing_again(self, zeros: int) -> None:
        meter = self.restarted(zeros)
        later = NOON + 2 * HOUR
        for number in range(4):
            meter.read(1_215 + number, later + number * 60_000, boot="8")
        assert meter.charged == 215 + 3
        assert (meter.register.doubt, meter.register.watermark_wh) == (None, 1_218)
        assert meter.read(1_300, later + HOUR, boot="8") == 82

    def test_one_late_message_with_the_old_total_changes_nothing(self) -> None:
        meter = self.restarted()
        assert meter.read(1_215, NOON + 2 * HOUR, boot="8") == 0
        assert meter.read(2, NOON + 2 * HOUR + 10_000, boot="8") == 2
        assert (meter.register.doubt, meter.register.watermark_wh) == (None, 2)

    def test_a_counter_that_began_anew_is_charged_past_where_the_old_one_ended(self) -> None:
        meter = self.restarted()
        charged = [meter.read(100 * number, NOON + HOUR * (1 + number), boot="8") for number in range(1, 20)]
        assert charged == [100] * 19

    def test_what_was_counted_meanwhile_is_charged_beside_the_old_total(self) -> None:
        meter = self.restarted()
        assert meter.read(40, NOON + 2 * HOUR, boot="8") == 40
        for minute in range(4):
            meter.read(1_215, NOON + 3 * HOUR + minute * 60_000, boot="8")
        assert meter.charged == 215 + 40

    @pytest.mark.parametrize("rise, charged", [(0, 0), (40, 0), (100, 60)])
    def test_what_a_lower_counter_showed_is_not_charged_again_by_the_old_one(
        self, rise: int, charged: int
    ) -> None:
        meter = self.restarted()
        assert meter.read(40, NOON + 2 * HOUR, boot="8") == 40
        for minute in range(4):
            meter.read(1_215 + rise, NOON + 3 * HOUR + minute * 60_000, boot="8")
        assert meter.charged == 215 + 40 + charged
        assert meter.read(1_215 + rise + 7, NOON + 4 * HOUR, boot="8") == 7

    def test_nor_is_what_several_lower_counters_showed(self) -> None:
        meter = self.restarted()
        assert meter.read(40, NOON + 2 * HOUR, boot="8") == 40
        for number in range(1, 5):
            meter.read(0, NOON + 2 * HOUR + number * 10_000, boot="9")
        assert meter.read(30, NOON + 3 * HOUR, boot="9") == 30
        for minute in range(4):
            meter.read(1_215 + 100, NOON + 4 * HOUR + minute * 60_000, boot="9")
        assert meter.charged == 215 + 100

    def test_more_than_the_rating_allows_above_the_old_total_waits_for_a_person(self) -> None:
        meter = self.restarted()
        for minute in range(5):
            assert meter.read(90_000, NOON + 2 * HOUR + minute * 60_000, boot="8") == 0
        assert meter.register.quarantined

    @pytest.mark.parametrize("decision", [Decision.NEW_EPOCH, Decision.DISCARD])
    def test_a_fall_that_a_person_decided_is_forgotten_when_the_old_total_is_back(
        self, decision: Decision
    ) -> None:
        meter = Meter(begin(1_215))
        for number in range(1, 4):
            meter.read(0, NOON + number * 10_000)
        assert meter.decide(decision) == 0
        for minute in range(1, 5):
            meter.read(1_215 + minute, NOON + HOUR + minute * 60_000)
        assert meter.charged == 4

    @given(
        st.integers(1, 100_000),
        st.integers(0, 8),
        st.lists(st.tuples(st.integers(1, 600_000), st.integers(0, 60)), min_size=4, max_size=30),
    )
    def test_no_number_of_zeros_makes_a_total_be_charged_twice(
        self, start: int, zeros: int, use: list[tuple[int, int]]
    ) -> None:
        meter, at, true = Meter(first_reading(RegisterReading(start, NOON, boot_id="7"))), NOON, start
        for _ in range(zeros):
            at += 10_000
            meter.read(0, at, boot="8")
        for elapsed, rise in use:
            at, true = at + elapsed, true + rise
            meter.read(true, at, boot="8")
            assert meter.charged <= true - start
            assert meter.charged == meter.register.charged_wh or zeros >= DOUBTS_BEFORE_QUARANTINE


class TestDecisions:
    def test_an_accepted_jump_is_charged_up_to_the_newest_reading(self) -> None:
        meter = quarantined()
        assert meter.decide(Decision.ACCEPT) == 800_002
        assert (meter.register.at, meter.register.epoch, meter.register.charged_wh) == (
            NOON + 15_000,
            0,
            800_002,
        )
        assert meter.read(900_010, NOON + 20_000) == 8

    def test_a_discarded_jump_is_nobodys_and_metering_goes_on_from_there(self) -> None:
        meter = quarantined()
        assert meter.decide(Decision.DISCARD) == 0
        assert (meter.register.watermark_wh, meter.register.charged_wh, meter.register.epoch) == (
            900_002,
            0,
            0,
        )
        assert meter.read(900_010, NOON + 20_000) == 8
        assert meter.register.charged_wh == 8

    @pytest.mark.parametrize("wh", [0, 900_000])
    def test_a_new_epoch_starts_at_the_newest_reading_and_charges_nothing(self, wh: int) -> None:
        meter = quarantined(wh=wh)
        assert meter.decide(Decision.NEW_EPOCH) == 0
        assert (meter.register.epoch, meter.register.start_wh, meter.register.charged_wh) == (1, wh + 2, 0)
        assert meter.read(wh + 10, NOON + 20_000) == 8

    def test_a_fallen_register_can_be_discarded_but_never_accepted(self) -> None:
        meter = quarantined(wh=0)
        with pytest.raises(ValueError, match="nothing to charge"):
            meter.decide(Decision.ACCEPT)
        assert meter.decide(Decision.DISCARD) == 0
        assert (meter.register.epoch, meter.register.watermark_wh, meter.register.charged_wh) == (1, 2, 0)

    @pytest.mark.parametrize("decision", Decision)
    @pytest.mark.parametrize("doubts", range(DOUBTS_BEFORE_QUARANTINE))
    def test_there_is_nothing_to_decide_of_a_register_that_is_not_in_quarantine(
        self, decision: Decision, doubts: int
    ) -> None:
        meter = Meter(begin())
        for second in range(doubts):
            meter.read(900_000, NOON + second)
        with pytest.raises(ValueError, match="not in quarantine"):
            meter.decide(decision)

    @pytest.mark.parametrize("decision", [Decision.NEW_EPOCH, Decision.DISCARD, Decision.ACCEPT])
    def test_a_decision_believes_the_witness_of_what_it_is_about(self, decision: Decision) -> None:
        meter = quarantined(witness="new")
        meter.decide(decision)
        assert (meter.register.witness, meter.register.retired) == ("new", "old")
        before = meter.charged
        assert meter.read(12, NOON + 16_000, witness="old") == 0
        assert meter.read(900_003, NOON + 17_000, witness="new") == 1
        assert (meter.charged, meter.register.doubt) == (before + 1, None)

    def test_a_witness_that_comes_back_is_believed_once_a_person_says_so(self) -> None:
        meter = Meter(begin(50, witness="a"))
        meter.read(1, NOON + 1_000, witness="b")
        for second in range(2, 5):
            meter.read(50, NOON + second * 5_000, witness="a")
        assert meter.register.quarantined
        meter.decide(Decision.NEW_EPOCH)
        assert meter.read(55, NOON + 30_000, witness="a") == 5


@pytest.mark.invariant(5)
class RegisterMachine(RuleBasedStateMachine):
    """A true meter that resets, jumps for a while and loses messages, against what it may be charged."""

    @initialize(start=st.integers(0, 10**6))
    def install(self, start: int) -> None:
        self.true, self.at, self.resets = start, NOON, 0
        self.meter = Meter(begin(start, witness="0"))
        self.expected = 0
        self.unheard = 0

    @rule(elapsed=st.integers(1_000, HOUR), share=st.integers(0, 100))
    def consume(self, elapsed: int, share: int) -> None:
        self.at += elapsed
        rise = RATING_W * elapsed // HOUR * share // 100
        self.true, self.unheard = self.true + rise, self.unheard + rise

    @rule()
    def report(self) -> None:
        self.meter.read(self.true, self.at, witness=str(self.resets))
        self.expected, self.unheard = self.expected + self.unheard, 0

    @rule(back=st.integers(2, 10**6))
    def repeat_an_old_reading(self, back: int) -> None:
        assume(self.true - self.unheard - back >= self.meter.register.start_wh)
        assert self.meter.read(self.true - self.unheard - back, self.at, witness=str(self.resets)) == 0

    @precondition(lambda self: self.meter.register.watermark_wh > 0)
    @rule()
    def reset(self) -> None:
        self.report()
        assume(self.meter.register.watermark_wh > 0)
        self.resets, self.true = self.resets + 1, 0
        self.report()

    @rule(times=st.integers(1, 6))
    def jump_for_a_while(self, times: int) -> None:
        for _ in range(times):
            assert self.meter.read(10**9, self.at, witness=str(self.resets)) == 0

    @invariant()
    def charges_what_was_heard_of_true_use(self) -> None:
        assert self.meter.charged == self.expected


TestRegisterMachine = RegisterMachine.TestCase
TestRegisterMachine.settings = settings(max_examples=60, stateful_step_count=25)
