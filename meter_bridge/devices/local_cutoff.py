"""Which devices can cut by themselves: known from their addresses, before anything is connected."""

from meter_bridge.devices.addresses import parse_address
from meter_bridge.devices.registry import families


def unsupported_reason(energy_address: str, relay_address: str | None) -> str | None:
    """Return why a meter cannot cut by itself, or None where it can."""
    if relay_address is None:
        return "a meter without a relay has nothing to cut with"
    energy, relay = parse_address(energy_address), parse_address(relay_address)
    cannot = families()[energy.family].local_cut_off
    if cannot is None:
        return f"a {energy.family} device has no local cut-off"
    if (energy.family, energy.device) != (relay.family, relay.device):
        return "the relay is not in the device that counts"
    return cannot(energy.channel, relay.channel)
