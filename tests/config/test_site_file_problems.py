"""What is wrong with a site file is named with its place, its value and the way to mend it."""

import pytest

from meter_bridge.config.problems import MAX_PROBLEMS
from meter_bridge.config.site_file import SiteFileError, SiteProblem, load

TARIFF = "sites.rose-street.tariffs.home"
VERSION = f"{TARIFF}.versions[0]"
SITE_HOLIDAYS = "sites.rose-street.holidays"
FLAT_1 = "sites.rose-street.units.flat-1"
FLAT_2 = "sites.rose-street.units.flat-2"
LOW = "low credit: [50.00, 20.00]"


def problems_of(text: str) -> tuple[SiteProblem, ...]:
    with pytest.raises(SiteFileError) as caught:
        load(text)
    assert str(caught.value)
    return caught.value.problems


MISTAKES = [
    # what stands there, what is written instead, line, column, field, part of the message, part of the remedy
    ("name: Rose Street\n", "", 1, 1, "name", "missing", "name: Rose Street"),
    ("sites:", "site:", 2, 1, "site", "unknown key 'site'", "'sites'"),
    (
        "    time zone: Africa/Johannesburg\n",
        "",
        3,
        3,
        "sites.rose-street.time zone",
        "missing",
        "time zone:",
    ),
    ("Africa/J", "Afrika/J", 4, 16, "sites.rose-street.time zone", "not a known time zone", "Africa/J"),
    ("ZAR", "ZRA", 5, 15, "sites.rose-street.currency", "not a currency code", "'ZAR'"),
    ("ZAR", "[ZAR]", 5, 15, "sites.rose-street.currency", "single value", "one text"),
    ("currency: ZAR", "currency:", 5, 14, "sites.rose-street.currency", "has no value", "after the colon"),
    (
        "currency: ZAR",
        "currency: ZAR\n    voltage: 230",
        6,
        14,
        "sites.rose-street.voltage",
        "needs a unit",
        "V",
    ),
    ("currency: ZAR", "currency: ZAR\n    voltage: 2 kV", 6, 14, "sites.rose-street.voltage", "unit", "V"),
    (
        "currency: ZAR",
        "currency: ZAR\n    voltage: 9999 V",
        6,
        14,
        "sites.rose-street.voltage",
        "low",
        "1000",
    ),
    ("      home:", "      Home:", 7, 7, "sites.rose-street.tariffs.Home", "cannot be an id", "lower-case"),
    ("2026-07-01", "2026-02-30", 9, 19, f"{VERSION}.from", "not a date", "2026-07-01"),
    ("2026-07-01", "1776-07-04", 9, 19, f"{VERSION}.from", "not a date", "between 2000"),
    ("350 kWh", "350 Wh", 10, 22, f"{VERSION}.blocks[0]", "not in kWh", "350 kWh"),
    ("350 kWh", "0.0001 kWh", 10, 22, f"{VERSION}.blocks[0]", "finer than 1 Wh", "350 kWh"),
    ("350 kWh", "0", 10, 22, f"{VERSION}.blocks[0]", "not above the one before", "rising"),
    (
        "peak: [{days: mon-fri",
        "peak: [{days: mo-fr",
        12,
        29,
        f"{VERSION}.bands.peak[0].days",
        "not a day",
        "mon-fri",
    ),
    ("06:00", "6:00", 12, 44, f"{VERSION}.bands.peak[0].from", "not a time of day", '"06:00"'),
    ("06:00", "24:30", 12, 44, f"{VERSION}.bands.peak[0].from", "not a time of day", '"06:00"'),
    ("06:00", "09:00", 12, 22, f"{VERSION}.bands.peak[0]", "starts and ends at the same time", "24:00"),
    (", to: 09:00", "", 12, 22, f"{VERSION}.bands.peak[0].to", "missing", "to:"),
    ("to: 09:00", "til: 09:00", 12, 51, f"{VERSION}.bands.peak[0].til", "unknown key", "days, from"),
    ("off-peak: rest", "off-peak: []", 13, 25, f"{VERSION}.bands.off-peak", "has no hours", "rest"),
    (
        "off-peak: rest",
        "off-peak: [{from: 10:00, to: 05:00}]",
        12,
        15,
        f"{VERSION}.bands",
        "05:00 on a Monday is in no band",
        "'rest'",
    ),
    ("09:00}]", "09:00}, {from: 08:00, to: 10:00}]", 12, 15, f"{VERSION}.bands", "in two bands", "shorten"),
    ("3.10, 3.60", "3.10", 15, 21, f"{VERSION}.prices.peak", "1 price for 2 blocks", "write 2"),
    ("3.10, 3.60", "3.10, -1", 15, 28, f"{VERSION}.prices.peak[1]", "negative", "zero or more"),
    ("3.10, 3.60", "3.10, 1e3", 15, 28, f"{VERSION}.prices.peak[1]", "not a plain decimal", "4.50"),
    ("3.10, 3.60", "3.10, 1_000", 15, 28, f"{VERSION}.prices.peak[1]", "not a plain decimal", "4.50"),
    ("3.10, 3.60", "3.10, .inf", 15, 28, f"{VERSION}.prices.peak[1]", "not a plain decimal", "4.50"),
    ("off-peak: [2", "night: [2", 16, 15, f"{VERSION}.prices.night", "no band 'night'", "peak, off-peak"),
    (
        "              off-peak: [2.20, 2.60]\n",
        "",
        14,
        13,
        f"{VERSION}.prices",
        "'off-peak' has no price",
        "add",
    ),
    (
        "4.50 per day",
        "4.50",
        17,
        30,
        f"{VERSION}.standing charge",
        "does not say per day, per week",
        "4.50 per day",
    ),
    ("4.50 per day", "R4 per day", 17, 30, f"{VERSION}.standing charge", "not a plain decimal", "currency"),
    ("percent: 15", "percent: 150", 18, 42, f"{VERSION}.taxes[0].percent", "not a rate", "between 0 and 100"),
    ("percent: 15", "percent: 1.23456", 18, 42, f"{VERSION}.taxes[0].percent", "not a rate", "four decimal"),
    ("{name: VAT, ", "{", 18, 21, f"{VERSION}.taxes[0].name", "missing", "name: VAT"),
    ("15}]", "15}, {name: VAT, percent: 1}]", 18, 20, f"{VERSION}.taxes", "'VAT'", "name of its own"),
    (
        "15}]",
        "15, applies to: [water]}]",
        18,
        59,
        f"{VERSION}.taxes[0].applies to[0]",
        "not one of",
        "consumption",
    ),
    ("tariff: home", "tariff: hom", 22, 17, f"{FLAT_1}.tariff", "no tariff 'hom'", "'home'"),
    (
        "        tariff: home\n        meters: [",
        "        meters: [",
        20,
        7,
        FLAT_1,
        "'tariff' is missing",
        "defaults",
    ),
    ("        meters: [tasmota:flat-1/1]\n", "", 20, 7, f"{FLAT_1}.meters", "missing", "meters: ["),
    ("[tasmota:flat-1/1]", "[]", 23, 17, f"{FLAT_1}.meters", "at least one", "[ ]"),
    ("[tasmota:flat-1/1]", "tasmota:flat-1/1", 23, 17, f"{FLAT_1}.meters", "at least one", "[ ]"),
    ("tasmota:flat-1/1", "tasmota:flat-1", 23, 18, f"{FLAT_1}.meters[0]", "no channel", "tasmota:kitchen/1"),
    ("tasmota:flat-1/1", "modbus:7/1", 23, 18, f"{FLAT_1}.meters[0]", "no meter family", "tasmota"),
    ("tasmota:flat-1/1", "shelly:em/em1:0", 23, 18, f"{FLAT_1}.meters[0]", "only measures", "relay"),
    (
        "shelly:plus1pm/0",
        "tasmota:flat-1/1",
        28,
        22,
        f"{FLAT_2}.meters[0].address",
        "flat-1/main",
        "one meter",
    ),
    (
        "rating: 32 A",
        "relay: tasmota:flat-1/1",
        29,
        20,
        f"{FLAT_2}.meters[0].relay",
        "also switches flat-1",
        "one unit",
    ),
    ("rating: 32 A", "rating: 32", 29, 21, f"{FLAT_2}.meters[0].rating", "not a rating", "60 A"),
    ("rating: 32 A", "rating: 0 A", 29, 21, f"{FLAT_2}.meters[0].rating", "not the rating", "60 A"),
    ("rating: 32 A", "ratings: 32 A", 29, 13, f"{FLAT_2}.meters[0].ratings", "unknown key", "'rating'"),
    ("rating: 32 A", "relay: none", 25, 7, FLAT_2, "no meter of this unit has a relay", "never cut: yes"),
    ("rating: 32 A", "host: http://x", 29, 19, f"{FLAT_2}.meters[0].host", "not a host", "without http"),
    (
        "rating: 32 A",
        "password variable: X",
        29,
        13,
        f"{FLAT_2}.meters[0].password variable",
        "with a host",
        "host:",
    ),
    (
        "rating: 32 A",
        "offline after: 0 s",
        29,
        28,
        f"{FLAT_2}.meters[0].offline after",
        "not above zero",
        "15 min",
    ),
    (
        "rating: 32 A",
        "offline after: 999 h",
        29,
        28,
        f"{FLAT_2}.meters[0].offline after",
        "longer than a week",
        "15 min",
    ),
    (
        "rating: 32 A",
        "without the bridge: local cut-off",
        29,
        33,
        f"{FLAT_2}.meters[0].without the bridge",
        "a shelly device has no local cut-off",
        "without the bridge: hold",
    ),
    (
        "rating: 32 A",
        "without the bridge: close",
        29,
        33,
        f"{FLAT_2}.meters[0].without the bridge",
        "a shelly relay cannot be told to close",
        "without the bridge: hold",
    ),
    (
        "        meters: [tasmota:flat-1/1]\n",
        "        without the bridge: close\n        meters: [tasmota:flat-1/1]\n",
        23,
        29,
        "sites.rose-street.units.flat-1.without the bridge",
        "a tasmota relay cannot be told to close",
        "hold or local cut-off",
    ),
    (
        "rating: 32 A",
        "rule slot: 4",
        29,
        24,
        f"{FLAT_2}.meters[0].rule slot",
        "not one of 1, 2, 3",
        "",
    ),
    (
        "rating: 32 A",
        "register wraps at: 999 kWh",
        29,
        32,
        f"{FLAT_2}.meters[0].register wraps at",
        "less than any meter's register holds",
        "100000 kWh",
    ),
    (
        "rating: 32 A",
        "limits: {overload: 5}",
        29,
        32,
        f"{FLAT_2}.meters[0].limits.overload",
        "needs a unit",
        "kW",
    ),
    ("rating: 32 A", "limits: {over: 5 V}", 29, 22, f"{FLAT_2}.meters[0].limits.over", "unknown key", "over"),
    (LOW, "limits: {over voltage: 209 V}", 24, 9, f"{FLAT_1}.limits", "no room", "apart"),
    (LOW, "low credit: 50", 24, 21, f"{FLAT_1}.low credit", "a list is expected", "[ ]"),
    (LOW, "low credit: [20, 20]", 24, 26, f"{FLAT_1}.low credit[1]", "written twice", "keep one"),
    (
        LOW,
        "low credit: [1.1234567]",
        24,
        22,
        f"{FLAT_1}.low credit[0]",
        "more than 6 decimal places",
        "shorter",
    ),
    (LOW, "low_credit: [1]", 24, 9, f"{FLAT_1}.low_credit", "unknown key", "'low credit'"),
    (LOW, "restore: manual", 24, 18, f"{FLAT_1}.restore", "not one of", "armed"),
    (LOW, "never cut: perhaps", 24, 20, f"{FLAT_1}.never cut", "not one of", "yes"),
    (LOW, "payment mode: prepaid", 24, 23, f"{FLAT_1}.payment mode", "not one of", "prepayment"),
    (
        LOW,
        "friendly hours: [{from: 00:00, to: 24:00}]",
        24,
        9,
        f"{FLAT_1}.friendly hours",
        "whole week",
        "never cut",
    ),
    (
        LOW,
        "friendly hours: [{days: holidays, from: 00:00, to: 24:00}]",
        24,
        9,
        f"{FLAT_1}.friendly hours",
        "does not say whose",
        "holidays: ZA",
    ),
    (LOW, "friendly dates: [24.12.]", 24, 26, f"{FLAT_1}.friendly dates[0]", "not a date", "2026-07-01"),
    (LOW, "when exhausted: dim", 24, 25, f"{FLAT_1}.when exhausted", "neither a cut", "load limit 500 W"),
    (LOW, "when exhausted: load limit 5", 24, 25, f"{FLAT_1}.when exhausted", "needs a unit", "12 kW"),
    (LOW, "load limit: {delay: 5 s}", 24, 9, f"{FLAT_1}.load limit", "only where", "when exhausted"),
    (
        LOW,
        "power limit: 1 kW\n        when exhausted: load limit 2 kW",
        25,
        25,
        f"{FLAT_1}.when exhausted",
        "above the power limit",
        "power limit",
    ),
    (
        LOW,
        "credit switchings per day: 0",
        24,
        36,
        f"{FLAT_1}.credit switchings per day",
        "whole number from 1",
        "3",
    ),
    (
        LOW,
        "protect: {overload: {}}",
        24,
        9,
        f"{FLAT_1}.protect",
        "no limit for overload",
        "limits: {overload: 10 kW}",
    ),
    (
        LOW,
        "protect: {over voltage: {reset: never}}",
        24,
        41,
        f"{FLAT_1}.protect.over voltage.reset",
        "not a way to reset",
        "manual",
    ),
    (
        LOW,
        "protect: {over voltage: {dellay: 5 s}}",
        24,
        34,
        f"{FLAT_1}.protect.over voltage.dellay",
        "unknown key",
        "'delay'",
    ),
    (LOW, "protect: {over volt: {}}", 24, 19, f"{FLAT_1}.protect.over volt", "unknown key", "'over voltage'"),
    (LOW, "grace: 25 h", 24, 16, f"{FLAT_1}.grace", "at most a day", "24 h"),
    ("currency: ZAR", "currency: ZAR\n    holidays: SA-X", 6, 15, SITE_HOLIDAYS, "not a country", "letters"),
    (
        "currency: ZAR",
        "currency: ZAR\n    holidays: {country: DE, region: XX}",
        6,
        15,
        SITE_HOLIDAYS,
        "not a region of DE",
        "write one of",
    ),
    (
        LOW,
        "maximum top-up: 5\n        minimum top-up: 6",
        24,
        25,
        f"{FLAT_1}.maximum top-up",
        "below",
        "raise",
    ),
    (LOW, "emergency credit: 10", 24, 27, f"{FLAT_1}.emergency credit", "keys with values", "key: value"),
    (
        LOW,
        "emergency credit: {limit: 10.00}",
        24,
        9,
        f"{FLAT_1}.emergency credit.threshold",
        "'threshold' is missing",
        "threshold: 2.00",
    ),
    (
        LOW,
        "emergency credit: {limit: 10.00, threshold: 0}",
        24,
        9,
        f"{FLAT_1}.emergency credit",
        "only after the supply was cut",
        "threshold above zero",
    ),
    (
        LOW,
        "debt while disconnected: suspend",
        24,
        34,
        f"{FLAT_1}.debt while disconnected",
        "'suspend'",
        "collect",
    ),
    (
        LOW,
        "maximum balance: 5\n        minimum top-up: 6",
        24,
        26,
        f"{FLAT_1}.maximum balance",
        "no top-up is possible",
        "lower minimum top-up",
    ),
    (LOW, "maximum balance: 0", 24, 9, f"{FLAT_1}.maximum balance", "allows no top-up", "or write none"),
    (LOW, "overdraft: -20", 24, 20, f"{FLAT_1}.overdraft", "negative", "zero"),
    (LOW, "opening credit: -1", 24, 25, f"{FLAT_1}.opening credit", "negative", "zero"),
    (LOW, "customer: ''", 24, 19, f"{FLAT_1}.customer", "has no value", "remove the key"),
    (LOW, f"customer: {'x' * 121}", 24, 19, f"{FLAT_1}.customer", "longer", "shorten"),
    (LOW, "low credit: [" + "1," * 51 + "]", 24, 21, f"{FLAT_1}.low credit", "51 items", "at most 50"),
    ("flat-2:", "Flat 2:", 25, 7, "sites.rose-street.units.Flat 2", "cannot be an id", "flat-1"),
]


@pytest.mark.parametrize(
    "there, written, line, column, field, message, remedy",
    MISTAKES,
    ids=[f"{each[1][:40]!r}" for each in MISTAKES],
)
def test_a_mistake_is_named_with_its_place_and_remedy(
    site_file: str,
    *,
    there: str,
    written: str,
    line: int,
    column: int,
    field: str,
    message: str,
    remedy: str,
) -> None:
    assert there in site_file
    found = problems_of(site_file.replace(there, written, 1))
    assert (line, column, field) in [(each.line, each.column, each.field) for each in found]
    named = next(each for each in found if (each.line, each.column, each.field) == (line, column, field))
    assert message in named.message
    assert remedy in named.remedy
    assert named.remedy


def test_all_mistakes_are_found_at_once(site_file: str) -> None:
    text = (
        site_file.replace("ZAR", "ZRA")
        .replace("06:00", "6:00")
        .replace("tariff: home", "tariff: hut")
        .replace("32 A", "32")
        .replace("percent: 15", "percent: x")
    )
    lines = [each.line for each in problems_of(text)]
    assert lines == [5, 12, 18, 22, 26, 29]


def test_a_problem_of_the_defaults_is_named_once(site_file: str) -> None:
    text = site_file.replace("    units:\n", "    defaults: {minimum top-up: 1.1234567}\n    units:\n")
    found = problems_of(text)
    assert [(each.line, each.field) for each in found] == [(19, "sites.rose-street.defaults.minimum top-up")]


def test_wrong_defaults_do_not_make_units_wrong(site_file: str) -> None:
    text = site_file.replace("    units:\n", "    defaults: {tariff: home, restore: x}\n    units:\n")
    found = problems_of(text.replace("        tariff: home\n", ""))
    assert [each.field for each in found] == ["sites.rose-street.defaults.restore"]


def test_two_meters_of_a_unit_need_ids(site_file: str) -> None:
    found = problems_of(site_file.replace("[tasmota:flat-1/1]", "[tasmota:flat-1/1, tasmota:flat-1/2]"))
    assert "two meters of flat-1 have the id 'main'" in found[0].message


def test_versions_begin_one_after_the_other(site_file: str) -> None:
    again = "          - {from: 2026-07-01 00:00, prices: 1}\n    units:\n"
    found = problems_of(site_file.replace("    units:\n", again))
    assert [(each.line, each.field) for each in found] == [(19, f"{TARIFF}.versions[1].from")]
    assert "does not begin after" in found[0].message


def test_ids_are_unique_in_the_whole_installation(site_file: str) -> None:
    site = site_file[site_file.index("  rose-street:") :].replace("rose-street", "hill-street")
    other = site.replace("tasmota:flat-1", "tasmota:hill-1").replace("shelly:plus1pm", "shelly:hill-2")
    fields = [each.field for each in problems_of(site_file + other)]
    assert fields == [
        "sites.hill-street.tariffs.home",
        "sites.hill-street.units.flat-1",
        "sites.hill-street.units.flat-2",
    ]


def test_a_secret_is_refused_and_not_repeated(site_file: str) -> None:
    found = problems_of(site_file.replace("rating: 32 A", "password: hunter2"))
    assert "password variable" in found[0].remedy
    assert "hunter2" not in repr(found)


def test_only_shelly_meters_have_a_host(site_file: str) -> None:
    text = site_file.replace("address: shelly:plus1pm/0", "address: tasmota:x/1").replace(
        "rating: 32 A", "host: a.b"
    )
    assert "through the broker" in problems_of(text)[0].message


def test_two_devices_are_not_at_one_host(site_file: str) -> None:
    text = site_file.replace("rating: 32 A", "host: 192.168.1.20").replace(
        "[tasmota:flat-1/1]", "[{address: shelly:other/0, host: 192.168.1.20}]"
    )
    (problem,) = problems_of(text)
    assert "at 192.168.1.20 is 'shelly:other/0' of flat-1/main already" in problem.message
    assert problem.field == f"{FLAT_2}.meters[0].host"


def test_a_site_is_needed() -> None:
    assert "no site is named" in problems_of("name: x\nsites: {}\n")[0].message


def test_a_hopeless_file_ends_early() -> None:
    text = "name: x\nsites:\n" + "".join(f"  site-{number}: x\n" for number in range(5000))
    assert len(problems_of(text)) <= MAX_PROBLEMS
