"""What hypothesis draws, and the naive models that the core is held against."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
import itertools
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from meter_bridge.core.rating.rating import LineKey, LineKind
from meter_bridge.core.tariff.bands import Band, BandCalendar, Window
from meter_bridge.core.tariff.tariff import PPM, WH_PER_MWH, BlockSchedule, TariffVersion, TaxBase, Timeline
from tests.core.builders import MINUTE, band, instant, standing_charges, tax, weekly_ladder

CHANGES = [
    ("Europe/London", "2026-03-28"),
    ("Europe/London", "2026-10-24"),
    ("America/New_York", "2026-03-07"),
    ("America/New_York", "2026-10-31"),
    ("Asia/Beirut", "2026-03-28"),
    ("Asia/Beirut", "2026-10-24"),
    ("America/Havana", "2026-10-31"),
    ("Australia/Lord_Howe", "2026-04-04"),
    ("Australia/Lord_Howe", "2026-10-03"),
    ("Africa/Johannesburg", "2026-01-31"),
    ("Asia/Kathmandu", "2026-02-28"),
]
"""Zones, each with the day before its clocks change or its month ends."""
ZONES = sorted({zone for zone, _ in CHANGES})
STEP = 30
"""Drawn windows begin and end at multiples of these minutes."""

minutes_of_day = st.integers(0, 1440 // STEP - 1).map(lambda half_hour: half_hour * STEP)
windows = st.builds(
    Window,
    st.frozensets(st.integers(0, 6), min_size=1),
    minutes_of_day,
    minutes_of_day.map(lambda end: end + STEP),
)


@st.composite
def partitions(draw: st.DrawFn, total: int, parts: int) -> list[int]:
    """Draw whole numbers, none negative, that add up to a total."""
    cuts = sorted(draw(st.lists(st.integers(0, total), min_size=parts - 1, max_size=parts - 1)))
    return [high - low for low, high in zip([0, *cuts], [*cuts, total], strict=True)]


@st.composite
def ladders(draw: st.DrawFn, /, time_zone: str = "Africa/Johannesburg", **changes: object) -> TariffVersion:
    """Draw a tariff of one to four blocks, one to three bands and up to two taxes, with crooked prices."""
    limits = sorted(draw(st.sets(st.integers(1, 5_000), max_size=3)))
    weekly = weekly_ladder().bands
    bands = draw(st.sampled_from([(band("all"),), weekly[1:], weekly]))
    prices = st.integers(0, 9_999_999_999)
    rows = [[draw(prices) for _ in bands] for _ in range(len(limits) + 1)]
    arguments: dict[str, object] = {
        "id": "v1",
        "tariff_id": "t1",
        "valid_from": 0,
        "currency": "ZAR",
        "calendar": BandCalendar(time_zone, tuple(bands)),
        "ladders": (
            BlockSchedule(
                tuple(each.name for each in bands), tuple(tuple(row) for row in rows), tuple(limits)
            ),
        ),
        "standing": standing_charges(draw(st.integers(0, 10**7))),
        "taxes": draw(st.sampled_from([(), (tax("15"),), (tax("7.7"), tax("0.3333", "levy"))])),
    }
    return TariffVersion(**(arguments | changes))  # type: ignore[arg-type]


@st.composite
def timelines(draw: st.DrawFn) -> tuple[Timeline, int]:
    """Draw one or two versions and the start of three days in which clocks, months or prices change."""
    zone, day = draw(st.sampled_from(CHANGES))
    start = instant(f"{day} 00:00", zone)
    first = draw(ladders(zone))
    if draw(st.booleans()):
        return Timeline((first,)), start
    change = start + draw(st.integers(1, 2 * 24 * 60 * MINUTE))
    return Timeline((first, draw(ladders(zone, id="v2", valid_from=change)))), start


def naive_bands(bands: Sequence[Band], weekday: int, minute: int) -> list[str]:
    """Return every band that claims a minute of the week, straight from the words of the rule."""
    claimed = []
    for entry in bands:
        for window in entry.windows:
            crosses = window.end <= window.start
            today = weekday in window.days and window.start <= minute < (1440 if crosses else window.end)
            since_yesterday = crosses and (weekday - 1) % 7 in window.days and minute < window.end
            if today or since_yesterday:
                claimed.append(entry.name)
    return claimed or [entry.name for entry in bands if entry.rest]


def naive_price_key(timeline: Timeline, at: int) -> tuple[str, str, str]:
    """Return period, version and band of an instant."""
    version = [version for version in timeline.versions if version.valid_from <= at][-1]
    local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)).astimezone(
        ZoneInfo(version.time_zone)
    )
    names = naive_bands(version.bands, local.weekday(), local.hour * 60 + local.minute)
    return f"{local:%Y-%m}-01/P1M", version.id, names[0]


def naive_boundaries(timeline: Timeline, start: int, end: int) -> list[int]:
    """Return the instants inside (start, end) at which period, version or band changes, by the minute."""
    minutes = range((start // MINUTE + 1) * MINUTE, end, MINUTE)
    candidates = sorted({*minutes, *(v.valid_from for v in timeline.versions if start < v.valid_from < end)})
    found, present = [], naive_price_key(timeline, start)
    for at in candidates:
        key = naive_price_key(timeline, at)
        if key != present:
            found.append(at)
        present = key
    return found


class NaiveRating:
    """Rating with fractions, one span and one block at a time, rounded at the very end."""

    def __init__(self, timeline: Timeline) -> None:
        """Begin with nothing used."""
        self.timeline = timeline
        self.used: dict[str, int] = {}
        self.quantities: dict[LineKey, Fraction] = {}

    def allocate(self, start: int, end: int, wh: int) -> None:
        """Spread energy over the price boundaries, floored at each."""
        edges = [start, *naive_boundaries(self.timeline, start, end), end]
        given = 0
        for low, high in itertools.pairwise(edges):
            upto = wh if high == end else wh * (high - start) // (end - start)
            self._climb(*naive_price_key(self.timeline, low), upto - given)
            given = upto

    def _climb(self, period: str, version_id: str, name: str, wh: int) -> None:
        """Put energy on the ladder."""
        version = self.timeline.version(version_id)
        ladder = version.ladders[0]
        floors = [0, *ladder.limits]
        ceilings = [*ladder.limits, 10**18]
        low = self.used.get(period, 0)
        high = self.used[period] = low + wh
        for block, (floor, ceiling) in enumerate(zip(floors, ceilings, strict=True)):
            part = min(high, ceiling) - max(low, floor)
            if part > 0:
                self._add(LineKey(LineKind.CONSUMPTION, period, version_id, block, name), Fraction(part))
                cost = Fraction(version.price(block, name) * part, WH_PER_MWH)
                self._tax(version, period, TaxBase.CONSUMPTION, cost)

    def stand(self, period: str, version: TariffVersion) -> None:
        """Charge one day."""
        for charge in version.standing:
            self._add(LineKey(LineKind.STANDING, period, version.id, -1, charge.name), Fraction(1))
            self._tax(version, period, TaxBase.STANDING, Fraction(charge.amount))

    def _tax(self, version: TariffVersion, period: str, base: TaxBase, cost: Fraction) -> None:
        for entry in version.taxes:
            if base in entry.on:
                self._add(LineKey(LineKind.TAX, period, version.id, -1, entry.name), cost)

    def _add(self, key: LineKey, quantity: Fraction) -> None:
        self.quantities[key] = self.quantities.get(key, Fraction(0)) + quantity

    def amounts(self) -> dict[LineKey, int]:
        """Return every line's amount that is not nothing; Python rounds fractions half to even."""
        found = {key: round(self._price(key) * quantity) for key, quantity in self.quantities.items()}
        return {key: value for key, value in found.items() if value}

    def _price(self, key: LineKey) -> Fraction:
        """Return the price of a line's unit."""
        version = self.timeline.version(key.version_id)
        if key.kind == LineKind.STANDING:
            return Fraction(version.standing[0].amount)
        if key.kind == LineKind.TAX:
            return Fraction(next(entry.rate_ppm for entry in version.taxes if entry.name == key.band), PPM)
        return Fraction(version.price(key.block, key.band), WH_PER_MWH)
