"""The site file: from its text to a validated plan, or to everything that is wrong with it.

The format is described in ``docs/site-file.md``.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from meter_bridge.config import quantities, scalars, times
from meter_bridge.config.meters import DEFAULT_VOLTAGE_MV
from meter_bridge.config.plan import AccountPlan, InstallationPlan, MeterPlan, SitePlan, TariffPlan
from meter_bridge.config.problems import SiteFileError, SiteProblem
from meter_bridge.config.reading import Reading
from meter_bridge.config.shapes import (
    DEFAULTS,
    INSTALLATION,
    PRICED_SITE,
    SITE,
    PolicyDraft,
    SiteDraft,
    public_holidays,
)
from meter_bridge.config.tariffs import Place, read_tariff
from meter_bridge.config.units import SiteAround, read_unit
from meter_bridge.config.yaml_text import Path, read_yaml
from meter_bridge.core.tariff.tariff import DemandOf

__all__ = ["SiteFileError", "SiteProblem", "load", "load_tariffs"]

SITES: Path = ("sites",)


@dataclass(frozen=True, slots=True)
class _Found:
    """A unit with the place where it is written."""

    path: Path
    account: AccountPlan


def load(text: str) -> InstallationPlan:
    """Return the plan of a site file; raises ``SiteFileError`` with all its problems."""
    reading = Reading(read_yaml(text))
    reading.part(INSTALLATION, ())
    units: list[_Found] = []
    sites = [_site(reading, (*SITES, site_id), units) for site_id in reading.ids(SITES)]
    if not sites and isinstance(reading.document.get(SITES), dict):
        reading.add(SITES, "no site is named", "add the id of a property, such as rose-street:", key=True)
    _check_ids(reading, "tariffs")
    _check_ids(reading, "units")
    _check_addresses(reading, units)
    if reading.problems:
        raise SiteFileError(reading.problems)
    name = reading.value(scalars.text, ("name",)) or ""
    return InstallationPlan(name, tuple(site for site in sites if site is not None))


def load_tariffs(text: str) -> tuple[SitePlan, ...]:
    """Return the sites of a site file with their tariffs alone, whatever its units say.

    Raises ``SiteFileError`` with all problems of tariffs, and of what they are meant in.
    """
    reading = Reading(read_yaml(text))
    found: list[SitePlan] = []
    for site_id in reading.ids(SITES):
        path = (*SITES, site_id)
        head = reading.part(PRICED_SITE, path) or SiteDraft()
        zone = reading.value(times.time_zone, (*path, "time zone"))
        currency = reading.value(scalars.currency, (*path, "currency"))
        place = Place(zone, currency) if zone and currency else None
        tariffs = _tariffs(reading, path, place)
        found.append(SitePlan(site_id, head.get("name", site_id), zone or "", currency or "", tariffs, ()))
    _check_ids(reading, "tariffs")
    if not any(reading.document.get((*SITES, site.id, "tariffs")) for site in found):
        reading.add(SITES, "no tariff is named", "add tariffs: and the id of one, below a site", key=True)
    if reading.problems:
        raise SiteFileError(reading.problems)
    return tuple(found)


def _site(reading: Reading, path: Path, units: list[_Found]) -> SitePlan | None:
    """Return the site at a path, or None after reporting what is wrong; adds its units to ``units``."""
    site_id = str(path[-1])
    head = reading.part(SITE, path)
    zone = reading.value(times.time_zone, (*path, "time zone"))
    currency = reading.value(scalars.currency, (*path, "currency"))
    place = Place(zone, currency) if zone and currency else None
    tariffs = _tariffs(reading, path, place)
    accounts = _units(reading, _around(reading, path, currency, tariffs), units)
    if head is None or place is None:
        return None
    return SitePlan(site_id, head.get("name", site_id), place.time_zone, place.currency, tariffs, accounts)


def _tariffs(reading: Reading, path: Path, place: Place | None) -> tuple[TariffPlan, ...]:
    at = (*path, "tariffs")
    found = [read_tariff(reading, (*at, tariff_id), place) for tariff_id in reading.ids(at)]
    return tuple(tariff for tariff in found if tariff is not None)


def _units(reading: Reading, around: SiteAround, units: list[_Found]) -> tuple[AccountPlan, ...]:
    """Return the units of a site that are right."""
    at = (*around.path, "units")
    steps = [(*at, unit_id) for unit_id in reading.ids(at)]
    found = [(step, read_unit(reading, step, around)) for step in steps]
    right = [_Found(step, account) for step, account in found if account is not None]
    units.extend(right)
    return tuple(each.account for each in right)


def _around(reading: Reading, path: Path, currency: str | None, read: tuple[TariffPlan, ...]) -> SiteAround:
    """Return what the units of a site take from it."""
    at = (*path, "defaults")
    written = isinstance(reading.document.get(at), dict)
    tariffs, named = reading.document.get((*path, "tariffs")), (*path, "holidays")
    return SiteAround(
        path=path,
        currency=currency,
        voltage_mv=reading.value(quantities.volts, (*path, "voltage")) or DEFAULT_VOLTAGE_MV,
        tariff_ids=frozenset(tariffs if isinstance(tariffs, dict) else ()),
        holidays=reading.value(public_holidays, named) if reading.document.get(named) is not None else (),
        contracted=frozenset(tariff.id for tariff in read if _charges_contracted(tariff)),
        defaults=reading.part(DEFAULTS, at) if written else PolicyDraft(),
    )


def _charges_contracted(tariff: TariffPlan) -> bool:
    """Say whether some version of a tariff charges the contracted load."""
    demands = (version.demand for version in tariff.versions)
    return any(demand is not None and demand.of is DemandOf.CONTRACTED for demand in demands)


def _check_ids(reading: Reading, kind: str) -> None:
    """Check that no two sites use the same id: it stands for one thing in the whole installation."""
    sites = reading.document.get(SITES)
    first: dict[str, str] = {}
    for site_id in sites if isinstance(sites, dict) else ():
        found = reading.document.get((*SITES, site_id, kind))
        for key in found if isinstance(found, dict) else ():
            if key in first:
                message = f"{kind[:-1]} {key!r} is also at site {first[key]}"
                remedy = f"ids are unique in the whole installation: write {site_id}-{key}, for example"
                reading.add((*SITES, site_id, kind, key), message, remedy, key=True)
            first.setdefault(key, site_id)


def _check_addresses(reading: Reading, units: Iterable[_Found]) -> None:
    """Check that every register is charged once, and that no relay switches two units."""
    registers: dict[str, str] = {}
    relays: dict[str, str] = {}
    for unit, path, meter in _all_meters(units):
        other = registers.setdefault(meter.energy_address, meter.id)
        if other != meter.id:
            message = f"the energy of {meter.energy_address!r} is already charged by {other}"
            reading.add(_written(reading, path, "address"), message, "every register belongs to one meter")
        owner = relays.setdefault(meter.relay_address, unit) if meter.relay_address else unit
        if owner != unit and other == meter.id:
            message = f"relay {meter.relay_address!r} also switches {owner}"
            reading.add(_written(reading, path, "relay"), message, "a relay can only cut one unit")


def _all_meters(units: Iterable[_Found]) -> Iterator[tuple[str, Path, MeterPlan]]:
    """Yield unit id, place and plan of every meter."""
    for unit in units:
        for index, meter in enumerate(unit.account.supplies[0].meters):
            yield unit.account.id, (*unit.path, "meters", index), meter


def _written(reading: Reading, path: Path, key: str) -> Path:
    """Return where an address of a meter is written: at its key, or as the meter itself."""
    return next((at for at in ((*path, key), (*path, "address")) if reading.document.get(at)), path)
