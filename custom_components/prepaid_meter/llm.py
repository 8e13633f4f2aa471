"""A read-only tool with which language models answer "How much electricity is left?"."""

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

from .accounts import AccountRef, async_device_id, async_loaded_bridges
from .const import DOMAIN
from .status import readable_status

CONF_ACCOUNT: Final = "account"

PROMPT: Final = (
    f"For questions about prepaid electricity (credit, units, how long it lasts, price, cost, why the supply "
    f"is off) call {DOMAIN}__get_account. Amounts are in the account's currency. Null means that the value "
    f"is not known: say so, and never guess or calculate it. Say how long the credit lasts in days or hours."
)


class GetAccountTool(Tool):
    """Returns the current state of an account."""

    name = f"{DOMAIN}__get_account"
    title = "Get prepaid account"
    description = (
        "Return the state of a prepaid electricity account: balance, units left in kWh, forecast of how long "
        "the credit will last, supply state and its reason, current price, energy and cost today, cost in "
        "this period, last top-up, alerts. Use this to answer questions like 'How much electricity do we "
        "have left?', 'How long will it last?' or 'Why is the power off?'."
    )
    annotations = ToolAnnotations(read_only=True, destructive=False, idempotent=True, open_world=False)
    integration = DOMAIN

    def __init__(self, accounts: dict[str, AccountRef]) -> None:
        """Offer the accounts by name; if there is only one, its name is optional."""
        only = next(iter(accounts)) if len(accounts) == 1 else None
        account = (
            probatio.Required(CONF_ACCOUNT) if only is None else probatio.Optional(CONF_ACCOUNT, default=only)
        )
        self.parameters = probatio.Schema({account: probatio.In(list(accounts))})

    @override
    async def async_call(
        self, hass: HomeAssistant, tool_input: ToolInput, llm_context: LLMContext
    ) -> ToolResult:
        """Return the account's state."""
        name = self.parameters(tool_input.tool_args)[CONF_ACCOUNT]
        ref = _exposed_accounts(hass, llm_context.assistant).get(name)
        if ref is None:
            return _error_result(f"The account {name} no longer exists.")
        if not ref.coordinator.available:
            return _error_result("The bridge of this account cannot be reached, so its state is unknown.")
        return ToolResult(data=readable_status(ref.account))


def _error_result(reason: str) -> ToolResult:
    data: JsonObjectType = {"error": reason}
    return ToolResult(data=data, error=True)


@callback
def async_get_tools(hass: HomeAssistant, llm_context: LLMContext, api_id: str) -> LLMTools | None:
    """Return the tools if an account is exposed to the assistant."""
    if api_id != LLM_API_ASSIST:
        return None
    accounts = _exposed_accounts(hass, llm_context.assistant)
    return LLMTools(tools=[GetAccountTool(accounts)], prompt=PROMPT) if accounts else None


def _exposed_accounts(hass: HomeAssistant, assistant: str) -> dict[str, AccountRef]:
    """Return the accounts with an exposed entity, by name; the site is added to names that are not unique."""
    exposed: dict[str, AccountRef] = {}
    for coordinator in async_loaded_bridges(hass):
        for account in sorted(coordinator.accounts.values(), key=lambda account: account.id):
            ref = AccountRef(coordinator, account)
            device_id = async_device_id(ref)
            if device_id and _is_exposed(hass, assistant, device_id):
                exposed[_unique_name(hass, device_id, ref, exposed)] = ref
    return exposed


def _is_exposed(hass: HomeAssistant, assistant: str, device_id: str) -> bool:
    entities = er.async_entries_for_device(er.async_get(hass), device_id)
    return any(async_should_expose(hass, assistant, entity.entity_id) for entity in entities)


def _unique_name(hass: HomeAssistant, device_id: str, ref: AccountRef, taken: dict[str, AccountRef]) -> str:
    device = dr.async_get(hass).async_get(device_id)
    name = (device and device.name_by_user) or ref.account.name
    if name in taken:
        name = f"{name}, {ref.account.site_name}"
    return f"{name}, {ref.account.id}" if name in taken else name
