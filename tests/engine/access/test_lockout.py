"""Guessing is counted by person and place and locks after five; an attack everywhere makes counts strict."""

from hypothesis import given, strategies as st
import pytest

from meter_bridge.engine.access.lockout import (
    MAX_REMEMBERED,
    MISTYPED_WEIGHT,
    WRONG_WEIGHT,
    Lockout,
    LockoutLimits,
    Verdict,
)

pytestmark = pytest.mark.both_databases

MINUTE = 60_000
LIMITS = LockoutLimits()


def guess(
    guard: Lockout, who: str, first: int, count: int, at: int = 0, weight: int = WRONG_WEIGHT
) -> list[Verdict]:
    return [guard.record_wrong(who, str(mark), weight, at) for mark in range(first, first + count)]


def test_the_fifth_wrong_code_within_ten_minutes_locks_for_an_hour() -> None:
    guard = Lockout()
    assert guess(guard, "a", 0, 5) == [Verdict.COUNTED] * 4 + [Verdict.LOCKED]
    assert guard.locked_until("a", 1) == 60 * MINUTE
    assert guard.locked_until("a", 60 * MINUTE - 1) is not None
    assert guard.locked_until("a", 60 * MINUTE) is None


def test_nobody_else_is_locked() -> None:
    guard = Lockout()
    guess(guard, "a", 0, 5)
    assert guard.locked_until("b", 1) is None


def test_wrong_codes_of_more_than_ten_minutes_ago_do_not_count() -> None:
    guard = Lockout()
    for mark in range(20):
        assert guard.record_wrong("a", str(mark), WRONG_WEIGHT, mark * 3 * MINUTE) is Verdict.COUNTED
    assert guard.locked_until("a", 60 * MINUTE) is None


def test_the_same_wrong_code_again_is_no_further_guess() -> None:
    guard = Lockout()
    assert guess(guard, "a", 7, 1) == [Verdict.COUNTED]
    assert [guard.record_wrong("a", "7", WRONG_WEIGHT, 10) for _ in range(50)] == [Verdict.KNOWN] * 50
    assert guard.locked_until("a", 11) is None


def test_a_slip_of_the_pen_weighs_a_sixth_of_a_guess() -> None:
    guard = Lockout()
    assert guess(guard, "a", 0, 29, weight=MISTYPED_WEIGHT) == [Verdict.COUNTED] * 29
    assert guess(guard, "a", 29, 1, weight=MISTYPED_WEIGHT) == [Verdict.LOCKED]


def test_tries_while_locked_are_counted_and_do_not_lengthen_the_lock() -> None:
    guard = Lockout()
    guess(guard, "a", 0, 5)
    for _ in range(30):
        assert guard.locked_until("a", 30 * MINUTE) == 60 * MINUTE
    assert guard.rejected_since_lock("a") == 30


def test_a_right_code_forgives_but_ends_no_lock() -> None:
    guard = Lockout()
    guess(guard, "a", 0, 4)
    assert guard.clear("a"), "what is stored of it must go as well"
    assert not guard.clear("a")
    assert not guard.clear("b")
    assert guess(guard, "a", 10, 4) == [Verdict.COUNTED] * 4
    guess(guard, "a", 20, 1)
    guard.clear("a")
    assert guard.locked_until("a", 1) is not None


def test_guessing_over_many_accounts_makes_one_wrong_code_lock_each() -> None:
    guard = Lockout()
    for account in range(25):
        guess(guard, f"account {account}", 0, 4)
    assert guard.is_under_attack(0)
    assert guess(guard, "late", 0, 1) == [Verdict.LOCKED]
    assert guard.locked_until("quiet", 1) is None
    assert not guard.is_under_attack(60 * MINUTE)


def test_ten_thousand_guesses_in_a_row_hear_five_answers_an_hour() -> None:
    guard, heard = Lockout(), 0
    for n in range(10_000):  # one a second, for almost three hours
        if guard.locked_until("a", n * 1_000) is None:
            heard += 1
            guard.record_wrong("a", str(n), WRONG_WEIGHT, n * 1_000)
    assert heard == 15


def test_memory_is_bounded() -> None:
    guard = Lockout(LockoutLimits(strict_from_total=10**9))
    for n in range(MAX_REMEMBERED + 100):
        guard.record_wrong(str(n), "x", WRONG_WEIGHT, n)
    assert len(guard._attempts) == MAX_REMEMBERED


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 90)), max_size=60))
def test_no_more_than_five_codes_are_looked_at_in_any_ten_minutes(tries: list[tuple[int, int]]) -> None:
    guard, at, heard = Lockout(), 0, []
    for n, (pause, _) in enumerate(tries):
        at += pause * MINUTE // 4
        if guard.locked_until("a", at) is None:
            heard.append(at)
            guard.record_wrong("a", str(n), WRONG_WEIGHT, at)
    for since in heard:
        assert sum(since <= each < since + 10 * MINUTE for each in heard) <= 5
