"""Energy: whole watt-hours, parsed strictly."""

from fractions import Fraction
from math import ceil

from hypothesis import given, strategies as st
import pytest

from meter_bridge.core.energy import MAX_KWH, EnergyError, format_kwh, max_energy_wh, parse_kwh
from tests.core.builders import HOUR


@given(st.integers(0, MAX_KWH * 1000))
def test_watt_hours_survive_being_written_and_read(wh: int) -> None:
    assert parse_kwh(f"{wh // 1000}.{wh % 1000:03d}") == wh
    assert parse_kwh(format_kwh(wh).removesuffix(" kWh").replace(",", "")) == wh


@pytest.mark.parametrize(
    "text", ["-1", "0.0005", "123456789.00000000000000000001", "1000000000.001", "9" * 20, "1e3", "", "٣"]
)
def test_energy_that_is_negative_too_fine_too_large_or_no_number_is_refused(text: str) -> None:
    with pytest.raises(EnergyError):
        parse_kwh(text)


@given(st.integers(0, 10**8), st.integers(-HOUR, 10**12))
def test_possible_energy_is_rating_times_time_rounded_up_and_never_negative(
    rating_w: int, elapsed_ms: int
) -> None:
    assert max_energy_wh(rating_w, elapsed_ms) == ceil(Fraction(rating_w * max(elapsed_ms, 0), HOUR))
