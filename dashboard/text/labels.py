"""What states, reasons and alerts are called, with icon and tone; the one place to translate."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
import json
from typing import Final

from dashboard.text.translate import _, language
from meter_bridge.devices.registry import families
from meter_bridge.text.alerts import alert_text
from meter_bridge.text.marks import N_


@dataclass(frozen=True, slots=True)
class Label:
    """A state in words, with a Material Symbol and a tone: green, amber, red or grey."""

    text: str
    """In English."""
    icon: str
    tone: str

    @property
    def said(self) -> str:
        """Return the word in the reader's language."""
        return _(self.text)


UNKNOWN: Final = Label(N_("Not known"), "help", "grey")
VACANT: Final = Label(N_("Vacant"), "meeting_room", "grey")

SUPPLY: Final = {
    "connected": Label(N_("Connected"), "power", "green"),
    "disconnected": Label(N_("Disconnected"), "power_off", "red"),
    "armed": Label(N_("Armed"), "touch_app", "amber"),
}
REASONS: Final = {
    "in_credit": N_("in credit"),
    "credit_exhausted": N_("credit used up"),
    "awaiting_confirmation": N_("waiting for the customer to confirm"),
    "below_restore_minimum": N_("credit still below the minimum to restore"),
    "friendly_hours": N_("no cuts at these hours"),
    "friendly_grace": N_("no cut yet after these hours"),
    "never_cut": N_("never cut"),
    "credit_mode": N_("billed later"),
    "landlord_off": N_("switched off by the landlord"),
    "landlord_on": N_("kept on by the landlord"),
    "clock_unsure": N_("clock not trusted, no cuts"),
    "protection": N_("switched off by a safety protection"),
    "load_limited": N_("credit used up, load limited"),
    "load_limit_exceeded": N_("load limit exceeded"),
    "wear_limit": N_("cut delayed to protect the contactor"),
}
ALERTS: Final = {
    "low_credit": Label(N_("Low credit"), "account_balance_wallet", "amber"),
    "supply_cut": Label(N_("Supply cut"), "power_off", "red"),
    "supply_armed": Label(N_("Supply armed"), "touch_app", "amber"),
    "cut_soon": Label(N_("Cut soon"), "timer", "amber"),
    "load_limited": Label(N_("Load limited"), "speed", "amber"),
    "protection_tripped": Label(N_("Protection tripped"), "electric_bolt", "red"),
    "emergency_credit_available": Label(N_("Emergency credit available"), "add_card", "grey"),
    "emergency_credit_in_use": Label(N_("Emergency credit in use"), "credit_score", "amber"),
    "emergency_credit_exhausted": Label(N_("Emergency credit used up"), "credit_card_off", "red"),
    "meter_offline": Label(N_("Meter offline"), "sensors_off", "amber"),
    "relay_disobeys": Label(N_("Relay not responding"), "sync_problem", "red"),
    "tamper": Label(N_("Tampering"), "gpp_maybe", "red"),
    "register_quarantined": Label(N_("Reading in quarantine"), "rule", "amber"),
    "register_disagrees": Label(N_("Register and power disagree"), "rule", "red"),
    "local_cut_off": Label(N_("Local cut-off not in force"), "content_cut", "amber"),
    "over_voltage": Label(N_("Over-voltage"), "electric_bolt", "amber"),
    "under_voltage": Label(N_("Under-voltage"), "electric_bolt", "amber"),
    "overload": Label(N_("Overload"), "electric_bolt", "amber"),
    "power_outage": Label(N_("Power outage"), "flash_off", "amber"),
    "broker_lost": Label(N_("MQTT broker unreachable"), "cloud_off", "red"),
    "clock_wrong": Label(N_("Bridge clock wrong"), "schedule", "red"),
    "storage_failing": Label(N_("Storage failure"), "hard_drive", "red"),
    "days_left": Label(N_("Few days left"), "hourglass_bottom", "amber"),
    "unusual_consumption": Label(N_("Unusual consumption"), "query_stats", "amber"),
    "no_consumption": Label(N_("No consumption"), "power_settings_new", "amber"),
    "energy_unaccounted": Label(N_("Energy unaccounted for"), "leak_remove", "amber"),
    "notices_failing": Label(N_("Messages not delivered"), "notifications_off", "red"),
    "maintenance_failing": Label(N_("Task of the bridge failing"), "build_circle", "red"),
    "payment_waiting": Label(N_("Payment waiting for a decision"), "pending_actions", "amber"),
    "voucher_guessing": Label(N_("Voucher codes being guessed"), "password", "red"),
    "settings_wrong": Label(N_("Mistake in the settings"), "rule_settings", "red"),
    "ledger_audit": Label(N_("Ledger differs from prices"), "balance", "red"),
}
METHODS: Final = {
    "cash": N_("Cash"),
    "voucher": N_("Voucher"),
    "card": N_("Card"),
    "api": N_("API"),
    "transfer": N_("Transfer"),
}
SPLITS: Final = {
    "balance": N_("balance"),
    "debt": N_("debt"),
    "payment_debt": N_("debt"),
    "emergency_credit": N_("emergency credit"),
    "fees": N_("fees"),
    "arrears": N_("arrears"),
    "units": N_("units"),
}
PROOFS: Final = {
    "pending": Label(N_("Pending"), "pending", "amber"),
    "reported": Label(N_("Reported"), "chat", "grey"),
    "confirmed": Label(N_("Proven"), "verified", "green"),
    "no_load": Label(N_("No load to prove"), "check", "grey"),
    "no_answer": Label(N_("Device does not answer"), "cloud_off", "amber"),
    "disobeys": Label(N_("Not responding"), "sync_problem", "red"),
}
NEVER_ASKED: Final = Label(N_("Not switched yet"), "radio_button_unchecked", "grey")
OUTCOMES: Final = {
    "confirmed": N_("proven"),
    "no_load": N_("no load to prove"),
    "reported": N_("reported"),
    "pending": N_("pending"),
    "disobeys": N_("not carried out"),
    "superseded": N_("replaced by a newer one"),
    "abandoned": N_("abandoned"),
}
POSITIONS: Final = {"open": N_("open"), "closed": N_("closed")}
CAUSES: Final = {
    "fell": N_("register fell"),
    "jumped": N_("register jumped"),
    "other_counter": N_("another counter"),
    "contradicts_power": N_("register contradicts power"),
}
MADE_OF_NAMES: Final = (
    *(N_("Off-peak"), N_("Standard"), N_("Peak"), N_("Block"), N_("Band"), N_("Day"), N_("Hour")),
    *(N_("Standing"), N_("Demand"), N_("Minimum"), N_("Standing charge"), N_("In force"), N_("Source")),
    *(N_("Last top-up"), N_("14 days"), N_("overdrawn"), N_("moved out"), N_("this machine")),
)
"""What pages put together of names in code and in tariffs."""


def supply_label(state: str | None) -> Label:
    """Return the word of a supply state."""
    return SUPPLY.get(state or "", UNKNOWN)


def reason_text(reason: str | None) -> str:
    """Return why a supply is in its state."""
    return _(REASONS.get(reason or "", spelled(reason or "")))


def alert_label(kind: str) -> Label:
    """Return the word of an alert, also of a kind that is newer than this dashboard."""
    return ALERTS.get(kind) or Label(spelled(kind).capitalize(), "notifications", "amber")


def alert_message(kind: str, facts: str) -> str:
    """Return what an alert says, from its stored facts; nothing of a kind newer than this dashboard."""
    return alert_text(kind, json.loads(facts), language()) if kind in ALERTS else ""


def proof_label(proof: str) -> Label:
    """Return how far a relay is proven to be where it should."""
    return PROOFS.get(proof, UNKNOWN)


def outcome_text(outcome: str) -> str:
    """Return what became of a command to a relay; nothing said yet means that it waits."""
    return _(OUTCOMES.get(outcome, spelled(outcome))) if outcome else _("waiting")


def split_label(part: str) -> str:
    """Return where a part of a payment went."""
    return _(SPLITS.get(part, spelled(part)))


def family_name(family: str) -> str:
    """Return a meter family as its makers write it."""
    known = families().get(family)
    return spelled(family).capitalize() if known is None else known.title


def spelled(name: str) -> str:
    """Return an identifier as words."""
    return name.replace("_", " ")


def unique_labels[T](things: Iterable[T], label: Callable[[T], str]) -> dict[T, str]:
    """Return a label for each thing, no two the same: a choice is known by what it is called."""
    labels: dict[T, str] = {}
    met: Counter[str] = Counter()
    for thing in things:
        text = label(thing)
        met[text] += 1
        labels[thing] = text if met[text] == 1 else f"{text} ({met[text]})"
    return labels
