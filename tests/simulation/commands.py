"""Checks the commands to relays at the instant at which they are sent."""

from copy import deepcopy

from meter_bridge.devices.base.simulated_meter import SimulatedMeter
from meter_bridge.devices.base.simulated_physics import Faults
from tests.simulation import checks
from tests.simulation.machine import Machine
from tests.simulation.street import House


class CommandWatch:
    """Compares every relay command with what is on disk at that instant."""

    def __init__(self, machine: Machine, houses: list[House]) -> None:
        self._machine = machine
        self._houses = {house.meter.name: house for house in houses}
        self.problems: list[str] = []
        self.commands = 0

    def see(self, topic: str, payload: bytes) -> None:
        """Check a message of the bridge."""
        house = next((self._houses[part] for part in topic.split("/")[:2] if part in self._houses), None)
        position = None if house is None else commanded_position(house.meter, topic, payload)
        if house is None or position is None:
            return
        self.commands += 1
        self.problems += checks.command_is_decided(self._machine, house.meter_id, position)


def commanded_position(meter: SimulatedMeter, topic: str, payload: bytes) -> str | None:
    """Return where a message moves a relay, tried on copies of its meter, or None if it moves none."""
    results = set()
    for closed in (True, False):
        copy = deepcopy(meter)
        copy.physics.faults, copy.physics.reported_closed = Faults(), closed
        copy.answer(topic, payload)
        results.add(copy.physics.reported_closed)
    if len(results) > 1:
        return None
    return "closed" if results.pop() else "open"
