"""Amounts: parsed strictly, kept exactly, rounded half to even, shown in minor units."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given, strategies as st
import pytest

from meter_bridge.core.money import (
    MAX_AMOUNT,
    SMALLEST_COIN,
    MoneyError,
    amount_digits,
    divide_half_even,
    format_amount,
    minor_digits,
    parse_amount,
    to_decimal,
)


@pytest.mark.parametrize(
    "currency, minor",
    [("ZAR", 2), ("JPY", 0), ("VND", 0), ("KWD", 3), ("TND", 3), ("CLF", 4), ("LBP", 2)],
)
def test_an_amount_keeps_four_digits_below_the_minor_unit(currency: str, minor: int) -> None:
    assert minor_digits(currency) == minor
    assert parse_amount("1", currency) == 10 ** amount_digits(currency) == 10 ** (minor + 4)


@pytest.mark.parametrize("currency", ["zar", "ZA", "ZARR", "", "Z4R", "ZAR\n", "ŻAR"])
def test_a_currency_is_three_capital_letters(currency: str) -> None:
    with pytest.raises(MoneyError, match="three capital letters"):
        minor_digits(currency)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1 ",
        "1,5",
        "1.",
        ".5",
        "+1",
        "1e3",
        "NaN",
        "Infinity",
        "--1",
        "1\n",
        "0x10",
        "\uff11\uff10",
        "٣",
    ],
)
def test_only_plain_decimals_are_read(text: str) -> None:
    with pytest.raises(MoneyError, match="not a decimal number"):
        parse_amount(text, "ZAR")


def test_what_an_amount_cannot_hold_is_refused_not_rounded() -> None:
    assert parse_amount("0.000001", "ZAR") == 1
    assert parse_amount("0.0000010000", "ZAR") == 1
    with pytest.raises(MoneyError, match="more than 6 decimal places"):
        parse_amount("0.0000001", "ZAR")
    with pytest.raises(MoneyError, match="more than 2 decimal places"):
        parse_amount("0.005", "ZAR", digits=2)


@pytest.mark.parametrize("digits", [7, 8, 20])
def test_asking_for_more_places_than_an_amount_has_does_not_drop_them(digits: int) -> None:
    with pytest.raises(MoneyError, match="more than 6 decimal places"):
        parse_amount("0.0000001", "ZAR", digits=digits)


@pytest.mark.parametrize(
    "text", ["1000000000000.000001", "-1000000000000.000001", "9" * 20, "9" * 20 + "." + "0" * 20]
)
def test_an_amount_beyond_the_limit_is_refused(text: str) -> None:
    with pytest.raises(MoneyError, match="larger than any"):
        parse_amount(text, "ZAR")


@pytest.mark.parametrize("currency", ["IDR", "JPY", "KWD", "CLF"])
def test_a_double_tells_every_minor_unit_up_to_the_largest_amount_apart(currency: str) -> None:
    most = Decimal(10**14).scaleb(-minor_digits(currency))
    assert parse_amount(f"{most:f}", currency) == MAX_AMOUNT
    assert 9 * MAX_AMOUNT < 2**63
    # As JavaScript reads a number, and rounds it to what people see.
    for minor in (10**14, 10**14 - 1, 10**14 - 7):
        steps = minor * SMALLEST_COIN
        assert round(float(steps) / 10 ** amount_digits(currency) * 10 ** minor_digits(currency)) == minor


@given(st.integers(-MAX_AMOUNT, MAX_AMOUNT), st.sampled_from(["ZAR", "JPY", "KWD", "CLF"]))
def test_an_amount_survives_being_written_and_read(amount: int, currency: str) -> None:
    assert parse_amount(f"{to_decimal(amount, currency):f}", currency) == amount


@pytest.mark.parametrize(
    "amount, shown",
    [
        (12_345_000, "ZAR 12.34"),
        (12_355_000, "ZAR 12.36"),
        (12_345_001, "ZAR 12.35"),
        (-12_345_000, "ZAR -12.34"),
        (-1, "ZAR 0.00"),
        (1_234_567_000_000, "ZAR 1,234,567.00"),
    ],
)
def test_people_see_minor_units_rounded_half_to_even(amount: int, shown: str) -> None:
    assert format_amount(amount, "ZAR") == shown


def test_a_currency_without_minor_unit_is_shown_without_decimals() -> None:
    assert format_amount(10_005_000, "JPY") == "JPY 1,000"


@given(st.integers(-(10**30), 10**30), st.integers(1, 10**13))
def test_division_rounds_half_to_even_on_both_sides_of_zero(numerator: int, denominator: int) -> None:
    assert divide_half_even(numerator, denominator) == round(Fraction(numerator, denominator))


@pytest.mark.parametrize("halves, rounded", [(1, 0), (3, 2), (5, 2), (7, 4), (-1, 0), (-3, -2), (-5, -2)])
def test_a_half_goes_to_the_even_neighbour(halves: int, rounded: int) -> None:
    assert divide_half_even(halves, 2) == rounded
