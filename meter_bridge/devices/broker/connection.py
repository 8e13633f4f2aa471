"""The bridge's side of the broker: messages to drivers, their items to the engine, commands back.

Readings are acknowledged on receipt: the meter's register is the record, not the message.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
import logging
from typing import Final

from meter_bridge.devices.base.driver import Discovered, Driver, Item, Publish, Rejected
from meter_bridge.devices.broker.session import BrokerSession, MakeClient, gmqtt_client
from meter_bridge.devices.broker.url import MqttSettings

LOGGER: Final = logging.getLogger(__name__)

MAX_ROUTES: Final = 200_000
"""Topics remembered with their driver; beyond it the memory starts anew."""

type OnItems = Callable[[Sequence[Item]], None]
"""Takes the items of one message."""
type OnConnected = Callable[[bool], None]


class MqttConnection(BrokerSession):
    """Feeds drivers from one broker."""

    def __init__(
        self,
        settings: MqttSettings,
        drivers: Sequence[Driver],
        on_items: OnItems,
        on_connected: OnConnected,
        *,
        own_topics_only: bool = False,
        make_client: MakeClient = gmqtt_client,
    ) -> None:
        """``on_items`` gets the items of one message; ``own_topics_only`` ignores devices not in use."""
        self._drivers = tuple(drivers)
        self._own_topics_only = own_topics_only
        self._on_items = on_items
        super().__init__(
            settings,
            filters=self._needed_filters,
            on_message=self.receive,
            on_connected=on_connected,
            make_client=make_client,
        )
        self._routes: dict[str, Driver] = {}
        self.messages = 0
        """Messages heard since the start, foreign ones included."""
        self.rejections: Counter[str] = Counter()
        """Messages that could not be read, per kind."""

    def use_drivers(self, drivers: Iterable[Driver]) -> None:
        """Read with these drivers from now on, whatever they read before; ``refresh`` subscribes."""
        self._drivers = tuple(drivers)
        self._routes.clear()

    def receive(self, topic: str, payload: bytes, retained: bool) -> None:  # noqa: FBT001
        """Route one message to its driver and the driver's items onwards."""
        self.messages += 1
        driver = self._routes.get(topic)
        if driver is None:
            self._decode(topic, payload, retained=retained)
            return
        items = driver.decode(topic, payload, retained=retained)
        if items:
            self._dispatch(items)

    def _decode(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Find who reads a topic: rarely several drivers, such as where a model reads what another leaves."""
        drivers = [driver for driver in self._drivers if driver.matches(topic)]
        read = [(driver, driver.decode(topic, payload, retained=retained)) for driver in drivers]
        if len(drivers) == 1 and read[0][1]:
            if len(self._routes) >= MAX_ROUTES:
                self._routes.clear()
            self._routes[topic] = drivers[0]
        for _, items in read:
            if items:
                self._dispatch(items)

    def _dispatch(self, items: Sequence[Item]) -> None:
        for item in items:
            if isinstance(item, Publish):
                self.send(item, urgent=False)
            elif isinstance(item, Rejected):
                self._count_rejection(item)
            elif isinstance(item, Discovered):
                self.refresh()
        self._on_items(items)

    def _count_rejection(self, rejected: Rejected) -> None:
        self.rejections[rejected.kind] += 1
        if self.rejections[rejected.kind] == 1:
            LOGGER.warning(
                "unreadable message or value (%s) on %s: %s; more of this kind are only counted",
                rejected.kind,
                rejected.topic,
                rejected.detail,
            )

    def _needed_filters(self) -> Sequence[tuple[str, int]]:
        if self._own_topics_only:
            return [named for driver in self._drivers for named in driver.own_filters()]
        return [named for driver in self._drivers for named in driver.filters()]
