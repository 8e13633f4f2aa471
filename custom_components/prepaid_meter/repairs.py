"""Fix flows of repair issues: what a quarantined register means, decided here."""

from typing import Final, cast

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers.selector import SelectSelector, SelectSelectorConfig, TextSelector
import probatio

from .amounts import kilowatt_hours_text
from .client import PrepaidMeterError, QuarantineDecision
from .client.protocol import AccountView, MeterView
from .coordinator import PrepaidMeterConfigEntry, PrepaidMeterCoordinator
from .helpers import error_key

CONF_DECISION: Final = "decision"
CONF_REASON: Final = "reason"
MOST_LETTERS: Final = 500

DECIDE_SCHEMA: Final = probatio.Schema(
    {
        probatio.Required(CONF_DECISION): SelectSelector(
            SelectSelectorConfig(
                options=[decision.value for decision in QuarantineDecision],
                translation_key="quarantine_decision",
            )
        ),
        probatio.Required(CONF_REASON): TextSelector(),
    }
)


class QuarantineFlow(RepairsFlow):
    """Decide what the register of a meter means that fell or jumped."""

    def __init__(self, entry_id: str, account_id: str, meter_id: str) -> None:
        """Remember which meter this is about; what it shows is looked up when it is shown."""
        self._entry_id = entry_id
        self._account_id = account_id
        self._meter_id = meter_id

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:  # noqa: ARG002
        """Begin with the decision."""
        return await self.async_step_decide()

    async def async_step_decide(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Ask for the decision and its reason, and send them to the bridge."""
        coordinator = self._coordinator()
        if coordinator is None or not coordinator.available:
            return self.async_abort(reason="cannot_connect")
        account, meter = self._find(coordinator)
        if account is None or meter is None:
            return self.async_abort(reason="not_quarantined")
        errors: dict[str, str] = {}
        if user_input is not None:
            errors = await self._decide(coordinator, meter, user_input)
            if not errors:
                return self.async_create_entry(data={})
        return self.async_show_form(
            step_id="decide",
            data_schema=self.add_suggested_values_to_schema(DECIDE_SCHEMA, user_input),
            errors=errors,
            description_placeholders=_what_happened(account, meter),
        )

    async def _decide(
        self, coordinator: PrepaidMeterCoordinator, meter: MeterView, user_input: dict[str, str]
    ) -> dict[str, str]:
        """Send a decision to the bridge; return what is wrong with it."""
        reason = user_input[CONF_REASON].strip()
        if not 0 < len(reason) <= MOST_LETTERS:
            return {CONF_REASON: "reason_wanted"}
        decision = QuarantineDecision(user_input[CONF_DECISION])
        try:
            await coordinator.connection.decide_quarantine(meter.id, decision, reason)
        except PrepaidMeterError as error:
            return {"base": error_key(error)}
        return {}

    def _coordinator(self) -> PrepaidMeterCoordinator | None:
        entry: PrepaidMeterConfigEntry | None = self.hass.config_entries.async_get_entry(self._entry_id)
        return entry.runtime_data if entry and entry.state is ConfigEntryState.LOADED else None

    def _find(self, coordinator: PrepaidMeterCoordinator) -> tuple[AccountView | None, MeterView | None]:
        """Return account and meter, the meter only while it is quarantined."""
        account = coordinator.accounts.get(self._account_id)
        meters = account.meters if account else ()
        return account, next(
            (each for each in meters if each.id == self._meter_id and each.quarantined), None
        )


def _what_happened(account: AccountView, meter: MeterView) -> dict[str, str]:
    told = meter.quarantine.register_wh if meter.quarantine else None
    return {
        "account": account.name,
        "meter": meter.name,
        "charged": kilowatt_hours_text(meter.register_wh) or "?",
        "register": kilowatt_hours_text(told) or "?",
    }


async def async_create_fix_flow(
    hass: HomeAssistant,  # noqa: ARG001
    issue_id: str,  # noqa: ARG001
    data: dict[str, str | int | float | None] | None,
) -> RepairsFlow:
    """Return the flow of an issue; a quarantine is the only one that can be fixed from here."""
    about = cast("dict[str, str]", data)
    return QuarantineFlow(about["entry_id"], about["account_id"], about["meter_id"])
