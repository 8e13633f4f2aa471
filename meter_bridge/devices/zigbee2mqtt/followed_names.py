"""Devices that the site file names, followed through their renaming by the address that they were made with.

A site file may name a device by its friendly name or by its ``ieee_address``. The second never changes. The
first is bound to a device when the gateway lists it, and stays bound until the bridge restarts or that device
is gone, so that neither a new name ends its readings nor another device under the old name takes its place.
"""

from collections.abc import Container, Iterable, Mapping, Sequence

from meter_bridge.devices.base.driver import Rejected
from meter_bridge.devices.base.quantities import DETAIL_LENGTH
from meter_bridge.devices.zigbee2mqtt.exposes import GatewayDevice


class FollowedNames:
    """Which friendly name each device in use has today."""

    def __init__(self) -> None:
        self._bound: dict[str, str] = {}
        """The ieee address of each name that the site file uses."""
        self._present: dict[str, str] = {}
        """The friendly name of each ieee address."""

    def present(self, assigned: str) -> str:
        """Return the friendly name today of a device that the site file names."""
        return self._present.get(self._bound.get(assigned, assigned), assigned)

    def unused(self, name: str, listed: GatewayDevice | None, assigned: Container[str]) -> str:
        """Return what to call a device that the site file does not use; its name may be bound to another."""
        return listed.ieee_address if listed and name in assigned else name

    def learn(self, assigned: Iterable[str], listed: Mapping[str, GatewayDevice]) -> Sequence[Rejected]:
        """Take what the gateway lists; return what a person should know of the names in use."""
        self._present = {each.ieee_address: name for name, each in listed.items() if each.ieee_address}
        known, self._bound = self._bound, {}
        told: list[Rejected] = []
        for name in assigned:
            found, bound = listed.get(name), known.get(name, name)
            if bound in self._present:
                self._bound[name] = bound
                if bound != name != self._present[bound]:
                    told.append(_renamed(name, self._present[bound], bound))
            elif found is not None and found.ieee_address:
                self._bound[name] = found.ieee_address
            elif found is None:
                told.append(_missing(name))
        return told


def _renamed(name: str, present: str, ieee_address: str) -> Rejected:
    remedy = (
        f"write '{present}' or '{ieee_address}' in the site file, as the bridge forgets this at its restart"
    )
    return Rejected("device_renamed", name, f"now '{present}' at the gateway; {remedy}"[:DETAIL_LENGTH])


def _missing(name: str) -> Rejected:
    detail = "the gateway lists no supported device of this name or ieee_address: correct it in the site file"
    return Rejected("device_not_listed", name, detail)
