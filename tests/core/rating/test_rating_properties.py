"""Rating under any partition, order and number of meters, against a naive model (invariant 7)."""

from dataclasses import dataclass, field, replace
import itertools

from hypothesis import given, settings, strategies as st
import pytest

from meter_bridge.core.calendar import day_end, day_start, local_day, next_slot
from meter_bridge.core.rating.fixed_charges import charge_day
from meter_bridge.core.rating.period_to_date import accrued_total, close_segments, has_closed_segments
from meter_bridge.core.rating.rating import BlockUsageKey, Charges, LineKey, Rating, Segment, allocate
from meter_bridge.core.tariff.tariff import TariffVersion, Timeline
from tests.core.builders import DAY, HOUR, MINUTE, band, instant
from tests.core.strategies import NaiveRating, ladders, naive_boundaries, partitions, timelines
from tests.example_budget import tries

pytestmark = pytest.mark.invariant(7)
EXAMPLES = settings(max_examples=tries(150, at_a_desk=60))


@dataclass
class Books:
    """A supply that is rated and settled, with all that it was charged."""

    timeline: Timeline
    rating: Rating = field(default_factory=Rating)
    amounts: dict[LineKey, int] = field(default_factory=dict)
    quantities: dict[LineKey, int] = field(default_factory=dict)
    segments: list[Segment] = field(default_factory=list)

    def use(self, meter_id: str, start: int, end: int, wh: int) -> None:
        """Allocate energy."""
        allocate(self.rating, self.timeline, meter_id, start, end, wh)

    def settle(self, upto: int | None = None) -> None:
        """Settle; what a complete settlement charges is exactly what was accrued."""
        before = accrued_total(self.rating, self.timeline)
        settlement = close_segments(self.rating, self.timeline, upto=upto)
        assert accrued_total(self.rating, self.timeline) == before - settlement.total
        if upto is None:
            assert before == settlement.total
            assert not self.rating.open_segments
        else:
            assert not has_closed_segments(self.rating, upto)
        self.book(settlement)

    def book(self, settlement: Charges) -> None:
        """Keep what a settlement charged."""
        assert sum(segment.amount + segment.tax for segment in settlement.segments) == settlement.total
        self.segments.extend(settlement.segments)
        for line in settlement.lines:
            self.amounts[line.key] = self.amounts.get(line.key, 0) + line.amount
            self.quantities[line.key] = self.quantities.get(line.key, 0) + line.quantity

    def charged(self) -> dict[LineKey, int]:
        """Return every line's amount that is not nothing."""
        self.settle()
        return {key: value for key, value in self.amounts.items() if value}


@EXAMPLES
@given(timelines(), st.lists(st.tuples(st.integers(0, DAY), st.integers(0, 9_000)), max_size=5))
def test_readings_of_any_length_cost_what_a_naive_model_says(
    place: tuple[Timeline, int], deltas: list[tuple[int, int]]
) -> None:
    timeline, at = place
    books, naive = Books(timeline), NaiveRating(timeline)
    for elapsed, wh in deltas:
        books.use("m", at, at + elapsed, wh)
        naive.allocate(at, at + elapsed, wh)
        at += elapsed
    assert books.charged() == naive.amounts()
    assert books.rating.block_usage == {
        BlockUsageKey(period, 0): wh for period, wh in naive.used.items() if wh
    }


@EXAMPLES
@given(timelines(), st.data())
def test_however_readings_of_several_meters_cut_a_period_its_lines_end_at_the_same_amounts(
    place: tuple[Timeline, int], data: st.DataObject
) -> None:
    timeline, start = place
    end = start + data.draw(st.integers(1, 2 * DAY))
    whole, cut = Books(timeline), Books(timeline)
    edges = [start, *naive_boundaries(timeline, start, end), end]
    for low, high in itertools.pairwise(edges):
        total = data.draw(st.integers(0, 4_000))
        whole.use("only", low, high, total)
        _cut_interval(cut, low, high, total, data)
    assert cut.charged() == whole.charged()
    assert cut.rating.block_usage == whole.rating.block_usage
    assert cut.quantities == whole.quantities


def _cut_interval(books: Books, low: int, high: int, total: int, data: st.DataObject) -> None:
    """Use the same energy through several meters, in many readings, settled at any instant."""
    parts = data.draw(partitions(total, data.draw(st.integers(1, 5))))
    last = {"a": low, "b": low, "c": low}
    at = low
    for part in parts[:-1]:
        at = data.draw(st.integers(at, high - 1))
        meter_id = data.draw(st.sampled_from(sorted(last)))
        books.use(meter_id, last[meter_id], at, part)
        last[meter_id] = at
        if data.draw(st.booleans()):
            books.settle(data.draw(st.sampled_from([at, None])))
    books.use("c", last.pop("c"), high, parts[-1])
    for meter_id, since in last.items():
        books.use(meter_id, since, high, 0)


@EXAMPLES
@given(st.data())
def test_with_flat_prices_meters_may_report_in_any_order(data: st.DataObject) -> None:
    timeline, start = data.draw(timelines())
    flat = Timeline(tuple(_first_block_only(timeline)))
    moments = st.tuples(st.integers(0, DAY), st.integers(0, DAY), st.integers(0, 5_000))
    deltas = [
        (f"m{number}", start + offset, start + offset + elapsed, wh)
        for number, (offset, elapsed, wh) in enumerate(data.draw(st.lists(moments, max_size=6)))
    ]
    given_order, other_order = Books(flat), Books(flat)
    for delta in deltas:
        given_order.use(*delta)
    for delta in data.draw(st.permutations(deltas)):
        other_order.use(*delta)
    assert given_order.charged() == other_order.charged()


def _first_block_only(timeline: Timeline) -> list[TariffVersion]:
    """Return the versions with the prices of their first block for everything."""
    return [
        replace(
            version,
            ladders=tuple(replace(each, limits=(), prices=each.prices[:1]) for each in version.ladders),
        )
        for version in timeline.versions
    ]


@EXAMPLES
@given(st.data())
def test_within_one_band_and_month_meters_may_report_in_any_order_whatever_the_blocks(
    data: st.DataObject,
) -> None:
    drawn = data.draw(ladders())
    ladder = drawn.ladders[0]
    version = replace(
        drawn,
        calendar=replace(drawn.calendar, bands=(band("all"),)),
        ladders=(replace(ladder, bands=("all",), prices=tuple(row[:1] for row in ladder.prices)),),
    )
    start = instant("2026-01-10 00:00")
    deltas = [
        (f"m{number}", start + number, start + number + elapsed, wh)
        for number, (elapsed, wh) in enumerate(
            data.draw(st.lists(st.tuples(st.integers(0, HOUR), st.integers(0, 5_000)), max_size=6))
        )
    ]
    given_order, other_order = Books(Timeline((version,))), Books(Timeline((version,)))
    for delta in deltas:
        given_order.use(*delta)
    for delta in data.draw(st.permutations(deltas)):
        other_order.use(*delta)
    assert given_order.charged() == other_order.charged()


@EXAMPLES
@given(timelines(), st.data())
def test_no_energy_and_no_money_is_lost_or_made_on_the_way_to_segments(
    place: tuple[Timeline, int], data: st.DataObject
) -> None:
    timeline, start = place
    books, last, total = Books(timeline), {"a": start, "b": start}, 0
    for _ in range(data.draw(st.integers(0, 6))):
        meter_id = data.draw(st.sampled_from(["a", "b"]))
        elapsed, wh = data.draw(st.integers(0, 6 * HOUR)), data.draw(st.integers(0, 3_000))
        books.use(meter_id, last[meter_id], last[meter_id] + elapsed, wh)
        last[meter_id], total = last[meter_id] + elapsed, total + wh
        if data.draw(st.booleans()):
            books.settle(data.draw(st.sampled_from([max(last.values()), min(last.values()), None])))
    books.settle()
    assert sum(segment.wh for segment in books.segments) == total == sum(books.rating.block_usage.values())
    assert sum(s.amount + s.tax for s in books.segments) == sum(books.amounts.values())
    assert all(line.settled_quantity == line.quantity for line in books.rating.lines.values())
    for meter_id in last:
        _check_order([segment for segment in books.segments if segment.meter_id == meter_id])


def _check_order(segments: list[Segment]) -> None:
    """Check that segments follow one another and none passes a quarter hour."""
    for before, after in itertools.pairwise(segments):
        assert before.end <= after.start
    for segment in segments:
        assert segment.start <= segment.end <= next_slot(segment.start)
        assert segment.wh > 0
        assert min(segment.amount, segment.tax) >= 0


@EXAMPLES
@given(timelines(), st.integers(0, 9_000))
def test_standing_charges_and_taxes_of_short_and_long_days_cost_what_a_naive_model_says(
    place: tuple[Timeline, int], wh: int
) -> None:
    timeline, start = place
    books, naive = Books(timeline), NaiveRating(timeline)
    books.use("m", start, start + DAY, wh)
    naive.allocate(start, start + DAY, wh)
    at = start
    for _ in range(3):
        version = timeline.at(at)
        day = local_day(at, version.zone)
        at = day_end(day, version.zone)
        books.book(charge_day(books.rating, timeline, day_start(day, version.zone)))
        naive.stand(version.period(at - MINUTE), version)
    assert books.charged() == naive.amounts()
