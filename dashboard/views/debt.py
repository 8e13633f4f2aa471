"""What is owed: how old it is, by which plans it comes back, and emergency credit that is out."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Final

import streamlit as st

from dashboard.access import Viewer
from dashboard.charts.money import AGES, ageing
from dashboard.data.snapshot_sql import Scope
from dashboard.data.warehouse import Warehouse, local_date
from dashboard.exports.tables import debts_table
from dashboard.parts.files import show_downloads
from dashboard.parts.key_figures import Figure, show_figures
from dashboard.parts.page import (
    card,
    draw,
    heading_row,
    palette,
    show_head,
    show_page,
    show_paged,
)
from dashboard.queries.debts import Debtor, debtors, recovered
from dashboard.text.formatting import ago, count, day, money, percent
from dashboard.text.markup import Cell, muted, unit_link
from dashboard.text.translate import _, ngettext
from meter_bridge.core.ledger.debt import Debt
from meter_bridge.core.tariff.tariff import PPM
from meter_bridge.text.marks import N_

RECOVERED_DAYS: Final = 30
ORDERS: Final[dict[str, Callable[[Debtor], tuple[object, ...]]]] = {
    N_("Most owed"): lambda each: (each.currency, -each.owed, each.name),
    N_("Longest owed"): lambda each: (each.since is None, each.since or 0, each.name),
    N_("Last payment, oldest first"): lambda each: (each.paid_at or 0, each.name),
    N_("Name"): lambda each: (each.name.casefold(), each.account_id),
}
EVERY: Final = {"day": N_("per day"), "week": N_("per week"), "month": N_("per month")}


def show() -> None:
    """Show the page."""
    show_page(_debt, Scope(kind="debt"))


def _debt(opened: Warehouse, viewer: Viewer) -> None:
    owing = opened.cached(debtors, viewer)
    detail = ngettext("{number} customer owes", "{number} customers owe", len(owing))
    if not show_head(opened, viewer, _("Debt and arrears"), detail):
        return
    if not owing:
        st.success(_("Nobody owes anything."), icon=":material/check_circle:")
        return
    now = opened.as_of or 0
    back = opened.cached(recovered, viewer, RECOVERED_DAYS)
    for currency in sorted({each.currency for each in owing}):
        mine = [each for each in owing if each.currency == currency]
        show_figures(_figures(mine, currency, back))
        with card(_("Age of what is owed, {currency}", currency=currency)):
            draw(ageing(_ages(mine, now), currency, palette()), f"ageing {currency}")
    _debtors(owing, now)
    _plans([each for each in owing if each.plans and each.debt], now)
    _emergency([each for each in owing if each.emergency], now)


def _figures(owing: Sequence[Debtor], currency: str, back: Mapping[str, int]) -> list[Figure]:
    sums = {
        name: sum(getattr(each, name) for each in owing)
        for name in ("debt", "arrears", "emergency", "overdrawn", "settlement")
    }
    people = ngettext("{number} customer", "{number} customers", len(owing))
    moved = sum(each.former for each in owing)
    return [
        Figure(_("Owed"), money(sum(sums.values()), currency), people),
        Figure(_("Debts"), money(sums["debt"], currency), _("on a plan")),
        Figure(_("Arrears"), money(sums["arrears"], currency), _("charges made without credit")),
        Figure(_("Overdrawn"), money(sums["overdrawn"], currency), _("used beyond the balance")),
        Figure(_("Emergency credit"), money(sums["emergency"], currency), _("repaid first by a top-up")),
        Figure(
            _("Moved out"),
            money(sums["settlement"], currency),
            ngettext("{number} former customer", "{number} former customers", moved),
        ),
        Figure(_("Recovered"), money(back.get(currency, 0), currency), _("in the last 30 days")),
    ]


def _ages(owing: Sequence[Debtor], now: int) -> list[int]:
    return [sum(column) for column in zip(*(each.ages(now) for each in owing), strict=True)]


def _debtors(owing: Sequence[Debtor], now: int) -> None:
    with st.container(border=True):
        with heading_row(_("Debtors")):
            order = st.selectbox(
                _("Sort by"),
                list(ORDERS),
                format_func=_,
                key="debt order",
                bind="query-params",
                width=260,
                label_visibility="collapsed",
            )
        show_paged(
            sorted(owing, key=ORDERS[order]),
            lambda each: _debtor(each, now),
            (N_("Unit"), N_("Owed"), *AGES, N_("Last payment")),
            key="debtors",
            caption=_("Debtors"),
        )
        show_downloads("debts", lambda: debts_table(owing, now), _("All as a file"))


def _debtor(each: Debtor, now: int) -> list[Cell]:
    who = " · ".join(part for part in (each.customer, each.site_name) if part)
    unit = unit_link(each.account_id, each.name) if each.served else escape(each.name)
    return [
        Cell(f"{unit}{muted(who)}"),
        Cell(f"{money(each.owed, each.currency)}{muted(_kinds(each))}", number=True),
        *(
            Cell(money(amount, each.currency) if amount else muted("–"), number=True)
            for amount in each.ages(now)
        ),
        Cell(_last_payment(each, now), number=True),
    ]


def _last_payment(each: Debtor, now: int) -> str:
    if each.paid_at is None:
        return muted("–" if each.former else _("never"))
    return ago(each.paid_at, now)


def _kinds(each: Debtor) -> str:
    kinds = {
        "debt": each.debt,
        "arrears": each.arrears,
        "emergency credit": each.emergency,
        "overdrawn": each.overdrawn,
        "moved out": each.settlement,
    }
    there = [_(name) for name, amount in kinds.items() if amount]
    return ", ".join(there)


def _plans(owing: Sequence[Debtor], now: int) -> None:
    with card(_("Recovery plans")):
        rows = [(each, plan) for each in owing for plan in each.plans if _left(each, plan)]
        show_paged(
            rows,
            lambda row: _plan(*row, now),
            (N_("Unit"), N_("Left"), N_("Plan"), N_("Ends")),
            key="plans",
            caption=_("Recovery plans"),
            many=20,
            none=_("No debt is on a plan."),
        )


def _left(each: Debtor, plan: Debt) -> int:
    return sum(part.amount for part in each.parts if part.bucket == f"debt:{plan.id}")


def _plan(each: Debtor, plan: Debt, now: int) -> list[Cell]:
    left = _left(each, plan)
    return [
        Cell(f"{unit_link(each.account_id, each.name)}{muted(plan.description)}"),
        Cell(money(left, each.currency), number=True),
        Cell(_recovery_text(each, plan)),
        Cell(_paid_off_text(each, plan, left, now), number=True),
    ]


def _recovery_text(each: Debtor, plan: Debt) -> str:
    ways = []
    if plan.rate:
        ways.append(f"{money(plan.rate, each.currency)} {_(EVERY[str(plan.every)])}")
    if plan.percent_ppm:
        ways.append(_("{share} of each top-up", share=percent(plan.percent_ppm / PPM)))
    due = ""
    if plan.rate and plan.due:
        due = muted(_("next on {day}", day=day(local_date(plan.due, each.time_zone))))
    return (", ".join(ways) or _("no plan: nothing is recovered")) + due


def _paid_off_text(each: Debtor, plan: Debt, left: int, now: int) -> str:
    """Return after how many instalments a debt is paid off, top-ups not counted."""
    if not plan.rate:
        return muted(_("with top-ups"))
    many = -(-left // plan.rate)
    days = {"day": 1, "week": 7, "month": 30}[str(plan.every)] * many
    until = local_date((plan.due or now) + (days - 1) * 24 * 3_600_000, each.time_zone)
    instalments = ngettext("{number} instalment", "{number} instalments", many)
    return f"{instalments}{muted(_('by {day}', day=day(until)))}"


def _emergency(owing: Sequence[Debtor], now: int) -> None:
    with card(_("Outstanding emergency credit")):
        if not owing:
            st.caption(_("None outstanding."))
            return
        show_paged(
            sorted(owing, key=lambda each: (each.currency, -each.emergency)),
            lambda each: [
                Cell(f"{unit_link(each.account_id, each.name)}{muted(each.customer)}"),
                Cell(money(each.emergency, each.currency), number=True),
                Cell(_last_payment(each, now), number=True),
            ],
            (N_("Unit"), N_("Outstanding"), N_("Last payment")),
            key="emergency",
            caption=_("Outstanding emergency credit"),
            many=20,
        )
        st.caption(_("{number} in all", number=count(len(owing))))


show()
