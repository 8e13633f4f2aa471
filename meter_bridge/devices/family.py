"""What a meter family declares of itself; its folder's ``__init__.py`` holds one as ``FAMILY``.

A family is a folder of ``meter_bridge/devices``: driver, payloads, simulator and all else that is true of it
alone. The registry finds it there. Drivers, links and simulators are made by functions, which import them
when they are first needed: a start pays for no family that is not in use.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Never, Protocol

from meter_bridge.text.marks import N_

if TYPE_CHECKING:
    from meter_bridge.devices.base.driver import Driver, Link
    from meter_bridge.devices.base.simulated_meter import SimulatedMeter

LAST: Final = 1000
TOPIC_LENGTH: Final = 200
"""Longest topic, or beginning of topics, that settings may name."""
FORBIDDEN: Final = re.compile(r"[+#\x00-\x1f\x7f]")
"""Characters that a topic cannot carry."""
ANY: Final = "+"
"""In place of a device's name: all devices whose names hold no slash."""

type Written = str | list[Written] | dict[str, Written]
"""A value of the site file; every scalar is the text that was written."""
type Settings = Mapping[str, Written]
"""What the site file says of a family, under its keys; empty where it says nothing."""
type FamilySettings = Mapping[str, Settings]
"""Settings by the name of the family."""

NO_SETTINGS: Final[Mapping[str, Never]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Address:
    """A meter's address in its parts."""

    family: str
    device: str
    """What its family knows the device by: a topic, a prefix of topics, a friendly name."""
    channel: str

    def __str__(self) -> str:
        return f"{self.family}:{self.device}/{self.channel}"


@dataclass(frozen=True, slots=True)
class SettingMistake:
    """What is wrong with a family's settings, where in them, and the remedy."""

    path: tuple[str | int, ...]
    """Keys and positions below the family's."""
    message: str
    remedy: str
    is_key: bool = False
    """The key is what is wrong, not its value."""


def topic_mistake(written: Written) -> tuple[str, str] | None:
    """Return what is wrong with a value that is to be the beginning of topics, and the remedy."""
    if not isinstance(written, str) or not written.strip():
        return "one topic is expected here", "write it like house/meters, without wildcards"
    found = FORBIDDEN.search(written)
    if found:
        return f"{written!r} holds {found.group()!r}, which no topic can carry", "leave it out"
    if written != written.strip() or written.startswith(("/", "$")) or written.endswith("/"):
        return f"{written!r} begins or ends with what no topic here has", "write it like house/meters"
    if len(written) > TOPIC_LENGTH:
        return f"a topic of {len(written)} characters", f"write at most {TOPIC_LENGTH}"
    return None


@dataclass(frozen=True, slots=True)
class BrokerRights:
    """What the credentials of a device may do at the broker."""

    holder: str
    """Whose credentials they are, for people."""
    publish: tuple[str, ...]
    """Topic filters."""
    subscribe: tuple[str, ...]
    user: str | None = None
    """Name of the user where a gateway speaks for all of its devices; None where each device has its own."""


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """A model of device in a line."""

    name: str
    title: str
    device: str
    """What the device's name in addresses is."""
    channels: str
    can: tuple[str, ...]
    """What it reads."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a model looked for in a message: where, what stands there, and what it is read as."""

    name: str
    looked_for: str
    value: str | None
    read: str | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a model makes of a message."""

    address: str | None
    """None where the topic is of no device of the model."""
    found: tuple[Found, ...]
    refused: tuple[str, ...]
    payload: str
    """Its beginning, without what may be a secret."""
    topics: tuple[str, ...]
    """The topics of the model, where the message's is none of them."""


class ModelCatalogue(Protocol):
    """The models of a family whose models are data."""

    def summaries(self) -> Sequence[ModelSummary]:
        """Return every model in a line."""

    def text(self, name: str) -> str | None:
        """Return a model as it is written, or None where there is none of that name."""

    def attempt(self, name: str, topic: str, payload: bytes) -> Attempt:
        """Read a message with a model."""


@dataclass(frozen=True, slots=True)
class Extra:
    """A part of the installation that not everybody needs, as ``pyproject.toml`` names it."""

    name: str
    module: str
    """Found only where the part is installed."""

    @property
    def installed(self) -> bool:
        """Whether it is there."""
        return find_spec(self.module) is not None

    @property
    def command(self) -> str:
        """What installs it."""
        return f"pip install 'prepaid-meter[{self.name}]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A meter family: how its addresses look, how its devices are reached, and what they can do."""

    name: str
    """First part of its addresses; the name of its folder."""
    title: str
    """The name as its makers write it."""
    rank: int = LAST
    """Where it stands in lists for people, the most usual first; equals are in order of their names."""

    channel: re.Pattern[str]
    """Form of the last part of its addresses."""
    channel_meaning: str
    """What a channel is, for people."""
    example: str
    """An address to show to people."""
    has_relay: Callable[[Address, Settings], bool] = lambda _address, _settings: True
    """Whether an address may have a relay."""
    address_mistake: Callable[[Address, Settings], tuple[str, str] | None] = lambda _address, _settings: None
    """Return what is wrong with an address of the right form under some settings, and the remedy."""

    settings: tuple[str, ...] = ()
    """Keys that the site file may have for it, under ``families``."""
    check_settings: Callable[[Settings], Sequence[SettingMistake]] = lambda _settings: ()
    """Return what is wrong with the values of those keys."""

    driver: Callable[[Settings], Driver] | None = None
    """Make a driver without devices; None where devices are only reached without a broker."""
    rights: Callable[[str, Settings], BrokerRights] | None = None
    """Return what a device, given its name in addresses, may do at the broker."""
    commands: Callable[[str, Settings], tuple[str, ...]] = lambda _device, _settings: ()
    """Topic filters of the commands to a device, or to ``ANY``."""

    no_register: str = N_("look at the device's settings")
    """What to do about a device that is heard but does not tell its register, for people."""
    link: Callable[[str, Sequence[str], str | None], Link] | None = None
    """Make a link from host, addresses and password; None where devices are only reached through a broker."""
    local_cut_off: Callable[[str, str], str | None] | None = None
    """Return why a device cannot open the relay of the second channel by the register of the first, or None.

    Both are of the same device. None in place of the function where no device of the family can.
    """

    extra: Extra | None = None
    """What has to be installed besides the bridge to reach its devices."""
    simulator: Callable[[], type[SimulatedMeter]] | None = None
    """Return the class of its simulated meters at a broker."""
    models: Callable[[Settings], ModelCatalogue] | None = None
    """Return the models under some settings; None where the family's models are no data."""
    simulated_models: Callable[[], Sequence[str]] = tuple
    """Return the models that can be simulated, where the family has several."""
