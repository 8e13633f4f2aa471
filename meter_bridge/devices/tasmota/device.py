"""What the driver remembers of one Tasmota device: where its topics are and which words it uses."""

from dataclasses import dataclass, field
import re
from sys import intern
from typing import Final

from meter_bridge.devices.base.driver import Publish
from meter_bridge.devices.base.quantities import Minor, UnreadableError
from meter_bridge.devices.tasmota.payloads import Announcement
from meter_bridge.protocol.vocabulary import RelayPosition

RELAY: Final = 1
"""Kind of an output in discovery's ``rl``: 1 relay, 2 light, 3 shutter."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A device's ``FullTopic`` with its three prefixes."""

    full_topic: str = "%prefix%/%topic%/"
    command: str = "cmnd"
    status: str = "stat"
    telemetry: str = "tele"

    def base(self, prefix: str, topic: str) -> str:
        """Return everything of a topic before the command's name."""
        return self.full_topic.replace("%prefix%", prefix).replace("%topic%", topic).rstrip("/") + "/"

    def filters(self, topic: str) -> tuple[str, str]:
        """Return the filters that hear one device."""
        return self.base(self.telemetry, topic) + "+", self.base(self.status, topic) + "+"


PREFIXES: Final = frozenset({"tele", "stat"})
"""Prefixes of what a device says."""


class KnownLayout:
    """A layout that a person named, of devices that announce none."""

    def __init__(self, full_topic: str) -> None:
        self.layout = Layout(full_topic.removesuffix("/") + "/")
        pattern = re.escape(self.layout.full_topic).replace("%prefix%", f"(?P<prefix>{'|'.join(PREFIXES)})")
        self._pattern = re.compile(pattern.replace("%topic%", "(?P<topic>.+)") + "(?P<name>[^/]+)")

    def parse(self, topic: str) -> tuple[str, Layout, str] | None:
        """Return device, layout and command of a topic, or None where it has another layout."""
        found = self._pattern.fullmatch(topic)
        return None if found is None else (found["topic"], self.layout, found["name"].upper())


PREFIX_FIRST: Final = Layout()
PREFIX_LAST: Final = Layout("%topic%/%prefix%/")


@dataclass(slots=True)
class TasmotaDevice:
    """One device; ``channels`` are the ones in use."""

    topic: str
    layout: Layout = PREFIX_FIRST
    layout_announced: bool = False
    channels: frozenset[str] = frozenset()
    phases: tuple[int, ...] = ()
    """Phases in use on their own, a part of ``channels``."""
    off_word: str = "OFF"
    on_word: str = "ON"
    offline_word: str = "Offline"
    online_word: str = "Online"
    name: str | None = None
    model: str | None = None
    firmware: str | None = None
    relays: tuple[int, ...] = (1,)
    has_register: bool | None = None
    """None until the device spoke of its sensors."""
    has_single_total: bool | None = None
    """Whether its register is one number of ``ENERGY``, which a rule can watch; None until it spoke of it."""
    announced: bool = False
    uptime_s: int = 0
    addresses: dict[str, str] = field(default_factory=dict)

    def address(self, channel: str) -> str:
        """Return the address of a channel; made once, because every message needs it."""
        known = self.addresses.get(channel)
        if known is None:
            known = self.addresses[channel] = intern(f"tasmota:{self.topic}/{channel}")
        return known

    def use(self, channels: frozenset[str]) -> None:
        """Take the channels that are in use from now on."""
        self.channels = channels
        names = (channel.removeprefix("phase") for channel in channels if channel.startswith("phase"))
        self.phases = tuple(sorted(map(int, names)))

    def relay_channels(self, number: int) -> tuple[str, ...]:
        """Return the channels that a relay switches."""
        phase = f"phase{number}"
        return (str(number), phase) if phase in self.channels else (str(number),)

    def position(self, word: Minor) -> RelayPosition:
        """Read a state word; ``StateText`` may have changed it. Raise ``UnreadableError`` for another."""
        if word in (self.on_word, "ON"):
            return RelayPosition.CLOSED
        if word in (self.off_word, "OFF"):
            return RelayPosition.OPEN
        raise UnreadableError(
            "unknown_relay_word", f"relay is {word!r:.40}, expected {self.on_word} or {self.off_word}"
        )

    def command(self, name: str, payload: str) -> Publish:
        """Return a command to this device."""
        return Publish(self.layout.base(self.layout.command, self.topic) + name, payload.encode())

    def update_from(self, announcement: Announcement) -> None:
        """Take over what the device tells of itself."""
        self.layout = _layout(announcement)
        self.layout_announced = self.announced = True
        self.offline_word, self.online_word = announcement.offline, announcement.online
        if len(announcement.state_words) > 1:
            self.off_word, self.on_word = announcement.state_words[:2]
        self.name = announcement.device_name or next(
            (name for name in announcement.friendly_names if name), None
        )
        self.model, self.firmware = announcement.model, announcement.firmware
        self.relays = tuple(number for number, kind in enumerate(announcement.relays[:8], 1) if kind == RELAY)


def _layout(announcement: Announcement) -> Layout:
    full_topic = announcement.full_topic.replace("%hostname%", announcement.host).replace(
        "%id%", announcement.mac[-6:]
    )
    if "%prefix%" not in full_topic or any(sign in full_topic + announcement.topic for sign in "+#\x00"):
        raise UnreadableError(
            "unusable_full_topic",
            f"FullTopic {announcement.full_topic[:80]!r} with topic {announcement.topic[:80]!r}",
        )
    command, status, telemetry = announcement.prefixes
    return Layout(full_topic, command, status, telemetry)
