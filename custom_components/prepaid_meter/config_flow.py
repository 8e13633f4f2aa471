"""Config flow of the Prepaid Meter integration."""

from collections.abc import Mapping
from typing import Any, Final, override

from homeassistant.config_entries import ConfigEntry, ConfigEntryState, ConfigFlow, ConfigFlowResult
from homeassistant.const import CONF_HOST, CONF_NAME, CONF_PORT, CONF_SSL, CONF_TOKEN, CONF_VERIFY_SSL
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
import probatio
from yarl import URL

from .client import BridgeAddress, BridgeConnection, NotAllowedError, PrepaidMeterError
from .client.protocol import ErrorCode, Problem, Role, ServerInfo
from .const import DEFAULT_PORT, DOMAIN, LOGGER
from .helpers import error_key

_PASSWORD: Final = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off"))
_PORT: Final = probatio.All(
    NumberSelector(NumberSelectorConfig(min=1, max=65535, step=1, mode=NumberSelectorMode.BOX)),
    probatio.Coerce(int),
)
_ADDRESS: Final = {
    probatio.Required(CONF_HOST): TextSelector(),
    probatio.Required(CONF_PORT, default=DEFAULT_PORT): _PORT,
    probatio.Required(CONF_SSL, default=False): BooleanSelector(),
    probatio.Required(CONF_VERIFY_SSL, default=True): BooleanSelector(),
}

USER_SCHEMA: Final = probatio.Schema(_ADDRESS | {probatio.Required(CONF_TOKEN): _PASSWORD})
RECONFIGURE_SCHEMA: Final = probatio.Schema(_ADDRESS | {probatio.Optional(CONF_TOKEN): _PASSWORD})
TOKEN_SCHEMA: Final = probatio.Schema({probatio.Required(CONF_TOKEN): _PASSWORD})
DISCOVERED_TLS_SCHEMA: Final = TOKEN_SCHEMA.extend(
    {probatio.Required(CONF_VERIFY_SSL, default=True): BooleanSelector()}
)


class PrepaidMeterConfigFlow(ConfigFlow, domain=DOMAIN):
    """Connects to a bridge with a token."""

    VERSION = 1
    MINOR_VERSION = 2

    _discovered: dict[str, Any]

    def __init__(self) -> None:
        """Start without errors."""
        self._errors: dict[str, str] = {}

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the bridge's address and a token."""
        if user_input is not None:
            data = _split_url(user_input)
            if info := await self._validate(data):
                await self.async_set_unique_id(info.installation_id)
                self._abort_if_unique_id_configured()
                return self.async_create_entry(title=info.name, data=data)
        return self._form("user", USER_SCHEMA, user_input)

    @override
    async def async_step_zeroconf(self, discovery_info: ZeroconfServiceInfo) -> ConfigFlowResult:
        """Handle the discovery of a bridge on the network, which may be a known one at a new address."""
        properties = discovery_info.properties
        if not (installation_id := properties.get("id")):
            return self.async_abort(reason="invalid_discovery")
        data = _discovered_data(discovery_info)
        entry = await self.async_set_unique_id(installation_id)
        if entry and _is_connected(entry):
            return self.async_abort(reason="already_configured")
        # A discovery is not authenticated: it may change the address of an entry but never disable TLS.
        keep_tls = {CONF_SSL: True} if entry and entry.data[CONF_SSL] else {}
        self._abort_if_unique_id_configured(updates=data | keep_tls)
        name = properties.get(CONF_NAME) or discovery_info.name.partition(".")[0]
        self._discovered = data
        self.context["title_placeholders"] = {CONF_NAME: name}
        return await self.async_step_zeroconf_confirm()

    async def async_step_zeroconf_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for a token for the discovered bridge."""
        if user_input is not None:
            data = {CONF_VERIFY_SSL: True} | self._discovered | user_input
            if info := await self._validate(data, self.unique_id):
                return self.async_create_entry(title=info.name, data=data)
        schema = DISCOVERED_TLS_SCHEMA if self._discovered[CONF_SSL] else TOKEN_SCHEMA
        placeholders = {**self.context["title_placeholders"], CONF_HOST: self._discovered[CONF_HOST]}
        return self._form("zeroconf_confirm", schema, user_input, placeholders)

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:  # noqa: ARG002
        """Start reauthentication after the bridge has rejected the token."""
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for a new token, and say why the bridge rejected the last one."""
        entry = self._get_reauth_entry()
        if user_input is None and entry.state is ConfigEntryState.LOADED and entry.runtime_data.lost_because:
            self._errors = {"base": entry.runtime_data.lost_because}
        if user_input is not None and await self._validate({**entry.data, **user_input}, entry.unique_id):
            return self.async_update_reload_and_abort(entry, data_updates=user_input)
        return self._form("reauth_confirm", TOKEN_SCHEMA, None, {CONF_NAME: entry.title})

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the new address of the bridge and, optionally, for a new token."""
        entry = self._get_reconfigure_entry()
        if user_input is not None:
            data = {**entry.data, **_split_url(user_input)}
            if await self._validate(data, entry.unique_id):
                return self.async_update_reload_and_abort(entry, data=data)
        suggested = {key: value for key, value in (user_input or entry.data).items() if key != CONF_TOKEN}
        return self._form("reconfigure", RECONFIGURE_SCHEMA, suggested, {CONF_NAME: entry.title})

    async def _validate(self, data: Mapping[str, Any], expected_id: str | None = None) -> ServerInfo | None:
        """Return the bridge that accepts the token, or None after storing the error for the form."""
        try:
            return await self._connect(data, expected_id)
        except PrepaidMeterError as error:
            LOGGER.debug("Cannot use the bridge at %s: %s", data[CONF_HOST], error)
            self._errors = {"base": error_key(error)}
        except ValueError:
            self._errors = {CONF_HOST: "invalid_host"}
        return None

    async def _connect(self, data: Mapping[str, Any], expected_id: str | None) -> ServerInfo | None:
        session = async_get_clientsession(self.hass, verify_ssl=data[CONF_VERIFY_SSL])
        address = BridgeAddress(host=data[CONF_HOST], port=data[CONF_PORT], tls=data[CONF_SSL])
        connection = BridgeConnection(session, address, data[CONF_TOKEN])
        info = await connection.info()
        if expected_id not in (None, info.installation_id):
            self._errors = {"base": "wrong_bridge"}
            return None
        if await connection.role() in (Role.DEVICE, Role.UNKNOWN):
            raise NotAllowedError(
                Problem(code=ErrorCode.NOT_ALLOWED, message="the token may not read accounts")
            )
        return info

    def _form(
        self,
        step_id: str,
        schema: probatio.Schema,
        suggested: Mapping[str, Any] | None = None,
        placeholders: Mapping[str, str] | None = None,
    ) -> ConfigFlowResult:
        """Show a form with suggested values and the errors of the last attempt, and clear the errors."""
        errors, self._errors = self._errors, {}
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(schema, suggested),
            errors=errors,
            description_placeholders=placeholders,
        )


def _split_url(user_input: dict[str, Any]) -> dict[str, Any]:
    """Split a URL in the host field into host, port and TLS; people paste it from their browser."""
    host = user_input[CONF_HOST].strip()
    if "://" not in host:
        return user_input | {CONF_HOST: host}
    try:
        url = URL(host)
    except ValueError:
        return user_input | {CONF_HOST: host}
    port = url.explicit_port or user_input[CONF_PORT]
    tls = url.scheme == "https"  # pylint: disable=comparison-with-callable # a cached property
    return user_input | {CONF_HOST: url.host or host, CONF_PORT: port, CONF_SSL: tls}


def _discovered_data(discovery_info: ZeroconfServiceInfo) -> dict[str, Any]:
    """Return a discovered bridge's address: its name with TLS, as certificates rarely name IP addresses."""
    tls = discovery_info.properties.get("tls") == "1"
    host = discovery_info.hostname.removesuffix(".") if tls else discovery_info.host
    port = discovery_info.port or DEFAULT_PORT
    return {CONF_HOST: host, CONF_PORT: port, CONF_SSL: tls}


def _is_connected(entry: ConfigEntry) -> bool:
    """Return whether the entry is connected to its bridge, so that another address need not be stored."""
    return entry.state is ConfigEntryState.LOADED and bool(entry.runtime_data.available)
