"""The ways to devices without a broker: none of them ends, and a wrong one stops no other."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, Final, cast

import pytest

from meter_bridge.devices.base.driver import Item
from meter_bridge.engine import gateway as gateways
from meter_bridge.engine.gateway import Gateway
from meter_bridge.protocol.vocabulary import RelayPosition
from tests.devices.support import eventually, free_port

FIRST: Final = "homewizard:3c39e7aabbcc/1"
OTHER: Final = "homewizard:3c39e7000000/1"


def used(*placed: tuple[str, str]) -> SimpleNamespace:
    """Return what the gateway looks at of an installation with meters at these addresses and hosts."""
    plans = [
        SimpleNamespace(host=host, password_env=None, energy_address=address, relay_address=address)
        for address, host in placed
    ]
    meters = {plan.energy_address: SimpleNamespace(plan=plan) for plan in plans}
    return SimpleNamespace(by_energy_address=meters, by_relay_address=meters, meters=meters, families={})


@pytest.fixture(autouse=True)
def without_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateways, "LINK_PAUSE_S", 0.001)


async def test_a_link_that_ends_in_an_error_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Sequence[Item]] = []

    async def run(_link: object, sink: object) -> None:
        begun.append(())
        raise RuntimeError("an error of ours")

    monkeypatch.setattr("meter_bridge.devices.polling.PollingLink.run", run)
    gateway = Gateway(None, lambda _items: None, lambda _connected: None)
    gateway.start(cast("Any", used((FIRST, f"127.0.0.1:{free_port()}"))))
    await eventually(lambda: len(begun) > 2)
    await asyncio.wait_for(gateway.stop(), 10)


async def test_two_devices_at_one_host_stop_no_other_link(caplog: pytest.LogCaptureFixture) -> None:
    wrong, right = "192.0.2.1", f"127.0.0.1:{free_port()}"
    third = "homewizard:3c39e7111111/1"
    house = used((FIRST, wrong), (OTHER, wrong), (third, right))
    gateway = Gateway(None, lambda _items: None, lambda _connected: None)
    gateway.start(cast("Any", house))
    assert f"No connection to {wrong}: {wrong} is one device, but the addresses name 2" in caplog.text
    assert list(gateway._links) == [right]
    assert not gateway.switch(cast("Any", house.meters[FIRST]), RelayPosition.OPEN)
    await asyncio.wait_for(gateway.stop(), 10)
