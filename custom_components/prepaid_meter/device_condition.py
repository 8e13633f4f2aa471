"""Device conditions: the integration's conditions for automations that are created from a device."""

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


def _required_fields(name: str) -> dict[probatio.Marker, Any]:
    return {probatio.Required(field): kind for field, kind in FIELDS.get(name, {}).items()}


CONDITION_SCHEMA: Final = probatio.Any(
    *(
        cv.DEVICE_CONDITION_BASE_SCHEMA.extend({probatio.Required(CONF_TYPE): name, **_required_fields(name)})
        for name in CONDITIONS
    )
)


async def async_get_conditions(hass: HomeAssistant, device_id: str) -> list[dict[str, str]]:
    """Return the conditions of an account's device; the bridge's device has none."""
    if not async_is_account(hass, device_id):
        return []
    common = {CONF_CONDITION: "device", CONF_DOMAIN: DOMAIN, CONF_DEVICE_ID: device_id}
    return [{**common, CONF_TYPE: name} for name in CONDITIONS]


async def async_get_condition_capabilities(
    hass: HomeAssistant,  # noqa: ARG001
    config: ConfigType,
) -> dict[str, probatio.Schema]:
    """Return the fields of a condition."""
    fields = _required_fields(config[CONF_TYPE])
    return {"extra_fields": probatio.Schema(fields)} if fields else {}


@callback
def async_condition_from_config(hass: HomeAssistant, config: ConfigType) -> ConditionCheckerType:
    """Return a checker for the integration's condition of the same name."""
    name: str = config[CONF_TYPE]
    options = {field: config[field] for field in FIELDS.get(name, {})}
    condition_config = ConditionConfig(
        options={ATTR_BEHAVIOR: BEHAVIOR_ANY, **options},
        target={CONF_DEVICE_ID: [config[CONF_DEVICE_ID]]},
    )
    condition = CONDITIONS[name](hass, condition_config)

    @callback
    def check(_hass: HomeAssistant, _variables: TemplateVarsType) -> bool:
        return condition.is_met()

    return check
