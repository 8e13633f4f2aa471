from hypothesis import given, strategies as st
import pytest

from meter_bridge.devices.base.quantities import (
    UnreadableError,
    current_ma,
    float32_step_wh,
    frequency_mhz,
    power_mw,
    register_wh,
    voltage_mv,
    worst_phase,
)


@pytest.mark.parametrize(
    "kwh,wh",
    [
        (0.0, 0),
        (1.001, 1001),
        (14.68792, 14687),
        (2574.466629, 2574466),
        (0.000999, 0),
        (34507.4761, 34507476),
    ],
)
def test_a_register_is_floored_to_watt_hours_without_float_noise(kwh: float, wh: int) -> None:
    assert register_wh(kwh, 1_000_000) == wh


@given(st.integers(min_value=0, max_value=10**9))
def test_every_whole_watt_hour_survives_its_way_as_kwh(wh: int) -> None:
    assert register_wh(wh / 1000, 1_000_000) == wh


@pytest.mark.parametrize("value", [-0.001, float("nan"), float("inf"), 1e300])
def test_an_impossible_register_is_refused(value: float) -> None:
    with pytest.raises(UnreadableError) as caught:
        register_wh(value, 1_000_000)
    assert caught.value.slug == "register_out_of_range"


@pytest.mark.parametrize("convert", [voltage_mv, frequency_mhz, power_mw, current_ma])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300])
def test_impossible_quantities_are_refused(convert: type[int], value: float) -> None:
    with pytest.raises(UnreadableError):
        convert(value)


@pytest.mark.parametrize(
    "kwh,step",
    [(8191.0, 1), (8192.0, 1), (16383.9, 1), (16384.0, 2), (32768.0, 4), (42949.0, 4), (65536.0, 8)],
)
def test_the_step_follows_the_float32_that_the_device_keeps(kwh: float, step: int) -> None:
    assert float32_step_wh(kwh) == step


def test_one_bad_phase_of_three_is_seen() -> None:
    assert worst_phase([230_000, 262_000, 231_000]) == 262_000
    assert worst_phase([0, 230_000, 231_000]) == 0
    assert worst_phase([]) is None
