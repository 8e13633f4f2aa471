"""The register value of a local cut-off is never too early, and is written at a bounded rate."""

from dataclasses import replace

from hypothesis import assume, given, strategies as st
import pytest

from meter_bridge.core.energy import MS_PER_HOUR
from meter_bridge.core.rating.period_to_date import accrued_total
from meter_bridge.core.rating.rating import Rating, allocate
from meter_bridge.core.supply import local_cutoff
from meter_bridge.core.supply.local_cutoff import (
    FIRST_RETRY_MS,
    MIN_RAISE_WH,
    REWRITE_MS,
    SLACK_WH,
    VERIFY_MS,
    CutOffBasis,
    CutOffRequest,
    CutOffState,
    SlotState,
    after_request,
    ask_again,
    cut_off_wh,
    float32_step_wh,
    is_confirmed,
    latest_cut_off_wh,
    next_request,
    observe,
    price_range,
    set_target,
)
from meter_bridge.core.tariff.tariff import EXACT_SCALE, BlockBandMeaning, Timeline
from tests.core.builders import DAY, band, tariff, tax, window
from tests.core.strategies import partitions, timelines

NOW = 1_700_000_000_000
RAND = 1_000_000
"""Amount steps of a rand in these tests: any number will do."""
BANDS = (band("day", window("06:00-22:00")), band("night"))
BASIS = CutOffBasis(
    register_wh=100_000,
    units_wh=0,
    spendable=20 * RAND,
    cheapest=2 * RAND * EXACT_SCALE // 1000,
    rating_w=10_000,
    friendly_ms=0,
)


def test_credit_reaches_as_far_as_it_buys_at_the_cheapest_price() -> None:
    """20 rand at 2 rand per kWh are 10 kWh; the rest is rounding and the step of the register."""
    found = cut_off_wh(BASIS)
    assert found is not None
    assert 110_000 < found <= 110_003


def test_friendly_hours_add_what_the_rating_delivers_in_them() -> None:
    """The bridge would cut at their end, at the latest after 14 hours at full load."""
    found = cut_off_wh(replace(BASIS, friendly_ms=14 * MS_PER_HOUR))
    assert found == (cut_off_wh(BASIS) or 0) + 140_000


def test_units_bought_before_come_on_top() -> None:
    """They are used before money is."""
    assert cut_off_wh(replace(BASIS, units_wh=7_000)) == (cut_off_wh(BASIS) or 0) + 7_000


def test_debt_is_not_counted_against_friendly_hours() -> None:
    """Below nothing there is nothing: the value does not fall behind the register."""
    broke = cut_off_wh(replace(BASIS, spendable=-50 * RAND))
    assert broke == cut_off_wh(replace(BASIS, spendable=0))
    assert broke is not None
    assert broke >= BASIS.register_wh


@pytest.mark.parametrize("basis", [replace(BASIS, cheapest=0), replace(BASIS, friendly_ms=None)])
def test_free_energy_and_endless_friendly_hours_leave_no_value(basis: CutOffBasis) -> None:
    """No register value would be late enough."""
    assert cut_off_wh(basis) is None
    assert cut_off_wh(replace(BASIS, cheapest=None)) is None


@pytest.mark.invariant(11)
@given(
    register=st.integers(0, 10**8),
    spendable=st.integers(-(10**12), 10**12),
    prices=st.lists(st.integers(1, 10**9), min_size=1, max_size=6),
    rating_w=st.integers(1, 30_000),
    friendly_minutes=st.integers(0, 3 * 1440),
    data=st.data(),
)
def test_never_too_early_whatever_the_load_does(
    register: int,
    spendable: int,
    prices: list[int],
    rating_w: int,
    friendly_minutes: int,
    data: st.DataObject,
) -> None:
    """A device that reached its value has used up its credit, and every friendly minute there was to use."""
    friendly_ms = friendly_minutes * 60_000
    per_wh = [price * EXACT_SCALE // 1_000_000 for price in prices]
    limit = cut_off_wh(CutOffBasis(register, 0, spendable, min(per_wh), rating_w, friendly_ms))
    assert limit is not None
    paid = data.draw(st.sampled_from(per_wh))
    friendly_wh = rating_w * friendly_ms // MS_PER_HOUR
    used_in_credit = limit - register - friendly_wh
    assert used_in_credit * paid >= max(spendable, 0) * EXACT_SCALE


@pytest.mark.invariant(11)
@given(
    timelines(), st.integers(0, 10**9), st.lists(st.integers(1, 3 * DAY), min_size=1, max_size=6), st.data()
)
def test_by_the_time_it_cuts_the_rating_itself_has_used_up_the_credit(
    drawn: tuple[Timeline, int], spendable: int, pauses: list[int], data: st.DataObject
) -> None:
    """Whatever the blocks, bands, taxes and versions, and however the energy is spread over time."""
    timeline, start = drawn
    coming = [version for version in timeline.versions if version.valid_from > start]
    cheapest, _ = price_range([timeline.at(start), *coming])
    limit = cut_off_wh(CutOffBasis(0, 0, spendable, cheapest, 10_000, 0))
    assume(limit is not None)
    assert limit is not None
    rating = Rating()
    allocate(rating, timeline, "m", start, start, data.draw(st.integers(0, 6_000)))
    before, at = accrued_total(rating, timeline), start
    for wh, pause in zip(data.draw(partitions(limit, len(pauses))), pauses, strict=True):
        allocate(rating, timeline, "m", at, at + pause, wh)
        at += pause
    assert accrued_total(rating, timeline) - before >= spendable


def test_the_cheapest_price_is_that_of_any_block_and_band() -> None:
    """Taxes included, and those of every version given."""
    first = tariff((("3.00", "2.00"), ("4.00", "2.50")), limits_kwh=("10",), bands=BANDS, taxes=[tax("10")])
    second = tariff((("1.00",),))
    exact = EXACT_SCALE // 1000
    assert price_range([first]) == (RAND * exact * 22 // 10, RAND * exact * 44 // 10)
    assert price_range([first, second]) == (RAND * exact, RAND * exact * 44 // 10)


def test_energy_priced_anew_has_no_cheapest_price() -> None:
    """More energy at night may make that of the day before cheaper."""
    shared = {"meaning": BlockBandMeaning.POOLED_PRO_RATA}
    assert price_range([tariff((("3.00", "2.00"),), bands=BANDS, more=shared)])[0] is None


@pytest.mark.parametrize(
    "kwh, step_wh", [(0, 1), (16_383, 1), (16_384, 2), (32_768, 4), (42_949, 4), (1_000_000, 63)]
)
def test_a_large_register_is_compared_in_coarser_steps(kwh: int, step_wh: int) -> None:
    """The firmware compares float32, and two of its steps are left free."""
    assert float32_step_wh(kwh * 1000) == step_wh


def confirmed(limit_wh: int, at: int = NOW) -> CutOffState:
    """Return a cut-off that its device holds."""
    wanted = set_target(CutOffState(), limit_wh, at)
    held = observe(after_request(wanted, CutOffRequest.WRITE, at), SlotState.ARMED, wanted.target_wh, at)
    assert is_confirmed(held)
    return held


def test_a_device_is_asked_before_it_is_written_to() -> None:
    """Nothing is written before the device has just said what is there, and it counts when read back."""
    cut_off = set_target(CutOffState(), 5_000, NOW)
    assert next_request(cut_off, NOW) is CutOffRequest.ASK
    cut_off = observe(after_request(cut_off, CutOffRequest.ASK, NOW), SlotState.ABSENT, None, NOW + 40)
    assert next_request(cut_off, NOW + 40) is CutOffRequest.WRITE
    cut_off = after_request(cut_off, CutOffRequest.WRITE, NOW + 40)
    assert local_cutoff.reported_cut_off_wh(cut_off) is None
    cut_off = observe(cut_off, SlotState.UNARMED, 5_000 + SLACK_WH, NOW + 80)
    assert local_cutoff.reported_cut_off_wh(cut_off) is None
    cut_off = observe(cut_off, SlotState.ARMED, 5_000 + SLACK_WH, NOW + 120)
    assert local_cutoff.reported_cut_off_wh(cut_off) == 5_000 + SLACK_WH
    assert next_request(cut_off, NOW + VERIFY_MS) is None
    assert next_request(cut_off, NOW + 120 + VERIFY_MS) is CutOffRequest.ASK


def test_an_old_answer_does_not_allow_a_write() -> None:
    """Somebody may have used the place since."""
    cut_off = observe(
        after_request(set_target(CutOffState(), 5_000, NOW), CutOffRequest.ASK, NOW),
        SlotState.ABSENT,
        None,
        NOW,
    )
    assert next_request(cut_off, NOW + 60_000) is CutOffRequest.ASK


def test_a_top_up_raises_the_value_at_once() -> None:
    """A value that became too early is written whenever the last one was."""
    held = confirmed(5_000)
    raised = set_target(held, 9_000, NOW + 1_000)
    assert next_request(raised, NOW + 1_000) is CutOffRequest.WRITE
    asked = after_request(set_target(held, 9_000, NOW + 20_000), CutOffRequest.ASK, NOW + 20_000)
    told = observe(asked, SlotState.ARMED, held.target_wh, NOW + 20_040)
    assert next_request(told, NOW + 20_040) is CutOffRequest.WRITE


def test_use_lowers_the_value_at_most_once_an_hour_and_by_a_step() -> None:
    """Flash wears: what only makes a device cut sooner can wait."""
    held = confirmed(5_000)
    assert set_target(held, 5_000 - MIN_RAISE_WH * 3, NOW + REWRITE_MS - 1) is held
    assert set_target(held, 5_000 - MIN_RAISE_WH + 1, NOW + REWRITE_MS) is held
    lowered = set_target(held, 5_000 - MIN_RAISE_WH, NOW + REWRITE_MS)
    assert lowered.target_wh == 5_000 - MIN_RAISE_WH + SLACK_WH
    assert next_request(lowered, NOW + REWRITE_MS) is CutOffRequest.ASK


def test_roundings_within_the_slack_write_nothing() -> None:
    """The value wanders by a few watt-hours as lines are rounded; that costs no flash."""
    held = confirmed(5_000)
    assert set_target(held, 5_000 + SLACK_WH, NOW + 1) is held
    assert set_target(held, 5_000 + SLACK_WH + 1, NOW + 1) is not held


def test_withdrawal_is_at_once_and_counts_when_read_back() -> None:
    """An account that becomes protected has nothing left in its device."""
    gone = set_target(confirmed(5_000), None, NOW + 1_000)
    assert next_request(gone, NOW + 1_000) is CutOffRequest.WITHDRAW
    gone = after_request(gone, CutOffRequest.WITHDRAW, NOW + 1_000)
    assert not is_confirmed(gone)
    assert is_confirmed(observe(gone, SlotState.ABSENT, None, NOW + 1_050))


def test_what_was_written_and_not_confirmed_may_be_held_as_well() -> None:
    """Its answer may be lost; the higher of both is what can be counted on until the newest is confirmed."""
    raised = after_request(set_target(confirmed(5_000), 9_000, NOW), CutOffRequest.WRITE, NOW)
    assert latest_cut_off_wh(raised) == 9_000 + SLACK_WH
    lowered = set_target(raised, 7_000, NOW + 1)
    assert lowered.target_wh == 7_000 + SLACK_WH
    late = observe(lowered, SlotState.ARMED, 5_000, NOW + 2)
    assert latest_cut_off_wh(late) == 9_000 + SLACK_WH
    assert latest_cut_off_wh(observe(late, SlotState.ARMED, 7_000 + SLACK_WH, NOW + 3)) == 7_000 + SLACK_WH


def test_what_was_told_to_be_taken_out_may_be_gone() -> None:
    """Also where a value is wanted again before the device was heard."""
    withdrawn = after_request(set_target(confirmed(5_000), None, NOW), CutOffRequest.WITHDRAW, NOW)
    assert latest_cut_off_wh(withdrawn) is None
    again = set_target(withdrawn, 6_000, NOW + 1)
    assert latest_cut_off_wh(again) is None
    assert latest_cut_off_wh(observe(again, SlotState.ARMED, 6_000 + SLACK_WH, NOW + 2)) == 6_000 + SLACK_WH


def test_somebody_elses_rule_is_never_touched() -> None:
    """It is asked after now and then, and a withdrawal leaves it where it is."""
    cut_off = observe(
        after_request(set_target(CutOffState(), 5_000, NOW), CutOffRequest.ASK, NOW),
        SlotState.FOREIGN,
        None,
        NOW,
    )
    for at in range(NOW, NOW + 4 * REWRITE_MS, 60_000):
        assert next_request(cut_off, at) in (None, CutOffRequest.ASK)
    gone = set_target(cut_off, None, NOW + 1)
    assert is_confirmed(gone)
    assert next_request(gone, NOW + 1) in (None, CutOffRequest.ASK)


def test_a_lost_value_is_written_again_within_the_bounded_rate() -> None:
    """A device that was flashed anew an hour after the last write gets it at once, another waits."""
    later = NOW + 2 * REWRITE_MS
    asked = after_request(ask_again(confirmed(5_000), later), CutOffRequest.ASK, later)
    lost = observe(asked, SlotState.ABSENT, None, later + 50)
    assert next_request(lost, later + 50) is CutOffRequest.WRITE
    soon = NOW + 60_000
    lost = observe(
        after_request(ask_again(confirmed(5_000), soon), CutOffRequest.ASK, soon),
        SlotState.ABSENT,
        None,
        soon,
    )
    assert next_request(lost, soon) is None
    assert next_request(lost, NOW + REWRITE_MS) is CutOffRequest.ASK


def test_silence_is_asked_into_with_growing_pauses() -> None:
    """A device that is not there is not hammered."""
    cut_off, at, messages = set_target(CutOffState(), 5_000, NOW), NOW, 0
    while at < NOW + 24 * MS_PER_HOUR:
        step = next_request(cut_off, at)
        if step is not None:
            cut_off, messages = after_request(cut_off, step, at), messages + 1
        at += FIRST_RETRY_MS
    assert messages < 24 * 6 + 12


@given(st.lists(st.tuples(st.integers(0, 400_000), st.integers(1, 900_000)), max_size=60))
def test_flash_is_written_at_most_once_an_hour_unless_the_value_rises(moves: list[tuple[int, int]]) -> None:
    """However the value moves, every write is either a rise or an hour after the last one."""
    cut_off, at = CutOffState(), NOW
    for limit, pause in moves:
        at += pause
        before = cut_off
        cut_off = set_target(cut_off, limit, at)
        wanted = cut_off.target_wh
        if next_request(cut_off, at) is CutOffRequest.ASK:
            cut_off = observe(
                after_request(cut_off, CutOffRequest.ASK, at), before.slot_state, before.reported_wh, at
            )
            if cut_off.slot_state is SlotState.UNKNOWN:
                cut_off = observe(cut_off, SlotState.ABSENT, None, at)
        if next_request(cut_off, at) is CutOffRequest.WRITE:
            assert wanted is not None
            rises = before.reported_wh is None or wanted > before.reported_wh
            assert rises or at - before.written_at >= REWRITE_MS
            cut_off = observe(after_request(cut_off, CutOffRequest.WRITE, at), SlotState.ARMED, wanted, at)
        assert wanted is not None
        assert wanted >= limit
