"""The supply decision as a table, as a life, and its warnings."""

from dataclasses import replace
from itertools import product

from hypothesis import given, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
import pytest

from meter_bridge.core.friendly import Respite
from meter_bridge.core.supply import (
    Decision,
    Hold,
    PaymentMode,
    Policy,
    Reason,
    RestoreMode,
    Situation,
    SupplyState,
    decide,
    low_credit_level,
)

CONNECTED, DISCONNECTED, ARMED = SupplyState.CONNECTED, SupplyState.DISCONNECTED, SupplyState.ARMED
MINIMUM = 10
POLICIES = [
    Policy(payment_mode=mode, restore=restore, never_cut=never_cut, minimum_to_restore=minimum)
    for mode, restore, never_cut, minimum in product(PaymentMode, RestoreMode, (False, True), (0, MINIMUM))
]
FRIENDLY, GRACE = Respite(1, grace=False), Respite(1, grace=True)
OVERDRAFT = 20
SITUATIONS = [
    Situation(
        present=present,
        headroom=headroom,
        available=headroom - overdraft,
        hold=hold,
        respite=respite,
        clock_sure=sure,
        confirmed=confirmed,
        released=released,
    )
    for present, headroom, overdraft, hold, respite, sure, confirmed, released in product(
        SupplyState,
        (-1, 0, 1, MINIMUM, MINIMUM + 1),
        (0, OVERDRAFT),
        (None, *Hold),
        (None, FRIENDLY, GRACE),
        (False, True),
        (False, True),
        (False, True),
    )
]
IN_CREDIT = Situation(present=CONNECTED, headroom=100, available=100)
OUT_OF_CREDIT = replace(IN_CREDIT, headroom=0, available=0)
CUT = replace(OUT_OF_CREDIT, present=DISCONNECTED)


def paid(credit: int, **changes: object) -> Situation:
    """Return the situation of a cut supply with credit again."""
    return replace(CUT, headroom=credit, available=credit, **changes)  # type: ignore[arg-type]


def naive(policy: Policy, now: Situation) -> Decision:
    """Return the decision by the first line of a table that applies."""
    connected, exhausted = now.present is CONNECTED, now.headroom <= 0
    prepaid = policy.payment_mode is PaymentMode.PREPAYMENT
    low = policy.minimum_to_restore > 0 and now.available <= policy.minimum_to_restore
    below = now.present is DISCONNECTED and low and not now.released
    waits = policy.restore is RestoreMode.ARMED and not now.confirmed
    table = [
        (policy.never_cut, CONNECTED, Reason.NEVER_CUT),
        (now.hold is Hold.OFF, DISCONNECTED, Reason.LANDLORD_OFF),
        (now.hold is Hold.ON, CONNECTED, Reason.LANDLORD_ON),
        (not prepaid, CONNECTED, Reason.CREDIT_MODE),
        (connected and not exhausted, CONNECTED, Reason.IN_CREDIT),
        (connected and not now.clock_sure, CONNECTED, Reason.CLOCK_UNSURE),
        (connected and now.respite == FRIENDLY, CONNECTED, Reason.FRIENDLY_HOURS),
        (connected and now.respite == GRACE, CONNECTED, Reason.FRIENDLY_GRACE),
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
        assert decide(Policy(), replace(IN_CREDIT, headroom=1)).state is CONNECTED
        assert decide(Policy(), OUT_OF_CREDIT) == Decision(DISCONNECTED, Reason.CREDIT_EXHAUSTED)

    def test_no_money_lifts_a_hold_and_no_confirmation_does(self) -> None:
        held = replace(CUT, hold=Hold.OFF, headroom=10**12, available=10**12, confirmed=True)
        unprotected = [policy for policy in POLICIES if not policy.never_cut]
        assert {decide(policy, held) for policy in unprotected} == {
            Decision(DISCONNECTED, Reason.LANDLORD_OFF)
        }

    def test_a_protected_account_is_never_cut_by_anybody(self) -> None:
        assert {decide(Policy(never_cut=True), now).state for now in SITUATIONS} == {CONNECTED}

    def test_a_lifted_hold_asks_no_minimum_of_a_supply_that_still_has_credit(self) -> None:
        policy, lifted = Policy(minimum_to_restore=MINIMUM), paid(1, released=True)
        assert decide(policy, lifted) == Decision(CONNECTED, Reason.IN_CREDIT)
        assert decide(policy, replace(lifted, headroom=0)).state is DISCONNECTED

    def test_a_cut_waits_for_the_end_of_friendly_hours_and_for_a_sure_clock(self) -> None:
        assert decide(Policy(), replace(OUT_OF_CREDIT, respite=FRIENDLY)).reason is Reason.FRIENDLY_HOURS
        assert decide(Policy(), replace(OUT_OF_CREDIT, clock_sure=False)).reason is Reason.CLOCK_UNSURE

    def test_friendly_hours_and_unsure_clocks_restore_nothing(self) -> None:
        for changes in ({"respite": FRIENDLY}, {"clock_sure": False}):
            assert decide(Policy(), replace(CUT, **changes)).state is DISCONNECTED

    def test_a_payment_restores_although_the_clock_is_unsure(self) -> None:
        assert decide(Policy(), paid(1, clock_sure=False)).state is CONNECTED

    def test_credit_has_to_be_above_the_minimum_to_restore(self) -> None:
        policy = Policy(minimum_to_restore=MINIMUM)
        found = [decide(policy, paid(available)).state for available in (1, MINIMUM, MINIMUM + 1)]
        assert found == [DISCONNECTED, DISCONNECTED, CONNECTED]

    def test_an_armed_supply_waits_for_the_customer_and_keeps_waiting(self) -> None:
        policy = Policy(restore=RestoreMode.ARMED)
        again = paid(50)
        assert decide(policy, again) == Decision(ARMED, Reason.AWAITING_CONFIRMATION)
        armed = replace(again, present=ARMED)
        assert decide(policy, armed).state is ARMED
        assert decide(policy, replace(armed, confirmed=True)) == Decision(CONNECTED, Reason.IN_CREDIT)
        assert decide(policy, replace(armed, headroom=0)).state is DISCONNECTED

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
        self.now = replace(IN_CREDIT, headroom=20, available=20)
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
            exhausted = now.headroom <= 0 and not free and now.respite is None and now.clock_sure
            assert not self.policy.never_cut
            assert now.hold is Hold.OFF or (exhausted and now.hold is None)
        if before.present is not CONNECTED and state is CONNECTED and now.hold is None and not free:
            assert now.headroom > 0
            assert self.policy.restore is RestoreMode.AUTOMATIC or now.confirmed

    def book(self, amount: int) -> None:
        """Move the credit."""
        self.turn(headroom=self.now.headroom + amount, available=self.now.available + amount)

    @rule(amount=st.integers(1, 30))
    def top_up(self, amount: int) -> None:
        self.book(amount)

    @rule(amount=st.integers(1, 30))
    def consume(self, amount: int) -> None:
        self.book(-amount)

    @rule(hold=st.sampled_from([None, *Hold]))
    def hold_or_lift(self, hold: Hold | None) -> None:
        self.turn(hold=hold)

    @rule(respite=st.sampled_from([None, FRIENDLY, GRACE]))
    def enter_or_leave_friendly_hours(self, respite: Respite | None) -> None:
        self.turn(respite=respite)

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
