"""The small interface that every meter family implements.

A driver is pure: it turns topics and payloads into ``Report`` values and commands into ``Publish`` values. It
owns no socket, no clock and no task; the connection feeds it. A device that is reached without a broker gets
a ``Link`` around the same parsing.

A meter's **address** is ``family:device/channel``. It is what the site file names and what discovery offers.
One device may have several meters (channels), and a relay may be another device's: the site file then names
two addresses.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from meter_bridge.core.supply.local_cutoff import SlotState
from meter_bridge.protocol.vocabulary import RelayPosition


@dataclass(frozen=True, slots=True)
class Phase:
    """Newest values of one of several phases."""

    power_mw: int | None = None
    voltage_mv: int | None = None
    current_ma: int | None = None
    power_factor_permille: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What one message says of one meter address; ``None`` means that the message does not speak of it."""

    address: str
    register_wh: int | None = None
    """Cumulative imported energy, floored to Wh."""
    register_step_wh: int = 1
    """Resolution of the register at this magnitude (float32 steps, two-decimal kWh), in Wh, at least 1."""
    reset_marker: str | None = None
    """Changes when the device says that its register was reset, or another device is in its place.

    Since when the register counts, or the device's hardware address: hexadecimal, from ``0x`` on.
    """
    power_mw: int | None = None
    voltage_mv: int | None = None
    current_ma: int | None = None
    frequency_mhz: int | None = None
    relay: RelayPosition | None = None
    online: bool | None = None
    measured_at_ms: int | None = None
    """The device's own time of the measurement (UTC), only where the frame carries a trustworthy one."""
    stale: bool = False
    """The values are older than this message (retained, or a gateway repeats them): no proof of anything.

    ``online`` from a retained last will is what the broker knows now all the same.
    """
    boot_id: str | None = None
    """Identity of the device's present boot, where it tells one; a change means lost power or a restart."""
    register_modulus_wh: int | None = None
    """Where the register begins again at zero, if the family knows."""
    returned_wh: int | None = None
    """Cumulative energy that flowed back, floored to Wh; it never lowers ``register_wh``."""
    buffered: bool = False
    """The device kept the reading and sends it late: ``measured_at_ms`` is its time, however long ago."""
    power_factor_permille: int | None = None
    """Real by apparent power in thousandths; some meters sign it with the direction of flow."""
    phases: tuple[Phase, ...] = ()
    """Of a meter of several phases, in the order in which it names them; power and current above are sums."""


@dataclass(frozen=True, slots=True)
class Discovered:
    """A meter address that announced itself, with what it can do."""

    address: str
    name: str
    model: str | None = None
    firmware: str | None = None
    has_register: bool = True
    has_relay: bool = True


@dataclass(frozen=True, slots=True)
class Removed:
    """A meter address that its gateway or device withdrew."""

    address: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """A payload that could not be read: counted, logged once per kind, never charged."""

    kind: str
    """Short stable slug such as ``not_json``, ``too_large``, ``register_not_a_number``."""
    topic: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Unread:
    """A message of a meter in which its register was looked for and not found."""

    address: str
    topic: str
    path: str
    """What was looked for."""
    payload: str
    """Its beginning, without what may be a secret."""


@dataclass(frozen=True, slots=True)
class ReportedCutOff:
    """What a device says of the slot in which the bridge may keep a local cut-off."""

    address: str
    """The address of the register that it watches."""
    slot: int
    held: SlotState
    limit_wh: int | None = None
    relay_address: str | None = None
    """The relay that it opens."""


@dataclass(frozen=True, slots=True)
class Publish:
    """A message to send; only simulated meters have any retained."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False


type Item = Report | Discovered | Removed | Rejected | Unread | ReportedCutOff | Publish
"""A driver may answer a message with requests of its own (``Publish``), such as asking for a full status."""


class Driver(Protocol):
    """A meter family over MQTT."""

    family: str
    """Name of the family."""

    def filters(self) -> Sequence[tuple[str, int]]:
        """Return the topic filters, each with its QoS; there may be more after ``assign`` or a discovery."""

    def own_filters(self) -> Sequence[tuple[str, int]]:
        """Return filters for the devices in use alone, and for announcements that bring them to life."""

    def matches(self, topic: str) -> bool:
        """Say quickly whether a topic may be of this family."""

    def decode(self, topic: str, payload: bytes, *, retained: bool) -> Sequence[Item]:
        """Read one message; never raises, whatever the payload; foreign topics take a microsecond or so."""

    def assign(self, addresses: Sequence[str]) -> None:
        """Name the addresses in use, so that the driver knows devices that never announced themselves."""

    def switch(self, address: str, position: RelayPosition) -> Sequence[Publish]:
        """Return the messages that ask the relay to move."""

    def query(self, address: str) -> Sequence[Publish]:
        """Return the messages that ask for a fresh reading and the relay's position."""


@runtime_checkable
class SupportsLocalCutOff(Protocol):
    """A driver whose devices can open their own relay at a register value; each keeps it in a slot."""

    def ask_cut_off(self, address: str, slot: int) -> Sequence[Publish]:
        """Return the messages that ask what is in the slot of the device with this register."""

    def write_cut_off(self, address: str, slot: int, relay_address: str, limit_wh: int) -> Sequence[Publish]:
        """Return the messages that make the device open the relay once the register is above a value."""

    def withdraw_cut_off(self, address: str, slot: int) -> Sequence[Publish]:
        """Return the messages that empty the slot."""


class ReportSink(Protocol):
    """Where a link puts what it heard."""

    def __call__(self, items: Sequence[Item]) -> None:
        """Take reports in the order in which they were heard."""


class Link(Protocol):
    """A device that is reached without a broker, with its channels in use; it runs as one task."""

    @property
    def addresses(self) -> Sequence[str]:
        """The addresses in use, all of the same device."""

    @property
    def connected(self) -> bool:
        """Whether it can be asked and told anything now."""

    async def run(self, sink: ReportSink) -> None:
        """Connect, listen and reconnect until cancelled."""

    async def switch(self, address: str, position: RelayPosition) -> None:
        """Ask the relay to move; raises ``ConnectionError`` while not connected."""

    async def query(self, address: str) -> None:
        """Ask for a fresh reading; raises ``ConnectionError`` while not connected."""


@runtime_checkable
class LinkCutsLocally(Protocol):
    """A link whose device can cut by itself; each method raises ``ConnectionError`` while not connected."""

    async def ask_cut_off(self, address: str, slot: int) -> None:
        """Ask what is in the slot of the device with this register."""

    async def write_cut_off(self, address: str, slot: int, relay_address: str, limit_wh: int) -> None:
        """Make the device open the relay once the register is above a value."""

    async def withdraw_cut_off(self, address: str, slot: int) -> None:
        """Empty the slot."""
