"""An account's life, minute by minute: money, holds, trips, hours, confirmations and doubts in any order.

The rules are held against a model that knows nothing of them but their words, and against what must never be.
"""

from dataclasses import dataclass, field
from typing import Final

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from meter_bridge.core.supply import protection as guards
from meter_bridge.core.supply.decision import (
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
    switches_for_credit,
)
from meter_bridge.core.supply.friendly_hours import FriendlyHours, friendly_period
from meter_bridge.core.supply.protection import IDLE, ProtectionRule, ProtectionTimer
from meter_bridge.core.supply.relay import add_switching, switching_blocked_until
from meter_bridge.core.tariff.bands import EVERY_DAY, Window
from meter_bridge.protocol.members import known_members
from meter_bridge.protocol.vocabulary import HoldPosition, SupplyReason, SupplyState
from tests.core.builders import DAY, HOUR, MINUTE, instant

ON, OFF, ARMED = SupplyState.CONNECTED, SupplyState.DISCONNECTED, SupplyState.ARMED
START: Final = instant("2026-11-02 12:00")
GRACE = 90
FRIENDLY: Final = FriendlyHours((Window(EVERY_DAY, 18 * 60, 8 * 60),), grace_ms=GRACE * MINUTE)
PROTECTION: Final = ProtectionRule(2 * MINUTE, 10 * MINUTE, resets_per_hour=2)
LIMIT: Final = LoadLimit(500_000, ProtectionRule(3 * MINUTE, 5 * MINUTE, resets_per_hour=1))
SWITCHINGS = 3
OVERDRAFT = 5
MINIMUM = 10


def policies(**fixed: object) -> st.SearchStrategy[Policy]:
    """Return policies that share some rules, so that each kind of life is lived often enough."""
    drawn: dict[str, st.SearchStrategy[object]] = {
        "payment_mode": st.just(PaymentMode.PREPAYMENT),
        "restore": st.sampled_from(RestoreMode),
        "minimum_to_restore": st.sampled_from([None, 0, MINIMUM]),
        "load_limit": st.none(),
        "friendly_hours": st.sampled_from([FriendlyHours(), FRIENDLY]),
        "switchings_per_day": st.none(),
    }
    return st.builds(Policy, **(drawn | {key: st.just(value) for key, value in fixed.items()}))


@dataclass
class NaiveGuard:
    """A protection that counts minutes."""

    delay: int
    pause: int
    most: int
    wrong: bool = False
    wrong_for: int = 0
    calm_for: int = 0
    off: bool = False
    locked: bool = False
    resets: list[int] = field(default_factory=list)

    def see(self, *, wrong: bool) -> None:
        """Look at a value that holds from this minute on."""
        if wrong and not self.wrong:
            self.wrong_for = 0
        if not wrong and self.wrong:
            self.calm_for = 0
        self.wrong = wrong

    def minute(self, now: int) -> None:
        """Let a minute pass."""
        self.wrong_for += 1
        self.calm_for += 1
        if self.off and not self.locked and not self.wrong and self.calm_for >= self.pause:
            self.off = False
            self.resets.append(now)
        elif not self.off and self.wrong and self.wrong_for >= self.delay:
            self.off, self.wrong, self.calm_for = True, False, 0
            self.locked = sum(1 for reset in self.resets if now - reset < 60) >= self.most


def naive_guard(rule: ProtectionRule) -> NaiveGuard:
    """Return a guard that counts the minutes of a rule."""
    return NaiveGuard(rule.delay_ms // MINUTE, (rule.reset_after_ms or 0) // MINUTE, rule.resets_per_hour)


def naively_friendly(policy: Policy, now: int) -> bool:
    """Say by the clock on the wall whether a minute since the start lies in friendly hours or their grace."""
    if policy.friendly_hours == FriendlyHours():
        return False
    of_day = (12 * 60 + now) % (24 * 60)
    return of_day >= 18 * 60 or of_day < 8 * 60 + GRACE


class Naive:
    """The supply as the words of the policy say, a minute at a time."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.state, self.out, self.limited = ON, False, False
        self.flips: list[int] = []
        self.protection, self.load = naive_guard(PROTECTION), naive_guard(LIMIT.rule)
        self.power = naive_guard(LIMIT.rule)

    def decide(
        self, now: int, credit: int, holds: list[HoldPosition], *, sure: bool, confirmed: bool
    ) -> SupplyState:
        """Return the state from now on."""
        before = self.state
        if confirmed:
            self.load, self.power = naive_guard(LIMIT.rule), naive_guard(LIMIT.rule)
        after = self._wanted(now, credit, holds, sure=sure, confirmed=confirmed)
        bounded = after is ON and self.power.off and not self.policy.never_cut
        if bounded:
            after, self.limited = (ARMED if self.power.locked else OFF), True
        broke = credit + OVERDRAFT <= 0
        if not self.limited:
            self.load = naive_guard(LIMIT.rule)
        by_credit = before is ON and after is OFF and self._free(holds) and broke and not self.limited
        restored = before is not ON and after is ON and self.out and self._free(holds) and not broke
        if by_credit or restored:
            self.flips.append(now)
        self.out = after is not ON and (self.out or (broke and self.policy.load_limit is None))
        self.state = after
        return after

    def _free(self, holds: list[HoldPosition]) -> bool:
        """Say whether nothing but credit decides."""
        ruled = self.policy.never_cut or self.policy.payment_mode is PaymentMode.CREDIT
        return not holds and not self.protection.off and not ruled

    def _wanted(
        self, now: int, credit: int, holds: list[HoldPosition], *, sure: bool, confirmed: bool
    ) -> SupplyState:
        self.limited = False
        if self.policy.never_cut:
            return ON
        if HoldPosition.OFF in holds or self.protection.off:
            return OFF
        if holds or self.policy.payment_mode is PaymentMode.CREDIT:
            return ON
        by_itself = self.policy.restore is RestoreMode.AUTOMATIC or confirmed
        if credit + OVERDRAFT > 0:
            return self._with_credit(credit, by_itself=by_itself)
        if self.state is ON and (not sure or naively_friendly(self.policy, now)):
            return ON
        if self.policy.load_limit is not None:
            return self._within_limit(by_itself=by_itself)
        worn = sum(1 for flip in self.flips if now - flip < 24 * 60) >= (
            self.policy.switchings_per_day or 10**9
        )
        return ON if self.state is ON and worn else OFF

    def _with_credit(self, credit: int, *, by_itself: bool) -> SupplyState:
        minimum = self.policy.minimum_to_restore
        too_little = minimum is not None and minimum >= credit
        if self.state is OFF and self.out and too_little:
            return OFF
        return ON if by_itself or self.state is ON else ARMED

    def _within_limit(self, *, by_itself: bool) -> SupplyState:
        if self.load.off:
            self.limited = True
            return ARMED if self.load.locked else OFF
        if self.state is not ON and not by_itself:
            return ARMED
        self.limited = True
        return ON


class SupplyLife(RuleBasedStateMachine):
    """The core's rules put together as the engine does it, beside the naive model."""

    POLICIES: st.SearchStrategy[Policy] = policies()

    @initialize(data=st.data(), hour=st.integers(0, 23))
    def open(self, data: st.DataObject, hour: int) -> None:
        self.policy = policy = data.draw(self.POLICIES)
        self.naive = Naive(policy)
        self.minute = hour * 60
        self.credit, self.sure, self.confirming = 20, True, False
        self.holds: tuple[Hold, ...] = ()
        self.decision = Decision(ON, SupplyReason.IN_CREDIT)
        self.out = False
        self.switchings: tuple[int, ...] = ()
        self.protection, self.load, self.power = IDLE, IDLE, IDLE
        self.heavy = False
        self.credit_cuts: list[int] = []

    @property
    def at(self) -> int:
        """Return the instant of the present minute."""
        return START + self.minute * MINUTE

    def situation(self) -> SupplyInputs:
        """Return what the decision looks at, gathered as the engine gathers it."""
        hold = effective_hold(self.holds)
        return SupplyInputs(
            present=self.decision.state,
            headroom=self.credit + OVERDRAFT,
            available=self.credit,
            hold=None if hold is None else hold.position,
            tripped=self.protection.trip is not None,
            load_trip=self.load.trip,
            power_trip=self.power.trip,
            friendly_period=friendly_period(self.policy.friendly_hours, self.at, "UTC"),
            switching_blocked_until=switching_blocked_until(
                self.switchings, self.policy.switchings_per_day, self.at
            ),
            clock_sure=self.sure,
            confirmed=self.confirming,
            ran_out=self.out,
        )

    def evaluate(self, *, confirmed: bool = False) -> None:
        """Decide with both, and compare."""
        self.confirming = confirmed
        if confirmed:
            self.load = self.power = IDLE
        now = self.situation()
        decision = decide(self.policy, now)
        self.out = has_run_out(self.policy, now, decision)
        if switches_for_credit(now, decision):
            self.switchings = add_switching(self.switchings, self.at)
        if now.present is ON and decision.reason is SupplyReason.CREDIT_EXHAUSTED:
            self.credit_cuts.append(self.minute)
        if decision.reason not in (SupplyReason.LOAD_LIMITED, SupplyReason.LOAD_LIMIT_EXCEEDED):
            self.load = IDLE
        self.decision = decision
        positions = [hold.position for hold in self.holds]
        wanted = self.naive.decide(self.minute, self.credit, positions, sure=self.sure, confirmed=confirmed)
        assert decision.state is wanted, decision
        self.watch_load()

    def watch_load(self) -> None:
        """Let the load limit see the load, where it holds; an open contact carries none."""
        if self.decision.reason in (SupplyReason.LOAD_LIMITED, SupplyReason.LOAD_LIMIT_EXCEEDED):
            wrong = self.heavy and self.decision.state is ON
            self.load = guards.observe(self.load, LIMIT.rule, self.at, bad=wrong)
            self.naive.load.see(wrong=wrong)
        if self.policy.power_limit is not None and not self.policy.never_cut:
            wrong = self.heavy and self.decision.state is ON
            self.power = guards.observe(self.power, LIMIT.rule, self.at, bad=wrong)
            self.naive.power.see(wrong=wrong)

    def pass_minute(self) -> None:
        """Let the clock alone work."""
        self.minute += 1
        self.protection = _ticked(self.protection, PROTECTION, self.at)
        self.load = _ticked(self.load, LIMIT.rule, self.at)
        self.power = _ticked(self.power, LIMIT.rule, self.at)
        for naive in (self.naive.protection, self.naive.load, self.naive.power):
            naive.minute(self.minute)
        assert (self.protection.trip is not None) is self.naive.protection.off
        self.evaluate()

    @rule(minutes=st.integers(1, 30))
    def wait(self, minutes: int) -> None:
        for _ in range(minutes):
            self.pass_minute()

    @rule(hours=st.sampled_from([1, 5, 24]))
    def wait_long(self, hours: int) -> None:
        for _ in range(hours * HOUR // MINUTE):
            self.pass_minute()

    @rule(amount=st.integers(1, 30))
    def top_up(self, amount: int) -> None:
        held = self.decision.reason in (SupplyReason.LANDLORD_OFF, SupplyReason.PROTECTION)
        self.credit += amount
        self.evaluate()
        assert not held or self.decision.state is OFF, "money closes nothing that others keep open"

    @rule(amount=st.integers(1, 30))
    def consume(self, amount: int) -> None:
        self.credit -= amount
        self.evaluate()

    @rule(position=st.sampled_from(known_members(HoldPosition)), number=st.integers(1, 3))
    def hold(self, position: HoldPosition, number: int) -> None:
        hold = Hold(f"hold-{number}", position, "", "", self.at)
        self.holds = (*(each for each in self.holds if each.id != hold.id), hold)
        self.evaluate()

    @rule(number=st.integers(1, 3))
    def lift(self, number: int) -> None:
        self.holds = tuple(hold for hold in self.holds if hold.id != f"hold-{number}")
        self.evaluate()

    @rule(wrong=st.booleans())
    def see_voltage(self, *, wrong: bool) -> None:
        self.protection = guards.observe(self.protection, PROTECTION, self.at, bad=wrong)
        self.naive.protection.see(wrong=wrong)

    @rule(times=st.integers(1, 4), paid=st.integers(1, 20))
    def run_out_and_pay(self, times: int, paid: int) -> None:
        for _ in range(times):
            self.credit = min(self.credit, -OVERDRAFT)
            self.evaluate()
            self.pass_minute()
            self.credit += paid
            self.evaluate()

    @rule(times=st.integers(1, 4), seen=st.booleans())
    def suffer_a_bad_grid(self, times: int, *, seen: bool) -> None:
        for _ in range(times):
            for wrong in (True, seen, False):
                self.see_voltage(wrong=wrong)
                self.wait(3)
            self.wait(9)

    @rule(minutes=st.integers(4, 40))
    def use_much_without_credit(self, minutes: int) -> None:
        self.holds = ()
        self.credit = min(self.credit, -OVERDRAFT)
        self.evaluate()
        self.switch_something(heavy=True)
        self.wait(minutes)

    @rule()
    def reset_by_hand(self) -> None:
        if self.protection.trip is not None:
            self.protection = IDLE
            self.naive.protection = naive_guard(PROTECTION)
            self.evaluate()

    @rule(heavy=st.booleans())
    def switch_something(self, *, heavy: bool) -> None:
        self.heavy = heavy
        self.watch_load()

    @rule(sure=st.booleans())
    def doubt_or_trust_the_clock(self, *, sure: bool) -> None:
        self.sure = sure
        self.evaluate()

    @rule()
    def confirm(self) -> None:
        if self.decision.state is ARMED:
            self.evaluate(confirmed=True)

    @invariant()
    def who_is_never_cut_is_never_off(self) -> None:
        assert not self.policy.never_cut or self.decision.state is ON

    @invariant()
    def a_hold_that_keeps_off_keeps_off(self) -> None:
        if any(hold.position is HoldPosition.OFF for hold in self.holds) and not self.policy.never_cut:
            assert self.decision.state is OFF

    @invariant()
    def without_credit_and_without_an_exception_it_is_off(self) -> None:
        exempt = (
            self.policy.never_cut
            or self.policy.payment_mode is PaymentMode.CREDIT
            or self.policy.load_limit is not None
            or self.holds
            or not self.sure
            or naively_friendly(self.policy, self.minute)
            or switching_blocked_until(self.switchings, self.policy.switchings_per_day, self.at) is not None
        )
        if self.credit + OVERDRAFT <= 0 and not exempt:
            assert self.decision.state is OFF

    @invariant()
    def credit_cuts_no_more_often_than_the_contactor_bears(self) -> None:
        recent = [cut for cut in self.credit_cuts if self.minute - cut < DAY // MINUTE]
        assert self.policy.switchings_per_day is None or len(recent) <= SWITCHINGS

    @invariant()
    def nobody_sits_in_the_dark_for_long_with_nothing_in_the_way(self) -> None:
        above = self.credit > (self.policy.minimum_to_restore or 0)
        free = not self.holds and self.protection.trip is None and self.power.trip is None
        if above and free and self.policy.restore is RestoreMode.AUTOMATIC:
            assert self.decision.state is ON


def _ticked(guard: ProtectionTimer, rule_: ProtectionRule, at: int) -> ProtectionTimer:
    """Wake a guard when it asked to be woken, and at no other time."""
    due = guards.wake_at(guard, rule_)
    return guards.advance(guard, rule_, at) if due is not None and due <= at else guard


class LimitedLife(SupplyLife):
    """A supply that is limited instead of cut."""

    POLICIES = policies(load_limit=LIMIT, friendly_hours=FriendlyHours())


class BoundedLife(SupplyLife):
    """A supply that may never use more than its limit."""

    POLICIES = policies(power_limit=LIMIT) | policies(power_limit=LIMIT, load_limit=LIMIT)


class SparedLife(SupplyLife):
    """A supply whose contactor is spared."""

    POLICIES = policies(
        switchings_per_day=SWITCHINGS,
        restore=RestoreMode.AUTOMATIC,
        minimum_to_restore=None,
        friendly_hours=FriendlyHours(),
    )


class UncutLife(SupplyLife):
    """A supply that credit does not cut."""

    POLICIES = policies(never_cut=True, power_limit=LIMIT) | policies(payment_mode=PaymentMode.CREDIT)


LIVES: Final = settings(max_examples=30, stateful_step_count=30, deadline=None)
TestSupplyLife = SupplyLife.TestCase
TestLimitedLife = LimitedLife.TestCase
TestBoundedLife = BoundedLife.TestCase
TestSparedLife = SparedLife.TestCase
TestUncutLife = UncutLife.TestCase
for life in (TestSupplyLife, TestLimitedLife, TestBoundedLife, TestSparedLife, TestUncutLife):
    life.settings = LIVES
del life
