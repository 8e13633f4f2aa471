"""Load files: what they may look like, and what is answered to a slip."""

from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, strategies as st
import pytest

from meter_bridge.commands.load_file import LoadError, parse_load
from meter_bridge.core.rating.load_pricing import LoadInterval

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = 3_600_000


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1000


def test_one_time_per_line_is_the_begin_of_an_interval() -> None:
    found = parse_load(
        ["timestamp,kWh", "2026-07-01T00:00,0.25", "2026-07-01T01:30,1", "2026-07-01T02:00,2"], BERLIN
    )
    start = at("2026-07-01T00:00+02:00")
    assert found == (
        LoadInterval(start, start + HOUR * 3 // 2, 250),
        LoadInterval(start + HOUR * 3 // 2, start + 2 * HOUR, 1000),
        LoadInterval(start + 2 * HOUR, start + HOUR * 5 // 2, 2000),
    )


def test_begin_and_end_may_leave_gaps() -> None:
    lines = [
        "start, end, Wh",
        "2026-07-01T00:00Z,2026-07-01T00:15Z,100",
        "",
        "2026-07-03T00:00Z,2026-07-04T00:00Z,7",
    ]
    first, second = at("2026-07-01T00:00Z"), at("2026-07-03T00:00Z")
    assert parse_load(lines, BERLIN) == (
        LoadInterval(first, first + HOUR // 4, 100),
        LoadInterval(second, second + 24 * HOUR, 7),
    )


def test_the_hour_that_the_clocks_repeat_is_two_hours() -> None:
    times = ["01:00", "02:00", "02:30", "02:00", "02:30", "03:00"]
    found = parse_load(["timestamp,Wh", *(f"2026-10-25T{time},1" for time in times)], BERLIN)
    start = at("2026-10-25T01:00+02:00")
    assert [(each.start - start) / HOUR for each in found] == [0, 1, 1.5, 2, 2.5, 3]


@given(st.lists(st.decimals(0, 10, places=6), min_size=2, max_size=50))
def test_energy_is_counted_like_a_register(energy: list[Decimal]) -> None:
    lines = [f"2026-07-01T{index // 60:02d}:{index % 60:02d},{each:f}" for index, each in enumerate(energy)]
    found = parse_load(["timestamp,kWh", *lines], BERLIN)
    assert sum(each.wh for each in found) == int(sum(energy) * 1000)
    assert all(abs(each.wh - wh * 1000) <= 1 for each, wh in zip(found, energy, strict=True))


@pytest.mark.parametrize(
    "lines, line, message, remedy",
    [
        ([], 1, "unknown column names", "timestamp,kWh"),
        (["time,kWh", "2026-07-01,1"], 1, "unknown column names", "start,end,kWh"),
        (["timestamp,kW", "2026-07-01,1"], 1, "unknown column names", "Wh"),
        (["timestamp,kWh"], 2, "no data after", "add one line for each"),
        (["timestamp,kWh", "2026-07-01,1"], 2, "length of a single interval is unknown", "start,end,kWh"),
        (["timestamp,kWh", "", "2026-07-01T00:00,1,2"], 3, "3 values instead of 2", "commas"),
        (["timestamp,kWh", "2026-07-01,1", "yesterday,1"], 3, "'yesterday' is not a time", "T00:15"),
        (["timestamp,kWh", "2026-07-01T00:00,1", "0001-01-01,1"], 3, "out of range", "2000"),
        (["timestamp,kWh", "2026-07-01T00:00,-1"], 2, "'-1' is out of range for energy", "zero or more"),
        (["timestamp,kWh", '2026-07-01T00:00,"1,5"'], 2, "'1,5' is not a decimal number", "0.250"),
        (["timestamp,kWh", "2026-07-01,1", "2026-07-01,1"], 3, "before the end of the previous line", "sort"),
        (["timestamp,kWh", "2026-03-29T01:30,1", "2026-03-29T02:30,1"], 3, "put forward past it", "+02:00"),
        (["start,end,kWh", "2026-07-01T01:00,2026-07-01T00:00,1"], 2, "is not after", "start, then the end"),
        (["start,end,kWh", "2026-07-01T00:00,2026-07-01T02:00,1", "2026-07-01T01:00,2026-07-01T03:00,1"], 3,
         "before the end", "by time"),
    ],
)  # fmt: skip
def test_a_slip_is_named_with_its_line(lines: list[str], line: int, message: str, remedy: str) -> None:
    with pytest.raises(LoadError, match=f"line {line}: ") as caught:
        parse_load(lines, BERLIN)
    assert message in str(caught.value)
    assert remedy in caught.value.remedy


@given(st.lists(st.text(alphabet="2026-07 T:Z,.1+kWh\"'\n", max_size=30), max_size=5))
def test_any_text_is_a_load_or_a_slip(lines: list[str]) -> None:
    try:
        found = parse_load(["timestamp,kWh", *lines], BERLIN)
    except LoadError as error:
        found = ()
        message = str(error)
        assert message.startswith("line ") and error.remedy  # noqa: PT017, PT018 - either outcome is fine
    assert all(before.end <= after.start for before, after in pairwise(found))
