"""The supply decision as a table, as a life, and its warnings."""

from dataclasses import replace
from itertools import product

from hypothesis import given, strategies as st
import pytest

from meter_bridge.core.supply.decision import (
    MAX_HOLDS,
    Decision,
    Hold,
    LoadLimit,
    PaymentMode,
    Policy,
    RestoreMode,
    SupplyInputs,
    decide,
    effective_hold,
    has_run_out,
    low_credit_levels_passed,
)
from meter_bridge.core.supply.friendly_hours import FriendlyPeriod
from meter_bridge.core.supply.protection import ProtectionRule, Trip
from meter_bridge.protocol.members import known_members
from meter_bridge.protocol.vocabulary import HoldPosition, SupplyReason, SupplyState

CONNECTED, DISCONNECTED, ARMED = SupplyState.CONNECTED, SupplyState.DISCONNECTED, SupplyState.ARMED
MINIMUM = 10
LIMIT = LoadLimit(500_000, ProtectionRule())
POLICIES = [
    Policy(
        payment_mode=mode, restore=restore, never_cut=never_cut, minimum_to_restore=minimum, load_limit=limit
    )
    for mode, restore, never_cut, minimum, limit in product(
        PaymentMode, RestoreMode, (False, True), (None, 0, MINIMUM), (None, LIMIT)
    )
]
FRIENDLY, GRACE = FriendlyPeriod(1, in_grace=False), FriendlyPeriod(1, in_grace=True)
OVERDRAFT = 20
SITUATIONS = [
    SupplyInputs(
        present=present,
        headroom=headroom,
        available=headroom - overdraft,
        hold=hold,
        tripped=tripped,
        load_trip=load_trip,
        friendly_period=respite,
        switching_blocked_until=worn,
        clock_sure=sure,
        confirmed=confirmed,
        ran_out=ran,
    )
    for present, (
        headroom,
        overdraft,
    ), hold, tripped, load_trip, respite, worn, sure, confirmed, ran in product(
        SupplyState,
        ((-1, 0), (0, OVERDRAFT), (1, 0), (MINIMUM, 0), (MINIMUM + 1, OVERDRAFT), (MINIMUM + 1, 0)),
        (None, *known_members(HoldPosition)),
        (False, True),
        (None, *Trip),
        (None, FRIENDLY, GRACE),
        (None, 2),
        (False, True),
        (False, True),
        (False, True),
    )
]
IN_CREDIT = SupplyInputs(present=CONNECTED, headroom=100, available=100)
OUT_OF_CREDIT = replace(IN_CREDIT, headroom=0, available=0)
CUT = replace(OUT_OF_CREDIT, present=DISCONNECTED, ran_out=True)


def paid(credit: int, **changes: object) -> SupplyInputs:
    """Return the situation of a cut supply with credit again."""
    return replace(CUT, headroom=credit, available=credit, **changes)  # type: ignore[arg-type]


def naive(policy: Policy, now: SupplyInputs) -> Decision:
    """Return the decision by the first line of a table that applies."""
    connected, exhausted = now.present is CONNECTED, now.headroom <= 0
    prepaid = policy.payment_mode is PaymentMode.PREPAYMENT
    minimum = policy.minimum_to_restore
    low = minimum is not None and now.available <= minimum
    below = now.present is DISCONNECTED and low and now.ran_out
    waits = policy.restore is RestoreMode.ARMED and not now.confirmed
    limited = exhausted and policy.load_limit is not None
    table = [
        (policy.never_cut, CONNECTED, SupplyReason.NEVER_CUT, None),
        (now.hold is HoldPosition.OFF, DISCONNECTED, SupplyReason.LANDLORD_OFF, None),
        (now.tripped, DISCONNECTED, SupplyReason.PROTECTION, None),
        (now.hold is HoldPosition.ON, CONNECTED, SupplyReason.LANDLORD_ON, None),
        (not prepaid, CONNECTED, SupplyReason.CREDIT_MODE, None),
        (connected and not exhausted, CONNECTED, SupplyReason.IN_CREDIT, None),
        (connected and not now.clock_sure, CONNECTED, SupplyReason.CLOCK_UNSURE, None),
        (connected and now.friendly_period == FRIENDLY, CONNECTED, SupplyReason.FRIENDLY_HOURS, 1),
        (connected and now.friendly_period == GRACE, CONNECTED, SupplyReason.FRIENDLY_GRACE, 1),
        (limited and now.load_trip is Trip.RESETTING, DISCONNECTED, SupplyReason.LOAD_LIMIT_EXCEEDED, None),
        (limited and now.load_trip is Trip.LOCKED, ARMED, SupplyReason.LOAD_LIMIT_EXCEEDED, None),
        (limited and not connected and waits, ARMED, SupplyReason.AWAITING_CONFIRMATION, None),
        (limited, CONNECTED, SupplyReason.LOAD_LIMITED, None),
        (
            exhausted and connected and now.switching_blocked_until is not None,
            CONNECTED,
            SupplyReason.WEAR_LIMIT,
            2,
        ),
        (exhausted, DISCONNECTED, SupplyReason.CREDIT_EXHAUSTED, None),
        (below, DISCONNECTED, SupplyReason.BELOW_RESTORE_MINIMUM, None),
        (waits, ARMED, SupplyReason.AWAITING_CONFIRMATION, None),
        (True, CONNECTED, SupplyReason.IN_CREDIT, None),
    ]
    return next(Decision(state, reason, cut_at) for applies, state, reason, cut_at in table if applies)


@pytest.mark.parametrize("mode, restore", list(product(PaymentMode, RestoreMode)))
def test_every_situation_is_decided_as_the_table_says(mode: PaymentMode, restore: RestoreMode) -> None:
    for policy in POLICIES:
        if (policy.payment_mode, policy.restore) == (mode, restore):
            wrong = [now for now in SITUATIONS if decide(policy, now) != naive(policy, now)]
            assert wrong[:1] == []


class TestRules:
    def test_supply_is_cut_at_the_instant_at_which_nothing_is_left(self) -> None:
        assert decide(Policy(), replace(IN_CREDIT, headroom=1)).state is CONNECTED
        assert decide(Policy(), OUT_OF_CREDIT) == Decision(DISCONNECTED, SupplyReason.CREDIT_EXHAUSTED)

    def test_no_money_lifts_a_hold_and_no_confirmation_does(self) -> None:
        held = replace(CUT, hold=HoldPosition.OFF, headroom=10**12, available=10**12, confirmed=True)
        unprotected = [policy for policy in POLICIES if not policy.never_cut]
        assert {decide(policy, held) for policy in unprotected} == {
            Decision(DISCONNECTED, SupplyReason.LANDLORD_OFF)
        }

    def test_a_protected_account_is_never_cut_by_anybody(self) -> None:
        assert {decide(Policy(never_cut=True), now).state for now in SITUATIONS} == {CONNECTED}

    def test_the_minimum_is_asked_only_of_a_supply_that_ran_out_of_credit(self) -> None:
        policy, lifted = Policy(minimum_to_restore=MINIMUM), paid(1, ran_out=False)
        assert decide(policy, lifted) == Decision(CONNECTED, SupplyReason.IN_CREDIT)
        assert decide(policy, replace(lifted, headroom=0)).state is DISCONNECTED

    def test_a_cut_waits_for_the_end_of_friendly_hours_and_for_a_sure_clock(self) -> None:
        assert (
            decide(Policy(), replace(OUT_OF_CREDIT, friendly_period=FRIENDLY)).reason
            is SupplyReason.FRIENDLY_HOURS
        )
        assert decide(Policy(), replace(OUT_OF_CREDIT, clock_sure=False)).reason is SupplyReason.CLOCK_UNSURE

    def test_friendly_hours_and_unsure_clocks_restore_nothing(self) -> None:
        for changes in ({"friendly_period": FRIENDLY}, {"clock_sure": False}):
            assert decide(Policy(), replace(CUT, **changes)).state is DISCONNECTED

    def test_a_payment_restores_although_the_clock_is_unsure(self) -> None:
        assert decide(Policy(), paid(1, clock_sure=False)).state is CONNECTED

    def test_credit_has_to_be_above_the_minimum_to_restore(self) -> None:
        policy = Policy(minimum_to_restore=MINIMUM)
        found = [decide(policy, paid(available)).state for available in (1, MINIMUM, MINIMUM + 1)]
        assert found == [DISCONNECTED, DISCONNECTED, CONNECTED]

    def test_a_minimum_of_zero_restores_no_negative_balance_within_an_overdraft(self) -> None:
        overdrawn = replace(paid(-1), headroom=OVERDRAFT - 1)
        assert decide(Policy(minimum_to_restore=0), overdrawn).reason is SupplyReason.BELOW_RESTORE_MINIMUM
        assert decide(Policy(), overdrawn).state is CONNECTED
        assert (
            decide(Policy(minimum_to_restore=0), replace(paid(1), headroom=OVERDRAFT + 1)).state is CONNECTED
        )

    def test_an_armed_supply_waits_for_the_customer_and_keeps_waiting(self) -> None:
        policy = Policy(restore=RestoreMode.ARMED)
        again = paid(50)
        assert decide(policy, again) == Decision(ARMED, SupplyReason.AWAITING_CONFIRMATION)
        armed = replace(again, present=ARMED)
        assert decide(policy, armed).state is ARMED
        assert decide(policy, replace(armed, confirmed=True)) == Decision(CONNECTED, SupplyReason.IN_CREDIT)
        assert decide(policy, replace(armed, headroom=0)).state is DISCONNECTED

    def test_confirming_without_credit_connects_nothing(self) -> None:
        assert decide(Policy(restore=RestoreMode.ARMED), replace(CUT, confirmed=True)).state is DISCONNECTED

    def test_deciding_again_changes_nothing(self) -> None:
        for policy, now in product(POLICIES, SITUATIONS[::7]):
            decision = decide(policy, now)
            out = has_run_out(policy, now, decision)
            again = replace(now, present=decision.state, confirmed=False, ran_out=out)
            assert decide(policy, again).state is decision.state, (policy, now)

    def test_a_protection_never_closes_what_a_hold_or_credit_keeps_open(self) -> None:
        reset = replace(CUT, tripped=False, ran_out=False)
        assert decide(Policy(), reset).reason is SupplyReason.CREDIT_EXHAUSTED
        held = replace(reset, headroom=9, available=9, hold=HoldPosition.OFF)
        assert decide(Policy(), held).reason is SupplyReason.LANDLORD_OFF

    def test_a_hold_on_stands_against_lack_of_credit_and_against_nothing_else(self) -> None:
        on = replace(OUT_OF_CREDIT, hold=HoldPosition.ON)
        assert decide(Policy(), on) == Decision(CONNECTED, SupplyReason.LANDLORD_ON)
        assert decide(Policy(), replace(on, tripped=True)) == Decision(DISCONNECTED, SupplyReason.PROTECTION)

    def test_the_wear_limit_lets_a_cut_wait_and_nothing_else(self) -> None:
        worn = replace(OUT_OF_CREDIT, switching_blocked_until=7)
        assert decide(Policy(), worn) == Decision(CONNECTED, SupplyReason.WEAR_LIMIT, 7)
        assert decide(Policy(), replace(worn, tripped=True)).state is DISCONNECTED
        assert decide(Policy(), replace(worn, hold=HoldPosition.OFF)).state is DISCONNECTED
        assert decide(Policy(), paid(1, switching_blocked_until=7)).state is CONNECTED

    def test_a_limited_supply_never_counts_as_having_run_out(self) -> None:
        limited = Policy(load_limit=LIMIT, minimum_to_restore=MINIMUM)
        tripped = replace(OUT_OF_CREDIT, load_trip=Trip.RESETTING)
        decision = decide(limited, tripped)
        assert decision == Decision(DISCONNECTED, SupplyReason.LOAD_LIMIT_EXCEEDED)
        assert not has_run_out(limited, tripped, decision)


class TestHolds:
    OFF = Hold("leak", HoldPosition.OFF, "leak", "landlord", 5)
    ON = Hold("visit", HoldPosition.ON, "visit", "landlord", 9)

    def test_off_counts_before_on_and_the_newest_of_each(self) -> None:
        assert effective_hold([]) is None
        assert effective_hold([self.ON]) is self.ON
        assert effective_hold([self.OFF, self.ON]) is self.OFF
        newer = replace(self.OFF, id="fire", since=7)
        assert effective_hold([self.OFF, newer, self.ON]) is newer

    def test_there_is_an_end_to_what_is_kept(self) -> None:
        assert MAX_HOLDS < 100


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
        assert low_credit_levels_passed(self.POLICY, available, present) == level

    def test_without_thresholds_nothing_is_low(self) -> None:
        assert low_credit_levels_passed(Policy(), -100, 0) == low_credit_levels_passed(Policy(), -100, 2) == 0

    def test_without_hysteresis_the_level_is_the_number_of_thresholds_reached(self) -> None:
        policy = Policy(low_credit=(50, 20))
        assert [low_credit_levels_passed(policy, available, 2) for available in (51, 50, 21, 20)] == [
            0,
            1,
            1,
            2,
        ]

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
        level, levels = low_credit_levels_passed(policy, base + hysteresis, 0), []
        for step in wavering:
            level = low_credit_levels_passed(policy, base + min(step, hysteresis), level)
            levels.append(level)
        assert levels == sorted(levels)

    @given(st.integers(-80, 80), st.integers(0, 3))
    def test_deciding_a_level_again_keeps_it(self, available: int, present: int) -> None:
        level = low_credit_levels_passed(self.POLICY, available, present)
        assert low_credit_levels_passed(self.POLICY, available, level) == level
