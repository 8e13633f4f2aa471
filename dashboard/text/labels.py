"""What states, reasons and alerts are called, with icon and tone; the one place to translate."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from dashboard.text.formatting import count as written_count
from dashboard.text.translate import say
from meter_bridge.devices.registry import families


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
        return say(self.text)


UNKNOWN: Final = Label("Not known", "help", "grey")

SUPPLY: Final = {
    "connected": Label("Connected", "power", "green"),
    "disconnected": Label("Disconnected", "power_off", "red"),
    "armed": Label("Armed", "touch_app", "amber"),
}
REASONS: Final = {
    "in_credit": "in credit",
    "credit_exhausted": "credit used up",
    "awaiting_confirmation": "waits for the customer to confirm",
    "below_restore_minimum": "credit still below the minimum to restore",
    "friendly_hours": "no cuts at these hours",
    "friendly_grace": "no cut yet after these hours",
    "never_cut": "never cut",
    "credit_mode": "billed later",
    "landlord_off": "held off by the landlord",
    "landlord_on": "kept on by the landlord",
    "clock_unsure": "clock not certain, no cuts",
    "protection": "switched off by a protection",
    "load_limited": "credit used up, load limited",
    "load_limit_exceeded": "load limit exceeded",
    "wear_limit": "cut waits to spare the contactor",
}
ALERTS: Final = {
    "low_credit": Label("Low credit", "account_balance_wallet", "amber"),
    "supply_cut": Label("Supply cut", "power_off", "red"),
    "supply_armed": Label("Supply armed", "touch_app", "amber"),
    "cut_soon": Label("Cut soon", "timer", "amber"),
    "load_limited": Label("Load limited", "speed", "amber"),
    "protection_tripped": Label("Protection tripped", "electric_bolt", "red"),
    "emergency_credit_available": Label("Emergency credit available", "add_card", "grey"),
    "emergency_credit_in_use": Label("Emergency credit in use", "credit_score", "amber"),
    "emergency_credit_exhausted": Label("Emergency credit used up", "credit_card_off", "red"),
    "meter_offline": Label("Meter offline", "sensors_off", "amber"),
    "relay_disobeys": Label("Relay disobeys", "sync_problem", "red"),
    "tamper": Label("Tamper", "gpp_maybe", "red"),
    "register_quarantined": Label("Reading in quarantine", "rule", "amber"),
    "local_cut_off": Label("Local cut-off not in force", "content_cut", "amber"),
    "over_voltage": Label("Over-voltage", "electric_bolt", "amber"),
    "under_voltage": Label("Under-voltage", "electric_bolt", "amber"),
    "overload": Label("Overload", "electric_bolt", "amber"),
    "power_outage": Label("Power outage", "flash_off", "amber"),
    "broker_lost": Label("Broker lost", "cloud_off", "red"),
    "clock_wrong": Label("Clock wrong", "schedule", "red"),
    "storage_failing": Label("Storage failing", "hard_drive", "red"),
    "days_left": Label("Few days left", "hourglass_bottom", "amber"),
    "unusual_consumption": Label("Unusual consumption", "query_stats", "amber"),
    "no_consumption": Label("No consumption", "power_settings_new", "amber"),
    "energy_unaccounted": Label("Energy unaccounted for", "leak_remove", "amber"),
    "ledger_audit": Label("Ledger differs from prices", "balance", "red"),
}
METHODS: Final = {"cash": "Cash", "voucher": "Voucher", "card": "Card", "api": "API", "transfer": "Transfer"}
SPLITS: Final = {
    "balance": "balance",
    "debt": "debt",
    "payment_debt": "debt",
    "emergency_credit": "emergency credit",
    "fees": "fees",
    "arrears": "arrears",
    "units": "units",
}
PROOFS: Final = {
    "pending": Label("Pending", "pending", "amber"),
    "reported": Label("Reported", "chat", "grey"),
    "confirmed": Label("Proven", "verified", "green"),
    "no_load": Label("No load to prove", "check", "grey"),
    "disobeys": Label("Disobeys", "sync_problem", "red"),
}
NEVER_ASKED: Final = Label("Not switched yet", "radio_button_unchecked", "grey")
OUTCOMES: Final = {
    "confirmed": "proven",
    "no_load": "no load to prove",
    "reported": "reported",
    "pending": "pending",
    "disobeys": "disobeyed",
    "superseded": "replaced by a newer one",
    "abandoned": "given up",
}
POSITIONS: Final = {"open": "open", "closed": "closed"}
CAUSES: Final = {"fell": "register fell", "jumped": "register jumped"}


def supply_word(state: str | None) -> Label:
    """Return the word of a supply state."""
    return SUPPLY.get(state or "", UNKNOWN)


def reason_text(reason: str | None) -> str:
    """Return why a supply is in its state."""
    return say(REASONS.get(reason or "", spelled(reason or "")))


def alert_word(kind: str) -> Label:
    """Return the word of an alert, also of a kind that is newer than this dashboard."""
    return ALERTS.get(kind) or Label(spelled(kind).capitalize(), "notifications", "amber")


def proof_word(proof: str) -> Label:
    """Return how far a relay is proven to be where it should."""
    return PROOFS.get(proof, UNKNOWN)


def outcome_text(outcome: str) -> str:
    """Return what became of a command to a relay; nothing said yet means that it waits."""
    return say(OUTCOMES.get(outcome, spelled(outcome))) if outcome else say("waits")


def split_word(part: str) -> str:
    """Return where a part of a payment went."""
    return say(SPLITS.get(part, spelled(part)))


def family_name(family: str) -> str:
    """Return a meter family as its makers write it."""
    known = families().get(family)
    return spelled(family).capitalize() if known is None else known.title


def spelled(name: str) -> str:
    """Return an identifier as words."""
    return name.replace("_", " ")


def counted(number: int, one: str, many: str) -> str:
    """Return a number with its noun, which is said in the reader's language."""
    return f"{written_count(number)} {say(one if number == 1 else many)}"


def told_apart[T](things: Iterable[T], label: Callable[[T], str]) -> dict[T, str]:
    """Return a label for each thing, no two the same: a choice is known by what it is called."""
    labels: dict[T, str] = {}
    met: Counter[str] = Counter()
    for thing in things:
        text = label(thing)
        met[text] += 1
        labels[thing] = text if met[text] == 1 else f"{text} ({met[text]})"
    return labels
