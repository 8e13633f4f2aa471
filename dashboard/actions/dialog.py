"""The dialog of an action: fill in, confirm, see what came of it."""

from collections.abc import Callable, Mapping
from typing import Final

import streamlit as st
from streamlit.errors import StreamlitAPIException

from dashboard.access import Viewer
from dashboard.actions.action import (
    ACTION_KINDS,
    DECISIONS,
    METHODS,
    Action,
    ActionKind,
    begin,
    close,
    method_name,
    open_action,
)
from dashboard.bridge import BridgeDownError, RefusedError, bridge_client
from dashboard.data.cache import invalidate
from dashboard.settings import settings
from dashboard.text.formatting import money
from dashboard.text.markup import plain
from dashboard.text.translate import _
from meter_bridge.core.money import MoneyError, parse_amount
from meter_bridge.protocol.messages import ErrorCode

MAX_REASON: Final = 500
MAX_REFERENCE: Final = 200


def show_action_button(viewer: Viewer, action: Action, *, key: str, primary: bool = False) -> None:
    """Show the button of an action to a person who may take it and has a token to take it with."""
    kind = ACTION_KINDS[action.kind]
    if viewer.token is None or viewer.role not in kind.roles:
        return
    if st.button(_(kind.title), key=key, type="primary" if primary else "secondary", width="content"):
        begin(action)


def show_open_action(viewer: Viewer) -> None:
    """Show the dialog that is open, outside of what refreshes by itself."""
    action = open_action()
    if action is None:
        return
    kind = ACTION_KINDS[action.kind]
    if viewer.token is None or viewer.role not in kind.roles:
        close()
        return
    st.dialog(f"{_(kind.title)}: {action.name}", on_dismiss=close)(_show_step)(viewer, kind, action)


def _show_step(viewer: Viewer, kind: ActionKind, action: Action) -> None:
    if action.result_lines:
        _show_result(action)
        return
    if action.inputs is None:
        _form(action)
        if action.inputs is None:
            return
    _confirm(viewer, kind, action)


def _rerun() -> None:
    """Show the next step; run the page behind the dialog only where that cannot be avoided."""
    try:
        st.rerun(scope="fragment")
    except StreamlitAPIException:
        st.rerun()


def _form(action: Action) -> None:
    fields = FORMS.get(action.kind)
    if fields is None:
        action.inputs = {}
        return
    with st.form(f"form {action.key}", border=False):
        inputs = fields(action)
        ready = st.form_submit_button(_("Continue"), type="primary")
    if ready and inputs is not None:
        action.inputs = inputs
        _rerun()


def _top_up_fields(action: Action) -> dict[str, str] | None:
    amount = st.text_input(
        _("Amount in {currency}", currency=action.currency), placeholder="100.00", max_chars=20
    ).strip()
    method = st.selectbox(_("Payment method"), METHODS, format_func=method_name)
    reference = st.text_input(_("Receipt or reference"), max_chars=MAX_REFERENCE).strip()
    if not amount:
        return None
    try:
        steps = parse_amount(amount, action.currency)
    except MoneyError as problem:
        st.error(plain(str(problem)))
        return None
    if steps <= 0:
        st.error(_("Enter an amount above zero."))
        return None
    return {"amount": amount, "method": method or METHODS[0], "reference": reference}


def _reason_field(action: Action) -> dict[str, str] | None:
    reason = st.text_input(
        _("Reason"),
        max_chars=MAX_REASON,
        placeholder=_("for example: inspection"),
        key=f"why {action.key}",
    ).strip()
    return {"reason": reason} if reason else None


def _quarantine_fields(action: Action) -> dict[str, str] | None:
    decision = st.radio(
        _("What happened to the register"), list(DECISIONS), format_func=lambda each: _(DECISIONS[each])
    )
    reason = _reason_field(action)
    return None if reason is None or decision is None else {"decision": decision} | reason


FORMS: Final[Mapping[str, Callable[[Action], dict[str, str] | None]]] = {
    "top_up": _top_up_fields,
    "hold": _reason_field,
    "keep_on": _reason_field,
    "quarantine": _quarantine_fields,
}


def _confirm(viewer: Viewer, kind: ActionKind, action: Action) -> None:
    st.markdown(plain(_(kind.question).format(name=action.name, **_described_inputs(action))))
    if action.doubt:
        st.warning(plain(action.doubt), icon=":material/help:")
    with st.container(horizontal=True):
        button = _("The amount is right") if action.doubt else _(kind.button)
        # A key of its own, so that no second press of the first button confirms the amount.
        sure = st.button(button, type="primary", key=f"{'right' if action.doubt else 'sure'} {action.key}")
        if st.button(_("Back"), key=f"back {action.key}"):
            if action.kind in FORMS:
                action.inputs, action.doubt = None, ""
                _rerun()
            close()
            st.rerun()
    if sure:
        _send(viewer, kind, action)


def _described_inputs(action: Action) -> dict[str, str]:
    inputs = dict(action.inputs or {})
    if "amount" in inputs:
        inputs["amount"] = money(parse_amount(inputs["amount"], action.currency), action.currency)
        inputs["method"] = method_name(inputs["method"])
    if "decision" in inputs:
        inputs["decision"] = _(DECISIONS[inputs["decision"]])
    return inputs


def _send(viewer: Viewer, kind: ActionKind, action: Action) -> None:
    """Ask the bridge; without an answer the dialog stays open with the same idempotency key."""
    try:
        with st.spinner(_("Contacting the bridge …")):
            action.result_lines = kind.send(bridge_client(settings()), viewer.token or "", action)
    except BridgeDownError:
        st.error(
            _("The bridge does not respond. It may or may not be done: press again, it counts only once."),
            icon=":material/sync_problem:",
        )
    except RefusedError as refused:
        if refused.code == ErrorCode.CONFIRMATION_NEEDED and not action.doubt:
            action.doubt = refused.message
            _rerun()
        st.error(plain(str(refused)), icon=":material/block:")
    else:
        invalidate()
        _rerun()


def _show_result(action: Action) -> None:
    st.success("  \n".join(plain(line) for line in action.result_lines), icon=":material/check_circle:")
    if st.button(_("Close"), key=f"close {action.key}", type="primary"):
        close()
        st.rerun()
