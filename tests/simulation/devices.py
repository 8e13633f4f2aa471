"""The meters of the street in virtual time, on the broker's other side."""

import asyncio
from collections.abc import Sequence
from typing import Final

from meter_bridge.devices.base.driver import Publish
from meter_bridge.devices.base.simulated_physics import ConstantLoad
from meter_bridge.devices.zigbee2mqtt.simulator import Zigbee2MqttMeter
from tests.simulation.broker import Broker
from tests.simulation.loop import VirtualLoop
from tests.simulation.machine import WallClock
from tests.simulation.street import House

GREETING_S: Final = 5.0
"""How long after a broker came back its devices take to connect again."""
MOST_KEPT: Final = 200
"""Messages that a gateway keeps for its broker."""
LARGEST_LOAD_W: Final = 3_000


class Devices:
    """Lets every meter report when it is due, and receive the bridge's messages."""

    def __init__(self, loop: VirtualLoop, broker: Broker, clock: WallClock, houses: list[House]) -> None:
        self._loop = loop
        self._broker = broker
        self._clock = clock
        self._houses = {house.meter.name: house for house in houses}
        self._planned: dict[str, asyncio.TimerHandle] = {}
        self._kept: dict[str, list[Publish]] = {}
        """Messages of devices whose gateway keeps them while its uplink is away."""
        self.unplugged: set[str] = set()
        """Meters from which an electrician has taken all loads."""
        self.misreporting: dict[str, str] = {}
        """What those do whose device misreports."""
        self.steady: dict[str, int] = {}
        """Loads in watts that nobody changes for now."""
        broker.to_device = self._received
        broker.on_restart = self._greet_soon

    def start(self) -> None:
        self._greet()
        for house in self._houses.values():
            self._plan(house)

    def _greet_soon(self) -> None:
        self._loop.exactly_at(self._loop.time() + GREETING_S, self._greet)

    def _greet(self) -> None:
        """Announce every meter and the gateway."""
        self.greet_gateway()
        for house in self._houses.values():
            self.step(house)
            self._send(house, house.meter.come_online())

    def greet_gateway(self) -> None:
        """List the devices of the gateway."""
        zigbee = [each.meter for each in self._houses.values() if isinstance(each.meter, Zigbee2MqttMeter)]
        if zigbee:
            self._broker.publish(Zigbee2MqttMeter.gateway_greeting(zigbee))

    def step(self, house: House) -> None:
        """Advance a meter to now."""
        meter = house.meter
        self._send(house, meter.step(max(0, self._clock.true() - meter.physics.now_ms)))

    def _send(self, house: House, messages: Sequence[Publish]) -> None:
        """Publish what a meter says, or keep it while its uplink is away."""
        kept = self._kept.get(house.id)
        if kept is None:
            self._broker.publish(messages)
        else:
            kept += messages[: MOST_KEPT - len(kept)]

    def keep(self, house: House) -> None:
        """Keep a meter's messages from now on; it receives nothing either."""
        self._kept.setdefault(house.id, [])

    def keeps(self, house: House) -> bool:
        """Return whether a meter's messages are kept."""
        return house.id in self._kept

    def release(self, house: House) -> None:
        """Send all kept messages in order and at once."""
        self._broker.publish(self._kept.pop(house.id, ()))

    def drop(self, house: House) -> None:
        """Lose all kept messages, and continue to keep."""
        self._kept[house.id] = []

    def restart(self, house: House) -> None:
        """Power-cycle a meter."""
        self.step(house)
        house.meter.physics.restart()
        self._send(house, house.meter.come_online())
        self._plan(house)

    def come_online(self, house: House) -> None:
        """Let a device that took the place of another announce itself, or its gateway."""
        self.greet_gateway()
        self._send(house, house.meter.come_online())
        self._plan(house)

    def _plan(self, house: House) -> None:
        planned = self._planned.pop(house.meter.name, None)
        if planned is not None:
            planned.cancel()
        due_s = max(house.meter.due_ms - self._clock.start_ms, 0) / 1000
        due_s = max(due_s, self._loop.time() + 0.001)
        self._planned[house.meter.name] = self._loop.exactly_at(due_s, self._wake, house)

    def _wake(self, house: House) -> None:
        self.step(house)
        self._plan(house)

    def _received(self, topic: str, payload: bytes) -> None:
        for part in topic.split("/")[:2]:
            house = self._houses.get(part)
            if house is not None and house.meter.owns(topic):
                if house.id in self._kept:
                    return
                self.step(house)
                self._send(house, house.meter.handle(topic, payload))
                self._plan(house)
                return

    def load(self, house: House, watts: int) -> None:
        """Set the load, unless the meter is being replaced."""
        watts = 0 if house.id in self.unplugged else self.steady.get(house.id, watts)
        self.step(house)
        house.meter.physics.load = ConstantLoad(watts * 1000)
        self._plan(house)

    def changed(self, house: House) -> None:
        """Apply a fault that was switched on or off."""
        self.step(house)
        self._plan(house)
