"""Voucher codes tell every slip of the pen that people make."""

from itertools import combinations
import random

from hypothesis import given, strategies as st
import pytest

from meter_bridge.payments.vouchers.code import digits_of, grouped, has_valid_check_digits, with_check_digits

NUMBERS = st.integers(min_value=0, max_value=10**18 - 1)


@given(NUMBERS)
def test_a_code_has_twenty_digits_and_is_whole(number: int) -> None:
    code = with_check_digits(number)
    assert len(code) == 20
    assert code.isdecimal()
    assert int(code[:18]) == number
    assert has_valid_check_digits(code)


@given(NUMBERS)
def test_every_single_wrong_digit_is_detected(number: int) -> None:
    code = with_check_digits(number)
    for place in range(20):
        for digit in "0123456789":
            if digit != code[place]:
                assert not has_valid_check_digits(code[:place] + digit + code[place + 1 :])


@given(NUMBERS)
def test_every_two_digits_that_changed_places_are_detected(number: int) -> None:
    code = with_check_digits(number)
    for first, second in combinations(range(20), 2):
        if code[first] != code[second]:
            swapped = list(code)
            swapped[first], swapped[second] = swapped[second], swapped[first]
            assert not has_valid_check_digits("".join(swapped))


def test_a_number_at_random_is_whole_once_in_ninety_seven() -> None:
    chance = random.Random(7)
    whole = sum(has_valid_check_digits(f"{chance.randrange(10**20):020d}") for _ in range(97_000))
    assert 850 < whole < 1150


@given(NUMBERS)
def test_a_code_is_read_as_it_is_printed(number: int) -> None:
    code = with_check_digits(number)
    assert digits_of(grouped(code)) == code
    assert len(grouped(code)) == 24


@pytest.mark.parametrize(
    "text",
    [
        "1234-5678-9012-3456-7890",
        "  12345678901234567890 ",
        "1234.5678.9012.3456.7890",
        "1234\u00a05678\u00a09012\u00a03456\u00a07890",
        "\u0967\u0968\u0969\u096a \u096b\u096c\u096d\u096e \u096f\u0966\u0967\u0968 3456 7890",
        "\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669\u06601234567890",
    ],
)
def test_grouping_and_script_do_not_matter(text: str) -> None:
    assert digits_of(text) == "12345678901234567890"


@pytest.mark.parametrize(
    "text", ["", "1234", "1" * 21, "1234567890123456789O", "1" * 20 + "x", " " * 65, "½" * 20]
)
def test_anything_else_is_no_code(text: str) -> None:
    assert digits_of(text) is None
