"""Let language models answer "how much electricity is left?": a tool that reads, none that pays."""

from typing import Final, override

from homeassistant.components.homeassistant.exposed_entities import async_should_expose
from homeassistant.components.llm import LLMTools
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.llm import (
    LLM_API_ASSIST,
    LLMContext,
    Tool,
    ToolAnnotations,
    ToolInput,
    ToolResult,
)
from homeassistant.util.json import JsonObjectType
import probatio

from .accounts import Place, async_device_id, async_loaded
from .const import DOMAIN
from .status import readable_status

CONF_ACCOUNT: Final = "account"

PROMPT: Final = (
    f"For questions about prepaid electricity (credit, units, how long it lasts, price, cost, why the supply "
    f"is off) call {DOMAIN}__get_account. Amounts are in the account's currency. Null means that it is not "
    f"known: say so, and never guess or work it out. Tell how long credit lasts in days or hours."
)


class GetAccountTool(Tool):
    """Tell how an account is now."""

    name = f"{DOMAIN}__get_account"
    title = "Get prepaid account"
    description = (
        "Return the state of a prepaid electricity account: balance, units left in kWh, forecast of how long "
        "the credit lasts, supply and why, price now, energy and cost of today and of this period, last "
        "top-up, alerts. Use this to answer questions like 'How much electricity do we have left?', 'How "
        "long will it last?' or 'Why is the power off?'."
    )
    annotations = ToolAnnotations(read_only=True, destructive=False, idempotent=True, open_world=False)
    integration = DOMAIN

    def __init__(self, places: dict[str, Place]) -> None:
        """Offer the accounts by name; one alone need not be named."""
        only = next(iter(places)) if len(places) == 1 else None
        account = (
            probatio.Required(CONF_ACCOUNT) if only is None else probatio.Optional(CONF_ACCOUNT, default=only)
        )
        self.parameters = probatio.Schema({account: probatio.In(list(places))})

    @override
    async def async_call(
        self, hass: HomeAssistant, tool_input: ToolInput, llm_context: LLMContext
    ) -> ToolResult:
        """Answer with the account's state."""
        name = self.parameters(tool_input.tool_args)[CONF_ACCOUNT]
        place = _exposed(hass, llm_context.assistant).get(name)
        if place is None:
            return _failed(f"There is no account {name} any more.")
        if not place.coordinator.available:
            return _failed("The bridge of this account cannot be reached now, so nothing is known.")
        return ToolResult(data=readable_status(place.account))


def _failed(reason: str) -> ToolResult:
    data: JsonObjectType = {"error": reason}
    return ToolResult(data=data, error=True)


@callback
def async_get_tools(hass: HomeAssistant, llm_context: LLMContext, api_id: str) -> LLMTools | None:
    """Return the tools when an account is exposed to the assistant."""
    if api_id != LLM_API_ASSIST:
        return None
    places = _exposed(hass, llm_context.assistant)
    return LLMTools(tools=[GetAccountTool(places)], prompt=PROMPT) if places else None


def _exposed(hass: HomeAssistant, assistant: str) -> dict[str, Place]:
    """Return by name the accounts of which an entity is exposed; the site tells two of one name apart."""
    found: dict[str, Place] = {}
    for coordinator in async_loaded(hass):
        for account in sorted(coordinator.accounts.values(), key=lambda account: account.id):
            place = Place(coordinator, account)
            device_id = async_device_id(place)
            if device_id and _is_exposed(hass, assistant, device_id):
                found[_name(hass, device_id, place, found)] = place
    return found


def _is_exposed(hass: HomeAssistant, assistant: str, device_id: str) -> bool:
    entities = er.async_entries_for_device(er.async_get(hass), device_id)
    return any(async_should_expose(hass, assistant, entity.entity_id) for entity in entities)


def _name(hass: HomeAssistant, device_id: str, place: Place, taken: dict[str, Place]) -> str:
    device = dr.async_get(hass).async_get(device_id)
    name = (device and device.name_by_user) or place.account.name
    if name in taken:
        name = f"{name}, {place.account.site_name}"
    return f"{name}, {place.account.id}" if name in taken else name
