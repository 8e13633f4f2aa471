"""What a household sees of an inclining price."""

from datetime import date

import pytest

from meter_bridge.core.rating.rating import Block, BlockUsageKey, Rating, SupplyTerms, block_views
from meter_bridge.core.tariff.tariff import TariffVersion
from tests.core.builders import amount, band, instant, tariff, tax, timeline, window

AT = instant("2026-03-10 12:00", "Africa/Johannesburg")
STEPS = tariff([["1.00"], ["2.00"], ["3.00"]], limits_kwh=["50", "100"], taxes=[tax("15")])


def blocks(version: TariffVersion, used_wh: int = 0) -> tuple[Block, ...]:
    stretch = timeline(version).interval_at(AT)
    return block_views(
        Rating(block_usage={BlockUsageKey(stretch.block_period, stretch.counter): used_wh}), stretch
    )


@pytest.mark.parametrize(
    "used, inside",
    [(0, (0, 0, 0)), (20_000, (20_000, 0, 0)), (50_000, (50_000, 0, 0)), (130_001, (50_000, 50_000, 30_001))],
)
def test_energy_of_the_period_fills_the_blocks_in_order(used: int, inside: tuple[int, ...]) -> None:
    assert tuple(block.used_wh for block in blocks(STEPS, used)) == inside


def test_each_block_has_its_end_and_its_price_with_tax() -> None:
    assert [(block.end_wh, block.price_per_kwh) for block in blocks(STEPS)] == [
        (50_000, amount("1.15")),
        (100_000, amount("2.30")),
        (None, amount("3.45")),
    ]


def test_the_prices_are_those_of_the_present_band() -> None:
    peak = band("peak", window("06:00-18:00"))
    version = tariff([["4.00", "1.00"], ["5.00", "2.00"]], limits_kwh=["50"], bands=[peak, band("rest")])
    assert [block.price_per_kwh for block in blocks(version)] == [amount("4.00"), amount("5.00")]


def test_a_flat_price_has_no_ladder() -> None:
    assert blocks(tariff([["2.50"]])) == ()


def test_limits_are_those_of_the_shorter_first_period() -> None:
    version = tariff([["1.00"], ["2.00"]], limits_kwh=["62"], more={"prorate": True})
    stretch = timeline(version).interval_at(AT)
    started = SupplyTerms(started=date(2026, 3, 17))
    assert [block.end_wh for block in block_views(Rating(terms=started), stretch)] == [30_000, None]
