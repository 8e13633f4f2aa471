"""Guards: when they trip, how they come back."""

from dataclasses import replace
from typing import Final

from hypothesis import given, settings, strategies as st
import pytest

from meter_bridge.core.calendar import HOUR_MS
from meter_bridge.core.supply.protection import (
    IDLE,
    GuardedLimit,
    ProtectionRule,
    Protections,
    ProtectionTimer,
    Trip,
    advance,
    observe,
    restored,
    wake_at,
    without_old_resets,
)

DELAY, AFTER = 5_000, 300_000
RULE: Final = ProtectionRule(DELAY, AFTER, resets_per_hour=2)
MANUAL: Final = ProtectionRule(DELAY, None)
T: Final = 10**12


def tripped(rule: ProtectionRule = RULE, at: int = T) -> ProtectionTimer:
    """Return a guard that has just tripped."""
    return advance(observe(IDLE, rule, at - DELAY, bad=True), rule, at)


class TestTripping:
    def test_a_value_has_to_be_bad_for_the_delay(self) -> None:
        pending = observe(IDLE, RULE, T, bad=True)
        assert wake_at(pending, RULE) == T + DELAY
        assert advance(pending, RULE, T + DELAY - 1).trip is None
        assert advance(pending, RULE, T + DELAY).trip is Trip.RESETTING

    def test_a_good_value_in_between_begins_anew(self) -> None:
        guard = observe(observe(IDLE, RULE, T, bad=True), RULE, T + DELAY - 1, bad=False)
        assert guard == IDLE
        assert wake_at(observe(guard, RULE, T + DELAY, bad=True), RULE) == T + 2 * DELAY

    def test_without_a_delay_the_first_bad_value_trips(self) -> None:
        assert observe(IDLE, replace(RULE, delay_ms=0), T, bad=True).trip is Trip.RESETTING

    def test_a_value_that_is_good_never_wakes_anybody(self) -> None:
        assert wake_at(observe(IDLE, RULE, T, bad=False), RULE) is None


class TestResetting:
    def test_time_alone_resets_where_nothing_can_be_seen(self) -> None:
        guard = tripped()
        assert wake_at(guard, RULE) == T + AFTER
        assert advance(guard, RULE, T + AFTER - 1).trip is Trip.RESETTING
        assert advance(guard, RULE, T + AFTER) == ProtectionTimer(resets=(T + AFTER,))

    def test_the_value_has_to_stay_good_for_the_time(self) -> None:
        guard = observe(tripped(), RULE, T + 1_000, bad=True)
        assert wake_at(guard, RULE) is None
        guard = observe(guard, RULE, T + 9_000, bad=False)
        guard = observe(guard, RULE, T + 20_000, bad=False)
        assert wake_at(guard, RULE) == T + 9_000 + AFTER

    def test_a_value_last_seen_bad_is_not_reset_by_silence(self) -> None:
        assert (
            advance(observe(tripped(), RULE, T + 1, bad=True), RULE, T + 100 * AFTER).trip is Trip.RESETTING
        )

    def test_by_hand_means_by_hand(self) -> None:
        assert tripped(MANUAL).trip is Trip.LOCKED
        assert advance(tripped(MANUAL), MANUAL, T + 100 * AFTER).trip is Trip.LOCKED

    def test_after_too_many_resets_within_an_hour_a_person_has_to_look(self) -> None:
        guard, at = IDLE, T
        for _ in range(RULE.resets_per_hour):
            guard = advance(
                advance(observe(guard, RULE, at, bad=True), RULE, at + DELAY), RULE, at + DELAY + AFTER
            )
            at += DELAY + AFTER
        assert tripped(replace(RULE), at).trip is Trip.RESETTING
        guard = advance(observe(guard, RULE, at, bad=True), RULE, at + DELAY)
        assert guard.trip is Trip.LOCKED
        assert advance(guard, RULE, at + 10 * HOUR_MS).trip is Trip.LOCKED

    def test_resets_of_the_hour_before_are_forgotten(self) -> None:
        guard = ProtectionTimer(resets=(T - HOUR_MS, T - HOUR_MS + 1))
        assert without_old_resets(guard, T).resets == (T - HOUR_MS + 1,)
        assert advance(observe(guard, RULE, T - DELAY, bad=True), RULE, T).trip is Trip.RESETTING


class TestResuming:
    def test_a_trip_stands_and_its_time_begins_anew(self) -> None:
        guard = restored(tripped(), T + AFTER - 1)
        assert wake_at(guard, RULE) == T + 2 * AFTER - 1
        assert restored(tripped(MANUAL), T + 1).trip is Trip.LOCKED

    def test_a_value_that_was_bad_has_to_be_seen_again(self) -> None:
        assert restored(observe(IDLE, RULE, T, bad=True), T + 1) == IDLE
        bad = observe(tripped(), RULE, T + 1, bad=True)
        assert wake_at(restored(bad, T + 2), RULE) is None


def test_only_what_is_named_is_protected_against() -> None:
    assert Protections().rules == {}
    assert Protections(overload=RULE).rules == {GuardedLimit.OVERLOAD: RULE}


class NaiveGuard:
    """A relay's protection as its words say, second by second."""

    def __init__(self, rule: ProtectionRule) -> None:
        self.rule = rule
        self.value = False
        self.bad_for = self.calm_for = 0
        self.trip: Trip | None = None
        self.resets: list[int] = []

    def see(self, at: int, *, bad: bool) -> None:
        if bad and not self.value:
            self.bad_for = 0
        if not bad and self.value:
            self.calm_for = 0
        self.value = bad
        self._look(at)

    def second(self, at: int) -> None:
        """Let a second pass that ends at an instant."""
        self.bad_for += 1_000
        self.calm_for += 1_000
        self._look(at)

    def _look(self, at: int) -> None:
        if self.trip is None and self.value and self.bad_for >= self.rule.delay_ms:
            recent = [reset for reset in self.resets if at - reset < HOUR_MS]
            locked = self.rule.reset_after_ms is None or len(recent) >= self.rule.resets_per_hour
            self.trip = Trip.LOCKED if locked else Trip.RESETTING
            self.value, self.calm_for = False, 0
        elif (
            self.trip is Trip.RESETTING
            and not self.value
            and self.calm_for >= (self.rule.reset_after_ms or 0)
        ):
            self.trip, self.bad_for = None, 0
            self.resets.append(at)


@settings(max_examples=150, deadline=None)
@given(
    st.builds(
        ProtectionRule,
        st.sampled_from([0, 1_000, 7_000]),
        st.sampled_from([None, 10_000, 600_000]),
        st.integers(0, 3),
    ),
    st.lists(st.tuples(st.integers(1, 900), st.none() | st.booleans()), min_size=1, max_size=25),
)
def test_a_guard_does_what_its_words_say(rule: ProtectionRule, story: list[tuple[int, bool | None]]) -> None:
    guard, naive, at = IDLE, NaiveGuard(rule), T
    for seconds, bad in story:
        for _ in range(seconds):
            at += 1_000
            naive.second(at)
            due = wake_at(guard, rule)
            if due is not None and due <= at:
                guard = advance(guard, rule, at)
        if bad is not None:
            guard = observe(guard, rule, at, bad=bad)
            naive.see(at, bad=bad)
        assert guard.trip is naive.trip


@pytest.mark.parametrize("guard", [IDLE, tripped(), tripped(MANUAL)])
def test_waking_a_guard_early_changes_nothing(guard: ProtectionTimer) -> None:
    assert advance(guard, RULE, T) == guard
