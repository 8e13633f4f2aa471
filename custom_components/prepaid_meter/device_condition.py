"""The integration's conditions once more, for automations that begin with a device."""

from typing import Any, Final

from homeassistant.const import CONF_CONDITION, CONF_DEVICE_ID, CONF_DOMAIN, CONF_TYPE
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.condition import ATTR_BEHAVIOR, BEHAVIOR_ANY, ConditionCheckerType, ConditionConfig
from homeassistant.helpers.typing import ConfigType, TemplateVarsType
import probatio

from .accounts import async_is_account
from .condition import CONDITIONS, CONF_AMOUNT, CONF_WITHIN
from .const import DOMAIN

FIELDS: Final[dict[str, dict[str, Any]]] = {
    "credit_is_below": {CONF_AMOUNT: probatio.Coerce(float)},
    "runs_out_within": {CONF_WITHIN: cv.positive_time_period_dict},
}


def _wanted(name: str) -> dict[probatio.Marker, Any]:
    """Return the schema of the fields of a condition."""
    return {probatio.Required(field): kind for field, kind in FIELDS.get(name, {}).items()}


CONDITION_SCHEMA: Final = probatio.Any(
    *(
        cv.DEVICE_CONDITION_BASE_SCHEMA.extend({probatio.Required(CONF_TYPE): name, **_wanted(name)})
        for name in CONDITIONS
    )
)


async def async_get_conditions(hass: HomeAssistant, device_id: str) -> list[dict[str, str]]:
    """Return the conditions of an account's device; the bridge itself has none."""
    if not async_is_account(hass, device_id):
        return []
    common = {CONF_CONDITION: "device", CONF_DOMAIN: DOMAIN, CONF_DEVICE_ID: device_id}
    return [{**common, CONF_TYPE: name} for name in CONDITIONS]


async def async_get_condition_capabilities(
    hass: HomeAssistant,  # noqa: ARG001
    config: ConfigType,
) -> dict[str, probatio.Schema]:
    """Return the fields of a condition."""
    fields = _wanted(config[CONF_TYPE])
    return {"extra_fields": probatio.Schema(fields)} if fields else {}


@callback
def async_condition_from_config(hass: HomeAssistant, config: ConfigType) -> ConditionCheckerType:
    """Return what tests the integration's condition of the same name for the device."""
    name: str = config[CONF_TYPE]
    options = {field: config[field] for field in FIELDS.get(name, {})}
    about = ConditionConfig(
        options={ATTR_BEHAVIOR: BEHAVIOR_ANY, **options},
        target={CONF_DEVICE_ID: [config[CONF_DEVICE_ID]]},
    )
    condition = CONDITIONS[name](hass, about)

    @callback
    def holds(_hass: HomeAssistant, _variables: TemplateVarsType) -> bool:
        return condition.holds_now()

    return holds
