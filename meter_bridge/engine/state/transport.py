"""The way to the devices, as the engine sees it."""

from typing import Protocol

from meter_bridge.core.supply.local_cutoff import CutOffRequest
from meter_bridge.engine.state.model import CutOffSlot, Meter
from meter_bridge.protocol.vocabulary import RelayPosition


class Transport(Protocol):
    """The way to the devices."""

    def switch(self, meter: Meter, position: RelayPosition) -> bool:
        """Hand over a command; False while there is no way to the device."""

    def query(self, meter: Meter) -> bool:
        """Ask for a fresh reading; False while there is no way to the device."""

    def cut_off(
        self, slot: CutOffSlot, step: CutOffRequest, relay_address: str, limit_wh: int | None
    ) -> bool:
        """Ask for, write or withdraw a local cut-off; False while there is no way to the device."""
