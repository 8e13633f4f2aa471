"""How the bridge and its meters are: health, what waits for a decision, meters by family, the data shown."""

from collections.abc import Sequence
from html import escape
import time
from typing import Final

import streamlit as st

from dashboard.access import Viewer
from dashboard.actions.action import Action
from dashboard.actions.dialog import show_action_button
from dashboard.data.cache import data_dir
from dashboard.data.snapshot_sql import Scope
from dashboard.data.warehouse import Warehouse
from dashboard.parts.key_figures import Figure, show_figures
from dashboard.parts.page import (
    STALE_MS,
    card,
    show_alerts,
    show_no_units,
    show_page,
    show_paged,
    show_staleness,
)
from dashboard.queries.alerts import site_alerts
from dashboard.queries.meters import Meter, Quarantine, export_progress, meters, quarantines
from dashboard.queries.units import unit_names
from dashboard.text.formatting import ago, count, kwh, moment, short_moment
from dashboard.text.labels import CAUSES, Label, family_name
from dashboard.text.markup import Cell, chip, muted, page_title, unit_link
from dashboard.text.translate import _, ngettext
from meter_bridge.text.marks import N_

OFFLINE: Final = Label(N_("Offline"), "sensors_off", "amber")
HEARD: Final = Label(N_("Online"), "sensors", "green")
SILENT: Final = Label(N_("Never seen"), "help", "grey")
ABOUT: Final = N_("""\
Every figure comes from the bridge's ledger: posted balances, consumption since the last posting, and the
segments of at most 15 minutes that make up each charge. Reading never changes anything and never makes the
bridge wait; changes are requested from the bridge with your own token.

- **Balance** is the posted balance less what was used since the last posting.
- **Days left** is the bridge's forecast: recent consumption, priced ahead through blocks, bands and fixed
  charges. It stays *not yet known* until there are three full days of data.
- **7 days** are the last 168 hours, compared with the 168 before.
- Times are those of the site, amounts in its currency.
""")


def show() -> None:
    """Show the page."""
    show_page(_system, Scope(kind="system"))


def _system(opened: Warehouse, viewer: Viewer) -> None:
    known = opened.cached(unit_names, viewer)
    zone = known[0].time_zone if known else "UTC"
    st.html(page_title(_("System"), _("the bridge, its meters, and the data shown here")))
    show_staleness(opened, zone)
    every, waiting = opened.cached(meters, viewer), opened.cached(quarantines, viewer)
    _health(opened, zone, every, waiting)
    show_alerts(opened.cached(site_alerts, viewer))
    if waiting:
        _quarantines(waiting, viewer)
    if not known:
        show_no_units()
    else:
        _meters(every, int(time.time() * 1000))
    _about(opened, zone)


def _health(opened: Warehouse, zone: str, every: Sequence[Meter], waiting: Sequence[Quarantine]) -> None:
    now = int(time.time() * 1000)
    silent = opened.as_of is None or now - opened.as_of > STALE_MS
    newest = _("no data yet") if opened.as_of is None else moment(opened.as_of, zone)
    offline = sum(meter.silent_since is not None for meter in every)
    done, last = opened.cached(export_progress)
    show_figures(
        [
            Figure(_("Bridge"), _("Not responding") if silent else _("Running"), newest),
            Figure(_("Meters"), count(len(every)), _("{number} offline", number=count(offline))),
            Figure(_("To decide"), count(len(waiting)), _("registers in quarantine")),
            Figure(
                _("Journal"), count(last), _("{number} entries not yet exported", number=count(last - done))
            ),
        ]
    )


def _quarantines(waiting: Sequence[Quarantine], viewer: Viewer) -> None:
    with card(_("Registers to decide")):
        st.caption(_("None of these readings is charged before somebody decides what happened."))
        shown = show_paged(
            waiting,
            _quarantine_row,
            (N_("Unit"), N_("What happened"), N_("Charged up to"), N_("Shows"), N_("Since")),
            key="quarantines",
            caption=_("Registers to decide"),
            many=10,
        )
        for one in shown:
            with st.container(horizontal=True, vertical_alignment="center"):
                action = Action("quarantine", one.meter_id, f"{one.unit}, {one.meter_name}")
                show_action_button(viewer, action, key=f"decide {one.id}")
                if viewer.token is not None:
                    st.caption(f"{one.unit} · {one.meter_name}")


def _quarantine_row(one: Quarantine) -> list[Cell]:
    return [
        Cell(f"{unit_link(one.account_id, one.unit)}{muted(one.meter_name)}"),
        Cell(_(CAUSES.get(one.cause, one.cause))),
        Cell(kwh(one.watermark_wh), number=True),
        Cell(kwh(one.register_wh), number=True),
        Cell(short_moment(one.opened_at, one.time_zone), number=True),
    ]


def _meters(every: Sequence[Meter], now: int) -> None:
    with card(_("Meters")):
        if not every:
            st.caption(_("No meter is assigned to a unit yet; `meter-bridge meters` lists the meters found."))
            return
        families = sorted({meter.family for meter in every})
        text = " · ".join(
            f"{family_name(each)} {count(sum(one.family == each for one in every))}" for each in families
        )
        st.caption(text)
        wanted = st.pills(
            _("Family"), families, format_func=family_name, key="family", label_visibility="collapsed"
        )
        chosen = [meter for meter in every if wanted in (None, meter.family)]
        show_paged(
            chosen,
            lambda meter: _meter_row(meter, now),
            (N_("Meter"), N_("Unit"), N_("Address"), N_("Last reading")),
            key="meters",
            caption=ngettext("{number} meter", "{number} meters", len(chosen)),
            many=25,
        )


def _meter_row(meter: Meter, now: int) -> list[Cell]:
    word = SILENT if meter.read_at is None else HEARD
    when = "" if meter.read_at is None else muted(ago(meter.read_at, now))
    if meter.silent_since is not None:
        word = OFFLINE
        when = muted(_("since {when}", when=short_moment(meter.silent_since, meter.time_zone)))
    return [
        Cell(f"{escape(meter.name)}{muted(family_name(meter.family))}"),
        Cell(unit_link(meter.account_id, meter.unit)),
        Cell(muted(meter.address)),
        Cell(f"{chip(word)}{when}", number=True),
    ]


def _about(opened: Warehouse, zone: str) -> None:
    with st.expander(_("How to read the figures")):
        st.markdown(_(ABOUT))
    newest = _("no data yet") if opened.as_of is None else f"{moment(opened.as_of, zone)} ({zone})"
    folder = f"`{data_dir()}`"
    st.caption(_("Folder {folder} · newest data {instant}", folder=folder, instant=newest))


show()
