"""Watching what the bridge tells relays, at the instant in which it does."""

from tests.simulation import checks
from tests.simulation.machine import Machine
from tests.simulation.street import House


class CommandWatch:
    """Holds every relay command against what is on disk by then."""

    def __init__(self, machine: Machine, houses: list[House]) -> None:
        """Take the bridge and the meters that it may speak to."""
        self._machine = machine
        self._houses = {house.meter.name: house for house in houses}
        self.problems: list[str] = []
        self.commands = 0

    def see(self, topic: str, payload: bytes) -> None:
        """Look at a message of the bridge."""
        house = next((self._houses[part] for part in topic.split("/")[:2] if part in self._houses), None)
        position = None if house is None else told_position(house.meter.family, topic, payload)
        if house is None or position is None:
            return
        self.commands += 1
        self.problems += checks.command_is_decided(self._machine, house.meter_id, position)


def told_position(family: str, topic: str, payload: bytes) -> str | None:
    """Return where a message tells a relay to go, or None if it tells something else."""
    words: dict[str, tuple[bool, bytes, bytes]] = {
        "tasmota": (topic.upper().endswith("/POWER1"), b"ON", b"OFF"),
        "shelly": (b"Switch.Set" in payload, b'"on":true', b'"on":false'),
        "zigbee2mqtt": (topic.endswith("/set"), b'"ON"', b'"OFF"'),
    }
    meant, closed, opened = words[family]
    if not meant:
        return None
    return "closed" if closed in payload else "open" if opened in payload else None
