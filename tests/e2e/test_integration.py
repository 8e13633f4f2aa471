"""The integration from discovery to the Energy page: real bridge, real Home Assistant, six days of past."""

import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from meter_bridge.protocol.messages import HistoryPage
from scripts.lib.demo.browser import Chromium, picture
from scripts.lib.demo.ha_socket import ask
from scripts.lib.demo.homeassistant import DOMAIN, HomeAssistant, entry_of
from scripts.lib.demo.mosquitto import Mosquitto
from scripts.lib.demo.waiting import until
from tests.e2e.household import BALANCE, OPTIONS, Household, household

SOON_S = 60.0
FORETOLD_S = 150.0
"""The bridge foretells one account after the other, and never hurries with that."""
DRAWN_MS = 4_000
"""Home Assistant says in no way that its graphs are drawn."""
FLOWS = "/api/config/config_entries/flow"

session_fixture = pytest_asyncio.fixture(scope="module", loop_scope="session")


@session_fixture
async def fresh(tmp_path_factory: Any, mosquitto: Mosquitto):  # type: ignore[no-untyped-def]  # noqa: ANN201, ANN401
    """Run everything; nothing is set up in Home Assistant yet."""
    async with household(tmp_path_factory.mktemp("cottage"), mosquitto) as running:
        yield running


@session_fixture
async def flow(fresh: Household) -> dict[str, Any]:
    """Wait until Home Assistant discovers the bridge, confirm with a token, and return what was offered."""
    found = await until("the bridge is discovered", lambda: discovered(fresh), SOON_S)
    token = await fresh.bridge.token("Home Assistant", "landlord")
    entry_of(await fresh.home.post(f"{FLOWS}/{found['flow_id']}", {"token": token}))
    await until("a balance", lambda: number(fresh.home, BALANCE), SOON_S)
    return found


@session_fixture
async def cottage(fresh: Household, flow: dict[str, Any]) -> Household:
    """Return the household after it was set up."""
    del flow
    return fresh


async def discovered(fresh: Household) -> dict[str, Any] | None:
    """Return the flow of this household's bridge; others may be announced by tests beside this one."""
    flows = await ask(fresh.home, {"type": "config_entries/flow/progress"})
    own = json.loads(await fresh.api.get("/api/v1/info"))["installation_id"]
    return next((flow for flow in flows if flow["context"].get("unique_id") == own), None)


async def the_bridge_is_discovered_and_confirmed_with_a_token_alone(flow: dict[str, Any]) -> None:
    assert flow["context"]["source"] == "zeroconf"
    assert flow["context"]["title_placeholders"]["name"] == "Prepaid demo"


async def number(home: HomeAssistant, entity: str) -> Decimal | None:
    state = await home.state(entity)
    return None if state in {None, "unknown", "unavailable"} else Decimal(str(state))


async def every_entity_of_the_cottage_works_also_those_that_are_disabled_at_first(
    cottage: Household,
) -> None:
    home = cottage.home
    entities = await ask(home, {"type": "config/entity_registry/list"})
    ours = [each for each in entities if each["platform"] == DOMAIN]
    (device,) = {each["device_id"] for each in ours if each["entity_id"] == BALANCE}
    of_cottage = [each["entity_id"] for each in ours if each["device_id"] == device]
    for each in ours:
        if each["disabled_by"]:
            change = {"entity_id": each["entity_id"], "disabled_by": None}
            await ask(home, {"type": "config/entity_registry/update"} | change)
    (entry,) = await home.get(f"/api/config/config_entries/entry?domain={DOMAIN}")
    await home.post(f"/api/config/config_entries/entry/{entry['entry_id']}/reload", {})
    assert len(of_cottage) > 35
    for entity in of_cottage:
        await until(f"{entity} is there", lambda: is_there(home, entity), SOON_S)  # noqa: B023 - awaited here
    known = {each["entity_id"]: each["state"] for each in await home.get("/api/states")}
    assert known["switch.fern_cottage_supply"] == "on"
    assert known["update.prepaid_demo_bridge_version"] == "off"
    assert 200 < float(known["sensor.fern_cottage_voltage"]) < 260


async def is_there(home: HomeAssistant, entity: str) -> bool:
    return await home.state(entity) not in {None, "unavailable"}


async def every_action_answers(cottage: Household, tmp_path: Path) -> None:
    home, table = cottage.home, tmp_path / "vouchers.csv"
    top_up = {"amount": "120.00", "method": "card", "reference": "receipt 8"}
    booked = await home.action("prepaid_meter.top_up", {"entity_id": BALANCE} | top_up, answer=True)
    assert (booked["amount"], booked["currency"], booked["supply"]) == ("120.00", "ZAR", "connected")

    made = (
        "voucher",
        "create",
        "--count",
        "1",
        "--amount",
        "50.00",
        "--site",
        "cottage",
        "--csv",
        str(table),
    )
    await cottage.bridge.run(*made)
    (voucher,) = csv.DictReader(table.read_text(encoding="utf-8").splitlines())
    code = next(value for value in voucher.values() if sum(each.isdigit() for each in value) == 20)
    redeem = {"entity_id": BALANCE, "code": code}
    redeemed = await home.action("prepaid_meter.redeem_voucher", redeem, answer=True)
    assert redeemed["amount"] == "50.00"

    statement = await home.action("prepaid_meter.statement", {"entity_id": BALANCE}, answer=True)
    assert statement["currency"] == "ZAR"
    assert Decimal(statement["closing"]) > 100
    tariff = await home.action("prepaid_meter.tariff_now", {"entity_id": BALANCE}, answer=True)
    assert Decimal(tariff["price_per_kwh"]).quantize(Decimal("0.0001")) == Decimal("3.3551")
    status = await home.action("prepaid_meter.account_status", {"entity_id": BALANCE}, answer=True)
    assert status["account"] == "Fern Cottage"


async def fired(home: HomeAssistant, trigger: str) -> bool:
    found = await home.entity(f"automation.{trigger}")
    return found is not None and found["attributes"].get("last_triggered") is not None


async def set_thresholds(home: HomeAssistant, *thresholds: str) -> None:
    data = {"entity_id": BALANCE, "thresholds": list(thresholds)}
    answer = await home.action("prepaid_meter.set_thresholds", data, answer=True)
    assert answer["thresholds"] == list(thresholds)


async def every_trigger_fires_its_automation_and_none_fired_before(cottage: Household) -> None:
    home = cottage.home
    assert await fired(home, "top_up_received")
    for name in OPTIONS.keys() - {"top_up_received"}:
        assert not await fired(home, name), name

    await set_thresholds(home, "900.00")
    await until("low", lambda: fired(home, "credit_became_low"), SOON_S)
    await set_thresholds(home, "0.50")
    await until("recovered", lambda: fired(home, "credit_recovered"), SOON_S)
    await home.action("switch.turn_off", {"entity_id": "switch.fern_cottage_supply"})
    await until("cut", lambda: fired(home, "supply_cut"), SOON_S)
    await home.action("switch.turn_on", {"entity_id": "switch.fern_cottage_supply"})
    await until("restored", lambda: fired(home, "supply_restored"), SOON_S)
    await until("it is foretold", lambda: number(home, "sensor.fern_cottage_time_left"), FORETOLD_S)
    left = await number(home, BALANCE)
    assert left is not None
    await cottage.bridge.run("refund", "house", f"{left - 12:.2f}", "--reason", "to be nearly out of credit")
    await until("running out", lambda: fired(home, "runs_out_within"), SOON_S)


ENERGY, COST = "_house_energy", "_house_cost"


async def booked(cottage: Household) -> tuple[Decimal, Decimal]:
    """Return what the journal says was used and paid for, in kWh and rand."""
    told = msgspec.json.decode(await cottage.api.get("/api/v1/history?account=house"), type=HistoryPage)
    hours = told.accounts[0].hours
    return (
        Decimal(sum(hour.wh for hour in hours)).scaleb(-3),
        Decimal(sum(hour.amount for hour in hours)).scaleb(-6),
    )


async def statistic_id(home: HomeAssistant, suffix: str) -> str | None:
    found = await ask(home, {"type": "recorder/list_statistic_ids", "statistic_type": "sum"})
    ids = [each["statistic_id"] for each in found if each["source"] == DOMAIN]
    return next((each for each in ids if each.endswith(suffix)), None)


async def sums(home: HomeAssistant) -> list[list[float]]:
    """Return the hours of energy and cost as Home Assistant has them, each with its running sum."""
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
    """Return the statistics once their sums are the journal's, to the last Wh and cent."""
    energy, cost = await sums(cottage.home)
    wh, amount = await booked(cottage)
    if not energy or not cost:
        return None
    same = round(energy[-1], 3) == float(wh) and round(cost[-1], 2) == round(float(amount), 2)
    return [energy, cost] if same else None


async def the_past_is_in_the_statistics_to_the_last_watt_hour(cottage: Household) -> None:
    energy, _cost = await until("six days are filled in", lambda: agrees(cottage), SOON_S)
    assert len(energy) > 130
    assert energy == sorted(energy)


async def what_is_used_while_home_assistant_is_away_is_filled_in(cottage: Household) -> None:
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


async def a_revoked_token_is_asked_for_and_a_new_one_mends_it_without_a_false_alarm(
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


async def the_energy_page_shows_energy_and_cost(cottage: Household, chromium: Chromium) -> None:
    home = cottage.home
    source = {
        "type": "grid",
        "stat_energy_from": await statistic_id(home, ENERGY),
        "stat_cost": await statistic_id(home, COST),
        "stat_energy_to": None,
        "cost_adjustment_day": 0,
    }
    await ask(home, {"type": "energy/save_prefs", "energy_sources": [source]})
    issues = await ask(home, {"type": "energy/validate"})
    assert issues["energy_sources"] == [[]]
    page = await chromium.page(storage={"hassTokens": home.browser_tokens()})
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
    await every_entity_of_the_cottage_works_also_those_that_are_disabled_at_first(cottage)
    await every_action_answers(cottage, tmp_path)
    await every_trigger_fires_its_automation_and_none_fired_before(cottage)
    await the_past_is_in_the_statistics_to_the_last_watt_hour(cottage)
    await what_is_used_while_home_assistant_is_away_is_filled_in(cottage)
    await a_revoked_token_is_asked_for_and_a_new_one_mends_it_without_a_false_alarm(cottage)
    await the_energy_page_shows_energy_and_cost(cottage, chromium)
