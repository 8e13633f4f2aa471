"""Who may say and hear what at the broker: each device its own topics, the bridge what it needs.

One user for each client of the broker: a device with all its channels, or a gateway with all its devices.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
import hashlib
import re
from typing import Final

from meter_bridge.devices.addresses import parse_address
from meter_bridge.devices.family import ANY, NO_SETTINGS, Address, FamilySettings
from meter_bridge.devices.registry import build_drivers, families

BRIDGE: Final = "prepaid-meter"
_UNUSUAL: Final = re.compile(r"[^A-Za-z0-9._-]+")
_HASH_DIGITS: Final = 6


class AccessListError(ValueError):
    """Devices whose rights cannot be kept apart."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what = what
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class BrokerUser:
    """A user of the broker with the topic filters that it may publish to and receive from."""

    name: str
    what: str
    """Whom it stands for, for people."""
    writes: tuple[str, ...]
    reads: tuple[str, ...]


def users_of(addresses: Iterable[str], settings: FamilySettings = NO_SETTINGS) -> tuple[BrokerUser, ...]:
    """Return the bridge's user and one for each device of the addresses; raise ``AccessListError``."""
    in_use = sorted(set(addresses))
    parsed = [parse_address(each) for each in in_use]
    users = (_device_user(address, settings) for address in parsed)
    devices = {each.name: each for each in users if each is not None}
    check_separation([devices[name] for name in sorted(devices)])
    return (_bridge(in_use, parsed, settings), *(devices[name] for name in sorted(devices)))


def _device_user(address: Address, settings: FamilySettings) -> BrokerUser | None:
    """Return a device's user, or None where it is not reached through a broker."""
    rights_of = families()[address.family].rights
    if rights_of is None:
        return None
    rights = rights_of(address.device, settings.get(address.family, NO_SETTINGS))
    name = rights.user
    if name is None:
        _check_name(address)
        name = _name(address)
    return BrokerUser(name, rights.holder, rights.publish, rights.subscribe)


def _bridge(in_use: Sequence[str], parsed: Sequence[Address], settings: FamilySettings) -> BrokerUser:
    # The bridge hears what its drivers subscribe to, and commands every device that it may find.
    heard = {name for driver in build_drivers(in_use, settings=settings) for name, _ in driver.filters()}
    commanded = [*((name, ANY) for name in families()), *((each.family, each.device) for each in parsed)]
    commands = {
        topic
        for name, device in commanded
        if device == ANY or "/" in device
        for topic in families()[name].commands(device, settings.get(name, NO_SETTINGS))
    }
    return BrokerUser(BRIDGE, "the bridge", tuple(sorted(commands)), tuple(sorted(heard)))


def _check_name(address: Address) -> None:
    if address.device != address.device.strip():
        raise AccessListError(
            f"{address}: the device's name begins or ends with a space, which an access list leaves out",
            "rename the device",
        )


def _name(address: Address) -> str:
    """Return a name of plain letters that is unique for the device."""
    plain = _UNUSUAL.sub("-", address.device)
    name = f"{address.family}-{plain}"
    if plain == address.device:
        return name
    return f"{name}-{hashlib.sha256(address.device.encode()).hexdigest()[:_HASH_DIGITS]}"


def check_separation(devices: Sequence[BrokerUser]) -> None:
    """Raise ``AccessListError`` where one device could speak for another, or command it."""
    filters = FilterTree()
    for each in devices:
        for topic in each.writes:
            filters.add(topic, each)
    for victim in devices:
        for topic in (*victim.writes, *victim.reads):
            other = next((each for each in filters.overlapping(topic) if each is not victim), None)
            if other is not None:
                raise AccessListError(
                    f"{other.what} could publish to '{topic}', which is {victim.what}'s", "rename one of them"
                )


class FilterTree:
    """Topic filters with whose they are, level by level."""

    def __init__(self) -> None:
        self._users: list[BrokerUser] = []
        self._below: dict[str, FilterTree] = {}

    def add(self, topic: str, user: BrokerUser) -> None:
        """Add a filter."""
        node = self
        for level in topic.split("/"):
            node = node._below.setdefault(level, FilterTree())
        node._users.append(user)  # noqa: SLF001

    def overlapping(self, topic: str) -> Iterator[BrokerUser]:
        """Yield whose filters match some topic that this one matches as well."""
        yield from self._walk(topic.split("/"))

    def _walk(self, levels: Sequence[str]) -> Iterator[BrokerUser]:
        if "#" in self._below:
            yield from self._below["#"]._users  # noqa: SLF001
        if not levels:
            yield from self._users
        elif levels[0] == "#":
            yield from self._all()
        else:
            for name, node in self._matching(levels[0]):
                if name != "#":
                    yield from node._walk(levels[1:])  # noqa: SLF001

    def _matching(self, level: str) -> list[tuple[str, FilterTree]]:
        if level == "+":
            return list(self._below.items())
        return [(name, self._below[name]) for name in (level, "+") if name in self._below]

    def _all(self) -> Iterator[BrokerUser]:
        yield from self._users
        for node in self._below.values():
            yield from node._all()  # noqa: SLF001
