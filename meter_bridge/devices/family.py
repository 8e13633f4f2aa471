"""What a meter family declares of itself; its folder's ``__init__.py`` holds one as ``FAMILY``.

A family is a folder of ``meter_bridge/devices``: driver, payloads, simulator and all else that is true of it
alone. The registry finds it there. Drivers, links and simulators are made by functions, which import them
when they are first needed: a start pays for no family that is not in use.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
import re
from typing import TYPE_CHECKING, Final

from meter_bridge.text.marks import N_

if TYPE_CHECKING:
    from meter_bridge.devices.base.driver import Driver, Link
    from meter_bridge.devices.base.simulated_meter import SimulatedMeter

LAST: Final = 1000


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
    has_relay: Callable[[str], bool] = lambda _channel: True
    """Whether a channel may have a relay."""

    driver: Callable[[], Driver]
    """Make a driver without devices."""
    rights: Callable[[str], BrokerRights]
    """Return what a device, given its name in addresses, may do at the broker."""
    commands: tuple[str, ...]
    """Topic filters of the commands to all devices whose names hold no slash."""
    nested_commands: Callable[[str], tuple[str, ...]]
    """Topic filters of the commands to one device whose name holds a slash, which ``+`` does not match."""

    no_register: str = N_("look at the device's settings")
    """What to do about a device that is heard but does not tell its register, for people."""
    link: Callable[[str, Sequence[str], str | None], Link] | None = None
    """Make a link from host, addresses and password; None where devices are only reached through a broker."""
    local_cut_off: Callable[[str, str], str | None] | None = None
    """Return why a device cannot open the relay of the second channel by the register of the first, or None.

    Both are of the same device. None in place of the function where no device of the family can.
    """

    simulator: Callable[[], type[SimulatedMeter]]
    """Return the class of its simulated meters."""
