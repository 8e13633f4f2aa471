"""A room behind a HomeWizard Energy Socket, without MQTT: cut, paid for, restored, and charged exactly."""

import asyncio
from pathlib import Path
import time
from typing import Final

import pytest

from meter_bridge.devices.base.simulated_physics import ConstantLoad
from meter_bridge.devices.homewizard.simulated_device import SimulatedHomeWizard
from meter_bridge.protocol.messages import AccountView
from meter_bridge.protocol.vocabulary import RelayPosition
from scripts.lib.demo.bridge import BridgeApi, BridgeProcess
from scripts.lib.demo.process import free_port
from scripts.lib.demo.waiting import until

SOON_S: Final = 60.0
LOAD_MW: Final = 6_000_000
PAID_WH: Final = 5
PRICE: Final = 10_000
"""Of a watt-hour, in millionths of a euro."""
SITE: Final = """\
name: Canal house
sites:
  canal:
    time zone: Europe/Amsterdam
    currency: EUR
    defaults: {{tariff: flat, rating: 40 A}}
    tariffs:
      flat: {{versions: [{{from: 2026-01-01, prices: 10.00}}]}}
    units:
      attic:
        meters: [{{address: homewizard:3c39e7aabbcc/1, host: "{host}"}}]
"""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def bridge(tmp_path: Path) -> BridgeProcess:
    environment = {"PREPAID_METER_EMBEDDED_PORT": "0"}
    return BridgeProcess(tmp_path / "data", free_port(), tmp_path / "bridge.log", environment)


async def test_a_socket_is_cut_and_closed_again_by_a_payment(bridge: BridgeProcess, tmp_path: Path) -> None:
    socket = SimulatedHomeWizard("3c39e7aabbcc", ConstantLoad(LOAD_MW), clock=_now_ms, register_wh=10_830_511)
    await socket.start()
    file = tmp_path / "site.yaml"
    file.write_text(SITE.format(host=socket.host), encoding="utf-8")
    await bridge.run("apply", "--yes", str(file))
    await bridge.start()
    api = BridgeApi(bridge.url, await bridge.token("tests", "landlord"))
    try:
        await until("the socket is open", lambda: _holds(not socket.physics.contact_closed), SOON_S)
        await api.top_up("attic", "0.05")
        await until("the socket is closed", lambda: _holds(socket.physics.contact_closed), SOON_S)
        await until("used up, and open again", lambda: _holds(not socket.physics.contact_closed), SOON_S)

        async def charged() -> AccountView | None:
            view = await api.account("attic")
            meter = view.meters[0]
            assert meter.relay is not None
            is_read = meter.register_wh == socket.physics.register_wh
            return view if is_read and meter.relay.reported is RelayPosition.OPEN else None

        view = await until("the relay and all energy are read", charged, SOON_S)
        energy = view.meters[0].energy_wh
        assert energy is not None
        assert energy >= PAID_WH
        assert view.balance == (PAID_WH - energy) * PRICE
        assert await bridge.problems() == []
    finally:
        await api.close()
        await bridge.stop()
        await socket.stop()


async def _holds(condition: bool) -> bool:  # noqa: FBT001 - what is waited for
    await asyncio.sleep(0)
    return condition
