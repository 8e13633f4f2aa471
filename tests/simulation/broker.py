"""A simulated MQTT broker with everything that networks and brokers do to messages."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
import random
from typing import Final, Protocol, cast

from meter_bridge.devices.base.driver import Publish
from meter_bridge.devices.broker.outgoing_queue import OutgoingQueue
from meter_bridge.devices.broker.url import MqttSettings
from tests.simulation.loop import VirtualLoop

RECEIVE_MAXIMUM: Final = 20
"""Messages that mosquitto takes unacknowledged."""
LATENCY_S: Final = 0.03
REORDERED_S: Final = 20.0
"""How late a message may be that others overtake."""
REPEATED_S: Final = 60.0


class Subscription(Protocol):
    """A subscription of the bridge."""

    topic: str


@dataclass(slots=True)
class Weather:
    """The present faults of the transport."""

    loss: float = 0.0
    repeats: float = 0.0
    reorders: float = 0.0
    queue: int = 1_000
    """Messages that the broker keeps for a client that does not take them; more are lost."""
    stalled_until: float = 0.0
    """Until then the bridge's connection carries nothing, and then what the queue holds."""


@cache
def matches(pattern: str, topic: str) -> bool:
    """Return whether a topic filter matches a topic (MQTT 5, 4.7)."""
    wanted, found = pattern.split("/"), topic.split("/")
    for number, level in enumerate(wanted):
        if level == "#":
            return not (topic.startswith("$") and number == 0)
        if number >= len(found) or level not in ("+", found[number]):
            return False
    return len(wanted) == len(found)


class Broker:
    """Carries messages between devices and the bridge's connection."""

    def __init__(self, loop: VirtualLoop, chance: random.Random) -> None:
        self.loop = loop
        self.chance = chance
        self.weather = Weather()
        self.up = True
        self.to_device: Callable[[str, bytes], None] = lambda _topic, _payload: None
        self.on_command: Callable[[str, bytes], None] = lambda _topic, _payload: None
        """Called for every message that the bridge hands over."""
        self.on_restart: Callable[[], None] = lambda: None
        """Called when devices may connect again."""
        self.on_stop: Callable[[], None] = lambda: None
        """Called before it is killed."""
        self.on_start: Callable[[], None] = lambda: None
        """Called when it is back."""
        self._retained: dict[str, Publish] = {}
        self._clients: list[SimulatedClient] = []

    def make_client(self, settings: MqttSettings, outgoing: OutgoingQueue) -> SimulatedClient:
        """Return a client of the bridge that is not connected yet."""
        return SimulatedClient(self, settings, outgoing)

    def stop(self) -> None:
        """Crash: lose everything retained or queued, and every connection."""
        self.on_stop()
        self.up = False
        self._retained.clear()
        for client in list(self._clients):
            client.lose()

    def start(self) -> None:
        """Restart empty."""
        self.up = True
        self.on_start()
        self.on_restart()

    def attach(self, client: SimulatedClient) -> None:
        """Accept a connection; a client with the same id is disconnected."""
        self._clients.append(client)

    def detach(self, client: SimulatedClient) -> None:
        if client in self._clients:
            self._clients.remove(client)

    def lose_connections(self) -> None:
        for client in list(self._clients):
            client.lose()

    def publish(self, messages: Sequence[Publish]) -> None:
        for message in messages:
            if self.up and not self._lost():
                self._take(message)

    def _take(self, message: Publish) -> None:
        if message.retain:
            self._retained[message.topic] = message
        for client in self._clients:
            if client.wants(message.topic):
                client.queue(message.topic, message.payload, retained=False)

    def greet(self, client: SimulatedClient, pattern: str) -> None:
        """Send retained messages for a new subscription."""
        for topic, message in self._retained.items():
            if matches(pattern, topic):
                client.queue(topic, message.payload, retained=True)

    def from_bridge(self, message: Publish) -> None:
        self.on_command(message.topic, message.payload)
        for delay in self.fates():
            self.loop.exactly_at(self.loop.time() + delay, self._deliver, message)

    def _deliver(self, message: Publish) -> None:
        if self.up:
            self.to_device(message.topic, message.payload)

    def fates(self) -> list[float]:
        """Return the delays with which a message arrives: none, one, or two."""
        weather, chance = self.weather, self.chance
        if self._lost():
            return []
        delays = [chance.random() * LATENCY_S]
        if weather.reorders and chance.random() < weather.reorders:
            delays[0] += chance.random() * REORDERED_S
        if weather.repeats and chance.random() < weather.repeats:
            delays.append(chance.random() * REPEATED_S)
        return delays

    def _lost(self) -> bool:
        return self.weather.loss > 0 and self.chance.random() < self.weather.loss


class SimulatedClient:
    """Stands in for gmqtt's client."""

    def __init__(self, broker: Broker, settings: MqttSettings, outgoing: OutgoingQueue) -> None:
        self.is_connected = False
        self.on_connect: Callable[[object, int, int, dict[str, list[int]]], None]
        self.on_message: Callable[[object, str | bytes, bytes, int, dict[str, object]], None]
        self.on_subscribe: Callable[[object, int, Sequence[int], object], None]
        self.on_disconnect: Callable[[object, object], None]
        self._broker = broker
        self._loop = broker.loop
        self._outgoing = outgoing
        self._patterns: list[str] = []
        self._wanted: dict[str, bool] = {}
        self._mid = 0
        self._queued = 0
        self._in_order_at = 0.0

    async def connect(self, host: str, port: int, ssl: object, keepalive: int) -> None:
        """Connect, or fail like a socket."""
        await asyncio.sleep(self._broker.chance.random() * LATENCY_S)
        if not self._broker.up:
            raise ConnectionRefusedError(f"nothing listens at {host}:{port}")
        self.is_connected = True
        self._broker.attach(self)
        self.on_connect(self, 0, 0, {"receive_maximum": [RECEIVE_MAXIMUM]})

    async def disconnect(self) -> None:
        self.is_connected = False
        self._broker.detach(self)

    def lose(self) -> None:
        """Lose the connection unexpectedly."""
        self.is_connected = False
        self._broker.detach(self)
        self.on_disconnect(self, None)

    def subscribe(self, subscriptions: list[object]) -> int:
        """Subscribe; the acknowledgement comes later, and retained messages after it."""
        asked = cast("list[Subscription]", subscriptions)
        self._mid += 1
        delay = self._broker.chance.random() * LATENCY_S
        self._loop.exactly_at(self._loop.time() + delay, self._subscribed, self._mid, asked)
        return self._mid

    def _subscribed(self, mid: int, subscriptions: list[Subscription]) -> None:
        if not self.is_connected:
            return
        self._patterns += [each.topic for each in subscriptions]
        self._wanted.clear()
        self.on_subscribe(self, mid, [1] * len(subscriptions), {})
        for each in subscriptions:
            self._broker.greet(self, each.topic)

    def wants(self, topic: str) -> bool:
        wanted = self._wanted.get(topic)
        if wanted is None:
            wanted = self._wanted[topic] = any(matches(pattern, topic) for pattern in self._patterns)
        return wanted

    def publish(self, topic: str, payload: bytes, qos: int, *, retain: bool) -> None:
        """Send a message, which is acknowledged after a while."""
        self._broker.from_bridge(Publish(topic, payload, qos, retain))
        if qos:
            self._mid += 1
            self._outgoing.push_message(self._mid, b"")
            delay = self._broker.chance.random() * LATENCY_S
            self._loop.exactly_at(self._loop.time() + delay, self._acknowledged, self._mid)

    def _acknowledged(self, mid: int) -> None:
        if self.is_connected:
            self._outgoing.remove_message_by_mid(mid)

    def queue(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Deliver a message to the bridge, in order unless the weather reorders."""
        weather = self._broker.weather
        for delay in self._broker.fates():
            if self._queued >= weather.queue:
                return
            at = max(self._loop.time(), weather.stalled_until) + delay
            if delay <= LATENCY_S:
                at = self._in_order_at = max(at, self._in_order_at)
            self._queued += 1
            self._loop.exactly_at(at, self._arrive, topic, payload, retained)

    def _arrive(self, topic: str, payload: bytes, retained: bool) -> None:  # noqa: FBT001
        self._queued -= 1
        if self.is_connected:
            self.on_message(self, topic, payload, 1, {"retain": retained})
