"""``meter-bridge tariff``."""

from argparse import Namespace
from dataclasses import dataclass
from datetime import UTC, datetime
import os
from pathlib import Path
import sys
from typing import Final
from zoneinfo import ZoneInfo

from meter_bridge.commands import tariff_price, tariff_show
from meter_bridge.commands.check import SITE_FILE, read, tariffs_of
from meter_bridge.commands.command import JSON, action, argument, group
from meter_bridge.commands.load_file import FORMS, PAYMENT_FORM, read_load, read_payments
from meter_bridge.commands.output import Output, plain, print_line
from meter_bridge.commands.parser import USAGE, CommandError
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
UNITS_SOLD: Final = (
    "This tariff sells units. Each unit is priced as if bought in the month in which it is used;\n"
    "add --payments FILE to price actual purchases and carry units over."
)


@dataclass(frozen=True, slots=True)
class TariffOfSite:
    """A tariff with the site in which it is meant."""

    site: SitePlan
    plan: TariffPlan


def _tariffs(path: Path, tariff_id: str | None) -> list[TariffOfSite]:
    sites = tariffs_of(path, read(path))
    found = [TariffOfSite(site, tariff) for site in sites for tariff in site.tariffs]
    if tariff_id is None:
        return found
    named = [tariff for tariff in found if tariff.plan.id == tariff_id]
    if not named:
        remedy = suggest(tariff_id, [tariff.plan.id for tariff in found])
        raise CommandError(f"{path} has no tariff {tariff_id!r}", remedy, USAGE)
    return named


def _check(arguments: Namespace) -> int:
    versions = [
        version for tariff in _tariffs(arguments.file, arguments.tariff) for version in tariff.plan.versions
    ]
    count = f"{len(versions)} version{'' if len(versions) == 1 else 's'}"
    lines = [f"{arguments.file} is valid: every minute of every year has one price in {count}"]
    lines += [f"  {tariff_show.summary(version)}" for version in versions]
    answer = {"versions": [version.id for version in versions], "problems": ()}
    Output(answer, "\n".join(lines)).print(arguments)
    return 0


def _show(arguments: Namespace) -> int:
    (tariff,) = _tariffs(arguments.file, arguments.tariff)
    zone = ZoneInfo(tariff.site.time_zone)
    year = datetime.now(UTC).astimezone(zone).year if arguments.year is None else arguments.year
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise CommandError(f"year {year} is out of range", f"choose {FIRST_YEAR} to {LAST_YEAR}", USAGE)
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    parts = [
        tariff_show.show(tariff.plan, version, year, colour=colour)
        for version in tariff_show.in_year(tariff.plan, year, zone)
    ]
    if not parts:
        start = tariff.plan.versions[0].id.partition("@")[2]
        raise CommandError(f"no version is in force in {year}", f"choose a year from {start}", USAGE)
    text = "\n\n".join(parts)
    print_line(text if colour else plain_lines(text))
    return 0


def plain_lines(text: str) -> str:
    """Return a text of several lines without other control characters."""
    return "\n".join(plain(line) for line in text.split("\n"))


def _price(arguments: Namespace) -> int:
    (tariff,) = _tariffs(arguments.file, arguments.tariff)
    zone = ZoneInfo(tariff.site.time_zone)
    load = read_load(arguments.load, zone)
    terms, history = _terms(arguments, tariff.plan), _history(arguments.history)
    _check_in_force(tariff.plan, load, zone)
    timeline = Timeline(tariff.plan.versions)
    if arguments.payments is not None:
        _price_sale(arguments, tariff, timeline, load, terms)
        return 0
    periods = price_load_profile(timeline, load, terms, history)
    sold = any(sells_units(timeline, interval.start) for interval in (load[0], load[-1]))
    Output(
        tariff_price.as_json(tariff.plan, tariff.site, periods),
        plain_lines(tariff_price.as_text(timeline, tariff.site.currency, periods)),
        UNITS_SOLD if sold else "",
    ).print(arguments)
    return 0


def _price_sale(
    arguments: Namespace,
    tariff: TariffOfSite,
    timeline: Timeline,
    load: tuple[LoadInterval, ...],
    terms: SupplyTerms,
) -> None:
    currency = tariff.site.currency
    if not any(version.basis is BlockBasis.PURCHASE_TIME for version in timeline.versions):
        message = f"tariff {tariff.plan.id} does not sell units, so --payments does not apply"
        raise CommandError(message, "omit --payments", USAGE)
    payments = read_payments(arguments.payments, ZoneInfo(tariff.site.time_zone), currency)
    sale = price_load_with_payments(timeline, load, payments, terms)
    left = {"paid": sale.paid, "money_left": sale.money, "units_left_wh": sale.units}
    text = (
        f"{plain_lines(tariff_price.as_text(timeline, currency, sale.periods))}\n"
        f"\n{format_amount(sale.paid, currency)} paid\n"
        f"left: {format_kwh(sale.units)} bought but not used, {format_amount(sale.money, currency)}"
    )
    Output(tariff_price.as_json(tariff.plan, tariff.site, sale.periods) | left, text).print(arguments)


def _terms(arguments: Namespace, plan: TariffPlan) -> SupplyTerms:
    demands = [version.demand for version in plan.versions if version.demand is not None]
    if arguments.contracted_load is None and any(demand.of is DemandOf.CONTRACTED for demand in demands):
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
    first, start = plan.versions[0].valid_from, load[0].start
    if start < first:
        begins, valid = (
            f"{datetime.fromtimestamp(at // 1000, zone):%Y-%m-%d %H:%M}" for at in (start, first)
        )
        message = f"the load profile starts at {begins}, but tariff {plan.id} at {valid}"
        raise CommandError(message, "omit the earlier intervals, or add a version that starts earlier")


TARIFF: Final = argument("tariff", metavar="TARIFF", help="id of a tariff in the file")
COMMANDS: Final = {
    "tariff": group(
        EPILOG,
        None,
        check=action(
            "validate the tariffs of a file",
            _check,
            SITE_FILE,
            argument("tariff", metavar="TARIFF", nargs="?", help="id of a tariff in the file"),
            JSON,
        ),
        show=action(
            "show a tariff: calendar, daily bands, prices and charges",
            _show,
            SITE_FILE,
            TARIFF,
            argument("--year", type=int, metavar="YEAR", help="year to show (default: current year)"),
        ),
        price=action(
            "price a load profile, line by line",
            _price,
            SITE_FILE,
            TARIFF,
            argument("load", type=Path, metavar="LOAD", help="load profile"),
            argument(
                "--contracted-load", metavar="POWER", help="contracted load of the unit, such as '2 kW'"
            ),
            argument("--free-units", action="store_true", help="the customer is eligible for free units"),
            argument(
                "--history", metavar="KWH,...", help="consumption of earlier months in kWh, oldest first"
            ),
            argument(
                "--payments",
                type=Path,
                metavar="FILE",
                help=f"payments that buy units, in columns {PAYMENT_FORM}",
            ),
            argument("--json", action="store_true", help="print JSON with exact amounts"),
        ),
    )
}
