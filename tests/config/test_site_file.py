"""What a site file becomes."""

from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import given, strategies as st
import pytest

from meter_bridge.config.holidays import resolve
from meter_bridge.config.plan import AccountPlan, InstallationPlan, MeterPlan
from meter_bridge.config.site_file import SiteFileError, load
from meter_bridge.core.money import amount_digits, to_decimal
from meter_bridge.core.supply.decision import LoadLimit, PaymentMode, Policy, RestoreMode
from meter_bridge.core.supply.local_cutoff import WithoutBridge
from meter_bridge.core.supply.protection import ProtectionRule, Protections
from meter_bridge.core.tariff.bands import EVERY_DAY, Window
from meter_bridge.core.tariff.tariff import StandingCharge, TariffVersion, check_tariff


def version_of(text: str) -> TariffVersion:
    return load(text).sites[0].tariffs[0].versions[0]


def unit_of(plan: InstallationPlan, unit_id: str) -> AccountPlan:
    return next(account for account in plan.sites[0].accounts if account.id == unit_id)


def meter_of(text: str, unit_id: str = "flat-2") -> MeterPlan:
    return unit_of(load(text), unit_id).supplies[0].meters[0]


def instant(text: str) -> int:
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp()) * 1000


def test_ids_follow_from_the_keys(site_file: str) -> None:
    plan = load(site_file)
    supply = unit_of(plan, "flat-1").supplies[0]
    assert (supply.id, supply.commodity, supply.tariff_id) == ("flat-1/electricity", "electricity", "home")
    assert supply.meters[0].id == "flat-1/main"
    assert plan.sites[0].tariffs[0].versions[0].id == "home@2026-07-01"
    assert load(site_file) == plan


def test_the_landlords_house_has_what_its_file_says(flats: str) -> None:
    plan = load(flats)
    accounts = plan.sites[0].accounts
    assert [account.id for account in accounts] == ["flat-1", "flat-2", "flat-3", "caretaker"]
    assert unit_of(plan, "flat-2").policy.restore is RestoreMode.ARMED
    assert unit_of(plan, "flat-3").policy.never_cut
    assert unit_of(plan, "caretaker").policy.payment_mode is PaymentMode.CREDIT
    addresses = [meter.energy_address for account in accounts for meter in account.supplies[0].meters]
    assert {address.partition(":")[0] for address in addresses} == {"tasmota", "shelly", "zigbee2mqtt"}
    for version in plan.sites[0].tariffs[0].versions:
        check_tariff(version)


def test_prices_are_per_block_and_band_exactly_as_written(site_file: str) -> None:
    version = version_of(site_file)
    assert version.price(0, "peak") == 3_100_000 * 1000
    assert version.price(1, "off-peak") == 2_600_000 * 1000
    assert version.standing == (StandingCharge("standing charge", 4_500_000),)
    assert version.taxes[0].rate_ppm == 150_000
    assert version.ladders[0].limits == (350_000,)


@given(st.decimals(min_value=0, max_value=100_000, places=6))
def test_a_price_is_never_rounded(price: Decimal) -> None:
    text = flat_tariff(f"{price:f}")
    assert to_decimal(version_of(text).price(0, "standard"), "ZAR") == price * 1000


def flat_tariff(price: str, *, start: str = "2026-07-01", zone: str = "Africa/Johannesburg") -> str:
    return (
        f"name: x\nsites:\n  s:\n    time zone: {zone}\n    currency: ZAR\n    tariffs:\n      t:\n"
        f"        versions: [{{from: {start}, prices: {price}}}]\n    units: {{}}\n"
    )


def test_a_price_finer_than_the_currency_keeps_is_refused() -> None:
    with pytest.raises(SiteFileError, match="more than 6 decimal places"):
        load(flat_tariff("1.0000001"))


@pytest.mark.parametrize(
    "start, zone, expected, suffix",
    [
        ("2026-07-01", "Africa/Johannesburg", "2026-07-01T00:00:00+02:00", "2026-07-01"),
        ("2026-07-01 00:00", "Africa/Johannesburg", "2026-07-01T00:00:00+02:00", "2026-07-01"),
        ("2026-07-01 06:30", "Africa/Johannesburg", "2026-07-01T06:30:00+02:00", "2026-07-01T06:30"),
        ("2026-07-01T06:30", "Asia/Kathmandu", "2026-07-01T06:30:00+05:45", "2026-07-01T06:30"),
        ("2026-03-29", "Europe/Berlin", "2026-03-29T00:00:00+01:00", "2026-03-29"),
        # Midnight is skipped in Lebanon: the day begins an hour later.
        ("2026-03-29", "Asia/Beirut", "2026-03-29T01:00:00+03:00", "2026-03-29"),
    ],
)
def test_a_version_begins_by_the_clock_of_its_site(start: str, zone: str, expected: str, suffix: str) -> None:
    version = version_of(flat_tariff("1", start=start, zone=zone))
    assert version.valid_from == instant(expected)
    assert version.id == f"t@{suffix}"


@pytest.mark.parametrize(
    "start, message",
    [("2026-03-29 02:30", "does not exist"), ("2026-10-25 02:30", "happens twice")],
)
def test_a_start_that_the_clock_change_makes_doubtful_is_refused(start: str, message: str) -> None:
    with pytest.raises(SiteFileError, match=message):
        load(flat_tariff("1", start=start, zone="Europe/Berlin"))


@pytest.mark.parametrize("written", ["06:00", '"06:00"', "'06:00'"])
def test_a_time_of_day_is_never_a_number(site_file: str, written: str) -> None:
    band = version_of(site_file.replace("06:00", written)).bands[0]
    assert band.windows == (Window(frozenset(range(5)), 360, 540),)


@pytest.mark.parametrize(
    "days, expected",
    [("sat-mon", {5, 6, 0}), ("sat, sun", {5, 6}), ("wed", {2}), ("every day", EVERY_DAY)],
)
def test_days_are_ranges_and_lists(site_file: str, days: str, expected: set[int]) -> None:
    hours = f"friendly hours: [{{days: '{days}', from: 22:00, to: 06:00}}]"
    text = site_file.replace("low credit: [50.00, 20.00]", hours)
    assert unit_of(load(text), "flat-1").policy.friendly_hours.windows[0].days == expected


@pytest.mark.parametrize("written", ["'sat-sun, holidays'", "[sat-sun, holidays]", "[holidays, sat, sun]"])
def test_friendly_days_may_be_public_holidays(site_file: str, written: str) -> None:
    hours = f"friendly hours: [{{days: {written}, from: 00:00, to: 24:00}}]\n        grace: 15 min"
    text = site_file.replace("low credit: [50.00, 20.00]", f"{hours}\n        friendly dates: [2026-12-24]")
    found = unit_of(load(text.replace("currency: ZAR", "currency: ZAR\n    holidays: ZA")), "flat-1").policy
    assert found.friendly_hours.windows == (Window(frozenset({5, 6, 7}), 0, 0),)
    assert found.friendly_hours.holidays == resolve("ZA", None)
    assert found.friendly_hours.dates == (date(2026, 12, 24),)
    assert found.friendly_hours.grace_ms == 900_000


def test_protections_are_rules_with_defaults(site_file: str) -> None:
    written = "protect: {over voltage: {}, overload: {delay: none, reset: manual, resets per hour: 1}}"
    text = site_file.replace("low credit: [50.00, 20.00]", f"{written}\n        limits: {{overload: 4 kW}}")
    protections = unit_of(load(text), "flat-1").policy.protections
    assert protections == Protections(over_voltage=ProtectionRule(), overload=ProtectionRule(0, None, 1))


def test_used_up_credit_cuts_or_limits(site_file: str) -> None:
    low = "low credit: [50.00, 20.00]"
    assert unit_of(load(site_file), "flat-1").policy.load_limit is None
    text = site_file.replace(
        low, "when exhausted: load limit 0.5 kW\n        load limit: {attempts per hour: 5}"
    )
    limit = unit_of(load(text), "flat-1").policy.load_limit
    assert limit == LoadLimit(500_000, ProtectionRule(30_000, 120_000, 5))


def test_a_unit_may_have_a_limit_that_always_holds(site_file: str) -> None:
    low = "low credit: [50.00, 20.00]"
    assert unit_of(load(site_file), "flat-1").policy.power_limit is None
    policy = unit_of(load(site_file.replace(low, "power limit: 3 kW")), "flat-1").policy
    assert (policy.power_limit, policy.load_limit) == (
        LoadLimit(3_000_000, ProtectionRule(30_000, 120_000)),
        None,
    )


@pytest.mark.parametrize("written, most", [("none", None), ("4", 4)])
def test_switchings_may_be_limited(site_file: str, written: str, most: int | None) -> None:
    keys = f"credit switchings per day: {written}\n        warning before cut: none"
    policy = unit_of(load(site_file.replace("low credit: [50.00, 20.00]", keys)), "flat-1").policy
    assert (policy.switchings_per_day, policy.warning_ms) == (most, 0)


def test_holidays_that_no_window_names_are_not_stored(site_file: str) -> None:
    text = site_file.replace("currency: ZAR", "currency: ZAR\n    holidays: {country: DE, region: BY}")
    assert unit_of(load(text), "flat-1").policy.friendly_hours.holidays == ()


def test_words_of_yaml_stay_words(site_file: str) -> None:
    text = site_file.replace("name: Flat 1", "name: no").replace("Rose Street", "on")
    plan = load(text)
    assert (plan.name, unit_of(plan, "flat-1").name) == ("on", "no")


def test_defaults_hold_where_the_unit_says_nothing(site_file: str) -> None:
    defaults = "defaults: {restore: armed, low credit: [9], rating: 20 A, limits: {overload: 4 kW}}"
    plan = load(site_file.replace("    units:\n", f"    {defaults}\n    units:\n"))
    first, second = plan.sites[0].accounts
    assert first.policy.low_credit == (50_000_000, 20_000_000)
    assert second.policy.low_credit == (9_000_000,)
    assert {first.policy.restore, second.policy.restore} == {RestoreMode.ARMED}
    assert first.supplies[0].meters[0].rating_w == 20 * 253
    assert second.supplies[0].meters[0].rating_w == 32 * 253
    assert second.supplies[0].meters[0].limits.overload_mw == 4_000_000


def test_an_empty_list_takes_a_default_away(site_file: str) -> None:
    text = site_file.replace("    units:\n", "    defaults: {low credit: [9]}\n    units:\n")
    assert unit_of(load(text.replace("[50.00, 20.00]", "[]")), "flat-1").policy.low_credit == ()


def test_thresholds_may_be_written_in_any_order(site_file: str) -> None:
    plan = load(site_file.replace("[50.00, 20.00]", "[20.00, '50.00']"))
    assert unit_of(plan, "flat-1").policy.low_credit == (50_000_000, 20_000_000)


def test_a_unit_that_says_nothing_has_the_standard_policy(site_file: str) -> None:
    assert unit_of(load(site_file), "flat-2").policy == Policy()


@pytest.mark.parametrize(
    "written, watts",
    [("32 A", 8096), ("3x63 A", 47_817), ("3 × 63 A", 47_817), ("14.5 kW", 14_500), ("7360W", 7360)],
)
def test_a_rating_is_current_or_power(site_file: str, written: str, watts: int) -> None:
    assert meter_of(site_file.replace("32 A", written)).rating_w == watts


def test_voltage_limits_follow_the_nominal_voltage(site_file: str) -> None:
    meter = meter_of(site_file.replace("    currency: ZAR", "    currency: ZAR\n    voltage: 120 V"))
    assert (meter.limits.over_voltage_mv, meter.limits.under_voltage_mv) == (132_000, 108_000)
    assert meter.rating_w == 32 * 132


def test_limits_can_be_left_unwatched(site_file: str) -> None:
    limits = "limits: {over voltage: none, under voltage: 195.5 V, voltage hysteresis: 3 V,"
    limits += " overload hysteresis: 10 %}"
    meter = meter_of(site_file.replace("rating: 32 A", limits))
    assert meter.limits.over_voltage_mv is None
    assert meter.limits.under_voltage_mv == 195_500
    assert (meter.limits.voltage_hysteresis_mv, meter.limits.overload_hysteresis_percent) == (3000, 10)


def test_energy_and_relay_may_be_two_devices(site_file: str) -> None:
    meter = meter_of(site_file.replace("rating: 32 A", "relay: tasmota:board/2"))
    assert (meter.energy_address, meter.relay_address) == ("shelly:plus1pm/0", "tasmota:board/2")


def test_a_register_may_have_an_end_and_count_what_flows_back(site_file: str) -> None:
    plain = meter_of(site_file)
    assert (plain.register_modulus_wh, plain.returns_energy) == (None, False)
    written = "register wraps at: 999999.9 kWh\n            returns energy: yes"
    meter = meter_of(site_file.replace("rating: 32 A", written))
    assert (meter.register_modulus_wh, meter.returns_energy) == (999_999_900, True)


def test_what_a_relay_does_without_the_bridge_is_told_by_the_nearest(site_file: str) -> None:
    defaults = "defaults: {without the bridge: local cut-off, rule slot: 2}"
    text = site_file.replace("    units:\n", f"    {defaults}\n    units:\n")
    plan = load(text.replace("rating: 32 A", "without the bridge: hold"))
    first, second = (unit.supplies[0].meters[0] for unit in plan.sites[0].accounts)
    assert (first.without_bridge, first.rule_slot) == (WithoutBridge.LOCAL_CUT_OFF, 2)
    assert second.without_bridge is WithoutBridge.HOLD
    assert meter_of(site_file).without_bridge is WithoutBridge.HOLD


def test_a_shelly_may_be_spoken_to_without_a_broker(site_file: str) -> None:
    written = (
        "host: 192.168.1.20\n            password variable: FLAT_2_PASSWORD\n            offline after: 5 min"
    )
    meter = meter_of(site_file.replace("rating: 32 A", written))
    assert (meter.host, meter.password_env, meter.offline_after_s) == ("192.168.1.20", "FLAT_2_PASSWORD", 300)


def test_a_shelly_may_be_behind_a_forwarded_port(site_file: str) -> None:
    assert meter_of(site_file.replace("rating: 32 A", "host: 10.0.0.7:8080")).host == "10.0.0.7:8080"


@pytest.mark.parametrize("host", ["10.0.0.7:0", "10.0.0.7:65536", "10.0.0.7:", "http://10.0.0.7"])
def test_a_port_that_cannot_be_is_refused(site_file: str, host: str) -> None:
    with pytest.raises(SiteFileError, match="is not a host name or address"):
        load(site_file.replace("rating: 32 A", f'host: "{host}"'))


def test_a_unit_has_several_meters_with_ids_of_their_own(site_file: str) -> None:
    written = "rating: 32 A\n          - {id: geyser, address: tasmota:geyser/1, relay: none}"
    meters = unit_of(load(site_file.replace("rating: 32 A", written)), "flat-2").supplies[0].meters
    assert [(meter.id, meter.name) for meter in meters] == [
        ("flat-2/main", "flat-2"),
        ("flat-2/geyser", "flat-2 geyser"),
    ]


def test_a_meter_takes_its_name_from_its_unit_and_no_other_key_of_the_same_name(site_file: str) -> None:
    written = "rating: 32 A\n          - {id: geyser, address: tasmota:geyser/1, relay: none}"
    text = site_file.replace("rating: 32 A", written).replace("flat-2:\n", "flat-2:\n        name: Flat 2\n")
    meters = unit_of(load(text), "flat-2").supplies[0].meters
    assert [meter.name for meter in meters] == ["Flat 2", "Flat 2 geyser"]


def test_limits_are_inherited_key_by_key(site_file: str) -> None:
    defaults = "defaults: {limits: {overload: 4 kW, over voltage: none}}"
    text = site_file.replace("    units:\n", f"    {defaults}\n    units:\n")
    limits = meter_of(text.replace("rating: 32 A", "limits: {overload: 5 kW}")).limits
    assert (limits.overload_mw, limits.over_voltage_mv) == (5_000_000, None)


def test_none_takes_a_default_away(site_file: str) -> None:
    text = site_file.replace("    units:\n", "    defaults: {grace: 1 h, overdraft: 5}\n    units:\n")
    policy = unit_of(load(text.replace("low credit: [50.00, 20.00]", "grace: none")), "flat-1").policy
    assert (policy.friendly_hours.grace_ms, policy.credit.disablement_threshold) == (0, -5_000_000)


def test_amounts_are_counted_in_the_currency_of_the_site(site_file: str) -> None:
    plan = load(
        site_file.replace("ZAR", "JPY").replace("[50.00, 20.00]", "[50, 20]\n        opening credit: 7")
    )
    unit = unit_of(plan, "flat-1")
    assert unit.policy.low_credit[0] == 50 * 10 ** amount_digits("JPY")
    assert unit.opening_credit == 7 * 10 ** amount_digits("JPY")


def test_one_price_may_hold_at_all_times(site_file: str) -> None:
    assert version_of(flat_tariff("[2.5]")) == version_of(flat_tariff("{standard: 2.5}"))
    assert version_of(flat_tariff("2.5")).ladders[0].blocks == 1
