"""The meter families that there are: one for each folder beside this file that declares one."""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
import pkgutil
from typing import TYPE_CHECKING, Final

from meter_bridge import devices
from meter_bridge.devices.family import NO_SETTINGS, Family, FamilySettings

if TYPE_CHECKING:
    from meter_bridge.devices.base.driver import Driver

SHARED: Final = frozenset({"base", "broker", "simulators"})
"""Folders that hold what all families share."""


@cache
def families() -> Mapping[str, Family]:
    """Return every family by its name, the most usual first."""
    folders = (each.name for each in pkgutil.iter_modules(devices.__path__) if each.ispkg)
    found: list[Family] = [
        import_module(f"{devices.__name__}.{folder}").FAMILY for folder in folders if folder not in SHARED
    ]
    return {each.name: each for each in sorted(found, key=lambda each: (each.rank, each.name))}


def family_title(name: str) -> str:
    """Return a family's name as its makers write it; the name itself where the family is gone."""
    family = families().get(name)
    return name if family is None else family.title


def broker_families() -> Mapping[str, Family]:
    """Return the families that a broker reaches, each with a driver, rights and a simulator."""
    return {name: each for name, each in families().items() if each.driver is not None}


def usual_family() -> Family:
    """Return the family that examples are taken from."""
    return next(iter(families().values()))


def build_drivers(
    addresses: Iterable[str] = (),
    *,
    names: Iterable[str] | None = None,
    settings: FamilySettings = NO_SETTINGS,
) -> list[Driver]:
    """Return drivers of all or the named families at brokers; raise ``AddressError``."""
    known = broker_families()
    made = ((name, known[name].driver) for name in (known if names is None else names))
    drivers = [make(settings.get(name, NO_SETTINGS)) for name, make in made if make is not None]
    in_use = list(addresses)
    for driver in drivers:
        driver.assign(in_use)
    return drivers
