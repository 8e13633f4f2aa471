"""Tasmota, over MQTT."""

from collections.abc import Iterable
import re
from typing import TYPE_CHECKING, Final

from meter_bridge.devices.family import BrokerRights, Family
from meter_bridge.devices.tasmota.names import NAME, TITLE
from meter_bridge.text.marks import N_

if TYPE_CHECKING:
    from meter_bridge.devices.base.driver import Driver
    from meter_bridge.devices.base.simulated_meter import SimulatedMeter

TOTAL: Final = "1"
"""Channel of the register that a device counts over all its phases."""


def _driver() -> Driver:
    from meter_bridge.devices.tasmota.driver import TasmotaDriver  # noqa: PLC0415 - only where it is used

    return TasmotaDriver()


def _simulator() -> type[SimulatedMeter]:
    from meter_bridge.devices.tasmota.simulator import TasmotaMeter  # noqa: PLC0415 - only where it is used

    return TasmotaMeter


def _rights(topic: str) -> BrokerRights:
    """Source: Tasmota documentation, *MQTT*: ``tele`` and ``stat`` are the device's, ``cmnd`` is others'.

    Its discovery is written by nobody: whoever may write it could announce a neighbour's topic with another
    layout, and take the neighbour's commands away.
    """
    return BrokerRights(
        f"Tasmota {topic}", _both_layouts(("tele", "stat"), topic), _both_layouts(("cmnd",), topic)
    )


def _both_layouts(prefixes: Iterable[str], topic: str) -> tuple[str, ...]:
    """Return a device's topics with the prefix first and last, the two usual layouts."""
    return tuple(f"{base}/+" for each in prefixes for base in (f"{each}/{topic}", f"{topic}/{each}"))


def _local_cut_off(energy: str, relay: str) -> str | None:
    if energy != TOTAL or not relay.isdecimal():
        return "a tasmota device watches the register of all its phases, not of one"
    return None


FAMILY: Final = Family(
    name=NAME,
    title=TITLE,
    rank=1,
    channel=re.compile(r"[1-8]|phase[1-8]"),
    channel_meaning=(
        "the relay's number from 1 to 8 (1 has the register), or phase1 to phase8 with SetOption129"
    ),
    example="tasmota:kitchen/1",
    driver=_driver,
    rights=_rights,
    commands=("cmnd/#", "+/cmnd/#"),
    nested_commands=lambda device: (f"{device}/cmnd/+",),
    no_register=N_(
        "switch its energy measurement on in Tasmota, or let the script of a smart meter name its total"
        " 'Total_in' under 'SML'"
    ),
    local_cut_off=_local_cut_off,
    simulator=_simulator,
)
