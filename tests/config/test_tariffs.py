"""Everything that a tariff can say in the site file, and what is answered to what it cannot."""

from datetime import date

from hypothesis import HealthCheck, given, settings, strategies as st
import pytest

from meter_bridge.config.holidays import resolve
from meter_bridge.config.site_file import SiteFileError, SiteProblem, load
from meter_bridge.core.tariff.bands import HOLIDAY
from meter_bridge.core.tariff.periods import PeriodRule, PeriodUnit
from meter_bridge.core.tariff.tariff import (
    BlockBandMeaning,
    BlockBasis,
    BlockSchedule,
    DemandCharge,
    DemandOf,
    Lifeline,
    StandingCharge,
    TariffVersion,
    Tax,
    TaxBase,
    TaxKind,
)

HEAD = """\
name: x
sites:
  s:
    time zone: America/Los_Angeles
    currency: USD
    units: {}
    tariffs:
      t:
        versions:
          - from: 2026-06-01
"""
INDENT = " " * 12
FIRST_LINE = HEAD.count("\n") + 1
PLAIN = "prices: 1.00"
BLOCKS = """\
blocks: [100 kWh, 300 kWh]
prices: [1, 2, 3]"""
SEASONS = """\
seasons:
  summer: [{from: 06-01, to: 09-30}]
  winter: rest
bands:
  summer peak: [{season: summer, from: "16:00", to: "21:00"}]
  summer off-peak:
    - {season: summer, from: "00:00", to: "16:00"}
    - {season: summer, from: "21:00", to: "24:00"}
  winter peak: [{season: winter, from: "16:00", to: "21:00"}]
  winter off-peak: rest
blocks:
  - {bands: [summer peak, summer off-peak], up to: [300 kWh]}
  - {bands: [winter peak, winter off-peak], up to: [250 kWh]}
prices:
  summer peak: [0.60, 0.70]
  summer off-peak: [0.40, 0.50]
  winter peak: [0.45, 0.55]
  winter off-peak: [0.35, 0.45]"""
HOURS = [1] * 24
PEAK = """\
bands:
  peak: [{days: mon-fri, from: "17:00", to: "20:00"}]
  off-peak: rest
prices: {peak: 2, off-peak: 1}"""


def text_of(lines: str) -> str:
    return HEAD + "".join(f"{INDENT}{line}\n" for line in lines.splitlines())


def version_of(lines: str) -> TariffVersion:
    return load(text_of(lines)).sites[0].tariffs[0].versions[0]


def problems_of(lines: str) -> list[tuple[int, str, str]]:
    """Return line from the version's own first, message and remedy of each problem."""
    with pytest.raises(SiteFileError) as caught:
        load(text_of(lines))
    return [(each.line - FIRST_LINE, each.message, each.remedy) for each in caught.value.problems]


def per_kwh(*prices: str) -> tuple[int, ...]:
    return tuple(int(float(price) * 100) * 10**7 for price in prices)


def test_what_is_not_written_has_the_plain_meaning() -> None:
    version = version_of(PLAIN)
    assert version.meaning is BlockBandMeaning.POOLED_CHRONOLOGICAL
    assert version.basis is BlockBasis.CONSUMPTION_TIME
    assert version.block_period == version.billing_period == PeriodRule()
    assert not version.prorate
    assert (version.history_periods, version.minimum, version.free_wh) == (0, 0, 0)
    assert version.demand is None
    assert version.lifeline is None
    assert version.calendar.holidays == ()


@pytest.mark.parametrize(
    "written, expected",
    [
        ("daily", PeriodRule(PeriodUnit.DAY)),
        ("weekly", PeriodRule(PeriodUnit.WEEK)),
        ("weekly on wed", PeriodRule(PeriodUnit.WEEK, 3)),
        ("monthly", PeriodRule(PeriodUnit.MONTH, 15)),
        ("monthly on day 1", PeriodRule(PeriodUnit.MONTH, 1)),
        ("quarterly", PeriodRule(PeriodUnit.QUARTER)),
        ("quarterly on 02-10", PeriodRule(PeriodUnit.QUARTER, 10, 2)),
        ("yearly", PeriodRule(PeriodUnit.YEAR)),
        ("yearly on 07-01", PeriodRule(PeriodUnit.YEAR, 1, 7)),
    ],
)
def test_blocks_begin_anew_when_it_is_said(written: str, expected: PeriodRule) -> None:
    version = version_of(f"billing day: 15\nblocks reset: {written}\n{BLOCKS}")
    assert version.block_period == expected
    assert version.billing_period == PeriodRule(PeriodUnit.MONTH, 15)


def test_blocks_begin_anew_with_the_bill() -> None:
    assert version_of(f"billing day: 15\n{BLOCKS}").block_period == PeriodRule(PeriodUnit.MONTH, 15)


def test_seasons_hold_from_their_first_to_their_last_day() -> None:
    calendar = version_of(SEASONS).calendar
    days = [date(2026, 5, 31), date(2026, 6, 1), date(2026, 9, 30), date(2026, 10, 1)]
    assert [calendar.season(day) for day in days] == ["winter", "summer", "summer", "winter"]
    assert [span.band for span in calendar.spans(date(2026, 6, 1))] == [
        "summer off-peak",
        "summer peak",
        "summer off-peak",
    ]


def test_a_season_may_run_over_new_year_and_in_two_parts() -> None:
    lines = SEASONS.replace("{from: 06-01, to: 09-30}", "{from: 12-15, to: 01-15}, {from: 07-01, to: 07-31}")
    calendar = version_of(lines).calendar
    days = [date(2026, 12, 14), date(2026, 12, 15), date(2027, 1, 15), date(2027, 7, 31), date(2027, 8, 1)]
    assert [calendar.season(day) for day in days] == ["winter", "summer", "summer", "summer", "winter"]


def test_a_window_may_hold_in_several_seasons() -> None:
    lines = SEASONS.replace("season: winter,", "season: [winter],")
    assert version_of(lines).calendar == version_of(SEASONS).calendar


def test_groups_of_bands_have_blocks_of_their_own() -> None:
    ladders = version_of(SEASONS).ladders
    assert [(ladder.bands, ladder.limits) for ladder in ladders] == [
        (("summer peak", "summer off-peak"), (300_000,)),
        (("winter peak", "winter off-peak"), (250_000,)),
    ]
    assert ladders[0].prices == (per_kwh("0.60", "0.40"), per_kwh("0.70", "0.50"))


def test_a_band_in_no_group_has_one_price() -> None:
    lines = PEAK.replace(
        "prices: {peak: 2,", "blocks: [{bands: [peak], up to: [50 kWh]}]\nprices: {peak: [2, 3],"
    )
    assert version_of(lines).ladders == (
        BlockSchedule(("peak",), (per_kwh("2"), per_kwh("3")), (50_000,)),
        BlockSchedule(("off-peak",), (per_kwh("1"),)),
    )


@pytest.mark.parametrize(
    "words, meaning, ladders",
    [
        ("to all bands in order of use", BlockBandMeaning.POOLED_CHRONOLOGICAL, [("peak", "off-peak")]),
        ("to all bands in proportion", BlockBandMeaning.POOLED_PRO_RATA, [("peak", "off-peak")]),
        ("to each band", BlockBandMeaning.LADDER_PER_BAND, [("peak",), ("off-peak",)]),
    ],
)
def test_blocks_apply_in_three_ways(
    words: str, meaning: BlockBandMeaning, ladders: list[tuple[str, ...]]
) -> None:
    lines = PEAK.replace("{peak: 2, off-peak: 1}", "{peak: [2, 3], off-peak: [1, 2]}")
    version = version_of(f"blocks: [100 kWh]\nblocks apply: {words}\n{lines}")
    assert version.meaning is meaning
    assert [ladder.bands for ladder in version.ladders] == ladders
    assert all(ladder.limits == (100_000,) for ladder in version.ladders)


def test_blocks_of_a_year_may_have_five_periods() -> None:
    """The shape of Chinese price lists for trade: sharp, peak, flat, valley, deep valley."""
    version = version_of(
        """\
holidays: {country: CN}
seasons: {midsummer: [{from: 07-01, to: 08-31}], spring festival: [{from: 02-01, to: 02-20}], other: rest}
bands:
  sharp: [{season: midsummer, from: "13:00", to: "15:00"}]
  peak:
    - {from: "08:00", to: "11:00"}
    - {from: "17:00", to: "22:00"}
    - {season: [spring festival, other], from: "13:00", to: "15:00"}
  valley: [{from: "22:00", to: "24:00"}, {from: "00:00", to: "02:00"}, {from: "06:00", to: "08:00"}]
  deep valley: [{from: "02:00", to: "06:00"}]
  flat: rest
blocks: [2880 kWh, 4800 kWh]
blocks reset: yearly
prices:
  sharp: [1.00, 1.10, 1.60]
  peak: [0.80, 0.88, 1.28]
  flat: [0.50, 0.55, 0.80]
  valley: [0.30, 0.33, 0.48]
  deep valley: [0.20, 0.22, 0.32]"""
    )
    day = [(span.band) for span in version.calendar.spans(date(2026, 7, 15))]
    assert day == ["valley", "deep valley", "valley", "peak", "flat", "sharp", "flat", "peak", "valley"]
    assert version.ladders[0].blocks == 3
    assert version.block_period.text(date(2026, 7, 15)) == "2026-01-01/P1Y"


def test_the_block_may_follow_from_months_before() -> None:
    assert version_of(f"block by: the mean of the last 3 months\n{BLOCKS}").history_periods == 3
    assert version_of(f"block by: use in the period\n{BLOCKS}").history_periods == 0


def test_units_may_be_sold() -> None:
    assert version_of(f"sold as: units bought\n{BLOCKS}").basis is BlockBasis.PURCHASE_TIME


def test_every_charge_can_be_written() -> None:
    version = version_of(
        f"""\
source: Example Utility, price list of 2026-05-01
billing day: 3
pro rata first period: yes
lifeline: {{up to: 50 kWh, prices: 0.50}}
free units: 20 kWh
free units count in blocks: no
standing charge: {{service: 4.50 per day, meter rent: 40 per month, bin: 1 per week}}
demand charge: 42 per kW, maximum of 30 min
minimum charge: 100.00 per month
{PLAIN}"""
    )
    assert version.source == "Example Utility, price list of 2026-05-01"
    assert version.billing_period == PeriodRule(PeriodUnit.MONTH, 3)
    assert version.prorate
    assert version.lifeline == Lifeline(50_000, per_kwh("0.50"))
    assert (version.free_wh, version.free_climbs) == (20_000, False)
    assert version.standing == (
        StandingCharge("service", 4_500_000, PeriodUnit.DAY),
        StandingCharge("meter rent", 40_000_000, PeriodUnit.MONTH),
        StandingCharge("bin", 1_000_000, PeriodUnit.WEEK),
    )
    assert version.demand == DemandCharge(42_000_000, DemandOf.MAXIMUM, 30)
    assert version.minimum == 100_000_000


def test_demand_may_be_contracted() -> None:
    version = version_of(f"demand charge: 42.5 per kW, contracted\n{PLAIN}")
    assert version.demand == DemandCharge(42_500_000, DemandOf.CONTRACTED)


def test_taxes_levies_and_rebates_are_one_list_in_order() -> None:
    version = version_of(
        f"""\
taxes:
  - {{name: fuel, kind: levy, per kWh: 0.0359}}
  - {{name: early, kind: rebate, percent: 0.5, applies to: [consumption]}}
  - {{name: VAT, percent: 16, applies to: [consumption, standing charge, demand charge, fuel, early]}}
  - {{name: all, percent: 1}}
  - {{name: GST, percent: 5, included in prices: yes, applies to: [minimum charge]}}
{PLAIN}"""
    )
    charges = frozenset({TaxBase.CONSUMPTION, TaxBase.STANDING, TaxBase.DEMAND})
    assert version.taxes == (
        Tax("fuel", 0, frozenset(), TaxKind.LEVY, per_mwh=35_900_000),
        Tax("early", -5000, frozenset({TaxBase.CONSUMPTION}), TaxKind.REBATE),
        Tax("VAT", 160_000, charges | {"fuel", "early"}),
        Tax("all", 10_000, frozenset(TaxBase)),
        Tax("GST", 50_000, frozenset({TaxBase.MINIMUM}), inclusive=True),
    )


def test_holidays_are_resolved_for_ten_years_and_stored() -> None:
    calendar = version_of(f"holidays: {{country: US, region: CA, dates: [2026-07-03]}}\n{PEAK}").calendar
    assert calendar.holidays == tuple(sorted({*resolve("US", "CA", 2026, 2036), date(2026, 7, 3)}))
    assert calendar.holiday_as == HOLIDAY
    assert [span.band for span in calendar.spans(date(2026, 12, 25))] == ["off-peak"]


def test_a_load_profile_gives_each_hour_of_each_kind_of_day_a_weight() -> None:
    evening = [0] * 18 + [1] * 6
    profile = version_of(f"load profile: {{mon-fri: {evening}, sat-sun: {HOURS}}}\n{PLAIN}").profile
    assert profile is not None
    assert profile.days[0] == profile.days[4]
    assert profile.days[0][17:19] == (0, profile.days[6][0])
    assert profile.days[5] == profile.days[6] == profile.days[HOLIDAY]
    named = version_of(f"load profile: {{mon-sun: {HOURS}, holidays: {evening}}}\n{PLAIN}").profile
    assert named is not None
    assert named.days[HOLIDAY][0] == 0


def test_holidays_may_be_like_another_day() -> None:
    calendar = version_of(f"holidays: {{country: US, like: mon}}\n{PEAK}").calendar
    assert "peak" in [span.band for span in calendar.spans(date(2027, 12, 25))]  # a Saturday


def test_windows_may_name_holidays() -> None:
    lines = PEAK.replace("days: mon-fri", "days: 'sat, holidays'")
    calendar = version_of(f"holidays: {{dates: [2026-07-03]}}\n{lines}").calendar
    assert "peak" in [span.band for span in calendar.spans(date(2026, 7, 3))]
    assert "peak" not in [span.band for span in calendar.spans(date(2026, 7, 10))]


MISTAKES = [
    # lines, line counted from the first, part of the message, part of the remedy
    ("seasons: {summer: [{from: 06-01, to: 09-30}]}\n" + PEAK, 0, "no band has a season", "season:"),
    (
        SEASONS.replace("winter: rest", "winter: [{from: 10-01, to: 05-30}]"),
        1,
        "31 May is in no season",
        "rest",
    ),
    (
        SEASONS.replace("06-01, to", "05-01, to").replace(
            "winter: rest", "winter: [{from: 10-01, to: 05-31}]"
        ),
        1,
        "1 May is in two seasons",
        "shorten",
    ),
    (SEASONS.replace("06-01", "06-31"), 1, "'06-31' is not a day of the year", "06-01"),
    (SEASONS.replace("06-01", "1 June"), 1, "'1 June' is not a day of the year", "06-01"),
    (SEASONS.replace("season: winter", "season: wintr"), 8, "no season 'wintr'", "'winter'"),
    (
        SEASONS.replace(
            '{season: summer, from: "21:00", to: "24:00"}', '{season: summer, from: "22:00", to: "24:00"}'
        ).replace("winter off-peak: rest", 'winter off-peak: [{season: winter, from: "21:00", to: "16:00"}]'),
        4,
        "21:00 on a Monday in summer is in no band",
        "extend one",
    ),
    (SEASONS.replace("[winter peak,", "[winter peek,"), 12, "no band 'winter peek'", "'winter peak'"),
    (SEASONS.replace("[winter peak,", "[summer peak,"), 12, "'summer peak' has blocks twice", "one of them"),
    (SEASONS.replace("250 kWh", "250 kWh, 200 kWh"), 12, "200 kWh is not above", "rising"),
    (SEASONS.replace("up to: [250 kWh]", "until: [250 kWh]"), 12, "unknown key 'until'", "up to"),
    (SEASONS.replace("[0.60, 0.70]", "0.60"), 14, "1 price for 2 blocks", "write 2"),
    (f"blocks reset: monthly on day 29\n{BLOCKS}", 0, "not a day that every month has", "1 to 28"),
    (f"blocks reset: yearly on 02-30\n{BLOCKS}", 0, "not a day of the year", "06-01"),
    (f"blocks reset: yearly on 01-31\n{BLOCKS}", 0, "a day that some months do not have", "28"),
    (f"blocks reset: hourly\n{BLOCKS}", 0, "not a period of blocks", "monthly"),
    (f"blocks reset: daily on mon\n{BLOCKS}", 0, "does not say when", "weekly on mon"),
    (f"blocks reset: yearly\n{PLAIN}", 0, "there are no blocks", "add blocks:"),
    (f"blocks apply: each\n{BLOCKS}", 0, "'each' is not one of", "to each band"),
    (f"block by: last month\n{BLOCKS}", 0, "not a way to choose", "the mean of the last 3 months"),
    (f"block by: the mean of the last 25 months\n{BLOCKS}", 0, "not a way", "at most 24"),
    (
        f"blocks apply: to all bands in proportion\nblocks reset: yearly\n{BLOCKS}",
        1,
        "start with the bill",
        "remove",
    ),
    (
        f"blocks apply: to all bands in proportion\nblock by: the mean of the last 3 months\n{BLOCKS}",
        1,
        "cannot be shared",
        "remove",
    ),
    (f"sold as: units bought\n{PEAK}", 0, "before anyone knows in which band", "energy used"),
    (
        f"sold as: units bought\nlifeline: {{up to: 50 kWh, prices: 1}}\n{PLAIN}",
        1,
        "keep their price",
        "remove",
    ),
    (f"sold as: tokens\n{PLAIN}", 0, "'tokens' is not one of", "units bought"),
    (f"billing day: 31\n{PLAIN}", 0, "not a day that every month has", "1 to 28"),
    (f"billing day: ٣\n{PLAIN}", 0, "not a day that every month has", "1 to 28"),
    (f"standing charge: 4 per year\n{PLAIN}", 0, "does not say per day, per week or per month", "per day"),
    (f"standing charge: {{rent: 4}}\n{PLAIN}", 0, "does not say per day", "per day"),
    (f"demand charge: 42\n{PLAIN}", 0, "not a charge per kW", "contracted"),
    (f"demand charge: 42 per kW, maximum of 20 min\n{PLAIN}", 0, "maximum of 20 min", "15, 30 or 60"),
    (f"minimum charge: 4 per day\n{PLAIN}", 0, "does not say per month", "per month"),
    (f"free units count in blocks: no\n{PLAIN}", 0, "there are no free units", "free units:"),
    (f"lifeline: {{up to: 0 kWh, prices: 1}}\n{PLAIN}", 0, "helps nobody", "50 kWh"),
    (
        f"lifeline: {{up to: 50 kWh, prices: 1}}\n{PEAK}",
        0,
        "one price for several bands",
        "each of peak, off-peak",
    ),
    (
        f"lifeline: {{up to: 50 kWh, prices: {{peak: 1}}}}\n{PEAK}",
        0,
        "'off-peak' has no price",
        "add off-peak",
    ),
    (f"taxes: [{{name: VAT}}]\n{PLAIN}", 0, "'percent' is missing", "per kWh"),
    (
        f"taxes: [{{name: VAT, percent: 5, per kWh: 1}}]\n{PLAIN}",
        0,
        "'percent' does not go with",
        "two entries",
    ),
    (f"taxes: [{{name: VAT, kind: duty, percent: 5}}]\n{PLAIN}", 0, "'duty' is not one of", "levy"),
    (
        f"taxes: [{{name: VAT, percent: 5, applies to: [fuel]}}]\n{PLAIN}",
        0,
        "'fuel' is not one of",
        "consumption",
    ),
    (
        f"taxes: [{{name: VAT, percent: 5, applies to: [VAT]}}]\n{PLAIN}",
        0,
        "'VAT' is not one of",
        "put that tax first",
    ),
    (f"taxes: [{{name: consumption, percent: 5}}]\n{PLAIN}", 0, "name of a charge", "another name"),
    (f"taxes: [{{name: demand, percent: 5}}]\n{PLAIN}", 0, "name of a charge", "another name"),
    (
        f"taxes: [{{name: a, kind: rebate, percent: 5, included in prices: yes}}]\n{PLAIN}",
        0,
        "a rebate cannot be included",
        "remove",
    ),
    (
        "taxes: [{name: a, percent: 1}, {name: b, percent: 1, included in prices: yes, applies to: [a]}]\n"
        + PLAIN,
        0,
        "cannot apply to 'a'",
        "charges only",
    ),
    (
        "taxes: [{name: a, percent: 1}, {name: b, percent: 1, applies to: [a]},"
        " {name: c, percent: 1, applies to: [b]}, {name: d, percent: 1, applies to: [c]}]\n" + PLAIN,
        0,
        "a tax on a tax on a tax",
        "join",
    ),
    (f"holidays: {{country: UK}}\n{PEAK}", 0, "'UK' is not a country", "capital letters"),
    (f"holidays: {{country: Kenya}}\n{PEAK}", 0, "'Kenya' is not a country", "'KE'"),
    (f"holidays: {{country: US, region: XX}}\n{PEAK}", 0, "'XX' is not a region of US", "CA"),
    (f"holidays: {{like: sun}}\n{PEAK}", 0, "names no country", "country: ZA"),
    (f"holidays: {{country: US, like: sunday}}\n{PEAK}", 0, "'sunday' is not a day", "sat"),
    (f"holidays: {{dates: [2026-02-30]}}\n{PEAK}", 0, "not a date", "2026-07-01"),
    (PEAK.replace("mon-fri", "holidays"), 1, "nothing says which days are holidays", "holidays:"),
    (
        "holidays: {country: US, like: sun}\n" + PEAK.replace("mon-fri", "holidays"),
        2,
        "like another day",
        "like:",
    ),
    (f"load profile: [1]\n{PLAIN}", 0, "keys with values", "indented"),
    (f"load profile: {{mon-fri: {HOURS}}}\n{PLAIN}", 0, "no weights for sat, sun", "add sat:"),
    (f"load profile: {{every day: [1, 2]}}\n{PLAIN}", 0, "2 weights for 24 hours", "from 00:00 on"),
    (f"load profile: {{every day: {[0] * 24}}}\n{PLAIN}", 0, "all weights are zero", "above zero"),
    (f"load profile: {{every day: {[-1] * 24}}}\n{PLAIN}", 0, "is negative", "zero or more"),
    (f"load profile: {{every day: {[0.00001] * 24}}}\n{PLAIN}", 0, "not a plain decimal", "4.50"),
    (f"load profile: {{mon-sun: {HOURS}, sun: {HOURS}}}\n{PLAIN}", 0, "sun has weights already", "once"),
    (f"load profile: {{workdays: {HOURS}}}\n{PLAIN}", 0, "'workdays' is not a day", "mon-fri"),
    (f"source: {'x' * 401}\n{PLAIN}", 0, "longer than 400", "shorten"),
]


@pytest.mark.parametrize("lines, line, message, remedy", MISTAKES, ids=[each[2][:30] for each in MISTAKES])
def test_a_mistake_is_named_with_its_line_and_remedy(
    lines: str, line: int, message: str, remedy: str
) -> None:
    found = problems_of(lines)
    assert {each[0] for each in found} == {line}
    assert any(message in each[1] and remedy in each[2] for each in found)


@pytest.mark.parametrize(
    "lines, code",
    [
        (PEAK.replace("off-peak: rest", "off-peak: [{from: '20:00', to: '17:00'}]"), "minute_unpriced"),
        (PEAK.replace("rest", "[{from: '00:00', to: '24:00'}]"), "minute_priced_twice"),
        (SEASONS.replace("winter: rest", "winter: [{from: 10-01, to: 05-30}]"), "day_in_no_season"),
        (SEASONS.replace("winter: rest", "winter: [{from: 09-30, to: 05-31}]"), "day_in_two_seasons"),
        (f"billing: 3\n{PLAIN}", "unknown_key"),
        ("source: x", "missing_key"),
        (f"billing day: 31\n{PLAIN}", "wrong_value"),
        (f"source: *x\n{PLAIN}", "not_readable"),
    ],
)
def test_a_problem_has_a_stable_code(lines: str, code: str) -> None:
    _, problems = version_or_problems(lines)
    assert {each.code for each in problems} == {code}


FRAGMENTS = [
    "blocks: [100 kWh]",
    "blocks: [{bands: [peak], up to: [10 kWh]}]",
    "blocks reset: yearly on 07-01",
    "blocks apply: to each band",
    "blocks apply: to all bands in proportion",
    "sold as: units bought",
    "block by: the mean of the last 3 months",
    "lifeline: {up to: 50 kWh, prices: 1}",
    "free units: 5 kWh",
    "free units count in blocks: no",
    "standing charge: {a: 1 per week}",
    "demand charge: 1 per kW, contracted",
    "minimum charge: 5 per month",
    "billing day: 9",
    "pro rata first period: yes",
    f"load profile: {{every day: {[1] * 24}}}",
    "holidays: {country: KE}",
    "seasons: {wet: [{from: 03-01, to: 05-31}], dry: rest}",
    "bands: {peak: [{from: '07:00', to: '09:00'}], low: rest}",
    "bands: {peak: [{season: wet, from: '07:00', to: '02:00'}], low: rest}",
    "prices: 1",
    "prices: [1, 2]",
    "prices: {peak: 2, low: 1}",
    "prices: {peak: [2, 3], low: [1, 2]}",
    "prices: {peak: [2, 3], low: 1}",
    "taxes: [{name: a, percent: 1}, {name: b, kind: rebate, percent: 1, applies to: [a]}]",
    "source: y",
]


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=12, unique_by=lambda line: line.split(":")[0])
)
def test_any_keys_together_are_a_tariff_or_problems_with_a_place(lines: list[str]) -> None:
    version, problems = version_or_problems("\n".join(lines))
    last = FIRST_LINE + len(lines)
    assert all(FIRST_LINE - 1 <= each.line <= last and each.remedy for each in problems)
    assert not any("correct the tariff" in each.remedy for each in problems)
    if version is not None:
        climbed = {band for ladder in version.ladders for band in ladder.bands}
        assert climbed == {band.name for band in version.bands}


def version_or_problems(lines: str) -> tuple[TariffVersion | None, tuple[SiteProblem, ...]]:
    try:
        return version_of(lines), ()
    except SiteFileError as error:
        return None, error.problems


def test_a_unit_says_what_its_tariff_charges_by() -> None:
    unit = "units:\n      flat:\n        tariff: t\n        meters: [tasmota:a/1]\n"
    text = text_of(f"demand charge: 42 per kW, contracted\n{PLAIN}")
    with pytest.raises(SiteFileError, match="charges the contracted load, and this unit has none"):
        load(text.replace("units: {}", unit))
    more = "        contracted load: 2.5 kW\n        free units: yes\n"
    policy = load(text.replace("units: {}", unit + more)).sites[0].accounts[0].policy
    assert (policy.contracted_w, policy.free_units) == (2500, True)
