"""Which devices can cut by themselves: known from their addresses, before anything is connected."""

from typing import Final

from meter_bridge.devices.base.addresses import parse_address
from meter_bridge.devices.base.driver import Family

CUTTING: Final = frozenset({Family.TASMOTA})
"""Families whose firmware can open its own relay at a register value."""
WHOLE: Final = "1"
"""Channel of the register that a Tasmota device counts over all its phases."""


def refusal(energy_address: str, relay_address: str | None) -> str | None:
    """Return why a meter cannot cut by itself, or None where it can."""
    if relay_address is None:
        return "a meter without a relay has nothing to cut with"
    energy, relay = parse_address(energy_address), parse_address(relay_address)
    if energy.family not in CUTTING:
        return f"a {energy.family} device has no local cut-off"
    if (energy.family, energy.device) != (relay.family, relay.device):
        return "the relay is not in the device that counts"
    if energy.channel != WHOLE or not relay.channel.isdecimal():
        return f"a {energy.family} device watches the register of all its phases, not of one"
    return None
