"""Meters over MQTT whose models are data: one driver for all of them."""

from collections.abc import Mapping, Sequence
from typing import Final

from meter_bridge.devices.addresses import parse_address
from meter_bridge.devices.base.driver import Item, Publish
from meter_bridge.devices.base.quantities import REFUSALS, TELEMETRY_LIMIT, rejection, too_large
from meter_bridge.devices.family import Address
from meter_bridge.devices.mqtt.meter import ModelMeter, Payload
from meter_bridge.devices.mqtt.model import Model
from meter_bridge.devices.mqtt.names import NAME
from meter_bridge.protocol.vocabulary import RelayPosition

QOS: Final = 1


class ModelDriver:
    """Reads and commands the devices in use; there is no discovery, as any topic may be anything."""

    family = NAME

    def __init__(self, models: Mapping[str, Model]) -> None:
        self._models = models
        self._meters: dict[str, ModelMeter] = {}
        self._by_topic: dict[str, list[ModelMeter]] = {}

    def filters(self) -> Sequence[tuple[str, int]]:
        """Return the topics of the devices in use."""
        return tuple((topic, QOS) for topic in self._by_topic)

    def own_filters(self) -> Sequence[tuple[str, int]]:
        """Return the same: only devices in use are heard."""
        return self.filters()

    def matches(self, topic: str) -> bool:
        """Return whether a topic tells something of a device in use."""
        return topic in self._by_topic

    def decode(self, topic: str, payload: bytes, *, retained: bool) -> Sequence[Item]:
        """Read one message."""
        meters = self._by_topic.get(topic)
        if meters is None:
            return ()
        if len(payload) > TELEMETRY_LIMIT:
            return too_large(topic, len(payload), TELEMETRY_LIMIT)
        message = Payload(topic, payload)
        items: list[Item] = []
        for meter in meters:
            try:
                items += meter.items(message, retained=retained)
            except REFUSALS as error:
                items += rejection(topic, error)
        return items

    def assign(self, addresses: Sequence[str]) -> None:
        """Name the addresses in use; one of an unknown model or channel is not heard."""
        before, self._meters, self._by_topic = self._meters, {}, {}
        for address in map(parse_address, addresses):
            meter = before.get(str(address)) or self._made(address)
            if meter is not None:
                self._meters[meter.address] = meter
                for topic in dict.fromkeys(meter.topics()):
                    self._by_topic.setdefault(topic, []).append(meter)

    def switch(self, address: str, position: RelayPosition) -> Sequence[Publish]:
        """Ask the relay to move."""
        meter = self._meters.get(address) or self._made(parse_address(address))
        return () if meter is None else meter.switch(position)

    def query(self, address: str) -> Sequence[Publish]:
        """Ask for a fresh reading, where the model says how."""
        meter = self._meters.get(address) or self._made(parse_address(address))
        return () if meter is None else meter.query()

    def _made(self, address: Address) -> ModelMeter | None:
        model = self._models.get(address.device.partition("/")[0])
        channel = model.channel(address.channel) if model and address.family == self.family else None
        return None if model is None or channel is None else ModelMeter(address, model, channel)
