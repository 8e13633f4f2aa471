"""Device triggers: the integration's triggers for automations that are created from a device."""

import asyncio
from functools import partial
from typing import Any, Final

from homeassistant.components.device_automation import DEVICE_TRIGGER_BASE_SCHEMA
from homeassistant.const import CONF_DEVICE_ID, CONF_DOMAIN, CONF_PLATFORM, CONF_TYPE
from homeassistant.core import CALLBACK_TYPE, Context, HassJob, HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.trigger import TriggerActionType, TriggerConfig, TriggerInfo
from homeassistant.helpers.typing import ConfigType
import probatio

from .accounts import async_is_account
from .const import DOMAIN
from .trigger import CONF_WITHIN, TRIGGERS

FIELDS: Final[dict[str, dict[str, Any]]] = {"runs_out_within": {CONF_WITHIN: cv.positive_time_period_dict}}
"""Required fields besides the type. Optional fields exist only in the triggers themselves."""


def _required_fields(name: str) -> dict[probatio.Marker, Any]:
    return {probatio.Required(field): kind for field, kind in FIELDS.get(name, {}).items()}


TRIGGER_SCHEMA: Final = probatio.Any(
    *(
        DEVICE_TRIGGER_BASE_SCHEMA.extend({probatio.Required(CONF_TYPE): name, **_required_fields(name)})
        for name in TRIGGERS
    )
)


async def async_get_triggers(hass: HomeAssistant, device_id: str) -> list[dict[str, str]]:
    """Return the triggers of an account's device; the bridge's device has none."""
    if not async_is_account(hass, device_id):
        return []
    common = {CONF_PLATFORM: "device", CONF_DOMAIN: DOMAIN, CONF_DEVICE_ID: device_id}
    return [{**common, CONF_TYPE: name} for name in TRIGGERS]


async def async_get_trigger_capabilities(
    hass: HomeAssistant,  # noqa: ARG001
    config: ConfigType,
) -> dict[str, probatio.Schema]:
    """Return the fields of a trigger."""
    fields = _required_fields(config[CONF_TYPE])
    return {"extra_fields": probatio.Schema(fields)} if fields else {}


async def async_attach_trigger(
    hass: HomeAssistant, config: ConfigType, action: TriggerActionType, trigger_info: TriggerInfo
) -> CALLBACK_TYPE:
    """Attach the integration's trigger of the same name to the device."""
    name: str = config[CONF_TYPE]
    options = {field: config[field] for field in FIELDS.get(name, {})}
    trigger_config = TriggerConfig(f"{DOMAIN}.{name}", {CONF_DEVICE_ID: [config[CONF_DEVICE_ID]]}, options)
    run = partial(_run, hass, HassJob(action), trigger_info)
    return await TRIGGERS[name](hass, trigger_config).async_attach_runner(run)


@callback
def _run(
    hass: HomeAssistant,
    action: HassJob[..., Any],
    trigger_info: TriggerInfo,
    payload: dict[str, Any],
    description: str,
    context: Context | None = None,
) -> asyncio.Task[Any]:
    """Run the automation with the trigger's variables."""
    variables = {**trigger_info["trigger_data"], "platform": "device", **payload, "description": description}

    async def run() -> None:
        if future := hass.async_run_hass_job(action, {"trigger": variables}, context):
            await future

    return hass.async_create_task(run(), f"{DOMAIN} {description}")
