"""A tariff: its year, its ladder, what a month costs, how far loads get; and what another would change."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from html import escape
from typing import Final

import streamlit as st

from dashboard.access import Viewer
from dashboard.charts.consumption import load_duration_curve, use_against_blocks
from dashboard.charts.tariff import block_prices, build_tariff_year, cost_curve, price_with_tax, tariff_year
from dashboard.data.warehouse import Warehouse, local_date
from dashboard.parts.page import card, draw, palette, show_next_step, show_no_units, show_page, show_staleness
from dashboard.parts.tariff_editor import version_name
from dashboard.parts.what_if import show_what_if
from dashboard.pricing.curve import highest_use, month_costs
from dashboard.queries.consumption import load_duration
from dashboard.queries.sums import newest_day, used_by_unit
from dashboard.queries.tariffs import Tariff, supply_tariffs, tariffs
from dashboard.queries.units import unit_names
from dashboard.text.formatting import day, price
from dashboard.text.labels import unique_labels
from dashboard.text.markup import Cell, muted, page_title, table
from dashboard.text.translate import _, ngettext
from meter_bridge.config.describe import show_charges
from meter_bridge.core.tariff.periods import PeriodUnit
from meter_bridge.core.tariff.tariff import TariffVersion
from meter_bridge.text.marks import N_

LOAD_DAYS: Final = 28
WEEK: Final = 7
MANY_UNITS: Final = 1_000
"""From so many units on, a week says what the curve is and four would keep people waiting."""
NONE_YET: Final = N_(
    "Describe a tariff below a site in the site file and apply it: `meter-bridge apply site.yaml`."
)


def show() -> None:
    """Show the page."""
    show_page(_tariffs)


def _tariffs(opened: Warehouse, viewer: Viewer) -> None:
    st.html(page_title(_("Tariffs"), _("what a kWh costs when, and what another tariff would change")))
    known = opened.cached(unit_names, viewer)
    every = opened.cached(tariffs, viewer)
    today = opened.cached(newest_day, viewer)
    if not known or today is None:
        show_no_units()
        return
    if not every:
        show_next_step(_("No tariff yet"), "", _(NONE_YET), "receipt")
        return
    show_staleness(opened, known[0].time_zone)
    with_units = opened.cached(_units_by_tariff, viewer)
    tariff = _choose(every, with_units, {place.site_id: place.site_name for place in known})
    version = _choose_version(tariff, opened.as_of or 0)
    units = with_units.get(tariff.id, ())
    _about(tariff.name, version, units)
    _year(version, today)
    _prices(opened, viewer, version, units, today)
    _load(opened, viewer, version, units, today)
    show_what_if(opened, viewer, tariff, version, every, units, today)


def _units_by_tariff(opened: Warehouse, viewer: Viewer) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for each in opened.cached(supply_tariffs, viewer):
        listed = found.setdefault(each.tariff_id, [])
        if each.account_id not in listed[-1:]:
            listed.append(each.account_id)
    return {tariff_id: tuple(dict.fromkeys(accounts)) for tariff_id, accounts in found.items()}


def _choose(
    every: Sequence[Tariff], units: Mapping[str, tuple[str, ...]], sites: Mapping[str, str]
) -> Tariff:
    ranked = sorted(every, key=lambda each: (-len(units.get(each.id, ())), each.name))
    known = {each.id: each for each in ranked}
    if len(known) == 1:
        return ranked[0]
    labels = unique_labels(known, lambda each: _label(known[each], units.get(each, ()), sites))
    chosen = st.selectbox(
        _("Tariff"),
        list(known),
        format_func=labels.__getitem__,
        key="tariff",
        bind="query-params",
        width=420,
    )
    return known[chosen]


def _label(tariff: Tariff, units: Sequence[str], sites: Mapping[str, str]) -> str:
    where = sites.get(tariff.site_id) if len(sites) > 1 else None
    return " · ".join(
        part for part in (tariff.name, where, ngettext("{number} unit", "{number} units", len(units))) if part
    )


def _choose_version(tariff: Tariff, now: int) -> TariffVersion:
    known = {each.id: each for each in tariff.versions}
    begun = [each for each in tariff.versions if each.valid_from <= now]
    present = (begun or list(tariff.versions))[-1 if begun else 0]
    if len(known) == 1:
        return present
    chosen = st.segmented_control(
        _("Version"),
        list(known),
        default=present.id,
        required=True,
        format_func=unique_labels(known, lambda each: version_name(tariff, known[each])).__getitem__,
        key=f"version of {tariff.id}",
    )
    return known[chosen or present.id]


def _about(name: str, version: TariffVersion, units: Sequence[str]) -> None:
    terms = [(_("Tariff"), name), *_charges(version, units)]
    rows = [[Cell(muted(term)), Cell(escape(words))] for term, words in terms]
    st.html(table((_("Term"), _("Value")), rows, _("Terms of the tariff")))


def _charges(version: TariffVersion, units: Sequence[str]) -> list[tuple[str, str]]:
    """Return name and value of all terms but the prices, in the words of the site file."""
    started = local_date(version.valid_from, version.time_zone)
    since = day(started) if started > date(1971, 1, 1) else _("from the start")
    head = [(_("Units"), ngettext("{number} unit", "{number} units", len(units))), (_("In force"), since)]
    rest = [(name[:1].upper() + name[1:], words) for name, words in show_charges(version)]
    return [*head, *rest, *([(_("Source"), version.source)] if version.source else [])]


def _year(version: TariffVersion, today: date) -> None:
    if len(version.bands) == 1:
        return
    with card(_("The year by hours, {year}", year=today.year)):
        prices = {
            band.name: price(price_with_tax(version, 0, band.name), version.currency)
            for band in version.bands
        }
        draw(tariff_year(build_tariff_year(version.calendar, today.year), prices, palette()), "tariff year")


def _prices(
    opened: Warehouse, viewer: Viewer, version: TariffVersion, units: tuple[str, ...], today: date
) -> None:
    left, right = st.columns(2)
    with card(_("Price of a kWh, {currency}", currency=version.currency), left):
        draw(block_prices(version, palette()), "ladder")
    with card(_("Cost of a month, {currency}", currency=version.currency), right):
        first, after = _last_period(version, today, PeriodUnit.MONTH)
        used = opened.cached(used_by_unit, viewer, first, after, units)
        highest = highest_use(version, used[0][1] if used else 0)
        limits = version.ladders[0].limits if version.block_period.unit is PeriodUnit.MONTH else ()
        curve = month_costs(version, today, _rounded(highest))
        draw(cost_curve({_("This tariff"): curve}, limits, version.currency, palette()), "cost curve")


def _rounded(wh: int) -> int:
    """Round up to 50 kWh, so that the cached curve serves while the month goes on."""
    return -(-wh // 50_000) * 50_000


def _last_period(version: TariffVersion, today: date, least: PeriodUnit) -> tuple[date, date]:
    """Return the last full billing period, or block period where ``least`` is not a month."""
    rule = version.billing_period if least is PeriodUnit.MONTH else version.block_period
    after = rule.start_of(today)
    return rule.start_of(after - timedelta(days=1)), after


def _load(
    opened: Warehouse, viewer: Viewer, version: TariffVersion, units: tuple[str, ...], today: date
) -> None:
    if not units:
        st.caption(_("No unit has this tariff now."))
        return
    left, right = st.columns(2)
    with card(_("Use against blocks, kWh"), left):
        first, after = _last_period(version, today, version.block_period.unit)
        used = [wh for _, wh in opened.cached(used_by_unit, viewer, first, after, units)]
        chart = use_against_blocks(used, version.ladders[0].limits, palette())
        st.caption(_("Units from the one that uses most, {first} to {last}.",
                       first=day(first), last=day(after - timedelta(days=1))))  # fmt: skip
        draw(chart, "use against blocks")
    with card(_("Load duration, kW"), right):
        days = LOAD_DAYS if len(units) < MANY_UNITS else WEEK
        begin = today - timedelta(days=days)
        st.caption(_("All its units together, the last {days} full days.", days=days))
        points = opened.cached(load_duration, viewer, begin, today - timedelta(days=1), units)
        draw(load_duration_curve(points, palette()), "load duration")


show()
