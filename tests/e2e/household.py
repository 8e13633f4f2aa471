"""The demo's household with a history of some days, and a Home Assistant without the integration."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
import time
from typing import Any, Final
from unittest.mock import patch

import yaml

from scripts.lib.demo import cast, history
from scripts.lib.demo.bridge import BridgeApi, BridgeProcess
from scripts.lib.demo.ha_folder import make_folder
from scripts.lib.demo.homeassistant import HomeAssistant
from scripts.lib.demo.mosquitto import Mosquitto
from scripts.lib.demo.process import LOOPBACK, free_port
from scripts.lib.demo.street import Fitting, Street
from tests.e2e.neighbours import FITTINGS, move_in

PROJECT: Final = Path(__file__).parents[2]
PAST_DAYS: Final = 6
LANDING: Final = 1_000_000
"""Balance at which the past ends: one rand."""
BALANCE: Final = "sensor.fern_cottage_balance"
OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "credit_became_low": {},
    "credit_recovered": {},
    "runs_out_within": {"within": {"days": 1}},
    "supply_cut": {},
    "supply_restored": {},
    "top_up_received": {},
}
"""Every trigger of the integration with its options."""


@dataclass(frozen=True)
class Household:
    """The running parts."""

    bridge: BridgeProcess
    api: BridgeApi
    home: HomeAssistant
    street: Street


def automations() -> str:
    """Return an automation for every trigger."""
    return yaml.safe_dump(
        [
            {
                "id": name,
                "alias": name,
                "triggers": [
                    {
                        "trigger": f"prepaid_meter.{name}",
                        "target": {"entity_id": BALANCE},
                        "options": {**options},
                    }
                ],
                "actions": [{"event": "fired", "event_data": {"account": "{{ trigger.account }}"}}],
            }
            for name, options in OPTIONS.items()
        ]
    )


@asynccontextmanager
async def household(folder: Path, mosquitto: Mosquitto) -> AsyncIterator[Household]:
    """Create the history, start bridge, meter and Home Assistant; stop everything afterwards."""
    document = cast.site_document(f"{LOOPBACK}:1")
    environment = {"PREPAID_METER_BROKER": mosquitto.url("bridge"), "PREPAID_METER_ANNOUNCE": "yes"}
    bridge = BridgeProcess(folder / "bridge", free_port(), folder / "bridge.log", environment)
    registers = await asyncio.to_thread(asyncio.run, _past(bridge.data, document))
    await move_in(bridge, document)
    home = HomeAssistant(PROJECT, folder / "home", free_port(), folder / "home.log")
    _make_home(home)
    fitting = Fitting("fern-cottage", "tasmota", registers["tasmota:fern-cottage/1"], 400.0, interval_s=1.0)
    street = Street(mosquitto.url("meters"), [fitting, *FITTINGS], server_ports={}, password="")
    async with AsyncExitStack() as stack:
        stack.push_async_callback(home.stop)
        stack.push_async_callback(bridge.stop)
        await asyncio.gather(home.start(), bridge.start())
        await home.onboard()
        stack.push_async_callback(street.stop)
        await street.start()
        api = BridgeApi(bridge.url, await bridge.token("tests", "landlord"))
        stack.push_async_callback(api.close)
        yield Household(bridge, api, home, street)


async def _past(data: Path, document: str) -> dict[str, int]:
    with patch.object(history, "DAYS", PAST_DAYS):
        return await history.seed(data, document, until=time.time_ns() // 1_000_000, landing=LANDING)


def _make_home(home: HomeAssistant) -> None:
    """Enable discovery of bridges, and create the automations before the first start."""
    make_folder(home.folder, PROJECT, home.port)
    (home.folder / "automations.yaml").write_text(automations(), encoding="utf-8")
    with (home.folder / "configuration.yaml").open("a", encoding="utf-8") as configuration:
        configuration.write("automation: !include automations.yaml\nzeroconf:\n")
