"""The report of a portfolio: a month in figures, by day, site, price list and unit, with debts and alerts."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import msgspec

from dashboard.access import Viewer
from dashboard.charts.money import AGES
from dashboard.charts.template import band_name
from dashboard.data.warehouse import Warehouse
from dashboard.queries.debts import Debtor, debtors
from dashboard.queries.payments import PaymentFilter, payment_sums
from dashboard.queries.sums import (
    AlertCount,
    DaySums,
    LineSums,
    UnitSums,
    alert_counts,
    day_sums,
    line_sums,
    unit_sums,
)
from dashboard.queries.units import Unit, unit_names, units
from dashboard.reports.months import last_day
from dashboard.text.formatting import count, day, kwh, moment, money
from dashboard.text.labels import alert_label, spelled
from dashboard.text.translate import _, inside, ngettext, on_paper
from meter_bridge.printing.document import (
    Bar,
    BarChart,
    BarPart,
    Colour,
    Figure,
    Row,
    Table,
    part_height,
    table,
)
from meter_bridge.printing.typesetter_child import typeset

MAX_UNITS: Final = 400
"""A longer list is no paper any more; the file of the page *Units* has all."""
LAYOUT: Final = Path(__file__).with_name("portfolio.typ")


@dataclass(frozen=True, slots=True)
class CurrencySection:
    """A currency's figures and pictures."""

    figures: tuple[Figure, ...]
    pictures: tuple[BarChart, ...]


@dataclass(frozen=True, slots=True)
class Portfolio:
    """Everything that stands on the paper."""

    title: str
    heading: str
    month: str
    about: str
    made: str
    currencies: tuple[CurrencySection, ...]
    parts: tuple[Table, ...]


def portfolio_pdf(opened: Warehouse, viewer: Viewer, month: date) -> bytes:
    """Return the report of a month as PDF."""
    with on_paper():
        return typeset(msgspec.json.encode(build_portfolio(opened, viewer, month)).decode(), LAYOUT)


def build_portfolio(opened: Warehouse, viewer: Viewer, month: date) -> Portfolio:
    """Return what stands on the report, every text ready made."""
    last = last_day(month)
    by_unit = unit_sums(opened, viewer, month, last)
    by_day = day_sums(opened, viewer, month, last)
    known = {unit.id: unit for unit in units(opened, viewer)}
    owing = debtors(opened, viewer)
    paid: dict[tuple[str, date], int] = defaultdict(int)
    for taking in payment_sums(opened, viewer, PaymentFilter(first=month, last=last)):
        paid[taking.currency, taking.day] += taking.amount - taking.back
    currencies = sorted({each.currency for each in by_unit})
    span = f"{day(month)} – {day(last)}"
    where = unit_names(opened, viewer)
    return Portfolio(
        title=f"{_('Portfolio report')}, {span}",
        heading=_("Portfolio report"),
        month=span,
        about=_subject(sorted({place.site_name for place in where})),
        made=_as_of_text(opened, where[0].time_zone if where else "UTC"),
        currencies=tuple(
            CurrencySection(
                _figures(currency, by_unit, owing, known),
                _pictures(currency, (month, last), by_day, paid),
            )
            for currency in currencies
        ),
        parts=(
            *_sites(by_unit),
            _lines(line_sums(opened, viewer, month, last)),
            _debts(owing, opened.as_of or 0),
            _alerts(alert_counts(opened, viewer, month, last)),
            _units(by_unit, known),
        ),
    )


def _subject(sites: Sequence[str]) -> str:
    return sites[0] if len(sites) == 1 else ngettext("{number} site", "{number} sites", len(sites))


def _as_of_text(opened: Warehouse, zone: str) -> str:
    return _("Figures as of {instant}, {zone}", instant=moment(opened.as_of or 0, zone), zone=zone)


def _figures(
    currency: str, by_unit: Sequence[UnitSums], owing: Sequence[Debtor], known: Mapping[str, Unit]
) -> tuple[Figure, ...]:
    mine = [each for each in by_unit if each.currency == currency]
    off = sum(known[each.account_id].supply_state != "connected" for each in mine)
    owed = [each.owed for each in owing if each.currency == currency]
    charged, used = sum(each.charged for each in mine), sum(each.wh for each in mine)
    return (
        Figure(_("Paid in"), money(sum(each.paid for each in mine), currency), _("in the month")),
        Figure(_("Charged"), money(charged, currency), _("taxes included")),
        Figure(_("Energy"), kwh(used), _mean_price(charged, used, currency)),
        Figure(
            _("Owed now"),
            money(sum(owed), currency),
            ngettext("{number} customer", "{number} customers", len(owed)),
        ),
        Figure(_("Units"), count(len(mine)), _("{number} not connected now", number=count(off))),
    )


def _mean_price(charged: int, used: int, currency: str) -> str:
    return _("{price} a kWh", price=money(charged * 1000 // used, currency)) if used else ""


def _pictures(
    currency: str,
    span: tuple[date, date],
    by_day: Sequence[DaySums],
    paid: Mapping[tuple[str, date], int],
) -> tuple[BarChart, ...]:
    days = [span[0] + timedelta(days=each) for each in range((span[1] - span[0]).days + 1)]
    found = {each.day: each for each in by_day if each.currency == currency}
    charged = [found[each].charged if each in found else 0 for each in days]
    used = [found[each].wh if each in found else 0 for each in days]
    came = [paid.get((currency, each), 0) for each in days]
    both = (
        _picture(
            _("Paid in and charged by day"),
            days,
            {_("Paid in"): came, _("Charged"): charged},
            lambda most: money(most, currency),
        ),
        _picture(_("Energy by day"), days, {_("Energy"): used}, kwh),
    )
    return tuple(each for each in both if each is not None)


def _picture(
    name: str, days: Sequence[date], series: Mapping[str, Sequence[int]], value_text: Callable[[int], str]
) -> BarChart | None:
    highest = max(max(values) for values in series.values())
    if highest <= 0:
        return None
    bars = tuple(
        Bar(
            str(day.day),
            tuple(
                BarPart(colour, part_height(values[place], highest))
                for colour, values in enumerate(series.values())
            ),
        )
        for place, day in enumerate(days)
    )
    tallest = value_text(highest)
    colours = tuple(Colour(title, colour) for colour, title in enumerate(series))
    return BarChart(name, tallest, _("highest {amount}", amount=tallest), bars, colours)


def _sites(by_unit: Sequence[UnitSums]) -> tuple[Table, ...]:
    names = sorted({(each.site_name, each.currency) for each in by_unit})
    if len(names) < 2:  # noqa: PLR2004 - one site is the whole
        return ()
    rows = []
    for site, currency in names:
        mine = [each for each in by_unit if (each.site_name, each.currency) == (site, currency)]
        rows.append(
            Row(
                (
                    site,
                    count(len(mine)),
                    kwh(sum(each.wh for each in mine)),
                    money(sum(each.charged for each in mine), currency),
                    money(sum(each.paid for each in mine), currency),
                )
            )
        )
    columns = (_("Site"), _("Units"), _("Energy"), _("Charged"), _("Paid in"))
    return (table(_("Sites"), columns, tuple(rows)),)


def _lines(lines: Sequence[LineSums]) -> Table:
    rows = [
        Row(
            (
                _line_name(line),
                kwh(line.wh) if line.wh else "",
                money(line.amount, line.currency),
                money(line.tax, line.currency),
                money(line.amount + line.tax, line.currency),
            )
        )
        for line in lines
    ]
    columns = (_("Price list and line"), _("Energy"), _("Before tax"), _("Tax"), _("Charged"))
    return table(_("Revenue by tariff"), columns, tuple(rows), "" if rows else _("Nothing was charged."))


def _line_name(line: LineSums) -> str:
    kind = _("Energy") if line.kind == "consumption" else _(spelled(line.kind).capitalize())
    block = "" if line.block is None else _("block {number}", number=line.block)
    band = "" if line.band is None else inside(band_name(line.band))
    return " · ".join(part for part in (line.version_id, kind, block, band) if part)


def _debts(owing: Sequence[Debtor], now: int) -> Table:
    rows = []
    for currency in sorted({each.currency for each in owing}):
        mine = [each.ages(now) for each in owing if each.currency == currency]
        sums = [sum(column) for column in zip(*mine, strict=True)]
        cells = (currency, *(money(amount, currency) for amount in (*sums, sum(sums))))
        rows.append(Row(cells))
    columns = (_("Currency"), *(_(name) for name in AGES), _("Owed now"))
    return table(_("Age of what is owed"), columns, tuple(rows), "" if rows else _("Nobody owes anything."))


def _alerts(alerts: Sequence[AlertCount]) -> Table:
    rows = tuple(
        Row((alert_label(each.kind).said, count(each.many), count(each.still_open))) for each in alerts
    )
    columns = (_("Alert"), _("Opened"), _("Still open"))
    return table(_("Alerts"), columns, rows, "" if rows else _("No alert opened."))


def _units(by_unit: Sequence[UnitSums], known: Mapping[str, Unit]) -> Table:
    """Return every unit; of more than ``MAX_UNITS`` those that were charged most."""
    shown = (
        sorted(by_unit, key=lambda each: -each.charged)[:MAX_UNITS] if len(by_unit) > MAX_UNITS else by_unit
    )
    rows = tuple(
        Row(
            (
                " · ".join(part for part in (each.name, each.customer) if part),
                kwh(each.wh),
                money(each.charged, each.currency),
                money(each.paid, each.currency),
                money(known[each.account_id].available, each.currency),
            )
        )
        for each in shown
    )
    note = ""
    if len(shown) < len(by_unit):
        note = _(
            "The {number} with the highest charges, of {all}.",
            number=count(MAX_UNITS),
            all=count(len(by_unit)),
        )
    columns = (_("Unit"), _("Energy"), _("Charged"), _("Paid in"), _("Balance now"))
    return table(_("Units"), columns, rows, note)
