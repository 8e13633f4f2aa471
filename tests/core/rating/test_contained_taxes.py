"""A contained tax is the exact fraction of its charge, rounded once, to the last step of an amount.

A calculator that takes the fraction of charges already rounded, of all kinds of charges together, or of each
day, may differ by a step (10**-4 of the minor unit); on these exact fractions it is the one that is off.
"""

from fractions import Fraction

from hypothesis import given, strategies as st

from meter_bridge.core.calendar import DAY_MS, HOUR_MS
from meter_bridge.core.rating.fixed_charges import charge_day
from meter_bridge.core.rating.period_to_date import close_segments
from meter_bridge.core.rating.rating import LineKind, Rating, allocate
from meter_bridge.core.tariff.tariff import PPM, WH_PER_MWH, StandingCharge, Tax, Timeline
from tests.core.builders import instant, tariff

START = instant("2026-03-01 00:00", "Africa/Johannesburg")
BASES = frozenset({"consumption", "standing"})


@given(
    prices=st.lists(st.integers(1, 9_999_999), min_size=2, max_size=2),
    rent=st.integers(1, 99_999_999),
    rates=st.lists(st.integers(1, 300_000), min_size=1, max_size=2),
    loads=st.lists(st.integers(0, 9_999), min_size=1, max_size=20),
)
def test_a_contained_tax_is_its_exact_fraction_rounded_once(
    prices: list[int], rent: int, rates: list[int], loads: list[int]
) -> None:
    taxes = tuple(Tax(f"tax {n}", rate, BASES, inclusive=True) for n, rate in enumerate(rates))
    rows = [[f"{price / 10**6:.6f}"] for price in prices]
    version = tariff(
        rows, limits_kwh=["30"], more={"taxes": taxes, "standing": (StandingCharge("rent", rent),)}
    )
    timeline, rating = Timeline((version,)), Rating()
    booked: dict[tuple[str, str], int] = {}
    for n, wh in enumerate(loads):
        at = START + n * DAY_MS
        allocate(rating, timeline, "m", at + HOUR_MS, at + 2 * HOUR_MS, wh)
        for charges in (charge_day(rating, timeline, at), close_segments(rating, timeline)):
            for line in charges.lines:
                if line.key.kind == LineKind.INCLUDED_TAX:
                    key = line.key.band, line.key.base
                    booked[key] = booked.get(key, 0) + line.amount
    used = sum(loads)
    first = min(used, 30_000)
    charged = {
        "consumption": Fraction(
            first * version.price(0, "all") + (used - first) * version.price(1, "all"), WH_PER_MWH
        ),
        "standing": Fraction(rent * len(loads)),
    }
    for n, rate in enumerate(rates):
        for base, charge in charged.items():
            exact = charge * Fraction(rate, PPM + sum(rates))
            assert booked.get((f"tax {n}", base), 0) == round(exact)


def test_fractions_of_rounded_charges_are_off_by_a_step() -> None:
    """Of 10.5 steps with 50 % in them 3.5 are tax, rounded 4; of the rounded 10 steps it would be 3."""
    exact = Fraction(21, 2) * Fraction(1, 3)
    of_rounded = round(Fraction(21, 2)) * Fraction(1, 3)
    assert (round(exact), round(of_rounded)) == (4, 3)
