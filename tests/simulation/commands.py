"""Checks the commands to relays at the instant at which they are sent."""

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
        position = None if house is None else commanded_position(house.meter.family, topic, payload)
        if house is None or position is None:
            return
        self.commands += 1
        self.problems += checks.command_is_decided(self._machine, house.meter_id, position)


def commanded_position(family: str, topic: str, payload: bytes) -> str | None:
    """Return the commanded position of a message, or None if it is not a switching command."""
    words: dict[str, tuple[bool, bytes, bytes]] = {
        "tasmota": (topic.upper().endswith("/POWER1"), b"ON", b"OFF"),
        "shelly": (b"Switch.Set" in payload, b'"on":true', b'"on":false'),
        "zigbee2mqtt": (topic.endswith("/set"), b'"ON"', b'"OFF"'),
    }
    meant, closed, opened = words[family]
    if not meant:
        return None
    return "closed" if closed in payload else "open" if opened in payload else None
