"""Exposure is the worst that can be used beyond credit."""

from hypothesis import given, strategies as st
import pytest

from meter_bridge.core.supply.exposure import REACTION_MS, Exposure, MeterExposure, supply_exposure
from meter_bridge.core.tariff.tariff import EXACT_SCALE

RAND = 1_000_000
PER_WH = 3 * RAND * EXACT_SCALE // 1000
"""Three rand per kWh."""


def test_a_meter_that_holds_uses_its_rating_for_as_long_as_it_lasts() -> None:
    """Credit delays that, it does not bound it."""
    assert supply_exposure([MeterExposure(10_000, None)], 0, 50 * RAND, PER_WH) == Exposure(
        0, 0, 10_000, 30 * RAND
    )


def test_a_meter_that_cuts_by_itself_uses_what_its_value_leaves_beyond_credit() -> None:
    """12 rand cover 4 kWh at the dearest price, and the device goes on to 6 kWh and three seconds."""
    found = supply_exposure([MeterExposure(3_600, 6_000)], 0, 12 * RAND, PER_WH)
    assert found == Exposure(2_003, 6_009_000, 0, 0)


def test_several_meters_may_each_use_all_of_one_credit() -> None:
    """They do not know of each other."""
    one = supply_exposure([MeterExposure(3_600, 4_000)], 0, 12 * RAND, PER_WH)
    three = supply_exposure([MeterExposure(3_600, 4_000)] * 3, 0, 12 * RAND, PER_WH)
    assert one.once_wh < 10
    assert three.once_wh == 8_009


def test_units_paid_before_are_not_beyond_credit() -> None:
    """They come before money."""
    assert supply_exposure([MeterExposure(3_600, 6_000)], 2_000, 12 * RAND, PER_WH).once_wh == 3


@pytest.mark.invariant(11)
@given(
    reaches=st.lists(st.tuples(st.integers(1, 20_000), st.integers(0, 10**6)), min_size=1, max_size=4),
    units=st.integers(0, 10**5),
    spendable=st.integers(-(10**9), 10**9),
    price=st.integers(1, 10**4),
    share=st.fractions(0, 1),
)
def test_nobody_uses_more_than_was_said(
    reaches: list[tuple[int, int]], units: int, spendable: int, price: int, share: float
) -> None:
    """Whatever is used up to where the devices cut, at any price up to the dearest."""
    dearest = price * EXACT_SCALE
    found = supply_exposure(
        [MeterExposure(rating, reach) for rating, reach in reaches], units, spendable, dearest
    )
    most = sum(reach + rating * REACTION_MS // 3_600_000 for rating, reach in reaches)
    used = int(most * share)
    cost = max(used - units, 0) * price
    assert cost - max(spendable, 0) <= found.once_amount
    assert used - units - max(spendable, 0) // price <= found.once_wh
