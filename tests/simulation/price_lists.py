"""Price lists by the clock, and the naive model of what energy costs under them.

A list is written for the site file from the same few plain rules by which the model prices it: the model
looks at the local clock when energy was used, and asks which version and which band that is.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
import random
from typing import Final
from zoneinfo import ZoneInfo

PER_KWH: Final = 1_000
STEPS: Final = 1_000_000
"""Steps of an amount in a unit of the currency."""
MINUTE_MS: Final = 60_000
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Window:
    """A span of the local clock on some days; one over midnight belongs to the day on which it begins."""

    start: str
    end: str
    days: tuple[int, ...] = tuple(range(7))

    def covers(self, local: datetime) -> bool:
        clock = f"{local:%H:%M}"
        today, yesterday = local.weekday() in self.days, (local.weekday() - 1) % 7 in self.days
        if self.start < self.end:
            return today and self.start <= clock < self.end
        return (today and clock >= self.start) or (yesterday and clock < self.end)

    def text(self) -> str:
        days = ", ".join(_DAYS[day] for day in self.days)
        return f'{{days: "{days}", from: "{self.start}", to: "{self.end}"}}'


type Bands = Mapping[str, tuple[Window, ...]]
"""Windows by band; the last band has none and takes the rest of the time."""

_WORKDAYS: Final = tuple(range(5))
BANDS: Final[tuple[Bands, ...]] = (
    {
        "peak": (Window("06:30", "09:00", _WORKDAYS), Window("17:00", "20:00", _WORKDAYS)),
        "night": (Window("22:00", "05:15"),),
        "day": (),
    },
    {"weekend": (Window("20:00", "08:00", (4, 5, 6)),), "week": ()},
    {"late": (Window("01:30", "02:30"), Window("23:45", "00:30")), "usual": ()},
    {"odd": tuple(Window(f"{hour:02}:00", f"{hour + 1:02}:00") for hour in range(1, 22, 2)), "even": ()},
)


@dataclass(frozen=True, slots=True)
class Used:
    """Energy of a short time."""

    start_ms: int
    end_ms: int
    wh: int


@dataclass(frozen=True, slots=True)
class Version:
    """The prices from an instant on."""

    begins: datetime
    """On the local clock."""
    bands: Bands
    prices: Mapping[str, tuple[str, ...]]
    """By band the price per kWh in each block."""
    blocks_kwh: tuple[int, ...]
    """Where blocks end, of a month."""
    tax_percent: str

    def band(self, local: datetime) -> str:
        """Return the band of an instant of the local clock."""
        for name, windows in self.bands.items():
            if not windows or any(window.covers(local) for window in windows):
                return name
        raise AssertionError("the last band takes the rest")

    def price(self, block: int, band: str) -> Fraction:
        """Return the steps that a Wh costs."""
        return Fraction(self.prices[band][block]) * STEPS / PER_KWH

    def text(self) -> Iterator[str]:
        yield f"          - from: {self.begins:%Y-%m-%d %H:%M}"
        yield "            bands:"
        for name, windows in self.bands.items():
            spans = ", ".join(window.text() for window in windows)
            yield f"              {name}: {f'[{spans}]' if windows else 'rest'}"
        if self.blocks_kwh:
            yield f"            blocks: [{', '.join(f'{end} kWh' for end in self.blocks_kwh)}]"
        yield "            prices:"
        for name, prices in self.prices.items():
            yield f"              {name}: [{', '.join(prices)}]"
        yield f"            taxes: [{{name: VAT, percent: {self.tax_percent}}}]"


@dataclass(frozen=True, slots=True)
class Moment:
    """What determines the price of a unit beside the block: two equal moments have one."""

    month: str
    version: int
    band: str


@dataclass(frozen=True, slots=True)
class PriceList:
    """A tariff in a time zone, with its versions in order."""

    id: str
    zone: ZoneInfo
    versions: tuple[Version, ...]

    def moment(self, at_ms: int) -> Moment:
        """Return what holds at an instant."""
        local = datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(self.zone)
        number = max(n for n in range(len(self.versions)) if self.begins_ms(n) <= at_ms)
        return Moment(f"{local:%Y-%m}", number, self.versions[number].band(local))

    def begins_ms(self, number: int) -> int:
        """Return the instant from which a version holds."""
        return round(self.versions[number].begins.timestamp() * 1000)

    def changes(self, begin_ms: int, end_ms: int) -> Iterator[int]:
        """Yield each instant between two at which another price begins."""
        first = begin_ms // MINUTE_MS + 1
        before = self.moment(first * MINUTE_MS - MINUTE_MS)
        for minute in range(first, end_ms // MINUTE_MS):
            now = self.moment(minute * MINUTE_MS)
            if now != before:
                yield minute * MINUTE_MS
            before = now

    def mixed(self, used: Iterable[Used]) -> Iterator[Used]:
        """Yield energy that was charged as one and to which no single price applies."""
        for each in used:
            if self.moment(each.start_ms) != self.moment(max(each.end_ms - 1, each.start_ms)):
                yield each

    def cost(self, used: Iterable[Used]) -> int:
        """Return what energy costs in the order in which it was used; each line is rounded once."""
        wh_of_month: dict[str, int] = defaultdict(int)
        lines: dict[tuple[Moment, int], int] = defaultdict(int)
        for each in used:
            moment = self.moment(each.start_ms)
            for block, wh in self._blocks(moment.version, wh_of_month[moment.month], each.wh):
                lines[moment, block] += wh
            wh_of_month[moment.month] += each.wh
        taxes: dict[tuple[str, int], Fraction] = defaultdict(Fraction)
        total = 0
        for (moment, block), wh in lines.items():
            version = self.versions[moment.version]
            exact = version.price(block, moment.band) * wh
            total += round(exact)
            taxes[moment.month, moment.version] += exact * Fraction(version.tax_percent) / 100
        return total + sum(round(tax) for tax in taxes.values())

    def _blocks(self, number: int, before: int, wh: int) -> Iterator[tuple[int, int]]:
        """Yield how much of energy falls into which block after what was used before."""
        ends = [*(end * PER_KWH for end in self.versions[number].blocks_kwh), before + wh]
        start = before
        for block, end in enumerate(ends):
            part = min(end, before + wh) - start
            if part > 0:
                yield block, part
                start += part

    def per_wh(self) -> tuple[Fraction, Fraction]:
        """Return the steps that the cheapest and the most expensive Wh cost."""
        found = [
            version.price(block, band) * (1 + Fraction(version.tax_percent) / 100)
            for version in self.versions
            for band, prices in version.prices.items()
            for block in range(len(prices))
        ]
        return min(found), max(found)

    def text(self) -> str:
        """Return the list as it stands in the site file."""
        lines = [f"      {self.id}:", "        versions:"]
        for version in self.versions:
            lines += version.text()
        return "".join(f"{line}\n" for line in lines)


def draw_version(chance: random.Random, begins: datetime) -> Version:
    """Return prices by chance: some come out even, others show what is rounded."""
    bands = chance.choice(BANDS)
    blocks = chance.choice(((), (5,), (3, 12)))

    def price() -> str:
        digits = chance.choice((2, 5))
        return f"{chance.uniform(1, 4):.{digits}f}"

    prices = {name: tuple(price() for _ in range(len(blocks) + 1)) for name in bands}
    return Version(begins, bands, prices, blocks, chance.choice(("15", "7.7")))


def draw_price_list(chance: random.Random, number: int, zone: ZoneInfo) -> PriceList:
    first = draw_version(chance, datetime(2026, 1, 1, tzinfo=zone))
    return PriceList(f"by-the-clock-{number}", zone, (first,))
