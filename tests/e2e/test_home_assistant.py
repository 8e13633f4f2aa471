"""The integration in a real Home Assistant: set-up, values, holds, top-up, a bridge that restarts."""

from decimal import Decimal

import pytest

from scripts.lib.demo.bridge import BridgeApi, BridgeProcess
from scripts.lib.demo.browser import Chromium
from scripts.lib.demo.homeassistant import DOMAIN, HomeAssistant, Json, RefusedError, ask
from scripts.lib.demo.process import LOOPBACK, free_port
from scripts.lib.demo.street import Street
from scripts.lib.demo.waiting import until

SOON_S = 40.0
FLOWS = "/api/config/config_entries/flow"


async def has(home: HomeAssistant, entity: str, *states: str) -> str | None:
    state = await home.state(entity)
    return state if state in states else None


async def entry_of_bridge(home: HomeAssistant) -> Json:
    entries: list[Json] = await home.get(f"/api/config/config_entries/entry?domain={DOMAIN}")
    assert len(entries) == 1
    return entries[0]


async def test_the_config_flow_reports_errors(bare_home: HomeAssistant, bridge: BridgeProcess) -> None:
    refused = await bare_home.add_bridge(bridge.port, "pmb_wrong_token")
    assert (refused["type"], refused["errors"]) == ("form", {"base": "invalid_auth"})
    gone = await bare_home.add_bridge(free_port(), "pmb_wrong_token")
    assert (gone["type"], gone["errors"]) == ("form", {"base": "cannot_connect"})
    device = await bare_home.add_bridge(bridge.port, await bridge.token("a plug", "device", "calm"))
    assert (device["type"], device["errors"]) == ("form", {"base": "not_allowed"})


async def test_a_bridge_is_added_once(home: HomeAssistant, bridge: BridgeProcess) -> None:
    again = await home.add_bridge(bridge.port, await bridge.token("again", "landlord"))
    assert (again["type"], again["reason"]) == ("abort", "already_configured")
    assert (await entry_of_bridge(home))["state"] == "loaded"


async def test_entities_show_the_values_of_the_bridge(
    home: HomeAssistant, api: BridgeApi, street: Street
) -> None:
    street.dials["calm"].watts = 0
    await until("no power", lambda: has(home, "sensor.calm_power", "0.0", "0"), SOON_S)
    account = await api.account("calm")

    async def same() -> bool | None:
        shown = Decimal(str(await home.state("sensor.calm_balance")))
        return round(Decimal((await api.account("calm")).available).scaleb(-6), 2) == round(shown, 2) or None

    await until("the balance is the bridge's", same, SOON_S)
    assert account.tariff is not None
    price = Decimal(account.tariff.price_per_kwh).scaleb(-account.amount_digits)
    assert Decimal(str(await home.state("sensor.calm_price"))) == price
    assert await known(home, "sensor.calm_power") is not None
    assert await home.state("sensor.calm_supply_state") == "connected"
    assert await home.state("binary_sensor.calm_low_credit") == "off"
    street.dials["calm"].watts = 150


async def test_a_browser_shows_the_unit(home: HomeAssistant, chromium: Chromium) -> None:
    devices = await ask(home, {"type": "config/device_registry/list"})
    device = next(device["id"] for device in devices if device["name"] == "Calm")
    page = await chromium.page(storage={"hassTokens": home.browser_tokens()})
    await page.goto(f"{home.url}/config/devices/device/{device}")
    for words in ("Sensors", "Supply state", "Balance", "Energy today"):
        await page.get_by_text(words, exact=True).first.wait_for()


async def test_no_total_is_offered_beside_the_statistics_of_the_energy_dashboard(home: HomeAssistant) -> None:
    """Whoever adds both counts each kWh twice; *Energy* is there for those who enable it."""
    assert await home.entity("sensor.calm_energy") is None
    today = await home.entity("sensor.calm_energy_today")
    assert today is not None
    attributes = today["attributes"]
    assert (attributes["device_class"], attributes["state_class"]) == ("energy", "total")
    assert attributes["unit_of_measurement"] == "kWh"


async def test_an_action_holds_the_supply_off_and_another_lifts_the_hold(
    home: HomeAssistant, api: BridgeApi, street: Street
) -> None:
    physics = street.meter("calm").physics
    account = {"entity_id": "sensor.calm_balance"}
    placed = await home.action(f"{DOMAIN}.hold_supply", account | {"reason": "inspection"}, answer=True)
    await until("the contact opens", lambda: true(not physics.contact_closed), SOON_S)
    state = "sensor.calm_supply_state"
    await until("the supply is off", lambda: has(home, state, "disconnected"), SOON_S)
    assert (await api.account("calm")).supply.reason.value == "landlord_off"
    await home.action(f"{DOMAIN}.lift_hold", account | {"hold": placed["hold"]})
    await until("the contact closes", lambda: true(physics.contact_closed), SOON_S)
    await until("the supply is on", lambda: has(home, state, "connected"), SOON_S)


async def true(condition: bool) -> bool | None:  # noqa: FBT001 - the condition itself
    return condition or None


async def test_a_top_up_returns_its_split(home: HomeAssistant, api: BridgeApi) -> None:
    data = {"entity_id": "sensor.calm_balance", "amount": "12.34", "method": "cash", "reference": "receipt 7"}
    answer = await home.action("prepaid_meter.top_up", data, answer=True)
    assert (answer["amount"], answer["currency"]) == ("12.34", "ZAR")
    assert answer["split"] == {"balance": "12.34"}
    newest = (await api.account("calm")).last_top_up
    assert newest is not None
    assert (newest.id, newest.reference) == (answer["id"], "receipt 7")


async def test_a_top_up_of_zero_is_refused(home: HomeAssistant) -> None:
    with pytest.raises(RefusedError) as caught:
        await home.action("prepaid_meter.top_up", {"entity_id": "sensor.calm_balance", "amount": "0"})
    assert caught.value.status == 400


async def reconfigured(home: HomeAssistant, bridge: BridgeProcess, token: str) -> None:
    entry = await entry_of_bridge(home)
    flow = await home.post(FLOWS, {"handler": DOMAIN, "entry_id": entry["entry_id"]})
    form = {"host": LOOPBACK, "port": bridge.port, "ssl": False, "verify_ssl": True, "token": token}
    done = await home.post(f"{FLOWS}/{flow['flow_id']}", form)
    assert (done["type"], done["reason"]) == ("abort", "reconfigure_successful")


@pytest.mark.invariant(15)
async def test_a_tenant_sees_only_their_account_and_creates_no_credit(
    home: HomeAssistant, bridge: BridgeProcess, api: BridgeApi
) -> None:
    await reconfigured(home, bridge, await bridge.token("tenant", "tenant", "calm"))
    try:
        await until("only the tenant's account is there", lambda: only_calm(home), SOON_S)
        balance = await home.entity("sensor.calm_balance")
        assert balance is not None
        assert balance["attributes"]["role"] == "tenant"
        before = (await api.account("calm")).last_top_up
        with pytest.raises(RefusedError) as caught:
            await home.action("prepaid_meter.top_up", {"entity_id": "sensor.calm_balance", "amount": "5"})
        assert caught.value.status == 400
        assert "requires a landlord's token" in caught.value.body
        assert (await api.account("calm")).last_top_up == before
    finally:
        await reconfigured(home, bridge, await bridge.token("landlord again", "landlord"))
    await until("the landlord's accounts are back", lambda: known(home, "sensor.zigbee_balance"), SOON_S)
    await until("the integration is loaded", lambda: loaded(home), SOON_S)


async def only_calm(home: HomeAssistant) -> bool | None:
    """Return True once a reload is over: old states are gone, and the entry accepts actions again."""
    others = await known(home, "sensor.zigbee_balance")
    return (others is None and await known(home, "sensor.calm_balance") and await loaded(home)) or None


async def loaded(home: HomeAssistant) -> bool | None:
    return (await entry_of_bridge(home))["state"] == "loaded" or None


async def known(home: HomeAssistant, entity: str) -> str | None:
    state = await home.state(entity)
    return None if state in {None, "unavailable", "unknown"} else state


async def test_entities_are_unavailable_without_the_bridge_and_recover_by_themselves(
    home: HomeAssistant, bridge: BridgeProcess
) -> None:
    await until("a balance", lambda: known(home, "sensor.calm_balance"), SOON_S)
    await bridge.kill()
    await until("unavailable", lambda: has(home, "sensor.calm_balance", "unavailable"), SOON_S)
    assert await home.state("binary_sensor.test_house_connection") == "off"
    await bridge.start()
    await until("a balance again", lambda: known(home, "sensor.calm_balance"), SOON_S)
    await until("connected", lambda: has(home, "binary_sensor.test_house_connection", "on"), SOON_S)
    assert (await entry_of_bridge(home))["state"] == "loaded"


async def test_home_assistant_logs_no_problem(home: HomeAssistant) -> None:
    log = home.log.read_text(encoding="utf-8")
    ours = [
        line
        for line in log.splitlines()
        if "prepaid_meter" in line and (" ERROR " in line or "Traceback" in line)
    ]
    assert ours == []
