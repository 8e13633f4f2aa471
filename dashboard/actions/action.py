"""The actions that a person can take: the open dialog, and how each kind is requested from the bridge."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, cast
import uuid

import streamlit as st

from dashboard.bridge import BridgeClient, Response
from dashboard.text.formatting import kwh, money
from dashboard.text.labels import alert_label, reason_text, spelled, split_label, supply_label
from dashboard.text.translate import _
from meter_bridge.protocol.messages import Role
from meter_bridge.text.marks import N_

SESSION_KEY: Final = "action"


@dataclass(slots=True)
class Action:
    """An open dialog: what it is about, what was filled in, and what came of it."""

    kind: str
    target_id: str
    """Id of the account, meter or alert."""
    name: str
    """What the person calls it."""
    currency: str = ""
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    """Idempotency key of this dialog: pressing twice, or again after a lost answer, books once."""
    inputs: dict[str, str] | None = None
    """What is asked for, once the form is complete."""
    doubt: str = ""
    """Why the bridge asks once more; sending it again confirms what was given."""
    result_lines: list[str] = field(default_factory=list)
    """What came of it, once the bridge answered."""


def begin(action: Action) -> None:
    """Open a dialog; the whole page runs again, so that refreshing the page's data leaves it open."""
    st.session_state[SESSION_KEY] = action
    st.rerun()


def open_action() -> Action | None:
    """Return the open dialog's action."""
    found = st.session_state.get(SESSION_KEY)
    return found if isinstance(found, Action) else None


def close() -> None:
    """Forget the dialog."""
    st.session_state.pop(SESSION_KEY, None)


STAFF: Final = frozenset({Role.LANDLORD, Role.CARETAKER})
LANDLORD: Final = frozenset({Role.LANDLORD})
TENANT: Final = frozenset({Role.TENANT, Role.LANDLORD})


@dataclass(frozen=True, slots=True)
class ActionKind:
    """A kind of action: who may take it, what its dialog says, and what it asks."""

    title: str
    roles: frozenset[Role]
    question: str
    """What the person confirms; filled with the name and what was given."""
    button: str
    send: Callable[[BridgeClient, str, Action], list[str]]


def _top_up(bridge: BridgeClient, token: str, action: Action) -> list[str]:
    inputs = action.inputs or {}
    body = {"amount": inputs["amount"], "method": inputs["method"]}
    if inputs.get("reference"):
        body["reference"] = inputs["reference"]
    path, query = ("accounts", action.target_id, "top-ups"), "confirmed=true" if action.doubt else ""
    answer = bridge.post(token, *path, body=body, key=action.key, query=query).json()
    booked = cast("dict[str, object]", answer["top_up"])
    split = cast("dict[str, int]", booked["split"])
    lines = [_("Booked as {id}.", id=booked["id"])]
    lines += [
        _("{amount} to {where}", amount=money(part, action.currency), where=split_label(name))
        for name, part in split.items()
        if part
    ]
    if bought := cast("int", booked.get("units_wh", 0)):
        lines.append(_("Bought: {energy}", energy=kwh(bought)))
    else:
        available = cast("int", answer["available"])
        lines.append(_("Available now: {amount}", amount=money(available, action.currency)))
    return [*lines, _supply_text(cast("dict[str, object]", answer["supply"]))]


def _switch(position: str) -> Callable[[BridgeClient, str, Action], list[str]]:
    def ask(bridge: BridgeClient, token: str, action: Action) -> list[str]:
        body: dict[str, object] = {"action": position}
        if reason := (action.inputs or {}).get("reason"):
            body["reason"] = reason
        return [_supply_text(bridge.post(token, "accounts", action.target_id, "supply", body=body).json())]

    return ask


def _supply_text(view: Mapping[str, object]) -> str:
    return f"{supply_label(str(view['state'])).said}: {reason_text(str(view['reason']))}"


def _quarantine(bridge: BridgeClient, token: str, action: Action) -> list[str]:
    inputs = action.inputs or {}
    body = {"decision": inputs["decision"], "reason": inputs["reason"]}
    view = bridge.post(token, "meters", action.target_id, "quarantine", body=body).json()
    return [_("Decided. Metering continues from {energy}.", energy=kwh(cast("int", view["register_wh"])))]


def _acknowledge(bridge: BridgeClient, token: str, action: Action) -> list[str]:
    view = bridge.post(token, "alerts", action.target_id, "acknowledge").json()
    return [_("{alert}: acknowledged.", alert=alert_label(str(view["kind"])).said)]


def _emergency(bridge: BridgeClient, token: str, action: Action) -> list[str]:
    answer: Response = bridge.post(
        token, "accounts", action.target_id, "emergency-credit", body={}, key=action.key
    )
    view = answer.json()
    available = _("Available now: {amount}", amount=money(cast("int", view["available"]), action.currency))
    return [
        _("Emergency credit is selected."),
        available,
        _supply_text(cast("dict[str, object]", view["supply"])),
    ]


ACTION_KINDS: Final = {
    "top_up": ActionKind(
        N_("Top up"), LANDLORD, N_("Book {amount} ({method}) for {name}?"), N_("Book it"), _top_up
    ),
    "hold": ActionKind(
        N_("Hold off"),
        STAFF,
        N_("Switch {name} off and hold it off? The customer is shown: {reason}"),
        N_("Hold off"),
        _switch("off"),
    ),
    "restore": ActionKind(
        N_("Lift the hold"),
        STAFF,
        N_("Lift the hold on {name}? Credit decides again."),
        N_("Lift it"),
        _switch("auto"),
    ),
    "keep_on": ActionKind(
        N_("Keep on"),
        LANDLORD,
        N_("Keep {name} on, whatever the credit? The customer is shown: {reason}"),
        N_("Keep on"),
        _switch("on"),
    ),
    "confirm": ActionKind(
        N_("Switch on"),
        TENANT,
        N_("Switch {name} on? Make sure that nothing dangerous is plugged in."),
        N_("Switch on"),
        _switch("confirm"),
    ),
    "quarantine": ActionKind(
        N_("Decide"), STAFF, N_("{name}: {decision}? Recorded reason: {reason}"), N_("Decide"), _quarantine
    ),
    "acknowledge": ActionKind(
        N_("Acknowledge"),
        STAFF,
        N_("Acknowledge: {name}? It stays open until its cause is gone."),
        N_("Acknowledge"),
        _acknowledge,
    ),
    "emergency": ActionKind(
        N_("Use emergency credit"),
        TENANT,
        N_("Use emergency credit? The next top-up repays it first."),
        N_("Use it"),
        _emergency,
    ),
}
METHODS: Final = (N_("cash"), N_("transfer"), N_("card"), N_("voucher"))
DECISIONS: Final = {
    "accept": N_("Accept: the increase was really used; charge it"),
    "discard": N_("Discard: charge nothing, continue from what the meter shows now"),
    "new_epoch": N_("New register: it was reset; charge nothing and start again from what it shows"),
}


def method_name(method: str) -> str:
    """Return how a payment came, in words."""
    return _(spelled(method).capitalize())
