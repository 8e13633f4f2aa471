"""Every way to set up the integration, and every way in which that can fail."""

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

from homeassistant.config_entries import SOURCE_USER, SOURCE_ZEROCONF, ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.prepaid_meter.client.protocol import Role
from custom_components.prepaid_meter.const import DOMAIN
from tests.component.conftest import Eventually
from tests.component.fake_bridge import INSTALLATION_ID, TOKEN, FakeBridge


def typed(bridge: FakeBridge, **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    address = {"host": "127.0.0.1", "port": bridge.port, "ssl": False, "verify_ssl": True}
    return address | {"token": TOKEN} | changes


def discovery(bridge: FakeBridge, **properties: str) -> ZeroconfServiceInfo:
    defaults = {"id": INSTALLATION_ID, "path": "/", "version": "0.1.0", "schema": "1", "tls": "0"}
    return ZeroconfServiceInfo(
        ip_address=ip_address("127.0.0.1"),
        ip_addresses=[ip_address("127.0.0.1")],
        hostname="bridge.local.",
        name="Long Street._prepaid-meter._tcp.local.",
        port=bridge.port,
        type="_prepaid-meter._tcp.local.",
        properties=defaults | {"name": "Long Street"} | properties,
    )


async def begin(hass: HomeAssistant, source: str, data: Any = None) -> ConfigFlowResult:  # noqa: ANN401
    return await hass.config_entries.flow.async_init(DOMAIN, context={"source": source}, data=data)


async def go_on(hass: HomeAssistant, flow: ConfigFlowResult, user_input: dict[str, Any]) -> ConfigFlowResult:
    answer = await hass.config_entries.flow.async_configure(flow["flow_id"], user_input)
    await hass.async_block_till_done()
    return answer


async def unload_all(hass: HomeAssistant) -> None:
    for entry in hass.config_entries.async_entries(DOMAIN):
        await hass.config_entries.async_unload(entry.entry_id)


async def test_a_user_connects_a_bridge(hass: HomeAssistant, bridge: FakeBridge) -> None:
    form = await begin(hass, SOURCE_USER)
    assert form["type"] is FlowResultType.FORM
    assert form["errors"] == {}

    result = await go_on(hass, form, typed(bridge))

    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == "Long Street"
    assert result["data"] == typed(bridge)
    assert result["result"].unique_id == INSTALLATION_ID
    await unload_all(hass)


async def test_a_pasted_url_is_split(hass: HomeAssistant, bridge: FakeBridge) -> None:
    form = await begin(hass, SOURCE_USER)
    url = f"http://127.0.0.1:{bridge.port}/docs"

    result = await go_on(hass, form, typed(bridge, host=url, port=1, ssl=True))

    assert result["data"] == typed(bridge)
    await unload_all(hass)


@pytest.mark.parametrize("host", ["not a host", "http://[::1", "http://a b/"])
async def test_an_invalid_host_is_reported(hass: HomeAssistant, bridge: FakeBridge, host: str) -> None:
    form = await begin(hass, SOURCE_USER)
    result = await go_on(hass, form, typed(bridge, host=host))
    assert result["errors"] in ({"host": "invalid_host"}, {"base": "cannot_connect"})


async def test_every_error_has_its_own_message_and_can_be_corrected(
    hass: HomeAssistant, bridge: FakeBridge
) -> None:
    form = await begin(hass, SOURCE_USER)
    fitting = bridge.info

    async def error(**changes: Any) -> Any:  # noqa: ANN401
        return (await go_on(hass, form, typed(bridge, **changes)))["errors"]

    assert await error(port=1) == {"base": "cannot_connect"}
    assert await error(token="pmb_other") == {"base": "invalid_auth"}
    bridge.info = replace(fitting, schema_version=0, min_schema_version=0)
    assert await error() == {"base": "bridge_too_old"}
    bridge.info = replace(fitting, schema_version=9, min_schema_version=2)
    assert await error() == {"base": "bridge_too_new"}
    bridge.info = fitting
    bridge.role = Role.DEVICE
    assert await error() == {"base": "not_allowed"}
    bridge.refuse_with = (403, {"code": "not_allowed", "message": "No."})
    assert await error() == {"base": "not_allowed"}
    bridge.refuse_with = (200, {"something": "else"})
    assert await error() == {"base": "unknown"}

    bridge.refuse_with, bridge.role = None, Role.TENANT
    result = await go_on(hass, form, typed(bridge))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await unload_all(hass)


async def test_the_same_bridge_is_not_set_up_twice(
    hass: HomeAssistant, bridge: FakeBridge, entry: MockConfigEntry
) -> None:
    form = await begin(hass, SOURCE_USER)
    result = await go_on(hass, form, typed(bridge))
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "already_configured"


async def test_a_discovered_bridge_requires_only_a_token(hass: HomeAssistant, bridge: FakeBridge) -> None:
    form = await begin(hass, SOURCE_ZEROCONF, discovery(bridge))
    assert form["step_id"] == "zeroconf_confirm"
    wrong = await go_on(hass, form, {"token": "pmb_other"})
    assert wrong["errors"] == {"base": "invalid_auth"}

    result = await go_on(hass, form, {"token": TOKEN})

    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"] == typed(bridge)
    await unload_all(hass)


async def test_a_discovered_bridge_with_tls_is_addressed_by_name(
    hass: HomeAssistant, bridge: FakeBridge
) -> None:
    form = await begin(hass, SOURCE_ZEROCONF, discovery(bridge, tls="1"))
    assert form["description_placeholders"] == {"name": "Long Street", "host": "bridge.local"}
    assert form["data_schema"] is not None
    assert "verify_ssl" in form["data_schema"].schema


async def test_a_discovered_impostor_is_rejected(hass: HomeAssistant, bridge: FakeBridge) -> None:
    form = await begin(hass, SOURCE_ZEROCONF, discovery(bridge, id="another"))
    result = await go_on(hass, form, {"token": TOKEN})
    assert result["errors"] == {"base": "wrong_bridge"}


async def test_a_discovery_without_an_id_is_ignored(hass: HomeAssistant, bridge: FakeBridge) -> None:
    result = await begin(hass, SOURCE_ZEROCONF, discovery(bridge, id=""))
    assert result["reason"] == "invalid_discovery"


async def test_a_discovery_updates_the_address_of_a_lost_bridge_but_never_disables_tls(
    hass: HomeAssistant, bridge: FakeBridge, entry: MockConfigEntry
) -> None:
    hass.config_entries.async_update_entry(entry, data=entry.data | {"host": "192.0.2.1", "ssl": True})

    result = await begin(hass, SOURCE_ZEROCONF, discovery(bridge))

    assert result["reason"] == "already_configured"
    assert entry.data["host"] == "127.0.0.1"
    assert entry.data["ssl"] is True
    await hass.async_block_till_done()


async def test_a_discovery_does_not_change_a_connected_bridge(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry
) -> None:
    elsewhere = discovery(bridge)
    elsewhere.port = 1
    result = await begin(hass, SOURCE_ZEROCONF, elsewhere)
    assert result["reason"] == "already_configured"
    assert loaded.data["port"] == bridge.port


async def test_a_new_token_is_accepted_without_a_new_setup(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, eventually: Eventually
) -> None:
    bridge.token = "pmb_new"
    form = await loaded.start_reauth_flow(hass)
    assert form["step_id"] == "reauth_confirm"
    wrong = await go_on(hass, form, {"token": TOKEN})
    assert wrong["errors"] == {"base": "invalid_auth"}

    result = await go_on(hass, form, {"token": "pmb_new"})

    assert result["reason"] == "reauth_successful"
    assert loaded.data["token"] == "pmb_new"
    await eventually(lambda: bridge.open_sockets == 1)


async def test_the_connection_can_be_changed_and_keeps_its_token(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry
) -> None:
    form = await loaded.start_reconfigure_flow(hass)
    address = typed(bridge, host="localhost")
    del address["token"]
    wrong = await go_on(hass, form, address | {"port": 1, "host": "127.0.0.1"})
    assert wrong["errors"] == {"base": "cannot_connect"}

    result = await go_on(hass, form, address | {"host": f"http://127.0.0.1:{bridge.port}"})

    assert result["reason"] == "reconfigure_successful"
    assert loaded.data == typed(bridge)


async def test_the_connection_cannot_be_changed_to_another_bridge(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry
) -> None:
    bridge.info = replace(bridge.info, installation_id="another")
    form = await loaded.start_reconfigure_flow(hass)
    result = await go_on(hass, form, typed(bridge))
    assert result["errors"] == {"base": "wrong_bridge"}
