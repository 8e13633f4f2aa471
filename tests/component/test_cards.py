"""The cards are served and loaded, and the landlord's dashboard gets the accounts of each site."""

import json
from pathlib import Path
import re
from unittest.mock import patch

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, WebSocketGenerator

from custom_components.prepaid_meter import cards, entity
from custom_components.prepaid_meter.const import DOMAIN
from tests.component.fake_bridge import FakeBridge, account_view

ASKS_FOR = (
    r"\b(?:(?:state|value|text|number|attribute|entity|has|_pressButton|_?showMoreInfo|figure)\("
    r"|_canPress\(account, )"
)
ADD_URL = "homeassistant.components.frontend.add_extra_js_url"


async def test_every_page_loads_the_cards_from_a_url_that_depends_on_their_content(
    hass: HomeAssistant, hass_client: ClientSessionGenerator
) -> None:
    hass.config.components.add("frontend")
    with patch(ADD_URL) as add:
        assert await async_setup_component(hass, DOMAIN, {})
    url = add.call_args.args[1]
    assert re.fullmatch(r"/prepaid_meter/[0-9a-f]{12}/prepaid-meter\.js", url)

    client = await hass_client()
    answer = await client.get(url)
    assert answer.status == 200
    assert "javascript" in answer.headers["Content-Type"]
    assert "max-age=2678400" in answer.headers["Cache-Control"]
    assert (await client.get(url.replace("prepaid-meter.js", "locales/en.json"))).status == 200


async def test_without_a_frontend_nothing_is_served(
    hass: HomeAssistant, hass_client: ClientSessionGenerator
) -> None:
    with patch(ADD_URL) as add:
        assert await async_setup_component(hass, DOMAIN, {})
    add.assert_not_called()


def test_the_url_changes_with_the_content(tmp_path: Path) -> None:
    (tmp_path / "card.js").write_text("1")
    before = cards._fingerprint(tmp_path)
    assert cards._fingerprint(tmp_path) == before
    (tmp_path / "card.js").write_text("2")
    assert cards._fingerprint(tmp_path) != before


def test_the_cards_load_nothing_from_external_servers() -> None:
    for file in cards.FOLDER.rglob("*.js"):
        text = file.read_text(encoding="utf-8")
        imports = re.findall(r'from "([^"]+)"', text)
        assert all((file.parent / name).is_file() for name in imports), file
        outside = set(re.findall(r"https?://[^\s\"'`]+", text))
        assert all("/docs/home-assistant/" in url for url in outside), file
        assert "innerHTML" not in text, file


def test_the_cards_use_only_existing_entities_and_actions() -> None:
    component = cards.FOLDER.parent
    words = json.loads((component / "translations" / "en.json").read_text(encoding="utf-8"))
    known = {f"{domain}.{kind}" for domain, kinds in words["entity"].items() for kind in kinds}
    text = "".join(file.read_text(encoding="utf-8") for file in cards.FOLDER.rglob("*.js"))
    asked = set(re.findall(ASKS_FOR + r'"([a-z_]+\.[a-z_]+)"', text))
    assert len(asked) >= 15
    assert asked <= known
    own = {kind.partition(".")[2] for kind in asked - {"binary_sensor.bridge_connectivity"}}
    assert own <= entity.HOUSEHOLD_KEYS, "what the cards show is enabled by default"
    actions = set(re.findall(r'_may\("([a-z_]+)"', text))
    assert len(actions) == 3
    assert actions <= words["services"].keys()


@pytest.fixture
def two_sites(bridge: FakeBridge) -> None:
    bridge.accounts = {
        "flat-1": account_view(),
        "flat-2": account_view("flat-2"),
        "shop": account_view("shop", site_id="shops", site_name="Arcade"),
    }


async def test_the_landlords_dashboard_gets_the_accounts_of_each_site(
    hass: HomeAssistant,
    two_sites: None,
    loaded: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
    device_registry: dr.DeviceRegistry,
) -> None:
    client = await hass_ws_client()
    await client.send_json_auto_id({"type": "prepaid_meter/sites"})
    sites = (await client.receive_json())["result"]["sites"]

    devices = dr.async_entries_for_config_entry(device_registry, loaded.entry_id)
    ids = {device.name: device.id for device in devices}
    assert sites == [
        {"name": "Arcade", "devices": [ids["Shop"]]},
        {"name": "Long Street 5", "devices": [ids["Flat 1"], ids["Flat 2"]]},
    ]


async def test_a_bridge_that_is_not_loaded_has_no_sites(
    hass: HomeAssistant, loaded: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    await hass.config_entries.async_unload(loaded.entry_id)
    client = await hass_ws_client()
    await client.send_json_auto_id({"type": "prepaid_meter/sites"})
    assert (await client.receive_json())["result"] == {"sites": []}


async def test_an_account_with_a_removed_device_is_in_no_site(
    hass: HomeAssistant,
    two_sites: None,
    loaded: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
    device_registry: dr.DeviceRegistry,
) -> None:
    devices = dr.async_entries_for_config_entry(device_registry, loaded.entry_id)
    device_registry.async_remove_device(next(device.id for device in devices if device.name == "Shop"))
    client = await hass_ws_client()
    await client.send_json_auto_id({"type": "prepaid_meter/sites"})
    sites = (await client.receive_json())["result"]["sites"]
    assert {"name": "Arcade", "devices": []} in sites
