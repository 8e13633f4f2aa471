"""Fix flows of repair issues: the decision on a quarantined register reading."""

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
MAX_REASON_LENGTH: Final = 500

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
    """Asks how to treat a register that went backwards or jumped."""

    def __init__(self, entry_id: str, account_id: str, meter_id: str) -> None:
        """Store the ids; account and meter are looked up when the form is shown."""
        self._entry_id = entry_id
        self._account_id = account_id
        self._meter_id = meter_id

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:  # noqa: ARG002
        """Start with the decision."""
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
            errors = await self._submit(coordinator, meter, user_input)
            if not errors:
                return self.async_create_entry(data={})
        return self.async_show_form(
            step_id="decide",
            data_schema=self.add_suggested_values_to_schema(DECIDE_SCHEMA, user_input),
            errors=errors,
            description_placeholders=_placeholders(account, meter),
        )

    async def _submit(
        self, coordinator: PrepaidMeterCoordinator, meter: MeterView, user_input: dict[str, str]
    ) -> dict[str, str]:
        """Send the decision to the bridge; return the form's errors."""
        reason = user_input[CONF_REASON].strip()
        if not 0 < len(reason) <= MAX_REASON_LENGTH:
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
        quarantined = (meter for meter in meters if meter.id == self._meter_id and meter.quarantined)
        return account, next(quarantined, None)


def _placeholders(account: AccountView, meter: MeterView) -> dict[str, str]:
    reported = meter.quarantine.register_wh if meter.quarantine else None
    return {
        "account": account.name,
        "meter": meter.name,
        "charged": kilowatt_hours_text(meter.register_wh) or "?",
        "register": kilowatt_hours_text(reported) or "?",
    }


async def async_create_fix_flow(
    hass: HomeAssistant,  # noqa: ARG001
    issue_id: str,  # noqa: ARG001
    data: dict[str, str | int | float | None] | None,
) -> RepairsFlow:
    """Return the fix flow of an issue; only quarantines are fixable."""
    ids = cast("dict[str, str]", data)
    return QuarantineFlow(ids["entry_id"], ids["account_id"], ids["meter_id"])
