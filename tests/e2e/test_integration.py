"""The integration from discovery to the Energy page: real bridge and Home Assistant, six days of history."""

import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal
import json
from pathlib import Path
import re
from typing import Any

import msgspec
from playwright.async_api import Locator, Page, expect
import pytest
import pytest_asyncio

from meter_bridge.protocol.messages import HistoryPage
from scripts.lib.demo.browser import Chromium, picture
from scripts.lib.demo.homeassistant import DOMAIN, HomeAssistant, ask, entry_of
from scripts.lib.demo.mosquitto import Mosquitto
from scripts.lib.demo.waiting import NotObservedError, until
from tests.e2e.household import BALANCE, OPTIONS, Household, household
from tests.e2e.inventory import Shown, kinds, kinds_of, listed, registered

SOON_S = 60.0
RELOADED_S = 120.0
FORECAST_S = 150.0
"""The bridge forecasts one account after another, without hurry."""
DRAWN_MS = 4_000
"""Home Assistant says in no way that its graphs are drawn."""
VILLA = "sensor.villa_balance"
ENERGY_PAGE = Path(__file__).parents[2] / "docs" / "home-assistant" / "use-cases.md"
FLOWS = "/api/config/config_entries/flow"

session_fixture = pytest_asyncio.fixture(scope="module", loop_scope="session")


@session_fixture
async def fresh(tmp_path_factory: Any, mosquitto: Mosquitto):  # type: ignore[no-untyped-def]  # noqa: ANN201, ANN401
    """Run everything; Home Assistant has no integration yet."""
    async with household(tmp_path_factory.mktemp("cottage"), mosquitto) as running:
        yield running


@session_fixture
async def flow(fresh: Household) -> dict[str, Any]:
    """Wait for the discovery, confirm it with a token, and return the flow that was offered."""
    found = await until("the bridge is discovered", lambda: discovered(fresh), SOON_S)
    token = await fresh.bridge.token("Home Assistant", "landlord")
    entry_of(await fresh.home.post(f"{FLOWS}/{found['flow_id']}", {"token": token}))
    await until("a balance", lambda: number(fresh.home, BALANCE), SOON_S)
    return found


@session_fixture
async def cottage(fresh: Household, flow: dict[str, Any]) -> Household:
    """Return the household after setting it up."""
    del flow
    return fresh


async def discovered(fresh: Household) -> dict[str, Any] | None:
    """Return the discovery flow of this bridge; tests that run in parallel may announce others."""
    flows = await ask(fresh.home, {"type": "config_entries/flow/progress"})
    own = json.loads(await fresh.api.get("/api/v1/info"))["installation_id"]
    return next((flow for flow in flows if flow["context"].get("unique_id") == own), None)


async def the_bridge_is_discovered_and_confirmed_with_a_token_alone(flow: dict[str, Any]) -> None:
    assert flow["context"]["source"] == "zeroconf"
    assert flow["context"]["title_placeholders"]["name"] == "Prepaid demo"


async def number(home: HomeAssistant, entity: str) -> Decimal | None:
    state = await home.state(entity)
    return None if state in {None, "unknown", "unavailable"} else Decimal(str(state))


async def every_kind_of_entity_exists_including_those_disabled_by_default(cottage: Household) -> None:
    home = cottage.home
    await until("every kind is registered", lambda: all_registered(home), SOON_S)
    ours = await registered(home)
    (device,) = {each["device_id"] for each in ours if each["entity_id"] == BALANCE}
    of_cottage = [each["entity_id"] for each in ours if each["device_id"] == device]
    for each in ours:
        if each["disabled_by"]:
            change = {"entity_id": each["entity_id"], "disabled_by": None}
            await ask(home, {"type": "config/entity_registry/update"} | change)
    # Home Assistant itself reloads the entry half a minute later; by hand it would be reloaded twice.
    assert len(of_cottage) > 35
    for entity in of_cottage:
        await until(f"{entity} is there", lambda: is_there(home, entity), RELOADED_S)  # noqa: B023
    await until("the entry is loaded", lambda: is_loaded(home), SOON_S)
    known = {each["entity_id"]: each["state"] for each in await home.get("/api/states")}
    assert known["sensor.fern_cottage_supply_state"] == "connected"
    assert known["update.prepaid_demo_bridge_version"] == "off"
    assert 200 < float(known["sensor.fern_cottage_voltage"]) < 260


async def is_loaded(home: HomeAssistant) -> bool:
    (entry,) = await home.get(f"/api/config/config_entries/entry?domain={DOMAIN}")
    return bool(entry["state"] == "loaded")


async def all_registered(home: HomeAssistant) -> bool:
    return kinds() <= kinds_of(await registered(home))


async def three_phases_show_power_voltage_current_and_power_factor(cottage: Household) -> None:
    home = cottage.home
    await until("phases", lambda: number(home, "sensor.villa_phase_3_power_factor"), SOON_S)
    assert await number(home, "sensor.villa_power") == 1_200
    for phase in (1, 2, 3):
        shown = {
            what: await number(home, f"sensor.villa_phase_{phase}_{what}")
            for what in ("power", "voltage", "current", "power_factor")
        }
        assert (shown["power"], shown["power_factor"]) == (Decimal(400), Decimal(100)), phase
        assert 200 < (shown["voltage"] or 0) < 260
        assert 1 < (shown["current"] or 0) < 3
    assert 49 < (await number(home, "sensor.villa_frequency") or 0) < 51


async def a_debt_is_shown_and_emergency_credit_is_used_until_exhausted(
    cottage: Household, shown: Shown
) -> None:
    home, bridge = cottage.home, cottage.bridge
    assert await number(home, "sensor.lodge_debt") == 350
    assert await home.state("sensor.lodge_emergency_credit") == "available"
    await press(home, "button.lodge_use_emergency_credit")
    await until("selected", lambda: shows(home, "sensor.lodge_emergency_credit", "selected"), SOON_S)
    assert await number(home, "sensor.lodge_emergency_credit_left") == Decimal("0.10")
    left = await number(home, "sensor.lodge_balance")
    assert left is not None
    await bridge.run("refund", "lodge", f"{left - Decimal('0.02'):.2f}", "--reason", "to be out of credit")
    cottage.street.dials["lodge"].watts = 12_000
    in_use = "binary_sensor.lodge_emergency_credit_in_use"
    await until("in use", lambda: shows(home, in_use, "on"), SOON_S)
    await until("cut", lambda: shows(home, "sensor.lodge_supply_state", "disconnected"), SOON_S)
    assert await home.state("sensor.lodge_supply_reason") == "credit_exhausted"
    await shown.look()
    await home.action("prepaid_meter.top_up", {"entity_id": "sensor.lodge_balance", "amount": "80.00"})
    await until("armed", lambda: shows(home, "sensor.lodge_supply_state", "armed"), SOON_S)
    await press(home, "button.lodge_reconnect_supply")
    await until("connected", lambda: shows(home, "sensor.lodge_supply_state", "connected"), SOON_S)


async def a_protection_trips_is_reported_and_is_reset(cottage: Household) -> None:
    home = cottage.home
    cottage.street.dials["villa"].watts = 11_000
    await until("overload", lambda: shows(home, "sensor.villa_supply_reason", "protection"), SOON_S)
    await until("an alert", lambda: an_alert_is_reported(home), SOON_S)
    cottage.street.dials["villa"].watts = 1_200
    await press(home, "button.villa_reset_protection")
    await until("connected", lambda: shows(home, "sensor.villa_supply_state", "connected"), SOON_S)


async def an_alert_is_reported(home: HomeAssistant) -> bool:
    alert = await home.entity("event.villa_alert")
    return alert is not None and alert["attributes"]["event_type"] is not None


async def thresholds_and_the_load_limit_are_set_by_their_numbers(cottage: Household) -> None:
    home = cottage.home
    for entity, value in (
        ("number.villa_low_credit_threshold", 30),
        ("number.villa_low_credit_threshold_2", 7),
        ("number.villa_load_limit_without_credit", 9_000),
    ):
        await home.action("number.set_value", {"entity_id": entity, "value": value})
    villa = await cottage.api.account("villa")
    assert villa.low_credit_thresholds == (30_000_000, 7_000_000)
    assert villa.load_limit_mw == 9_000_000


async def friendly_hours_keep_the_supply_on_and_show_their_end(cottage: Household) -> None:
    home = cottage.home
    await until("friendly", lambda: shows(home, "sensor.farm_supply_reason", "friendly_hours"), SOON_S)
    cut_at = datetime.fromisoformat(str(await home.state("sensor.farm_supply_cut")))
    assert timedelta(hours=7) < cut_at - datetime.now(UTC) < timedelta(hours=10)
    assert await home.state("binary_sensor.farm_friendly_hours") == "on"


async def every_condition_distinguishes_true_from_false(cottage: Household) -> None:
    cases: dict[str, tuple[tuple[str, dict[str, Any], bool], ...]] = {
        "credit_is_below": (("villa", {"amount": 1_000}, True), ("villa", {"amount": 1}, False)),
        "in_friendly_hours": (("farm", {}, True), ("villa", {}, False)),
        "runs_out_within": (
            ("fern_cottage", {"within": {"days": 1}}, True),
            ("fern_cottage", {"within": {"seconds": 1}}, False),
        ),
        "supply_is_connected": (("farm", {}, True), ("villa", {}, False)),
    }
    assert cases.keys() == listed("conditions")
    hold = {"entity_id": VILLA, "hold": "inspection"}
    await cottage.home.action(f"{DOMAIN}.hold_supply", hold | {"reason": "inspection"})
    await until("off", lambda: shows(cottage.home, "sensor.villa_supply_state", "disconnected"), SOON_S)
    for condition, asked in cases.items():
        for account, options, expected in asked:
            assert await holds(cottage.home, condition, account, options) is expected, (condition, account)
    await cottage.home.action(f"{DOMAIN}.lift_hold", hold)


async def holds(home: HomeAssistant, condition: str, account: str, options: dict[str, Any]) -> bool:
    """Have Home Assistant evaluate a condition, as its editor does."""
    config = {
        "condition": f"{DOMAIN}.{condition}",
        "target": {"entity_id": f"sensor.{account}_balance"},
        "options": {"behavior": "any"} | options,
    }
    answer = await ask(home, {"type": "test_condition", "condition": config})
    return bool(answer["result"])


async def press(home: HomeAssistant, button: str) -> None:
    await home.action("button.press", {"entity_id": button})


async def shows(home: HomeAssistant, entity: str, state: str) -> bool:
    return await home.state(entity) == state


async def is_there(home: HomeAssistant, entity: str) -> bool:
    return await home.state(entity) not in {None, "unavailable"}


async def every_action_responds(cottage: Household, tmp_path: Path) -> None:
    home = cottage.home
    asked: dict[str, dict[str, Any]] = {
        "top_up": {"amount": "120.00", "method": "card", "reference": "receipt 8"},
        "redeem_voucher": {"code": await voucher(cottage, tmp_path / "vouchers.csv")},
        "set_thresholds": {"thresholds": ["2.50", "0.50"]},
        "hold_supply": {"entity_id": VILLA, "hold": "leak", "reason": "leak"},
        "lift_hold": {"entity_id": VILLA, "hold": "leak", "reason": "mended"},
        "statement": {},
        "tariff_now": {},
        "account_status": {},
    }
    assert asked.keys() == listed("services")
    response = {
        name: await home.action(f"{DOMAIN}.{name}", {"entity_id": BALANCE} | data, answer=True)
        for name, data in asked.items()
    }
    booked = response["top_up"]
    assert (booked["amount"], booked["currency"], booked["supply"]) == ("120.00", "ZAR", "connected")
    assert response["redeem_voucher"]["amount"] == "50.00"
    assert response["set_thresholds"]["thresholds"] == ["2.50", "0.50"]
    assert response["hold_supply"]["hold"] == "leak"
    assert (response["lift_hold"]["supply"], response["lift_hold"]["holds"]) == ("connected", [])
    assert response["statement"]["currency"] == "ZAR"
    assert Decimal(response["statement"]["closing"]) > 100
    price = Decimal(response["tariff_now"]["price_per_kwh"])
    assert price.quantize(Decimal("0.0001")) == Decimal("3.3551")
    assert response["account_status"]["account"] == "Fern Cottage"


async def voucher(cottage: Household, table: Path) -> str:
    """Create a voucher of 50 and return its code."""
    what = ("--count", "1", "--amount", "50.00", "--site", "cottage", "--csv", str(table))
    await cottage.bridge.run("voucher", "create", *what)
    with table.open(encoding="utf-8", newline="") as file:
        (made,) = csv.DictReader(file)
    return next(value for value in made.values() if sum(each.isdigit() for each in value) == 20)


async def fired(home: HomeAssistant, trigger: str) -> bool:
    found = await home.entity(f"automation.{trigger}")
    return found is not None and found["attributes"].get("last_triggered") is not None


async def set_thresholds(home: HomeAssistant, *thresholds: str) -> None:
    data = {"entity_id": BALANCE, "thresholds": list(thresholds)}
    answer = await home.action("prepaid_meter.set_thresholds", data, answer=True)
    assert answer["thresholds"] == list(thresholds)


async def every_trigger_fires_its_automation_and_none_fired_before(cottage: Household) -> None:
    home = cottage.home
    assert OPTIONS.keys() == listed("triggers")
    await until("the trigger of a top-up fires", lambda: fired(home, "top_up_received"), SOON_S)
    for name in OPTIONS.keys() - {"top_up_received"}:
        assert not await fired(home, name), name

    await set_thresholds(home, "900.00")
    await until("low", lambda: fired(home, "credit_became_low"), SOON_S)
    await set_thresholds(home, "0.50")
    await until("recovered", lambda: fired(home, "credit_recovered"), SOON_S)
    hold = {"entity_id": BALANCE, "hold": "inspection"}
    await home.action(f"{DOMAIN}.hold_supply", hold | {"reason": "inspection"})
    await until("cut", lambda: fired(home, "supply_cut"), SOON_S)
    await home.action(f"{DOMAIN}.lift_hold", hold)
    await until("restored", lambda: fired(home, "supply_restored"), SOON_S)
    await until("there is a forecast", lambda: number(home, "sensor.fern_cottage_time_left"), FORECAST_S)
    left = await number(home, BALANCE)
    assert left is not None
    await cottage.bridge.run("refund", "house", f"{left - 12:.2f}", "--reason", "to be nearly out of credit")
    await until("running out", lambda: fired(home, "runs_out_within"), SOON_S)


ENERGY, COST = "_house_energy", "_house_cost"


async def booked(cottage: Household) -> tuple[Decimal, Decimal]:
    """Return what the journal has charged and credited, in kWh and rand."""
    history = msgspec.json.decode(await cottage.api.get("/api/v1/history?account=house"), type=HistoryPage)
    hours = history.accounts[0].hours
    return (
        Decimal(sum(hour.wh for hour in hours)).scaleb(-3),
        Decimal(sum(hour.amount for hour in hours)).scaleb(-6),
    )


async def statistic_id(home: HomeAssistant, suffix: str) -> str | None:
    found = await ask(home, {"type": "recorder/list_statistic_ids", "statistic_type": "sum"})
    ids = [each["statistic_id"] for each in found if each["source"] == DOMAIN]
    return next((each for each in ids if each.endswith(suffix)), None)


async def sums(home: HomeAssistant) -> list[list[float]]:
    """Return the hours of energy and cost in Home Assistant, each with its running sum."""
    ids = [await statistic_id(home, suffix) for suffix in (ENERGY, COST)]
    question = {
        "type": "recorder/statistics_during_period",
        "start_time": (datetime.now(UTC) - timedelta(days=10)).isoformat(),
        "statistic_ids": ids,
        "period": "hour",
        "types": ["sum"],
    }
    if None in ids:  # Home Assistant has just started
        return [[], []]
    found = await ask(home, question)
    return [[row["sum"] for row in found.get(each or "", [])] for each in ids]


async def agrees(cottage: Household) -> list[list[float]] | None:
    """Return the statistics once their sums equal those of the journal, to the last Wh and cent."""
    try:
        energy, cost = await sums(cottage.home)
    except NotObservedError:  # a recorder that has not started yet, or is ending, refuses every question
        return None
    wh, amount = await booked(cottage)
    if not energy or not cost:
        return None
    same = round(energy[-1], 3) == float(wh) and round(cost[-1], 2) == round(float(amount), 2)
    return [energy, cost] if same else None


async def the_history_is_in_the_statistics_to_the_last_watt_hour(cottage: Household) -> None:
    energy, _cost = await until("six days are filled in", lambda: agrees(cottage), SOON_S)
    assert len(energy) > 130
    assert energy == sorted(energy)


async def usage_while_home_assistant_is_away_is_filled_in(cottage: Household) -> None:
    before = (await sums(cottage.home))[0][-1]
    await cottage.home.stop()
    register = (await cottage.api.account("house")).meters[0].register_wh or 0
    cottage.street.dials["fern-cottage"].watts = 9_000

    async def used() -> bool:
        now = (await cottage.api.account("house")).meters[0].register_wh or 0
        return now >= register + 20

    await until("20 Wh are used", used, SOON_S)
    cottage.street.dials["fern-cottage"].watts = 400
    await cottage.api.top_up("house", "60.00")  # posts what was used
    await cottage.home.start()
    energy, _cost = await until("what was missed is filled in", lambda: agrees(cottage), SOON_S)
    assert energy[-1] >= before + 0.02


async def asked_for_a_token(cottage: Household) -> dict[str, Any] | None:
    flow = await discovered(cottage)
    return flow if flow and flow["context"]["source"] == "reauth" else None


async def a_revoked_token_is_replaced_without_a_false_alarm(
    cottage: Household,
) -> None:
    home = cottage.home
    before = {name: await home.entity(f"automation.{name}") for name in OPTIONS}
    tokens = json.loads(await cottage.bridge.run("token", "list", "--json"))
    known = tokens["tokens"] if isinstance(tokens, dict) else tokens
    (token,) = (each["id"] for each in known if each["name"] == "Home Assistant")
    await cottage.bridge.run("token", "revoke", token)
    flow = await until("a token is asked for", lambda: asked_for_a_token(cottage), SOON_S)
    assert await home.state(BALANCE) == "unavailable"
    new = await cottage.bridge.token("Home Assistant again", "landlord")
    done = await home.post(f"{FLOWS}/{flow['flow_id']}", {"token": new})
    assert (done["type"], done["reason"]) == ("abort", "reauth_successful")
    await until("a balance again", lambda: number(home, BALANCE), SOON_S)
    for name, found in before.items():
        again = await home.entity(f"automation.{name}")
        assert found is not None
        assert again is not None
        assert again["attributes"]["last_triggered"] == found["attributes"]["last_triggered"], name


async def choose_as_documented(home: HomeAssistant, page: Page) -> None:
    """Choose both statistics in Home Assistant's own dialog, with the words that the documentation names."""
    documented = re.search(r"search for `([^`]+)`", ENERGY_PAGE.read_text(encoding="utf-8"))
    assert documented
    await page.goto(f"{home.url}/config/energy/electricity")
    await page.get_by_text("Add grid connection").click()
    pickers = page.locator("ha-statistic-picker")
    await choose(pickers.first, documented[1], "Fern Cottage energy used")
    await page.get_by_text("Use an entity tracking the total costs").click()
    await expect(pickers).to_have_count(3)
    await choose(pickers.last, documented[1], "Fern Cottage cost")
    await page.get_by_role("button", name="Save").last.click()
    await page.locator("ha-card").get_by_text("Fern Cottage energy used").wait_for()


async def choose(picker: Locator, search: str, name: str) -> None:
    await picker.click()
    await picker.page.locator("ha-picker-combo-box input").last.fill(search)
    await picker.page.locator("ha-picker-combo-box ha-combo-box-item").filter(has_text=name).click()


async def the_energy_page_shows_energy_and_cost(cottage: Household, chromium: Chromium) -> None:
    home = cottage.home
    page = await chromium.page(storage={"hassTokens": home.browser_tokens()})
    await choose_as_documented(home, page)
    (source,) = (await ask(home, {"type": "energy/get_prefs"}))["energy_sources"]
    assert source["stat_energy_from"] == await statistic_id(home, ENERGY)
    assert source["stat_cost"] == await statistic_id(home, COST)
    issues = await ask(home, {"type": "energy/validate"})
    assert issues["energy_sources"] == [[]]
    await page.goto(f"{home.url}/energy")
    for words in ("Fern Cottage energy used", "Grid total"):
        await page.get_by_text(words, exact=True).first.wait_for()
    _, cost = await sums(home)
    assert cost[-1] > 0
    await page.get_by_text("ZAR").first.wait_for()
    await page.wait_for_timeout(DRAWN_MS)
    await picture(page, home.folder.parent / "home-assistant-energy.png")


@pytest.mark.timeout(900)
async def test_the_integration_from_discovery_to_the_energy_page(
    cottage: Household, flow: dict[str, Any], chromium: Chromium, tmp_path: Path
) -> None:
    await the_bridge_is_discovered_and_confirmed_with_a_token_alone(flow)
    await every_kind_of_entity_exists_including_those_disabled_by_default(cottage)
    shown = Shown(cottage.home)
    await three_phases_show_power_voltage_current_and_power_factor(cottage)
    await friendly_hours_keep_the_supply_on_and_show_their_end(cottage)
    await a_debt_is_shown_and_emergency_credit_is_used_until_exhausted(cottage, shown)
    await a_protection_trips_is_reported_and_is_reset(cottage)
    await thresholds_and_the_load_limit_are_set_by_their_numbers(cottage)
    await every_action_responds(cottage, tmp_path)
    await every_trigger_fires_its_automation_and_none_fired_before(cottage)
    await every_condition_distinguishes_true_from_false(cottage)
    await shown.look()
    assert shown.missing == set()
    await the_history_is_in_the_statistics_to_the_last_watt_hour(cottage)
    await usage_while_home_assistant_is_away_is_filled_in(cottage)
    await a_revoked_token_is_replaced_without_a_false_alarm(cottage)
    await the_energy_page_shows_energy_and_cost(cottage, chromium)
