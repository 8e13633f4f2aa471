"""The site file: from its text to a validated plan, or to everything that is wrong with it.

The format is described in ``docs/site-file.md``.
"""

from meter_bridge.config import quantities, scalars, times
from meter_bridge.config.family_settings import read_families
from meter_bridge.config.node import Node
from meter_bridge.config.plan import AccountPlan, InstallationPlan, MeterPlan, SitePlan, TariffPlan
from meter_bridge.config.problems import SiteFileError, SiteProblem
from meter_bridge.config.site_parts import (
    DefaultsPart,
    InstallationPart,
    PricedSitePart,
    SitePart,
    site_holidays,
)
from meter_bridge.config.tariffs import Place, read_tariff
from meter_bridge.config.units import DEFAULT_VOLTAGE_MV, SiteContext, read_unit
from meter_bridge.config.yaml_text import read_yaml
from meter_bridge.core.tariff.tariff import DemandOf
from meter_bridge.devices.addresses import is_same_device
from meter_bridge.devices.family import FamilySettings

__all__ = ["SiteFileError", "SiteProblem", "load", "load_tariffs"]


type _Units = list[tuple[Node, AccountPlan]]
"""Units with the places where they are written."""


def load(text: str) -> InstallationPlan:
    """Return the plan of a site file; raises ``SiteFileError`` with all its problems."""
    root = Node(read_yaml(text))
    head, named = root.part(InstallationPart), root.at("sites")
    units: _Units = []
    families = read_families(root.at("families"))
    sites = [_site(node, units, families) for node in named.children()]
    if not sites and isinstance(named.data, dict):
        named.report("no site is named", "add the id of a property, such as rose-street:", key=True)
    _check_ids(named, "tariffs")
    _check_ids(named, "units")
    _check_addresses(units)
    if root.problems or head is None:
        raise SiteFileError(root.problems)
    return InstallationPlan(head.name, tuple(site for site in sites if site is not None), families=families)


def load_tariffs(text: str) -> tuple[SitePlan, ...]:
    """Return the sites of a site file with their tariffs alone, whatever its units say.

    Raises ``SiteFileError`` with all problems of tariffs, and of the sites' time zones and currencies.
    """
    named = Node(read_yaml(text)).at("sites")
    sites: list[SitePlan] = []
    for node in named.children():
        head = node.part(PricedSitePart, others=True)
        tariffs = _tariffs(node, _place(node))
        if head is not None:
            name = head.name or node.name
            sites.append(SitePlan(node.name, name, head.time_zone, head.currency, tariffs, ()))
    _check_ids(named, "tariffs")
    if not any(node.at("tariffs").data for node in named.children()):
        named.report("no tariff is named", "add tariffs: and the id of one, below a site", key=True)
    if named.problems:
        raise SiteFileError(named.problems)
    return tuple(sites)


def _place(node: Node) -> Place | None:
    zone = node.at("time zone").value(times.time_zone)
    currency = node.at("currency").value(scalars.currency_code)
    return Place(zone, currency) if zone and currency else None


def _site(node: Node, units: _Units, families: FamilySettings) -> SitePlan | None:
    head, place = node.part(SitePart), _place(node)
    tariffs = _tariffs(node, place)
    context = _context(node, tariffs, families)
    read = [(unit, read_unit(unit, context)) for unit in node.at("units").children()]
    valid = [(unit, account) for unit, account in read if account is not None]
    units.extend(valid)
    if head is None or place is None:
        return None
    accounts = tuple(account for _, account in valid)
    return SitePlan(node.name, head.name or node.name, place.time_zone, place.currency, tariffs, accounts)


def _tariffs(node: Node, place: Place | None) -> tuple[TariffPlan, ...]:
    tariffs = [read_tariff(tariff, place) for tariff in node.at("tariffs").children()]
    return tuple(tariff for tariff in tariffs if tariff is not None)


def _context(node: Node, read: tuple[TariffPlan, ...], families: FamilySettings) -> SiteContext:
    currency = node.at("currency").value(scalars.currency_code)
    tariffs, holidays, defaults = node.at("tariffs").data, node.at("holidays"), node.at("defaults")
    return SiteContext(
        node=node,
        currency=currency,
        voltage_mv=node.at("voltage").value(quantities.volts) or DEFAULT_VOLTAGE_MV,
        tariff_ids=frozenset(tariffs if isinstance(tariffs, dict) else ()),
        holidays=holidays.value(site_holidays) if holidays.data is not None else (),
        contracted=frozenset(
            tariff.id
            for tariff in read
            for version in tariff.versions
            if version.demand is not None and version.demand.of is DemandOf.CONTRACTED
        ),
        defaults=defaults.part(DefaultsPart, currency) if isinstance(defaults.data, dict) else DefaultsPart(),
        families=families,
    )


def _check_ids(sites: Node, kind: str) -> None:
    first: dict[str, str] = {}
    for site in sites.every_key():
        for item in site.at(kind).every_key():
            if item.name in first:
                message = f"{kind[:-1]} {item.name!r} is also at site {first[item.name]}"
                remedy = (
                    f"ids are unique in the whole installation: write {site.name}-{item.name}, for example"
                )
                item.report(message, remedy, key=True)
            first.setdefault(item.name, site.name)


def _check_addresses(units: _Units) -> None:
    registers: dict[str, str] = {}
    relays: dict[str, str] = {}
    hosts: dict[str, MeterPlan] = {}
    placed = (
        (unit, account.id, meter)
        for unit, account in units
        for meter in enumerate(account.supplies[0].meters)
    )
    for node, unit, (index, meter) in placed:
        at = node.at("meters", index)
        other = registers.setdefault(meter.energy_address, meter.id)
        if other != meter.id:
            message = f"the energy of {meter.energy_address!r} is already charged by {other}"
            _written(at, "address").report(message, "every register belongs to one meter")
        owner = relays.setdefault(meter.relay_address, unit) if meter.relay_address else unit
        if owner != unit and other == meter.id:
            message = f"relay {meter.relay_address!r} also switches {owner}"
            _written(at, "relay").report(message, "a relay can only cut one unit")
        there = meter if meter.host is None else hosts.setdefault(meter.host, meter)
        if not is_same_device(there.energy_address, meter.energy_address):
            message = f"at {meter.host} is {there.energy_address!r} of {there.id} already"
            at.at("host").report(message, "write where this device is; each has an address of its own")


def _written(node: Node, key: str) -> Node:
    return next((at for at in (node.at(key), node.at("address")) if at.data), node)
