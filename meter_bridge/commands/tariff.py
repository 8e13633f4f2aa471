"""``meter-bridge tariff``."""

import argparse
from dataclasses import dataclass
from datetime import UTC, datetime
import os
from pathlib import Path
import sys
from typing import Final
from zoneinfo import ZoneInfo

from meter_bridge.commands import site_file, tariff_price, tariff_show
from meter_bridge.commands.errors import USAGE, CommandError
from meter_bridge.commands.load_file import FORMS, PAYMENT_FORM, read_load, read_payments
from meter_bridge.commands.output import plain, print_json, print_line, print_note
from meter_bridge.commands.parser import Parser, add_data
from meter_bridge.config.plan import SitePlan, TariffPlan
from meter_bridge.config.problems import InvalidValueError, suggest
from meter_bridge.config.quantities import watts
from meter_bridge.config.times import FIRST_YEAR, LAST_YEAR
from meter_bridge.core.energy import EnergyError, format_kwh, parse_kwh
from meter_bridge.core.money import format_amount
from meter_bridge.core.rating.load_pricing import LoadInterval, price_load_profile, price_load_with_payments
from meter_bridge.core.rating.rating import SupplyTerms
from meter_bridge.core.rating.unit_purchase import sells_units
from meter_bridge.core.tariff.tariff import BlockBasis, DemandOf, Timeline

EPILOG: Final = f"""\
Needs no bridge. FILE is a site file; only its tariffs are read.

A load file starts with its column names: {FORMS}. A single timestamp is the start of an interval that ends
where the next one starts. Times without an offset are local to the site.

examples:
  meter-bridge tariff check house.yaml
  meter-bridge tariff show house.yaml home --year 2027
  meter-bridge tariff price house.yaml home october.csv
  meter-bridge tariff price kenya.yaml domestic october.csv --history 85,102,97
  meter-bridge tariff price south-africa.yaml tshwane year.csv --payments paid.csv
"""


@dataclass(frozen=True, slots=True)
class Found:
    """A tariff with the site in which it is meant."""

    site: SitePlan
    plan: TariffPlan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True, parser_class=Parser)
    check = actions.add_parser("check", help="validate the tariffs of a file")
    show = actions.add_parser("show", help="show a tariff: calendar, daily bands, prices and charges")
    price = actions.add_parser("price", help="price a load profile, line by line")
    for each in (check, show, price):
        each.add_argument("file", type=Path, metavar="FILE", help="site file, in YAML")
        each.add_argument(
            "tariff",
            metavar="TARIFF",
            nargs="?" if each is check else None,
            help="id of a tariff in the file",
        )
        add_data(each)
    check.set_defaults(act=_check)
    show.add_argument("--year", type=int, metavar="YEAR", help="year to show (default: current year)")
    show.set_defaults(act=_show)
    price.add_argument("load", type=Path, metavar="LOAD", help="load profile")
    price.add_argument(
        "--contracted-load", metavar="POWER", help="contracted load of the unit, such as '2 kW'"
    )
    price.add_argument("--free-units", action="store_true", help="the customer is eligible for free units")
    price.add_argument(
        "--history", metavar="KWH,...", help="consumption of earlier months in kWh, oldest first"
    )
    price.add_argument(
        "--payments",
        type=Path,
        metavar="FILE",
        help=f"payments that buy units, in columns {PAYMENT_FORM}",
    )
    price.add_argument("--json", action="store_true", help="print JSON with exact amounts")
    price.set_defaults(act=_price)


def run(arguments: argparse.Namespace) -> int:
    """Validate or show the tariffs of a file, or price a load profile."""
    arguments.act(arguments)
    return 0


def _tariffs(path: Path, tariff_id: str | None) -> list[Found]:
    """Return the tariffs of a file, or the one that is named."""
    sites = site_file.tariffs_of(path, site_file.read(path))
    found = [Found(site, tariff) for site in sites for tariff in site.tariffs]
    if tariff_id is None:
        return found
    named = [each for each in found if each.plan.id == tariff_id]
    if not named:
        remedy = suggest(tariff_id, [each.plan.id for each in found])
        raise CommandError(f"{path} has no tariff {tariff_id!r}", remedy, USAGE)
    return named


def _check(arguments: argparse.Namespace) -> None:
    found = _tariffs(arguments.file, arguments.tariff)
    versions = sum(len(each.plan.versions) for each in found)
    several = "" if versions == 1 else "s"
    print_line(
        f"{arguments.file} is valid: every minute of every year has one price in {versions} version{several}"
    )
    for each in found:
        for version in each.plan.versions:
            print_line(f"  {tariff_show.summary(version)}")


def _show(arguments: argparse.Namespace) -> None:
    (found,) = _tariffs(arguments.file, arguments.tariff)
    zone = ZoneInfo(found.site.time_zone)
    year = datetime.now(UTC).astimezone(zone).year if arguments.year is None else arguments.year
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise CommandError(f"year {year} is out of range", f"choose {FIRST_YEAR} to {LAST_YEAR}", USAGE)
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    parts = [
        tariff_show.show(found.plan, version, year, colour=colour)
        for version in tariff_show.in_year(found.plan, year, zone)
    ]
    if not parts:
        start = found.plan.versions[0].id.partition("@")[2]
        raise CommandError(f"no version is in force in {year}", f"choose a year from {start}", USAGE)
    print_line(plain_lines("\n\n".join(parts)) if not colour else "\n\n".join(parts))


def plain_lines(text: str) -> str:
    """Return a text of several lines without other control characters."""
    return "\n".join(plain(line) for line in text.split("\n"))


def _price(arguments: argparse.Namespace) -> None:
    (found,) = _tariffs(arguments.file, arguments.tariff)
    zone = ZoneInfo(found.site.time_zone)
    load = read_load(arguments.load, zone)
    terms, history = _terms(arguments, found.plan), _history(arguments.history)
    _check_in_force(found.plan, load, zone)
    timeline = Timeline(found.plan.versions)
    if arguments.payments is not None:
        _price_sale(arguments, found, timeline, load, terms)
        return
    periods = price_load_profile(timeline, load, terms, history)
    if arguments.json:
        print_json(tariff_price.as_json(found.plan, found.site, periods))
        return
    print_line(plain_lines(tariff_price.as_text(timeline, found.site.currency, periods)))
    if any(sells_units(timeline, each.start) for each in (load[0], load[-1])):
        print_note(
            "This tariff sells units. Each unit is priced as if bought in the month in which it is used;"
        )
        print_note("add --payments FILE to price actual purchases and carry units over.")


def _price_sale(
    arguments: argparse.Namespace,
    found: Found,
    timeline: Timeline,
    load: tuple[LoadInterval, ...],
    terms: SupplyTerms,
) -> None:
    """Price a load whose units were bought by payments."""
    currency = found.site.currency
    if not any(version.basis is BlockBasis.PURCHASE_TIME for version in timeline.versions):
        message = f"tariff {found.plan.id} does not sell units, so --payments does not apply"
        raise CommandError(message, "omit --payments", USAGE)
    payments = read_payments(arguments.payments, ZoneInfo(found.site.time_zone), currency)
    sale = price_load_with_payments(timeline, load, payments, terms)
    if arguments.json:
        left = {"paid": sale.paid, "money_left": sale.money, "units_left_wh": sale.units}
        print_json(tariff_price.as_json(found.plan, found.site, sale.periods) | left)
        return
    print_line(plain_lines(tariff_price.as_text(timeline, currency, sale.periods)))
    print_line(f"\n{format_amount(sale.paid, currency)} paid")
    print_line(f"left: {format_kwh(sale.units)} bought but not used, {format_amount(sale.money, currency)}")


def _terms(arguments: argparse.Namespace, plan: TariffPlan) -> SupplyTerms:
    """Return what the tariff has to know of the unit."""
    demands = [version.demand for version in plan.versions if version.demand is not None]
    if arguments.contracted_load is None and any(each.of is DemandOf.CONTRACTED for each in demands):
        raise CommandError(
            f"tariff {plan.id} charges for contracted load",
            "add --contracted-load '2 kW', for example",
            USAGE,
        )
    try:
        contracted = 0 if arguments.contracted_load is None else watts(arguments.contracted_load)
    except InvalidValueError as error:
        raise CommandError(f"--contracted-load: {error}", error.remedy, USAGE) from error
    return SupplyTerms(None, contracted, arguments.free_units)


def _history(written: str | None) -> tuple[int, ...]:
    """Return the energy of the months before in Wh."""
    try:
        return tuple(parse_kwh(part.strip()) for part in written.split(",")) if written else ()
    except EnergyError as error:
        raise CommandError(f"--history: {error}", "write it like 85,102,97", USAGE) from error


def _check_in_force(plan: TariffPlan, load: tuple[LoadInterval, ...], zone: ZoneInfo) -> None:
    """Refuse a load that begins before there is a price."""
    first, start = plan.versions[0].valid_from, load[0].start
    if start < first:
        told = [f"{datetime.fromtimestamp(at // 1000, zone):%Y-%m-%d %H:%M}" for at in (start, first)]
        message = f"the load profile starts at {told[0]}, but tariff {plan.id} at {told[1]}"
        raise CommandError(message, "omit the earlier intervals, or add a version that starts earlier")
