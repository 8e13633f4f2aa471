import asyncio

import pytest

from meter_bridge.devices.addresses import AddressError
from meter_bridge.devices.broker.url import parse_broker_url
from meter_bridge.devices.registry import broker_families, build_drivers
from meter_bridge.devices.simulators import Fleet, simulated_meter
from tests.benchmarks.decode_only import DecodeOnly
from tests.devices.support import START_MS, Mosquitto, eventually


def test_every_family_has_a_driver() -> None:
    assert [driver.family for driver in build_drivers()] == list(broker_families())
    assert [driver.family for driver in build_drivers(names=["shelly"])] == ["shelly"]


def test_a_wrong_address_is_refused() -> None:
    with pytest.raises(AddressError):
        build_drivers(["tasmota:kitchen"])


async def test_decode_only_counts_what_it_read(mosquitto: Mosquitto) -> None:
    meters = [simulated_meter(f"m{number}", interval_s=0.1, start_ms=START_MS) for number in range(3)]
    base_line = DecodeOnly(parse_broker_url(mosquitto.url), [meter.address for meter in meters])
    base_line.connection.start()
    await asyncio.wait_for(base_line.connected.wait(), 60)
    start = asyncio.get_running_loop().time()
    fleet = Fleet(
        mosquitto.url,
        meters,
        clock=lambda: START_MS + round((asyncio.get_running_loop().time() - start) * 1000),
    )
    await fleet.start()
    await eventually(lambda: base_line.reports > 20)
    await fleet.stop()
    await base_line.connection.stop()
