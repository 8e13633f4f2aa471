"""Information about the bridges on the system information page."""

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry, get_system_health_info

from custom_components.prepaid_meter.const import DOMAIN
from tests.component.conftest import Eventually
from tests.component.fake_bridge import FakeBridge


async def health(hass: HomeAssistant) -> dict[str, object]:
    assert await async_setup_component(hass, "system_health", {})
    await hass.async_block_till_done()
    info = await get_system_health_info(hass, DOMAIN)
    return {key: await value if hasattr(value, "__await__") else value for key, value in info.items()}


async def test_bridges_are_counted_and_checked(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, eventually: Eventually
) -> None:
    assert await health(hass) == {
        "bridges": 1,
        "bridges_connected": 1,
        "bridge_versions": "0.1.0",
        "accounts": 1,
        "open_alerts": 0,
        "can_reach_bridge": "ok",
    }
    await bridge.stop()
    await eventually(lambda: not loaded.runtime_data.available)
    info = await health(hass)
    assert info["bridges_connected"] == 0
    assert info["can_reach_bridge"] == {"type": "failed", "error": "unreachable"}
    await hass.config_entries.async_unload(loaded.entry_id)
    assert "can_reach_bridge" not in await health(hass)
