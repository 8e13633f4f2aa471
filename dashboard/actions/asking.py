"""How each action is asked of the bridge, and what its answer says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, cast

from dashboard.actions.action import Action
from dashboard.bridge import Answer, Bridge
from dashboard.text.formatting import kwh, money
from dashboard.text.labels import alert_word, reason_text, spelled, split_word, supply_word
from dashboard.text.translate import say
from meter_bridge.protocol.messages import Role

STAFF: Final = frozenset({Role.LANDLORD, Role.CARETAKER})
LANDLORD: Final = frozenset({Role.LANDLORD})
TENANT: Final = frozenset({Role.TENANT, Role.LANDLORD})


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of action: who may take it, what its dialog says, and what it asks."""

    title: str
    roles: frozenset[Role]
    question: str
    """What the person confirms; filled with the name and what was given."""
    button: str
    ask: Callable[[Bridge, str, Action], list[str]]


def _top_up(bridge: Bridge, token: str, action: Action) -> list[str]:
    """Book a payment and say where it went."""
    given = action.filled or {}
    body = {"amount": given["amount"], "method": given["method"]}
    if given.get("reference"):
        body["reference"] = given["reference"]
    answer = bridge.post(token, "accounts", action.about, "top-ups", body=body, key=action.key).json()
    booked = cast("dict[str, object]", answer["top_up"])
    split = cast("dict[str, int]", booked["split"])
    told = [say("Booked as {id}.", id=booked["id"])]
    told += [
        say("{amount} to {where}", amount=money(part, action.currency), where=split_word(name))
        for name, part in split.items()
    ]
    told.append(
        say("Available now: {amount}", amount=money(cast("int", answer["available"]), action.currency))
    )
    return [*told, _supply(cast("dict[str, object]", answer["supply"]))]


def _switch(what: str) -> Callable[[Bridge, str, Action], list[str]]:
    """Return what asks for a position of the supply."""

    def ask(bridge: Bridge, token: str, action: Action) -> list[str]:
        body: dict[str, object] = {"action": what}
        if reason := (action.filled or {}).get("reason"):
            body["reason"] = reason
        return [_supply(bridge.post(token, "accounts", action.about, "supply", body=body).json())]

    return ask


def _supply(view: Mapping[str, object]) -> str:
    """Return how the supply stands now."""
    return f"{supply_word(str(view['state'])).said}: {reason_text(str(view['reason']))}"


def _quarantine(bridge: Bridge, token: str, action: Action) -> list[str]:
    """Decide what a register means."""
    given = action.filled or {}
    body = {"decision": given["decision"], "reason": given["reason"]}
    view = bridge.post(token, "meters", action.about, "quarantine", body=body).json()
    return [say("Decided. It goes on from {energy}.", energy=kwh(cast("int", view["register_wh"])))]


def _acknowledge(bridge: Bridge, token: str, action: Action) -> list[str]:
    """Acknowledge an alert."""
    view = bridge.post(token, "alerts", action.about, "acknowledge").json()
    return [say("{alert}: acknowledged.", alert=alert_word(str(view["kind"])).said)]


def _emergency(bridge: Bridge, token: str, action: Action) -> list[str]:
    """Select emergency credit."""
    answer: Answer = bridge.post(token, "accounts", action.about, "emergency-credit", body={}, key=action.key)
    view = answer.json()
    told = say("Available now: {amount}", amount=money(cast("int", view["available"]), action.currency))
    return [say("Emergency credit is selected."), told, _supply(cast("dict[str, object]", view["supply"]))]


KINDS: Final = {
    "top_up": Kind(
        "Top up", LANDLORD, "Book {amount} ({method}) for {name}?", "Book it", _top_up
    ),
    "hold": Kind(
        "Hold off", STAFF, "Switch {name} off and hold it off? The customer is shown: {reason}", "Hold off",
        _switch("off"),
    ),
    "restore": Kind(
        "Lift the hold", STAFF, "Lift the hold on {name}? Credit decides again.", "Lift it", _switch("auto")
    ),
    "keep_on": Kind(
        "Keep on", LANDLORD, "Keep {name} on, whatever the credit? The customer reads: {reason}", "Keep on",
        _switch("on"),
    ),
    "confirm": Kind(
        "Switch on", TENANT, "Switch {name} on? Make sure that nothing dangerous is plugged in.", "Switch on",
        _switch("confirm"),
    ),
    "quarantine": Kind(
        "Decide", STAFF, "{name}: {decision}? On record: {reason}", "Decide", _quarantine
    ),
    "acknowledge": Kind(
        "Acknowledge", STAFF, "Acknowledge: {name}? It stays open until its cause is gone.", "Acknowledge",
        _acknowledge,
    ),
    "emergency": Kind(
        "Use emergency credit", TENANT, "Use emergency credit? The next top-up repays it first.", "Use it",
        _emergency,
    ),
}  # fmt: skip
METHODS: Final = ("cash", "transfer", "card", "voucher")
DECISIONS: Final = {
    "accept": "Accept: the rise was really used, charge it",
    "discard": "Discard: charge nothing of it, go on from what the meter shows now",
    "new_epoch": "New counter: it was reset, charge nothing and begin anew from what it shows",
}


def method_name(method: str) -> str:
    """Return how a payment came, in words."""
    return say(spelled(method).capitalize())
