"""The tariff of a what-if: another one, this one with other figures, or one written from scratch."""

from collections.abc import Sequence
from datetime import date
from typing import Final

import streamlit as st

from dashboard.charts.tariff import block_names
from dashboard.charts.template import band_name
from dashboard.data.warehouse import local_date
from dashboard.parts.page import choose_segment
from dashboard.pricing.edited import (
    EditError,
    TariffFigures,
    differences,
    figures_of,
    parse_tariff,
    with_figures,
)
from dashboard.queries.tariffs import Tariff
from dashboard.text.formatting import day as day_text
from dashboard.text.labels import unique_labels
from dashboard.text.markup import plain
from dashboard.text.translate import _, ngettext
from meter_bridge.core.tariff.tariff import TariffVersion, Timeline
from meter_bridge.text import marks
from meter_bridge.text.marks import N_

EDIT: Final = N_("This one with other figures")
OTHER: Final = N_("Another tariff")
TEXT: Final = N_("A tariff in words")
NOUNS: Final = {
    "prices": marks.ngettext("{number} price", "{number} prices"),
    "limits": marks.ngettext("{number} limit", "{number} limits"),
    "charges": marks.ngettext("{number} charge", "{number} charges"),
    "taxes": marks.ngettext("{number} tax", "{number} taxes"),
}
PER: Final = {"day": N_("per day"), "week": N_("per week"), "month": N_("per month")}
EXAMPLE: Final = """\
blocks: [100 kWh, 300 kWh]
bands:
  peak: [{days: mon-fri, from: "17:00", to: "20:00"}]
  off-peak: rest
prices:
  peak: [3.10, 3.60, 4.05]
  off-peak: [2.20, 2.60, 3.05]
standing charge: 4.50 per day
taxes: [{name: VAT, percent: 15}]
"""
FIELDS_PER_ROW: Final = 4
COLUMN: Final = 120
MAX_TEXT: Final = 20_000


def choose_tariff(present: Tariff, version: TariffVersion, every: Sequence[Tariff]) -> Timeline | None:
    """Let the person say which tariff the load is to be priced by; None while it is not one yet."""
    way = choose_segment(_("Compare with"), [EDIT, OTHER, TEXT], EDIT, "what-if way")
    try:
        if way == OTHER:
            return _choose_version(present, version, every)
        if way == TEXT:
            return _edit_text(version)
        return _edit_figures(present, version)
    except EditError as problem:
        st.error("  \n".join(plain(line) for line in str(problem).splitlines()), icon=":material/error:")
        return None


def _choose_version(present: Tariff, version: TariffVersion, every: Sequence[Tariff]) -> Timeline | None:
    known = {
        each.id: (tariff, each)
        for tariff in every
        for each in tariff.versions
        if each.currency == version.currency and each.id != version.id
    }
    if not known:
        st.caption(_("There is no other tariff in {currency}: edit this one.", currency=version.currency))
        return None
    chosen = st.selectbox(
        _("Tariff"),
        list(known),
        format_func=unique_labels(known, lambda each: version_name(*known[each], present)).__getitem__,
        key="other tariff",
    )
    return Timeline((_always_in_force(known[chosen][1]),))


def version_name(tariff: Tariff, version: TariffVersion, present: Tariff | None = None) -> str:
    """Return a version by its tariff and its start."""
    started = local_date(version.valid_from, version.time_zone)
    since = _("from {day}", day=day_text(started)) if started > date(1971, 1, 1) else _("from the start")
    several = len(tariff.versions) > 1 or tariff is present
    return f"{tariff.name}, {since}" if several else tariff.name


def _always_in_force(version: TariffVersion) -> TariffVersion:
    """Return a version as if it had always been in force."""
    return with_figures(version, figures_of(version))


def _edit_figures(present: Tariff, version: TariffVersion) -> Timeline | None:
    before = figures_of(version)
    mark = f"{present.id} {version.id}"
    prices, limits = [], []
    for number in range(len(version.ladders)):
        rows, ends = _ladder(version, number, before, mark)
        prices.append(rows)
        limits.append(ends)
    named = [(charge.name, _(PER[charge.per])) for charge in version.standing]
    named += [(tax.name, "%") for tax in version.taxes]
    values = _fields(named, [*before.standing, *before.taxes], mark)
    many = len(before.standing)
    after = TariffFigures(tuple(prices), tuple(limits), values[:many], values[many:])
    changed = {name: many for name, many in differences(before, after).items() if many}
    if not changed:
        st.caption(
            _("Change a price, limit, charge or tax; amounts in {currency}.", currency=version.currency)
        )
        return None
    text = ", ".join(ngettext(*NOUNS[name], many) for name, many in changed.items())
    st.caption(_("Changed: {figures}.", figures=text))
    return Timeline((with_figures(version, after),))


def _ladder(
    version: TariffVersion, number: int, before: TariffFigures, mark: str
) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    ladder = version.ladders[number]
    column_names = [band_name(band) or _("Price") for band in ladder.bands]
    if len(set(column_names)) < len(column_names):
        column_names = list(ladder.bands)
    columns = {name: [row[place] for row in before.prices[number]] for place, name in enumerate(column_names)}
    ends = _("Up to, kWh")
    if ladder.limits:
        columns = {ends: [*before.limits[number], ""]} | columns
    head = _("Per kWh before tax")
    shown = st.data_editor(
        {head: [name.partition("<br>")[0] for name in block_names(ladder)]} | columns,
        key=f"prices {mark} {number}",
        width="content",
        hide_index=True,
        disabled=[head],
        column_config={
            name: st.column_config.TextColumn(name, width=COLUMN, max_chars=20) for name in columns
        },
    )
    rows = list(zip(*(map(str, shown[name]) for name in columns), strict=True))
    skipped = 1 if ladder.limits else 0
    prices = tuple(row[skipped:] for row in rows)
    return prices, tuple(row[0] for row in rows[:-1]) if ladder.limits else ()


def _fields(named: Sequence[tuple[str, str]], values: Sequence[str], mark: str) -> tuple[str, ...]:
    if not named:
        return ()
    values_given = []
    columns = st.columns(FIELDS_PER_ROW)
    for place, ((name, unit), value) in enumerate(zip(named, values, strict=True)):
        label = f"{plain(name[:1].upper() + name[1:])} ({unit})"
        text = columns[place % FIELDS_PER_ROW].text_input(
            label, value, key=f"charge {mark} {place}", max_chars=20
        )
        values_given.append(text.strip() or "0")
    return tuple(values_given)


def _edit_text(version: TariffVersion) -> Timeline | None:
    text = st.text_area(
        _("As in a site file, below a version's from:"),
        EXAMPLE,
        height=260,
        max_chars=MAX_TEXT,
        key="tariff in words",
        help=_("docs/tariffs.md describes every key. Amounts are in {currency}.", currency=version.currency),
    )
    return Timeline((parse_tariff(text or "", version),)) if text and text.strip() else None
