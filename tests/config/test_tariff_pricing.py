"""Whatever tariff the site file accepts prices any load, with nothing lost."""

from hypothesis import HealthCheck, assume, given, settings, strategies as st
import pytest

from meter_bridge.core.calendar import day_start
from meter_bridge.core.rating.load_pricing import LoadInterval, PricedPeriod, price_load_profile
from meter_bridge.core.rating.rating import ENERGY_KINDS, LineKind, SupplyTerms
from meter_bridge.core.tariff.periods import period_bounds
from meter_bridge.core.tariff.tariff import BlockBandMeaning, TariffVersion, Timeline
from tests.config.test_tariffs import version_or_problems

HOUR = 3_600_000
PRICES = {
    (False, False): "prices: 1.01",
    (False, True): "prices: [1.01, 2.03]",
    (True, False): "prices: {peak: 2.03, low: 1.01}",
    (True, True): "prices: {peak: [2.03, 3.07], low: [1.01, 1.51]}",
}
BANDS = [
    "",
    "bands: {peak: [{from: '07:00', to: '09:00'}], low: rest}",
    "bands: {peak: [{days: sat-sun, from: '22:30', to: '02:00'}], low: rest}",
    """\
seasons: {dry: [{from: 06-10, to: 07-04}], wet: rest}
bands: {peak: [{season: dry, from: '07:00', to: '02:00'}], low: rest}""",
]
BLOCKS = [
    "",
    "blocks: [40 kWh]",
    "blocks: [{bands: [peak], up to: [10 kWh]}, {bands: [low], up to: [30 kWh]}]",
]
OTHERS = [
    "blocks reset: daily",
    "blocks reset: yearly on 07-01",
    "blocks apply: to each band",
    "blocks apply: to all bands in proportion",
    "block by: the mean of the last 2 months",
    "free units: 9 kWh",
    "free units: 9 kWh\nfree units count in blocks: no",
    "standing charge: {a: 0.11 per day, b: 3 per week, c: 7 per month}",
    "demand charge: 5 per kW, contracted",
    "demand charge: 5 per kW, maximum of 15 min",
    "demand charge: 5 per kW, maximum of 60 min",
    "minimum charge: 90 per month",
    "billing day: 20",
    "pro rata first period: yes",
    "holidays: {country: US, like: sun}",
    """\
taxes:
  - {name: levy, kind: levy, per kWh: 0.013}
  - {name: VAT, percent: 15, applies to: [consumption, levy]}""",
    """\
taxes:
  - {name: off, kind: rebate, percent: 0.5, applies to: [consumption]}
  - {name: VAT, percent: 5, included in prices: yes}""",
]


@st.composite
def versions(draw: st.DrawFn) -> TariffVersion:
    bands, blocks = draw(st.sampled_from(BANDS)), draw(st.sampled_from(BLOCKS))
    others = draw(st.lists(st.sampled_from(OTHERS), max_size=6, unique_by=lambda line: line.split(":")[0]))
    lifeline = (
        "lifeline: {up to: 60 kWh, prices: {peak: 0.9, low: 0.8}}"
        if bands
        else "lifeline: {up to: 60 kWh, prices: 0.8}"
    )
    lines = [bands, blocks, PRICES[bool(bands), bool(blocks)], *others]
    lines += [lifeline] if draw(st.booleans()) else []
    version, _ = version_or_problems("\n".join(line for line in lines if line))
    assume(version is not None)
    assert version is not None
    return version


@st.composite
def loads(draw: st.DrawFn, start: int) -> list[LoadInterval]:
    """Return intervals of whole quarter hours, some of them far apart, some of them days long."""
    at, found = start, []
    for _ in range(draw(st.integers(1, 12))):
        at += draw(st.integers(0, 400)) * HOUR // 4
        length = draw(st.sampled_from([1, 2, 4, 5, 96, 300]))
        found.append(LoadInterval(at, at + length * HOUR // 4, draw(st.integers(0, 300)) * length))
        at = found[-1].end
    return found


def check(version: TariffVersion, load: list[LoadInterval], periods: tuple[PricedPeriod, ...]) -> None:
    """Check that no energy and no amount is lost between the lines and the sums."""
    assert sum(period.wh for period in periods) == sum(each.wh for each in load)
    for period in periods:
        first, after = (day_start(day, version.zone) for day in period_bounds(period.period))
        assert first < load[-1].end
        assert after > load[0].start
        energy = sum(line.quantity for line in period.lines if line.key.kind in ENERGY_KINDS)
        slack = len(period.lines) if version.meaning is BlockBandMeaning.POOLED_PRO_RATA else 0
        assert abs(energy - period.wh) <= slack
        taxes = sum(line.amount for line in period.lines if line.key.kind == LineKind.TAX)
        assert sum(line.tax for line in period.lines) == taxes


@pytest.mark.invariant(7)
@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
@given(data=st.data())
def test_every_tariff_prices_every_load_the_same_however_it_is_cut(data: st.DataObject) -> None:
    version = data.draw(versions())
    load = data.draw(loads(version.valid_from))
    terms = SupplyTerms(None, contracted_w=2000, free_units=data.draw(st.booleans()))
    timeline = Timeline((version,))
    periods = price_load_profile(timeline, load, terms, history=(30_000, 60_000))
    check(version, load, periods)
    quarters = [
        LoadInterval(at, at + HOUR // 4, each.wh // ((each.end - each.start) * 4 // HOUR))
        for each in load
        for at in range(each.start, each.end, HOUR // 4)
    ]
    finer = price_load_profile(timeline, quarters, terms, history=(30_000, 60_000))
    assert [(each.period, each.total) for each in finer] == [(each.period, each.total) for each in periods]


def test_a_levy_per_unit_is_told_with_its_band_where_blocks_are_shared_in_proportion() -> None:
    lines = """\
blocks: [40 kWh]
blocks apply: to all bands in proportion
prices: [1.01, 2.03]
taxes: [{name: levy, per kWh: 0.013}, {name: VAT, percent: 15, applies to: [consumption, levy]}]"""
    version, _ = version_or_problems(lines)
    assert version is not None
    load = [LoadInterval(version.valid_from, version.valid_from + HOUR, 1)]
    (period,) = price_load_profile(Timeline((version,)), load, SupplyTerms())
    told = {line.key.kind: line for line in period.lines if line.key.kind == LineKind.CONSUMPTION}
    taxes = [line.amount for line in period.lines if line.key.kind == LineKind.TAX]
    assert told[LineKind.CONSUMPTION].tax == sum(taxes) == 166
