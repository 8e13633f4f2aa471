"""What applying a site file changes, and what it must not change."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from meter_bridge.config.changes import Action, Difference, RefusalCode, Subject
from meter_bridge.config.diff import compare, keep_holidays
from meter_bridge.config.site_file import load

NOW = int(datetime(2026, 10, 1, tzinfo=UTC).timestamp()) * 1000
LATER = "          - {from: 2027-01-01, prices: 2.5}\n"
DARK = (
    "has no opening credit: unless its account has credit from before,"
    " its supply is cut until the first top-up."
)
FLAT_2 = """\
      flat-2:
        tariff: home
        meters:
          - address: shelly:plus1pm/0
            rating: 32 A
"""


def changed(site_file: str, *edits: tuple[str, str], now: int = NOW) -> Difference:
    """Return the difference after replacing texts of the file."""
    text = site_file
    for there, instead in edits:
        assert there in text
        text = text.replace(there, instead)
    return compare(load(site_file), load(text), now)


def codes(difference: Difference) -> list[RefusalCode]:
    return [refusal.code for refusal in difference.refusals]


def test_the_first_file_adds_everything(site_file: str) -> None:
    difference = compare(None, load(site_file), NOW)
    assert difference.lines == (
        "+ site rose-street 'rose-street' (Africa/Johannesburg, ZAR)",
        "+ tariff home 'home' at rose-street",
        "+ tariff home: version from 2026-07-01 added",
        "+ unit flat-1 'Flat 1' at rose-street, tariff home",
        "+ unit flat-2 'flat-2' at rose-street, tariff home",
        "+ meter flat-1/main (tasmota:flat-1/1)",
        "+ meter flat-2/main (shelly:plus1pm/0)",
        f"! flat-1 'Flat 1' {DARK}",
        f"! flat-2 'flat-2' {DARK}",
    )
    assert difference.refusals == ()
    assert {change.action for change in difference.changes} == {Action.ADD}


@pytest.mark.parametrize("key", ["opening credit: 20.00", "never cut: yes", "payment mode: credit"])
def test_a_new_unit_that_is_not_cut_gets_no_warning(site_file: str, key: str) -> None:
    text = site_file.replace("name: Flat 1", f"name: Flat 1\n        {key}")
    assert compare(None, load(text), NOW).warnings == (f"flat-2 'flat-2' {DARK}",)


def test_a_new_unit_with_friendly_hours_is_not_said_to_be_cut_at_once(site_file: str) -> None:
    hours = "friendly hours: [{days: mon-sun, from: '18:00', to: '08:00'}]"
    text = site_file.replace("name: Flat 1", f"name: Flat 1\n        {hours}")
    warning = compare(None, load(text), NOW).warnings[0]
    assert warning.endswith(
        "its supply is cut, from the end of its friendly hours on, until the first top-up."
    )


def test_warnings_stand_below_the_changes_and_not_alone(site_file: str) -> None:
    both = changed(site_file, ("low credit: [50.00, 20.00]", "low credit: [40]\n        opening credit: 5"))
    assert [line[0] for line in both.lines] == ["~", "!"]
    alone = changed(site_file, ("name: Flat 1", "name: Flat 1\n        opening credit: 5"))
    assert alone.warnings
    assert alone.lines == ()


def test_the_same_file_changes_nothing(site_file: str) -> None:
    assert changed(site_file) == Difference()


@pytest.mark.parametrize(
    "there, instead, line",
    [
        ("[50.00, 20.00]", "[40, 20]", "~ flat-1: low credit 50.00, 20.00 → 40.00, 20.00"),
        ("[50.00, 20.00]", "[0.0125]", "~ flat-1: low credit 50.00, 20.00 → 0.0125"),
        ("name: Flat 1", "name: Attic", "~ flat-1: name 'Flat 1' → 'Attic'"),
        ("name: Flat 1", "name: Flat 1\n        customer: N. D.", "~ flat-1: customer none → N. D."),
        ("name: Flat 1", "name: Flat 1\n        never cut: yes", "~ flat-1: never cut no → yes"),
        (
            "name: Flat 1",
            "name: Flat 1\n        protect: {over voltage: {}, under voltage: {delay: none, reset: manual}}",
            (
                "~ flat-1: protect none → over voltage (delay 5 s, automatic after 5 min, 3 resets per hour),"
                " under voltage (delay none, manual)"
            ),
        ),
        (
            "name: Flat 1",
            "name: Flat 1\n        when exhausted: load limit 500 W",
            (
                "~ flat-1: when exhausted cut → load limit 500 W (delay 30 s, reconnect after 2 min,"
                " 3 attempts per hour)"
            ),
        ),
        ("name: Flat 1", "name: Flat 1\n        restore: armed", "~ flat-1: restore automatic → armed"),
        ("rating: 32 A", "rating: 5 kW", "~ meter flat-2/main: rating 8096 W → 5000 W"),
        (
            "rating: 32 A",
            "rating: 32 A\n            limits: {overload: 7.5 kW}",
            "~ meter flat-2/main: overload none → 7500 W",
        ),
        ("name: Rose Street", "name: Hill Street", "~ name 'Rose Street' → 'Hill Street'"),
        ("currency: ZAR", "currency: ZAR\n    name: Ours", "~ site rose-street: name 'rose-street' → 'Ours'"),
        (
            "name: Flat 1",
            "name: Flat 1\n        friendly hours: [{days: 'mon, wed-fri', from: 18:00, to: 24:00}]",
            "~ flat-1: friendly hours none → mon, wed-fri 18:00-24:00",
        ),
    ],
)
def test_a_changed_value_is_a_line(site_file: str, there: str, instead: str, line: str) -> None:
    difference = changed(site_file, (there, instead))
    assert line in difference.lines
    assert difference.refusals == ()


def test_a_change_tells_field_and_values_to_programs(site_file: str) -> None:
    change = changed(site_file, ("[50.00, 20.00]", "[20]")).changes[0]
    assert (change.action, change.subject, change.id) == (Action.CHANGE, Subject.UNIT, "flat-1")
    assert (change.field, change.before, change.after) == ("low credit", "50.00, 20.00", "20.00")


def test_prices_to_come_may_be_added_changed_and_withdrawn(site_file: str) -> None:
    with_later = site_file.replace("    units:\n", LATER + "    units:\n")
    before, after = load(site_file), load(with_later)
    other = load(with_later.replace("prices: 2.5", "prices: 2.6"))
    assert compare(before, after, NOW).lines == ("+ tariff home: version from 2027-01-01 added",)
    assert compare(after, other, NOW).lines == (
        "~ tariff home: version from 2027-01-01 changed: blocks and prices",
    )
    assert compare(after, before, NOW).lines == ("- tariff home: version from 2027-01-01 withdrawn",)
    assert not any(
        compare(*pair, NOW).refusals for pair in ((before, after), (after, other), (after, before))
    )


def test_a_version_that_has_begun_cannot_change(site_file: str) -> None:
    difference = changed(site_file, ("3.10", "3.11"))
    assert codes(difference) == [RefusalCode.VERSION_BEGUN]
    assert "2026-07-01 of tariff home has begun and cannot change" in str(difference.refusals[0])


def test_a_version_that_has_begun_cannot_vanish(site_file: str) -> None:
    difference = changed(site_file, ("from: 2026-07-01", "from: 2026-08-01"))
    assert codes(difference) == [RefusalCode.VERSION_IN_PAST, RefusalCode.VERSION_BEGUN]


def test_a_tariff_that_has_begun_cannot_vanish(site_file: str) -> None:
    assert RefusalCode.VERSION_BEGUN in codes(changed(site_file, ("home", "house")))


def test_prices_cannot_be_put_in_for_the_past(site_file: str) -> None:
    added = LATER.replace("2027-01-01", "2026-09-01") + "    units:\n"
    assert codes(changed(site_file, ("    units:\n", added))) == [RefusalCode.VERSION_IN_PAST]


def test_prices_of_a_site_that_nobody_uses_may_change(site_file: str) -> None:
    empty = site_file[: site_file.index("      flat-1:")].replace("units:", "units: {}")
    before, after = load(empty), load(empty.replace("3.10", "3.11").replace("ZAR", "KES"))
    assert codes(compare(before, after, NOW)) == []


@pytest.mark.parametrize(
    "there, instead, name",
    [("ZAR", "KES", "currency"), ("Africa/Johannesburg", "Africa/Nairobi", "time zone")],
)
def test_what_accounts_are_kept_in_cannot_change(site_file: str, there: str, instead: str, name: str) -> None:
    difference = changed(site_file, (there, instead))
    assert RefusalCode.SITE_IN_USE in codes(difference)
    assert f"~ site rose-street: {name} {there} → {instead}" in difference.lines


def test_a_supply_needs_a_price_now(site_file: str) -> None:
    early = int(datetime(2026, 6, 1, tzinfo=UTC).timestamp()) * 1000
    difference = compare(None, load(site_file), early)
    assert codes(difference) == [RefusalCode.NO_TARIFF_IN_FORCE] * 2
    assert "begins 2026-07-01" in difference.refusals[0].message


def closed(difference: Difference) -> list[str]:
    gone = (Action.REMOVE, Subject.UNIT)
    return [change.id for change in difference.changes if (change.action, change.subject) == gone]


def test_a_unit_that_is_gone_closes_its_account(site_file: str) -> None:
    difference = changed(site_file, (FLAT_2, ""))
    assert closed(difference) == ["flat-2"]
    assert "- unit flat-2 'flat-2': its account is closed" in difference.lines
    assert "- meter flat-2/main (shelly:plus1pm/0)" in difference.lines
    assert "is closed" in difference.warnings[0]
    assert difference.refusals == ()


def test_a_meter_that_moves_is_removed_and_assigned(site_file: str) -> None:
    swapped = changed(
        site_file,
        ("[tasmota:flat-1/1]", "[{id: board, address: shelly:plus1pm/0}]"),
        ("- address: shelly:plus1pm/0", "- address: tasmota:flat-2/1"),
    )
    assert "- meter flat-1/main (tasmota:flat-1/1)" in swapped.lines
    assert "+ meter flat-1/board (shelly:plus1pm/0), until now flat-2/main" in swapped.lines
    assert "~ meter flat-2/main: address shelly:plus1pm/0 → tasmota:flat-2/1" in swapped.lines
    assert any("another device" in warning for warning in swapped.warnings)


def test_a_unit_cannot_move_to_another_site(site_file: str) -> None:
    plan = load(site_file)
    site = plan.sites[0]
    other = replace(site, id="hill", tariffs=(), accounts=site.accounts[:1])
    after = replace(plan, sites=(replace(site, accounts=site.accounts[1:]), other))
    assert RefusalCode.UNIT_AT_OTHER_SITE in codes(compare(plan, after, NOW))


def test_a_site_may_be_given_up_with_its_units_and_tariffs(site_file: str) -> None:
    hill = site_file[site_file.index("  rose-street:") :]
    for there, instead in (
        ("rose-street", "hill"),
        ("home", "hut"),
        ("flat-", "room-"),
        ("plus1pm", "other"),
    ):
        hill = hill.replace(there, instead)
    difference = compare(load(site_file + hill), load(site_file), NOW)
    assert difference.refusals == ()
    assert closed(difference) == ["room-1", "room-2"]
    assert "- site hill 'hill'" in difference.lines


def test_a_unit_may_change_its_tariff(site_file: str) -> None:
    two = site_file.replace(
        "    units:\n", "      flat: {versions: [{from: 2026-08-01, prices: 3}]}\n    units:\n"
    )
    after = two.replace("        tariff: home\n        meters: [", "        tariff: flat\n        meters: [")
    difference = compare(load(site_file), load(after), NOW)
    assert "~ flat-1: tariff home → flat" in difference.lines
    assert difference.refusals == ()


def test_opening_credit_counts_once(site_file: str) -> None:
    with_credit = site_file.replace("name: Flat 1", "name: Flat 1\n        opening credit: 25")
    assert "+ unit flat-1 'Flat 1' at rose-street, tariff home, opening credit 25.00" in (
        compare(None, load(with_credit), NOW).lines
    )
    difference = compare(load(site_file), load(with_credit), NOW)
    assert difference.lines == ()
    assert "counts only when" in difference.warnings[0]


HOLIDAYS = (
    "            blocks: [350 kWh]\n",
    "            holidays: {country: ZA}\n            blocks: [350 kWh]\n",
)


def test_a_newer_calendar_of_holidays_changes_no_version_by_itself(site_file: str) -> None:
    now = load(site_file.replace(*HOLIDAYS))
    version = now.sites[0].tariffs[0].versions[0]
    older = replace(version, calendar=replace(version.calendar, holidays=version.calendar.holidays[:-1]))
    tariff = replace(now.sites[0].tariffs[0], versions=(older,))
    before = replace(now, sites=(replace(now.sites[0], tariffs=(tariff,)),))
    assert codes(compare(before, now, NOW)) == [RefusalCode.VERSION_BEGUN]
    kept = keep_holidays(before, now)
    assert kept == before
    assert not compare(before, kept, NOW).changes


def test_another_rule_for_holidays_is_another_version(site_file: str) -> None:
    before = load(site_file.replace(*HOLIDAYS))
    text = site_file.replace(*HOLIDAYS).replace("{country: ZA}", "{country: ZA, dates: [2027-03-05]}")
    after = keep_holidays(before, load(text))
    assert date(2027, 3, 5) in after.sites[0].tariffs[0].versions[0].calendar.holidays
    assert codes(compare(before, after, NOW)) == [RefusalCode.VERSION_BEGUN]


def test_what_changes_in_a_version_is_told(site_file: str) -> None:
    early = NOW - 200 * 86_400_000
    difference = changed(
        site_file,
        ("standing charge: 4.50 per day", "minimum charge: 90 per month\n            source: a new list"),
        ("3.10, 3.60", "3.10, 3.70"),
        now=early,
    )
    assert [str(change) for change in difference.changes] == [
        (
            "~ tariff home: version from 2026-07-01 changed: blocks and prices, source,"
            " standing charge 4.50 per day → none, minimum charge none → 90.00 per month"
        )
    ]


UNITS = """\
      units:
        versions: [{from: 2026-07-01, prices: 3.00, sold as: units bought}]
      lifeline:
        versions: [{from: 2026-07-01, prices: 3.00, lifeline: {up to: 50 kWh, prices: 1.00}}]
      other-day:
        versions: [{from: 2026-07-01, prices: 3.00, billing day: 15, minimum charge: 9.00 per month}]
"""


@pytest.mark.parametrize(
    "before,after,remedy",
    [
        ("units", "lifeline", "first day of its month; or give tariff units a version"),
        ("home", "other-day", "keep billing day: 1; or give tariff home a version"),
    ],
)
def test_a_tariff_that_would_leave_this_month_half_priced_is_refused(
    site_file: str, before: str, after: str, remedy: str
) -> None:
    text = site_file.replace("    units:\n", f"{UNITS}    units:\n", 1)
    old = text.replace("tariff: home", f"tariff: {before}")
    within = NOW + 10 * 86_400_000
    difference = compare(load(old), load(text.replace("tariff: home", f"tariff: {after}")), within)
    assert set(codes(difference)) == {RefusalCode.TARIFF_CANNOT_FOLLOW}
    assert remedy in difference.refusals[0].remedy
    assert compare(load(old), load(old), within).refusals == ()


def test_several_supplies_of_which_one_sells_units_are_refused(site_file: str) -> None:
    text = site_file.replace("    units:\n", f"{UNITS}    units:\n", 1).replace(
        "tariff: home", "tariff: units", 1
    )
    plan = load(text)
    (site,) = plan.sites
    first = site.accounts[0]
    water = replace(first.supplies[0], id=f"{first.id}/water", tariff_id="home", meters=())
    both = replace(first, supplies=(*first.supplies, water))
    several = replace(plan, sites=(replace(site, accounts=(both, *site.accounts[1:])),))
    difference = compare(plan, several, NOW)
    assert codes(difference) == [RefusalCode.UNITS_BESIDE_OTHERS]
    assert "its own unit" in difference.refusals[0].remedy
