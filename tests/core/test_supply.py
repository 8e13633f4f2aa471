"""The supply decision as a table, as a life, and its warnings."""

from dataclasses import replace
from itertools import product
from zoneinfo import ZoneInfo

from hypothesis import given, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
import pytest

from meter_bridge.core.bands import Band, Window
from meter_bridge.core.calendar import local_day, local_time
from meter_bridge.core.supply import (
    FRIENDLY,
    Decision,
    Hold,
    PaymentMode,
    Policy,
    Reason,
    RestoreMode,
    Situation,
    SupplyState,
    decide,
    friendly_span,
    low_credit_level,
)
from tests.core.builders import HOUR, MINUTE, instant, window
from tests.core.strategies import CHANGES, naive_bands, windows

CONNECTED, DISCONNECTED, ARMED = SupplyState.CONNECTED, SupplyState.DISCONNECTED, SupplyState.ARMED
MINIMUM = 10
POLICIES = [
    Policy(payment_mode=mode, restore=restore, never_cut=never_cut, minimum_to_restore=minimum)
    for mode, restore, never_cut, minimum in product(PaymentMode, RestoreMode, (False, True), (0, MINIMUM))
]
SITUATIONS = [
    Situation(*values)
    for values in product(
        SupplyState,
        (-1, 0, 1, MINIMUM, MINIMUM + 1),
        (None, *Hold),
        (False, True),
        (False, True),
        (False, True),
        (False, True),
    )
]
IN_CREDIT = Situation(CONNECTED, 100, None, friendly=False, clock_sure=True)
OUT_OF_CREDIT = replace(IN_CREDIT, available=0)
CUT = replace(OUT_OF_CREDIT, present=DISCONNECTED)


def naive(policy: Policy, now: Situation) -> Decision:
    """Return the decision by the first line of a table that applies."""
    connected, exhausted = now.present is CONNECTED, now.available <= 0
    prepaid = policy.payment_mode is PaymentMode.PREPAYMENT
    low = now.available <= policy.minimum_to_restore
    below = now.present is DISCONNECTED and low and not now.released
    waits = policy.restore is RestoreMode.ARMED and not now.confirmed
    table = [
        (policy.never_cut, CONNECTED, Reason.NEVER_CUT),
        (now.hold is Hold.OFF, DISCONNECTED, Reason.LANDLORD_OFF),
        (now.hold is Hold.ON, CONNECTED, Reason.LANDLORD_ON),
        (not prepaid, CONNECTED, Reason.CREDIT_MODE),
        (connected and not exhausted, CONNECTED, Reason.IN_CREDIT),
        (connected and not now.clock_sure, CONNECTED, Reason.CLOCK_UNSURE),
        (connected and now.friendly, CONNECTED, Reason.FRIENDLY_HOURS),
        (exhausted, DISCONNECTED, Reason.CREDIT_EXHAUSTED),
        (below, DISCONNECTED, Reason.BELOW_RESTORE_MINIMUM),
        (waits, ARMED, Reason.AWAITING_CONFIRMATION),
        (True, CONNECTED, Reason.IN_CREDIT),
    ]
    return next(Decision(state, reason) for applies, state, reason in table if applies)


@pytest.mark.parametrize(
    "policy", POLICIES, ids=lambda p: f"{p.payment_mode}-{p.restore}-{p.never_cut}-{p.minimum_to_restore}"
)
def test_every_situation_is_decided_as_the_table_says(policy: Policy) -> None:
    for situation in SITUATIONS:
        assert decide(policy, situation) == naive(policy, situation), situation


class TestRules:
    def test_supply_is_cut_at_the_instant_at_which_nothing_is_left(self) -> None:
        assert decide(Policy(), replace(IN_CREDIT, available=1)).state is CONNECTED
        assert decide(Policy(), OUT_OF_CREDIT) == Decision(DISCONNECTED, Reason.CREDIT_EXHAUSTED)

    def test_no_money_lifts_a_hold_and_no_confirmation_does(self) -> None:
        held = replace(CUT, hold=Hold.OFF, available=10**12, confirmed=True)
        unprotected = [policy for policy in POLICIES if not policy.never_cut]
        assert {decide(policy, held) for policy in unprotected} == {
            Decision(DISCONNECTED, Reason.LANDLORD_OFF)
        }

    def test_a_protected_account_is_never_cut_by_anybody(self) -> None:
        assert {decide(Policy(never_cut=True), now).state for now in SITUATIONS} == {CONNECTED}

    def test_a_lifted_hold_asks_no_minimum_of_a_supply_that_still_has_credit(self) -> None:
        policy, lifted = Policy(minimum_to_restore=MINIMUM), replace(CUT, available=1, released=True)
        assert decide(policy, lifted) == Decision(CONNECTED, Reason.IN_CREDIT)
        assert decide(policy, replace(lifted, available=0)).state is DISCONNECTED

    def test_a_cut_waits_for_the_end_of_friendly_hours_and_for_a_sure_clock(self) -> None:
        assert decide(Policy(), replace(OUT_OF_CREDIT, friendly=True)).reason is Reason.FRIENDLY_HOURS
        assert decide(Policy(), replace(OUT_OF_CREDIT, clock_sure=False)).reason is Reason.CLOCK_UNSURE

    def test_friendly_hours_and_unsure_clocks_restore_nothing(self) -> None:
        for changes in ({"friendly": True}, {"clock_sure": False}):
            assert decide(Policy(), replace(CUT, **changes)).state is DISCONNECTED  # type: ignore[arg-type]

    def test_a_payment_restores_although_the_clock_is_unsure(self) -> None:
        assert decide(Policy(), replace(CUT, available=1, clock_sure=False)).state is CONNECTED

    def test_credit_has_to_be_above_the_minimum_to_restore(self) -> None:
        policy = Policy(minimum_to_restore=MINIMUM)
        found = [
            decide(policy, replace(CUT, available=available)).state for available in (1, MINIMUM, MINIMUM + 1)
        ]
        assert found == [DISCONNECTED, DISCONNECTED, CONNECTED]

    def test_an_armed_supply_waits_for_the_customer_and_keeps_waiting(self) -> None:
        policy = Policy(restore=RestoreMode.ARMED)
        paid = replace(CUT, available=50)
        assert decide(policy, paid) == Decision(ARMED, Reason.AWAITING_CONFIRMATION)
        armed = replace(paid, present=ARMED)
        assert decide(policy, armed).state is ARMED
        assert decide(policy, replace(armed, confirmed=True)) == Decision(CONNECTED, Reason.IN_CREDIT)
        assert decide(policy, replace(armed, available=0)).state is DISCONNECTED

    def test_confirming_without_credit_connects_nothing(self) -> None:
        assert decide(Policy(restore=RestoreMode.ARMED), replace(CUT, confirmed=True)).state is DISCONNECTED

    def test_deciding_again_changes_nothing(self) -> None:
        for policy, now in product(POLICIES, SITUATIONS):
            decision = decide(policy, now)
            again = replace(now, present=decision.state, confirmed=False)
            assert decide(policy, again).state is decision.state, (policy, now)


class SupplyMachine(RuleBasedStateMachine):
    """An account's life: money, holds, hours and confirmations in any order."""

    @initialize(policy=st.sampled_from(POLICIES))
    def open(self, policy: Policy) -> None:
        self.policy = policy
        self.now = replace(IN_CREDIT, available=20)
        self.confirming = False

    def turn(self, **changes: object) -> None:
        """Change the situation and decide."""
        before = self.now
        now = replace(before, **changes)  # type: ignore[arg-type]
        decision = decide(self.policy, now)
        self.check_change(before, now, decision.state)
        self.now = replace(now, present=decision.state, confirmed=False)

    def check_change(self, before: Situation, now: Situation, state: SupplyState) -> None:
        """Check why supply went off or on."""
        free = self.policy.never_cut or self.policy.payment_mode is PaymentMode.CREDIT
        if before.present is CONNECTED and state is not CONNECTED:
            exhausted = now.available <= 0 and not free and not now.friendly and now.clock_sure
            assert not self.policy.never_cut
            assert now.hold is Hold.OFF or (exhausted and now.hold is None)
        if before.present is not CONNECTED and state is CONNECTED and now.hold is None and not free:
            assert now.available > 0
            assert self.policy.restore is RestoreMode.AUTOMATIC or now.confirmed

    @rule(amount=st.integers(1, 30))
    def top_up(self, amount: int) -> None:
        self.turn(available=self.now.available + amount)

    @rule(amount=st.integers(1, 30))
    def consume(self, amount: int) -> None:
        self.turn(available=self.now.available - amount)

    @rule(hold=st.sampled_from([None, *Hold]))
    def hold_or_lift(self, hold: Hold | None) -> None:
        self.turn(hold=hold)

    @rule(friendly=st.booleans())
    def enter_or_leave_friendly_hours(self, *, friendly: bool) -> None:
        self.turn(friendly=friendly)

    @rule(sure=st.booleans())
    def doubt_or_trust_the_clock(self, *, sure: bool) -> None:
        self.turn(clock_sure=sure)

    @rule()
    def confirm(self) -> None:
        self.turn(confirmed=True)

    @invariant()
    def holds_stand(self) -> None:
        if self.now.hold is not None and not self.policy.never_cut:
            assert self.now.present is {Hold.OFF: DISCONNECTED, Hold.ON: CONNECTED}[self.now.hold]

    @invariant()
    def nobody_cuts_who_is_protected(self) -> None:
        if self.policy.never_cut:
            assert self.now.present is CONNECTED

    @invariant()
    def nobody_sits_in_the_dark_for_long_with_nothing_in_the_way(self) -> None:
        above = self.now.available > max(self.policy.minimum_to_restore, 0)
        if above and self.now.hold is None and self.policy.restore is RestoreMode.AUTOMATIC:
            assert self.now.present is CONNECTED


TestSupplyMachine = SupplyMachine.TestCase
TestSupplyMachine.settings = settings(max_examples=80, stateful_step_count=30)


class TestLowCredit:
    POLICY = Policy(low_credit=(50, 20, 0), low_credit_hysteresis=5)

    @pytest.mark.parametrize(
        "available, present, level",
        [
            (51, 0, 0),
            (50, 0, 1),
            (50, 1, 1),
            (55, 1, 1),
            (56, 1, 0),
            (20, 1, 2),
            (25, 2, 2),
            (26, 2, 1),
            (0, 2, 3),
            (5, 3, 3),
            (6, 3, 2),
            (10_000, 3, 0),
            (-10, 0, 3),
        ],
    )
    def test_a_threshold_counts_at_once_and_stops_counting_above_its_hysteresis(
        self, available: int, present: int, level: int
    ) -> None:
        assert low_credit_level(self.POLICY, available, present) == level

    def test_without_thresholds_nothing_is_low(self) -> None:
        assert low_credit_level(Policy(), -100, 0) == low_credit_level(Policy(), -100, 2) == 0

    def test_without_hysteresis_the_level_is_the_number_of_thresholds_reached(self) -> None:
        policy = Policy(low_credit=(50, 20))
        assert [low_credit_level(policy, available, 2) for available in (51, 50, 21, 20)] == [0, 1, 1, 2]

    @given(
        st.lists(st.integers(-50, 50), max_size=4, unique=True),
        st.integers(0, 20),
        st.integers(-80, 80),
        st.lists(st.integers(0, 20), min_size=1, max_size=20),
    )
    def test_credit_that_wavers_within_the_hysteresis_never_changes_a_level_twice(
        self, thresholds: list[int], hysteresis: int, base: int, wavering: list[int]
    ) -> None:
        policy = Policy(low_credit=tuple(sorted(thresholds, reverse=True)), low_credit_hysteresis=hysteresis)
        level, levels = low_credit_level(policy, base + hysteresis, 0), []
        for step in wavering:
            level = low_credit_level(policy, base + min(step, hysteresis), level)
            levels.append(level)
        assert levels == sorted(levels)

    @given(st.integers(-80, 80), st.integers(0, 3))
    def test_deciding_a_level_again_keeps_it(self, available: int, present: int) -> None:
        level = low_credit_level(self.POLICY, available, present)
        assert low_credit_level(self.POLICY, available, level) == level


class TestFriendlyHours:
    @settings(max_examples=30)
    @given(st.sampled_from(CHANGES), st.lists(windows, max_size=2), st.integers(0, 2 * 24 * 60))
    def test_the_stretch_around_an_instant_is_friendly_exactly_where_the_calendar_says(
        self, place: tuple[str, str], calendar: list[Window], offset: int
    ) -> None:
        zone, day = place
        at = instant(f"{day} 00:00", zone) + offset * MINUTE
        policy = Policy(friendly_hours=tuple(calendar))
        span = friendly_span(policy, at, zone)
        assert span.start <= at < span.end
        assert (span.band == FRIENDLY) == _naively_friendly(policy, at, zone)
        if local_day(span.end, ZoneInfo(zone)) == local_day(at, ZoneInfo(zone)):
            assert (span.band == FRIENDLY) != _naively_friendly(policy, span.end, zone)

    def test_friendly_hours_begin_and_end_on_the_minute(self) -> None:
        policy = Policy(friendly_hours=(window("18:00-10:00", "fri"),))
        start = instant("2026-01-09 18:00", "Europe/London")
        found = [
            friendly_span(policy, at, "Europe/London").band
            for at in (start - 1, start, start + 16 * HOUR - 1)
        ]
        assert found == ["", FRIENDLY, FRIENDLY]
        assert friendly_span(policy, start + 16 * HOUR, "Europe/London").band == ""


def _naively_friendly(policy: Policy, at: int, zone: str) -> bool:
    """Say by the words of the rule whether an instant is within the calendar."""
    local = local_time(at, ZoneInfo(zone))
    bands = [Band(FRIENDLY, policy.friendly_hours)]
    return bool(naive_bands(bands, local.weekday(), local.hour * 60 + local.minute))
