"""A meter is replaced: the old counter is charged to its end, the new one from its beginning."""

from dataclasses import replace

from hypothesis import given, strategies as st
import pytest

from meter_bridge.core.register.register import (
    DOUBTS_BEFORE_QUARANTINE,
    ImplausibleError,
    Register,
    RegisterReading,
    advance,
    first_reading,
    replace_meter,
)
from tests.core.builders import HOUR

RATING_W = 10_000
NOON = 1_767_960_000_000


def begin(wh: int = 100_000, **others: str) -> Register:
    return first_reading(RegisterReading(wh, NOON, **others))  # type: ignore[arg-type]


def closing(wh: int, at: int = NOON + HOUR, step: int = 1) -> RegisterReading:
    return RegisterReading(wh, at, step)


@pytest.mark.invariant(5)
def test_the_old_counter_is_charged_to_its_end_and_the_new_one_from_its_beginning() -> None:
    done = replace_meter(begin(), closing(104_000), 500, RATING_W, confirmed=False)
    assert (done.closing_step.delta_wh, done.closing_step.from_at, done.closing_step.register.at) == (
        4_000,
        NOON,
        NOON + HOUR,
    )
    assert (done.new_register.epoch, done.new_register.start_wh, done.new_register.charged_wh) == (1, 500, 0)
    assert (done.new_register.at, done.new_register.since) == (NOON + HOUR, NOON + HOUR)
    assert advance(done.new_register, RegisterReading(700, NOON + 2 * HOUR), RATING_W).delta_wh == 200


@pytest.mark.parametrize("wh,step", [(100_000, 1), (99_999, 1), (99_100, 1_000)])
def test_a_closing_reading_as_coarse_as_it_was_read_may_be_a_step_below(wh: int, step: int) -> None:
    done = replace_meter(begin(), closing(wh, step=step), 0, RATING_W, confirmed=False)
    assert (done.closing_step.delta_wh, done.closing_step.register.watermark_wh) == (0, 100_000)


@pytest.mark.invariant(6)
@pytest.mark.parametrize("wh,why", [(99_998, "is below"), (0, "is below"), (110_500, "is 10.500 kWh above")])
def test_an_implausible_closing_reading_is_refused(wh: int, why: str) -> None:
    with pytest.raises(ImplausibleError, match=why):
        replace_meter(begin(), closing(wh), 0, RATING_W, confirmed=False)


def test_a_confirmed_rise_is_charged() -> None:
    done = replace_meter(begin(), closing(150_000), 0, RATING_W, confirmed=True)
    assert (done.closing_step.delta_wh, done.closing_step.register.charged_wh) == (50_000, 50_000)


@pytest.mark.invariant(6)
def test_a_confirmed_fall_charges_and_credits_nothing() -> None:
    done = replace_meter(begin(), closing(40_000), 7, RATING_W, confirmed=True)
    assert (
        done.closing_step.delta_wh,
        done.closing_step.register.charged_wh,
        done.new_register.start_wh,
    ) == (0, 0, 7)


def test_a_closing_reading_over_the_end_of_the_register_is_charged_over_it() -> None:
    reading = replace(closing(500), modulus_wh=1_000_000)
    done = replace_meter(begin(999_000), reading, 0, RATING_W, confirmed=False)
    assert done.closing_step.delta_wh == 1_500


def test_a_replacement_dated_before_the_last_reading_moves_no_time_back() -> None:
    done = replace_meter(begin(), closing(100_100, at=NOON - HOUR), 0, RATING_W, confirmed=False)
    assert (done.closing_step.delta_wh, done.new_register.at) == (100, NOON)
    with pytest.raises(ImplausibleError):
        replace_meter(begin(), closing(99_000, at=NOON - HOUR), 0, RATING_W, confirmed=False)


def test_a_replacement_ends_a_quarantine_of_the_old_counter() -> None:
    state = begin()
    for number in range(DOUBTS_BEFORE_QUARANTINE):
        state = advance(state, RegisterReading(5, NOON + number * 5_000), RATING_W).register
    assert state.quarantined
    done = replace_meter(state, closing(101_000), 5, RATING_W, confirmed=False)
    assert (done.closing_step.delta_wh, done.new_register.doubt) == (1_000, None)


def test_a_quarantined_jump_is_not_made_plausible_by_saying_it_was_the_closing_reading() -> None:
    state = begin()
    for number in range(DOUBTS_BEFORE_QUARANTINE):
        state = advance(state, RegisterReading(900_000, NOON + number * 5_000), RATING_W).register
    with pytest.raises(ImplausibleError):
        replace_meter(state, closing(900_000, at=NOON + 1_000 * HOUR), 0, RATING_W, confirmed=False)


def test_late_readings_of_the_old_device_are_not_those_of_the_new_one() -> None:
    done = replace_meter(begin(reset_marker="old"), closing(100_000), 99_990, RATING_W, confirmed=False)
    late = advance(done.new_register, RegisterReading(100_000, NOON + 2 * HOUR, reset_marker="old"), RATING_W)
    assert (late.delta_wh, late.register.watermark_wh) == (0, 99_990)
    new = advance(done.new_register, RegisterReading(99_995, NOON + 2 * HOUR, reset_marker="new"), RATING_W)
    assert (new.delta_wh, new.register.witness, new.register.epoch) == (5, "new", 1)


@pytest.mark.invariant(6)
@given(
    wh=st.integers(0, 200_000),
    opening=st.integers(0, 200_000),
    confirmed=st.booleans(),
    elapsed=st.integers(-HOUR, 100 * HOUR),
)
def test_a_replacement_never_charges_less_than_nothing_nor_more_than_was_closed(
    wh: int,
    opening: int,
    *,
    confirmed: bool,
    elapsed: int,
) -> None:
    state = begin()
    try:
        done = replace_meter(state, closing(wh, NOON + elapsed), opening, RATING_W, confirmed=confirmed)
    except ImplausibleError:
        assert not confirmed
        return
    assert done.closing_step.delta_wh == done.closing_step.register.charged_wh == max(wh - 100_000, 0)
    assert (done.new_register.charged_wh, done.new_register.epoch) == (0, 1)
    assert done.new_register.at >= state.at
