"""Every kind of charge under any partition of the same readings (invariant 7); nothing lost on the way."""

from dataclasses import replace
from enum import StrEnum

from hypothesis import given, settings, strategies as st
import pytest

from meter_bridge.core.calendar import day_end, local_day
from meter_bridge.core.rating.fixed_charges import charge_day
from meter_bridge.core.rating.period_to_date import accrued_total, close_segments, is_energy_line
from meter_bridge.core.rating.rating import Charges, Line, LineKey, LineKind, Rating, SupplyTerms, allocate
from meter_bridge.core.tariff.bands import BandCalendar
from meter_bridge.core.tariff.periods import PeriodRule, PeriodUnit
from meter_bridge.core.tariff.tariff import (
    BlockBandMeaning,
    BlockSchedule,
    DemandCharge,
    DemandOf,
    Lifeline,
    StandingCharge,
    TariffVersion,
    Tax,
    TaxKind,
    Timeline,
    check_tariff,
)
from tests.core.builders import DAY, SLOT, instant, weekly_ladder
from tests.example_budget import tries

pytestmark = pytest.mark.invariant(7)
ZONE = "Europe/London"
START = instant("2026-03-27 00:00", ZONE)
"""Five days with a change of the clocks, the end of a month, a quarter and, with an anchor, of a year."""
DAYS = 6
UNITS = (PeriodUnit.DAY, PeriodUnit.MONTH, PeriodUnit.QUARTER, PeriodUnit.YEAR)
price = st.integers(0, 9_999_999_999)


@st.composite
def tariffs(draw: st.DrawFn) -> TariffVersion:
    """Draw a tariff with any of the kinds of charges."""
    bands = weekly_ladder().bands
    names = tuple(band.name for band in bands)
    meaning = draw(st.sampled_from(BlockBandMeaning))
    groups = [(name,) for name in names] if meaning is BlockBandMeaning.LADDER_PER_BAND else [names]
    billing = PeriodRule(day=draw(st.sampled_from([1, 30 - 2])))
    unit = draw(st.sampled_from(UNITS))
    pro_rata = meaning is BlockBandMeaning.POOLED_PRO_RATA
    charges = st.lists(st.sampled_from(["consumption", "standing", "demand", "minimum"]), min_size=1)
    rate = st.integers(1, 400_000)
    version = TariffVersion(
        id="v1",
        tariff_id="t1",
        valid_from=0,
        currency="GBP",
        calendar=BandCalendar(ZONE, bands),
        ladders=tuple(draw(_ladders(group)) for group in groups),
        meaning=meaning,
        block_period=billing if pro_rata else PeriodRule(unit, billing.day, draw(st.integers(1, 12))),
        billing_period=billing,
        history_periods=0 if pro_rata else draw(st.sampled_from([0, 0, 3])),
        prorate=draw(st.booleans()),
        standing=tuple(
            StandingCharge(f"standing {per}", draw(st.integers(0, 10**7)), per)
            for per in draw(st.sets(st.sampled_from([PeriodUnit.DAY, PeriodUnit.WEEK, PeriodUnit.MONTH])))
        ),
        demand=draw(
            st.none()
            | st.builds(
                DemandCharge, st.integers(0, 10**9), st.sampled_from(DemandOf), st.sampled_from([15, 30, 60])
            )
        ),
        minimum=draw(st.sampled_from([0, 0, 10**6, 10**9])),
        free_wh=draw(st.sampled_from([0, 1_500])),
        free_climbs=draw(st.booleans()),
        lifeline=draw(
            st.none() | st.builds(Lifeline, st.integers(1, 9_000), st.tuples(*(price for _ in names)))
        ),
        taxes=(
            Tax("levy", draw(rate), frozenset(draw(charges)), TaxKind.LEVY, per_mwh=draw(price)),
            Tax("rebate", -draw(rate), frozenset({*draw(charges), "levy"}), TaxKind.REBATE),
            Tax("contained", draw(rate), frozenset({"consumption", "standing"}), inclusive=True),
        )[: draw(st.integers(0, 3))],
    )
    check_tariff(version)
    return version


@st.composite
def _ladders(draw: st.DrawFn, names: tuple[str, ...]) -> BlockSchedule:
    """Draw a ladder of up to three blocks over some bands."""
    limits = tuple(sorted(draw(st.sets(st.integers(1, 6_000), max_size=2))))
    rows = tuple(tuple(draw(price) for _ in names) for _ in range(len(limits) + 1))
    return BlockSchedule(names, rows, limits)


def terms(data: st.DataObject) -> SupplyTerms:
    """Draw what the tariff knows of the supply."""
    started = data.draw(st.sampled_from([None, local_day(START - DAY, PLACE), local_day(START, PLACE)]))
    return SupplyTerms(started, data.draw(st.sampled_from([0, 2_000])), data.draw(st.booleans()))


PLACE = weekly_ladder(time_zone=ZONE).zone


class Asked(StrEnum):
    """What happens between two readings."""

    NOT = "not"
    NOW = "now"
    STORED = "stored"


class Books:
    """A supply rated over some days, settled whenever asked."""

    def __init__(self, timeline: Timeline, known: SupplyTerms) -> None:
        """Begin with nothing used."""
        self.timeline = timeline
        self.rating = Rating(terms=known)
        self.amounts: dict[LineKey, int] = {}
        self.facts = 0
        self.wh = 0

    def use(self, start: int, end: int, wh: int) -> None:
        """Allocate energy and charge the midnights that it passes."""
        allocate(self.rating, self.timeline, "m", start, end, wh)

    def settle(self, upto: int | None = None) -> None:
        """Settle everything, exactly what was accrued; or only what no reading can extend any more."""
        before = accrued_total(self.rating, self.timeline)
        settlement = close_segments(self.rating, self.timeline, upto=upto)
        self._book(settlement, before if upto is None else None)
        assert accrued_total(self.rating, self.timeline) == before - settlement.total

    def midnight(self, at: int) -> None:
        """Charge what a day makes due; what is accrued besides stays."""
        self._book(charge_day(self.rating, self.timeline, at), None)

    def _book(self, settlement: Charges, total: int | None) -> None:
        facts = sum(segment.amount + segment.tax for segment in settlement.segments)
        assert facts == settlement.total
        assert total is None or settlement.total == total
        self.facts += facts
        self.wh += sum(segment.wh for segment in settlement.segments)
        for line in settlement.lines:
            self.amounts[line.key] = self.amounts.get(line.key, 0) + line.amount

    def result(self) -> dict[LineKey, int]:
        """Return every line's amount that is not nothing."""
        self.settle()
        return {key: amount for key, amount in self.amounts.items() if amount}


def _midnights() -> list[int]:
    """Return the instants at which the days begin."""
    found, at = [], START
    for _ in range(DAYS):
        at = day_end(local_day(at, PLACE), PLACE)
        found.append(at)
    return found


@settings(max_examples=tries(250, at_a_desk=100), deadline=None)
@given(tariffs(), st.data())
def test_every_line_ends_at_the_same_amount_however_the_period_is_cut(
    version: TariffVersion, data: st.DataObject
) -> None:
    timeline, known = Timeline((version,)), terms(data)
    # A demand interval is read whole or in parts; the parts of a reading are spread evenly, as the whole is.
    whole, cut = Books(timeline, known), Books(timeline, known)
    at, total = START, 0
    for midnight in _midnights():
        used = data.draw(st.lists(st.integers(0, 95), unique=True, max_size=4))
        for slot in sorted(used):
            start = at + slot * SLOT
            if start + SLOT > midnight:
                continue
            parts = data.draw(st.lists(st.integers(0, 700), min_size=1, max_size=3))
            step = SLOT // len(parts)
            for index, wh in enumerate(parts):
                for books in (whole, cut):
                    books.use(start + index * step, start + (index + 1) * step, wh)
                total += wh
                if data.draw(st.booleans()):
                    cut.settle(data.draw(st.sampled_from([None, start, start + SLOT])))
        whole.settle()
        for books in (whole, cut):
            books.midnight(midnight)
        at = midnight
    assert cut.result() == whole.result()
    for books in (whole, cut):
        assert books.wh == total
        energy = sum(
            line.quantity for key, line in books.rating.lines.items() if is_energy_line(timeline, key)
        )
        assert energy == total
        contained = sum(v for key, v in books.amounts.items() if key.kind == LineKind.INCLUDED_TAX)
        assert books.facts == sum(books.amounts.values()) - contained


@settings(max_examples=tries(150, at_a_desk=60), deadline=None)
@given(tariffs(), st.lists(st.tuples(st.integers(0, 3_000), st.sampled_from(Asked)), max_size=12))
def test_values_to_date_are_the_same_however_often_they_are_asked_for_or_stored(
    version: TariffVersion, readings: list[tuple[int, Asked]]
) -> None:
    timeline = Timeline((version,))
    asked, never = Rating(), Rating()
    at = START
    for wh, then in readings:
        for rating in (asked, never):
            allocate(rating, timeline, "m", at, at + 9 * SLOT, wh)
        at += 9 * SLOT
        if then is Asked.NOW:
            accrued_total(asked, timeline)
        if then is Asked.STORED:
            lines = {key: replace(each) for key, each in asked.lines.items()}
            asked = replace(asked, lines=lines, tax_parts={}, period_lines={}, dirty=set())
    assert accrued_total(asked, timeline) == accrued_total(never, timeline)
    # a value that was something once and is nothing now has left an empty line
    left, right = (
        {k: each for k, each in rating.lines.items() if each != Line()} for rating in (asked, never)
    )
    assert left == right
    assert close_segments(asked, timeline).total == close_segments(never, timeline).total


@settings(max_examples=tries(100, at_a_desk=40), deadline=None)
@given(tariffs(), st.lists(st.integers(0, 5_000), min_size=1, max_size=5))
def test_quantities_settled_and_current_agree_when_all_is_settled(
    version: TariffVersion, deltas: list[int]
) -> None:
    books = Books(Timeline((replace(version, history_periods=0),)), SupplyTerms())
    at = START
    for wh in deltas:
        books.use(at, at + 5 * SLOT, wh)
        at += 5 * SLOT
    books.settle()
    assert all(line.quantity == line.settled_quantity for line in books.rating.lines.values())
