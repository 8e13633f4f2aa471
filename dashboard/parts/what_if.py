"""What units would have paid under another tariff: asked for, worked out with its progress, shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import streamlit as st

from dashboard.access import Viewer
from dashboard.charts.differences import difference_bars
from dashboard.data.warehouse import Warehouse
from dashboard.exports.tables import what_if_table
from dashboard.parts.files import show_downloads
from dashboard.parts.key_figures import Figure, show_figures
from dashboard.parts.page import card, draw, palette, search_box, show_paged
from dashboard.parts.period import choose_period
from dashboard.parts.tariff_editor import choose_tariff
from dashboard.parts.unit_table import matching
from dashboard.pricing.pricer import PricingError
from dashboard.pricing.what_if import UnitChange, WhatIfAnswer, WhatIfQuestion, what_if
from dashboard.queries.tariffs import Tariff
from dashboard.status.attention import unit_statuses
from dashboard.text.formatting import change, count, day, kwh, money, signed_money
from dashboard.text.markup import Cell, plain, unit_link
from dashboard.text.translate import _, ngettext
from meter_bridge.core.tariff.tariff import TariffVersion
from meter_bridge.text.marks import N_

ANSWER: Final = "what-if answer"
OF_TARIFF: Final = N_("Units with this tariff")
EVERY: Final = N_("All units")
SOME: Final = N_("Units matching a search")


@dataclass(frozen=True, slots=True)
class WhatIfResult:
    """An answer with what was asked."""

    answer: WhatIfAnswer
    first: date
    last: date
    scope_label: str


def show_what_if(
    opened: Warehouse,
    viewer: Viewer,
    tariff: Tariff,
    version: TariffVersion,
    every: Sequence[Tariff],
    with_tariff: tuple[str, ...],
    today: date,
) -> None:
    """Ask for tariff, units and time; show the answer that was worked out last."""
    with card(_("Compare with another tariff")):
        st.caption(
            _(
                "Prices the real load of the units again, by the bridge's own rules, exactly. What "
                "was charged comes from the ledger."
            )
        )
        timeline = choose_tariff(tariff, version, every)
        first, second, third = st.columns([1, 1, 1])
        with first:
            days = choose_period("Last month").between(today)
        whom = second.selectbox(_("Units"), [OF_TARIFF, EVERY, SOME], format_func=_, key="what-if units")
        accounts = _accounts(opened, viewer, whom, with_tariff, third)
        if accounts == ():
            st.info(_("No unit is selected: choose others."), icon=":material/search_off:")
        ready = timeline is not None and accounts != ()
        is_requested = st.button(
            _("Calculate"), type="primary", disabled=not ready, icon=":material/calculate:"
        )
        if is_requested and timeline is not None:
            _compute(
                opened,
                viewer,
                WhatIfQuestion(timeline=timeline, first=days[0], last=days[1], accounts=accounts),
                whom,
            )
        result = st.session_state.get(ANSWER)
        if isinstance(result, WhatIfResult):
            _show(result)


def _accounts(
    opened: Warehouse,
    viewer: Viewer,
    whom: str,
    with_tariff: tuple[str, ...],
    column: st.delta_generator.DeltaGenerator,
) -> tuple[str, ...] | None:
    """Return the chosen units; None means all that the viewer may see."""
    if whom == OF_TARIFF:
        return with_tariff
    if whom == EVERY:
        return None
    text = search_box(_("Unit, customer or site"), "what-if search", column, max_chars=200)
    if not text.strip():
        return ()
    found = matching(opened.cached(unit_statuses, viewer), text)
    column.caption(ngettext("{number} unit", "{number} units", len(found)))
    return tuple(each.unit.id for each in found)


def _compute(opened: Warehouse, viewer: Viewer, question: WhatIfQuestion, whom: str) -> None:
    bar = st.progress(0.0, _("Calculating …"))

    def progress(share: float) -> None:
        bar.progress(min(share, 1.0), _("Calculating …"))

    try:
        answer = what_if(opened, viewer, question, progress)
    except PricingError as problem:
        st.error(plain(str(problem)), icon=":material/error:")
        return
    finally:
        bar.empty()
    st.session_state[ANSWER] = WhatIfResult(answer, question.first, question.last, whom)


def _show(result: WhatIfResult) -> None:
    answer = result.answer
    st.caption(
        _(
            "{whom}, {first} to {last}.",
            whom=_(result.scope_label),
            first=day(result.first),
            last=day(result.last),
        )
    )
    if answer.other_currencies:
        left_out = ngettext("{number} unit", "{number} units", answer.other_currencies)
        st.warning(
            _("{units} in another currency are left out.", units=left_out),
            icon=":material/currency_exchange:",
        )
    if not answer.changes:
        st.info(_("No unit to price in this period."), icon=":material/search_off:")
        return
    show_figures(_figures(answer))
    draw(difference_bars(answer, palette()), "differences")
    show_paged(
        answer.changes,
        lambda each: _row(each, answer.currency),
        (N_("Unit"), N_("Energy"), N_("Charged"), N_("Would have been"), N_("Difference")),
        key="what-if units",
        caption=_("Who would pay more, and who less"),
        many=20,
    )
    show_downloads("what-if", lambda: what_if_table(answer), _("All units as a file"))


def _figures(answer: WhatIfAnswer) -> list[Figure]:
    difference = answer.new - answer.old
    mean = difference // len(answer.changes)
    most, least = answer.changes[0], answer.changes[-1]
    return [
        Figure(_("Charged"), money(answer.old, answer.currency), _("as before")),
        Figure(
            _("Would have been"),
            money(answer.new, answer.currency),
            signed_money(difference, answer.currency),
            change(answer.new, answer.old),
        ),
        Figure(
            _("Pay more"), count(answer.more), _largest_change(most.difference, answer.more, answer.currency)
        ),
        Figure(
            _("Pay less"), count(answer.less), _largest_change(least.difference, answer.less, answer.currency)
        ),
        Figure(_("Per unit"), signed_money(mean, answer.currency), _("on average")),
    ]


def _largest_change(difference: int, units: int, currency: str) -> str:
    return _("at most {amount}", amount=signed_money(difference, currency)) if units else _("nobody")


def _row(each: UnitChange, currency: str) -> list[Cell]:
    share = change(each.new, each.old)
    return [
        Cell(unit_link(each.account_id, each.name)),
        Cell(kwh(each.wh), number=True),
        Cell(money(each.old, currency), number=True),
        Cell(money(each.new, currency), number=True),
        Cell(f"{signed_money(each.difference, currency)}{muted_share(share)}", number=True),
    ]


def muted_share(share: str | None) -> str:
    """Return a change in percent as a secondary line."""
    return f'<span class="pm-soft">{share}</span>' if share else ""
