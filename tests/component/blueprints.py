"""Set up automations from blueprints in tests."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import PropertyMock, patch

from homeassistant.components.blueprint.models import DomainBlueprints
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.prepaid_meter.const import DOMAIN
from tests.component.fake_bridge import INSTALLATION_ID

FOLDER: Final = Path(__file__).resolve().parents[2] / "blueprints" / "automation" / DOMAIN
NAMES: Final = tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


@contextmanager
def blueprints_of_the_project() -> Generator[None]:
    """Make Home Assistant load blueprints from this repository."""
    folder = PropertyMock(return_value=FOLDER.parent)
    with patch.object(DomainBlueprints, "blueprint_folder", folder):
        yield


def account_device(hass: HomeAssistant, entry: MockConfigEntry, account_id: str = "flat-1") -> str:
    """Return the id of the account's device."""
    identifier = (DOMAIN, f"{INSTALLATION_ID}/{account_id}")
    device = dr.async_get(hass).async_get_device_by_identifier(identifier, entry.entry_id)
    assert device is not None
    return device.id


def phone(hass: HomeAssistant, name: str) -> str:
    """Add a phone with the companion app; return the id of its device."""
    entry = MockConfigEntry(domain="mobile_app", title=name)
    entry.add_to_hass(hass)
    device = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id, identifiers={("mobile_app", name)}, name=name
    )
    er.async_get(hass).async_get_or_create(
        "notify", "mobile_app", name, config_entry=entry, device_id=device.id
    )
    return device.id


async def reload_automations(hass: HomeAssistant, name: str, inputs: dict[str, Any]) -> None:
    """Reload the automation, as the editor does after a change."""
    config = {"alias": name, "use_blueprint": {"path": f"{DOMAIN}/{name}.yaml", "input": inputs}}
    with patch("homeassistant.config.load_yaml_config_file", return_value={"automation": [config]}):
        await hass.services.async_call("automation", "reload", blocking=True)


async def use_blueprint(hass: HomeAssistant, name: str, inputs: dict[str, Any]) -> None:
    """Create an automation from a blueprint."""
    config = {"alias": name, "use_blueprint": {"path": f"{DOMAIN}/{name}.yaml", "input": inputs}}
    assert await async_setup_component(hass, "automation", {"automation": [config]})
    await hass.async_block_till_done()
    state = hass.states.get(f"automation.{name}")
    assert state is not None, "the automation is not valid"
    assert state.state == "on", state
