"""Tariffs: no minute without a price or with two, blocks that rise, versions that follow one another."""

from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings, strategies as st
import pytest

from meter_bridge.core.calendar import day_end, day_start, local_time
from meter_bridge.core.rating.rating import BlockUsageKey, Rating, block_at, energy_to_next_block
from meter_bridge.core.tariff.bands import Band, BandCalendar, Window
from meter_bridge.core.tariff.tariff import (
    EXACT_SCALE,
    PPM,
    BlockSchedule,
    StandingCharge,
    TariffError,
    TariffVersion,
    Tax,
    TaxBase,
    Timeline,
    check_tariff,
    compose_timeline,
    next_price_change,
)
from tests.core.builders import (
    DAY,
    MINUTE,
    SLOT,
    band,
    day_and_night,
    instant,
    tariff,
    tax,
    timeline,
    weekly_ladder,
    window,
)
from tests.core.strategies import CHANGES, STEP, naive_bands, naive_price_key, windows

WEEK = [(weekday, minute) for weekday in range(7) for minute in range(0, 1440, STEP)]


def test_a_minute_without_a_price_is_refused_with_its_place() -> None:
    with pytest.raises(
        TariffError, match=r"00:00 on a Saturday is in no band; extend one, or mark one as 'rest'"
    ):
        tariff([["1"]], bands=[band("day", window("00:00-24:00", "mon-fri"))])


def test_a_minute_with_two_prices_is_refused_with_its_place() -> None:
    with pytest.raises(TariffError, match="05:00 on a Tuesday is in two bands, 'night' and 'early'"):
        tariff(
            [["1", "2", "3"]],
            bands=[
                band("night", window("22:00-06:00", "mon")),
                band("early", window("05:00-07:00")),
                band("rest"),
            ],
        )


def test_a_window_across_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    version = tariff([["1", "2"]], bands=[band("party", window("22:00-06:00", "fri")), band("rest")])
    found = [
        version.calendar.at(instant(text, version.time_zone)).band
        for text in ("2026-01-02 21:59", "2026-01-02 22:00")
    ]
    found += [
        version.calendar.at(instant(text, version.time_zone)).band
        for text in ("2026-01-03 05:59", "2026-01-03 06:00")
    ]
    assert found == ["rest", "party", "party", "rest"]
    assert version.calendar.at(instant("2026-01-02 05:59", version.time_zone)).band == "rest"


def test_a_window_of_equal_ends_is_a_whole_day_from_there() -> None:
    version = tariff([["1", "2"]], bands=[band("long", window("08:00-08:00", "mon")), band("rest")])
    monday = instant("2026-01-05 08:00", version.time_zone)
    assert [version.calendar.at(monday + offset).band for offset in (-1, 0, DAY - 1, DAY)] == [
        "rest",
        "long",
        "long",
        "rest",
    ]


@given(drawn=st.lists(st.lists(windows, max_size=2), min_size=1, max_size=3), with_rest=st.booleans())
def test_a_tariff_is_accepted_exactly_if_each_minute_of_the_week_has_one_price(
    *,
    drawn: list[list[Window]],
    with_rest: bool,
) -> None:
    bands = [Band(str(number), tuple(entry)) for number, entry in enumerate(drawn)]
    bands.append(Band("rest", (), rest=with_rest))
    claims = [len(naive_bands(bands, weekday, minute)) for weekday, minute in WEEK]
    version = _unchecked(bands=tuple(bands), prices=((1,) * len(bands),))
    if set(claims) == {1}:
        check_tariff(version)
    else:
        with pytest.raises(TariffError, match=r"is in two bands|is in no band"):
            check_tariff(version)


def _unchecked(**changes: object) -> TariffVersion:
    """Return a version that nobody has checked."""
    arguments: dict[str, object] = {
        "id": "v1",
        "tariff_id": "t1",
        "valid_from": 0,
        "currency": "ZAR",
        "bands": (Band("all", (), rest=True),),
        "limits": (),
        "prices": ((1,),),
        "standing": (),
    }
    merged: dict[str, Any] = arguments | changes
    names = tuple(each.name for each in merged["bands"])
    merged["ladders"] = (BlockSchedule(names, merged.pop("prices"), merged.pop("limits")),)
    merged["calendar"] = BandCalendar(merged.pop("time_zone", "UTC"), merged.pop("bands"))
    return TariffVersion(**merged)


EVERY_DAY = frozenset(range(7))


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"limits": (0,), "prices": ((1,), (2,))}, "limits must rise"),
        ({"limits": (-5,), "prices": ((1,), (2,))}, "limits must rise"),
        ({"limits": (5, 5), "prices": ((1,), (2,), (3,))}, "limits must rise"),
        ({"limits": (5,), "prices": ((1,),)}, "1 block limits make 2 blocks"),
        ({"prices": ()}, "0 block limits make 1 blocks"),
        ({"prices": ((1, 2),)}, "one price for each band"),
        ({"prices": ((-1,),)}, "none of them negative"),
        ({"bands": (), "prices": ((),)}, "00:00 on a Monday is in no band"),
        ({"standing": (StandingCharge("a", -1),)}, "standing charge is negative"),
        ({"taxes": (Tax("VAT", -1, frozenset()),)}, "tax 'VAT' is negative"),
        ({"taxes": (tax("5"), tax("15"))}, "two of the tax entries are named 'VAT'"),
        (
            {
                "bands": (
                    Band("a", (Window(EVERY_DAY, 0, 720),)),
                    Band("a", (Window(EVERY_DAY, 720, 1440),)),
                ),
                "prices": ((1, 2),),
            },
            "two of the band entries are named 'a'",
        ),
        ({"bands": (Band("a", (Window(EVERY_DAY, -60, 1440),)),)}, "outside the day or week"),
        ({"bands": (Band("a", (Window(EVERY_DAY, 0, 1441),)),)}, "outside the day or week"),
        ({"bands": (Band("a", (Window(EVERY_DAY, 1440, 1440),)),)}, "outside the day or week"),
        ({"bands": (Band("a", (Window(frozenset({8}), 0, 1440),)),)}, "outside the day or week"),
    ],
)
def test_a_tariff_that_says_two_things_or_nothing_is_refused(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises(TariffError, match=message):
        check_tariff(_unchecked(**changes))


@pytest.mark.parametrize("zone, day", CHANGES)
def test_no_minute_is_free_or_priced_twice_on_days_on_which_the_clocks_change(zone: str, day: str) -> None:
    version, info = weekly_ladder(time_zone=zone), ZoneInfo(zone)
    line = timeline(version)
    for offset in range(3):
        today = date.fromisoformat(day) + timedelta(days=offset)
        spans = version.calendar.spans(today)
        edges = [spans[0].start, *(span.end for span in spans)]
        assert edges == [day_start(today, info), *(span.start for span in spans[1:]), day_end(today, info)]
        for span in spans:
            for at in range(span.start, span.end, MINUTE):
                assert naive_price_key(line, at)[2] == span.band, local_time(at, info)


def test_a_window_inside_a_repeated_hour_holds_twice_and_inside_a_skipped_one_not_at_all() -> None:
    version = tariff(
        [["1", "2"]], bands=[band("happy", window("01:00-02:00")), band("rest")], time_zone="Europe/London"
    )

    def happy_hours(day: date) -> float:
        return sum(span.end - span.start for span in version.calendar.spans(day) if span.band == "happy") / (
            60 * MINUTE
        )

    assert [happy_hours(date(2026, *rest)) for rest in ((3, 28), (3, 29), (10, 25), (10, 26))] == [1, 0, 2, 1]


@settings(max_examples=40)
@given(st.sampled_from(CHANGES), st.integers(0, 3 * DAY), st.lists(windows, min_size=1, max_size=2))
def test_the_next_price_change_is_the_next_minute_with_another_band(
    place: tuple[str, str], offset: int, drawn: list[Window]
) -> None:
    zone, day = place
    at = instant(f"{day} 00:00", zone) + offset
    version = _unchecked(time_zone=zone, bands=(Band("a", tuple(drawn)), band("rest")), prices=((1, 2),))
    line = timeline(version)
    present = naive_price_key(line, at)[2]
    later = range((at // SLOT + 1) * SLOT, at + 8 * DAY, SLOT)
    expected = next((minute for minute in later if naive_price_key(line, minute)[2] != present), None)
    assert version.calendar.at(at).band == present
    assert next_price_change(version, at) == expected


def test_a_tariff_of_one_band_never_changes_its_price_by_the_clock() -> None:
    assert next_price_change(tariff(), 0) is None


def test_a_band_begins_at_its_first_instant() -> None:
    version = day_and_night(time_zone="Europe/London")
    start = instant("2026-01-05 07:00", "Europe/London")
    assert version.calendar.at(start - 1).band == "night"
    assert version.calendar.at(start).band == "day"
    assert next_price_change(version, start - 1) == start
    assert next_price_change(version, start) == start + 16 * 60 * MINUTE


def test_the_unit_that_reaches_a_limit_is_the_last_of_its_block() -> None:
    version = tariff([["1"], ["2"], ["3"]], limits_kwh=["75", "200"])
    at = version.period(0)
    ratings = [
        Rating(block_usage={BlockUsageKey(at, 0): used}) for used in (0, 74_999, 75_000, 199_999, 200_000)
    ]
    stretch = timeline(version).interval_at(0)
    assert [block_at(rating, stretch) for rating in ratings] == [0, 0, 1, 1, 2]
    assert [energy_to_next_block(rating, stretch) for rating in ratings] == [
        75_000,
        1,
        125_000,
        1,
        None,
    ]


def test_a_period_is_the_month_of_the_tariffs_own_time_zone() -> None:
    at = instant("2026-02-01 00:00", "Asia/Kathmandu")
    assert tariff(time_zone="Asia/Kathmandu").period(at) == "2026-02-01/P1M"
    assert tariff(time_zone="Asia/Kathmandu").period(at - 1) == "2026-01-01/P1M"
    assert tariff(time_zone="America/New_York").period(at) == "2026-01-01/P1M"


def test_taxes_add_up_per_base() -> None:
    version = tariff(taxes=[tax("15"), tax("2.5", "levy", [TaxBase.CONSUMPTION])])
    assert version.taxed_value(1_000_000) == EXACT_SCALE * 1_175_000 // 1_000_000
    assert [term.factor for term in version.tax_terms[TaxBase.STANDING]] == [150_000 * PPM]


def test_a_version_is_in_force_from_its_first_instant_until_the_next_begins() -> None:
    first, second = tariff(valid_from=100), tariff(valid_from=200, version_id="v2")
    line = timeline(first, second)
    assert [line.at(at).id for at in (100, 199, 200, 10**15)] == ["v1", "v1", "v2", "v2"]
    assert [line.next_start(at) for at in (0, 99, 100, 199, 200)] == [100, 100, 200, 200, None]
    with pytest.raises(TariffError, match="no tariff version is in force"):
        line.at(99)


def test_versions_are_put_in_order_and_of_two_that_begin_together_the_later_given_holds() -> None:
    versions = [tariff(valid_from=at, version_id=name) for at, name in ((200, "c"), (100, "a"), (100, "b"))]
    line = Timeline(tuple(versions))
    assert [version.id for version in line.versions] == ["a", "b", "c"]
    assert line.at(150).id == "b"
    assert line.version("a").id == "a"


@given(st.data())
def test_a_supply_that_changes_its_tariff_follows_each_from_its_turn_until_the_next(
    data: st.DataObject,
) -> None:
    tariffs = [
        [
            tariff(valid_from=at, version_id=f"{name}{at}")
            for at in sorted(data.draw(st.sets(st.integers(0, 50), min_size=1)))
        ]
        for name in "abc"
    ]
    begin = tariffs[0][0].valid_from
    starts = [begin, *sorted(data.draw(st.sets(st.integers(begin + 1, 60), min_size=2, max_size=2)))]
    composed = compose_timeline(list(zip(starts, tariffs, strict=True)))
    for at in range(begin, 70):
        turn = max(number for number, start in enumerate(starts) if start <= at)
        present = [version for version in tariffs[turn] if version.valid_from <= at]
        if present:
            assert composed.at(at).id == present[-1].id
