"""Diagnostics are safe to share."""

import json

from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.prepaid_meter.diagnostics import async_get_config_entry_diagnostics
from tests.component.fake_bridge import TOKEN


async def test_diagnostics_contain_the_state_but_no_names_or_secrets(
    hass: HomeAssistant, loaded: MockConfigEntry
) -> None:
    diagnostics = await async_get_config_entry_diagnostics(hass, loaded)

    text = json.dumps(diagnostics)
    assert diagnostics["connected"] is True
    assert diagnostics["accounts"][0]["available"] == 187_118_700
    for secret in (TOKEN, "Thandi", "Long Street", "Flat 1", "receipt 7", "127.0.0.1", "0192f0c1"):
        assert secret not in text
