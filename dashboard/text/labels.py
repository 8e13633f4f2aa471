"""What states, reasons and alerts are called, with icon and tone; the one place to translate."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from dashboard.text.formatting import count as written_count
from dashboard.text.translate import say


@dataclass(frozen=True, slots=True)
class Word:
    """A state in words, with a Material Symbol and a tone: green, amber, red or grey."""

    text: str
    """In English."""
    icon: str
    tone: str

    @property
    def said(self) -> str:
        """Return the word in the reader's language."""
        return say(self.text)


UNKNOWN: Final = Word("Not known", "help", "grey")

SUPPLY: Final = {
    "connected": Word("Connected", "power", "green"),
    "disconnected": Word("Disconnected", "power_off", "red"),
    "armed": Word("Armed", "touch_app", "amber"),
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
    "low_credit": Word("Low credit", "account_balance_wallet", "amber"),
    "supply_cut": Word("Supply cut", "power_off", "red"),
    "supply_armed": Word("Supply armed", "touch_app", "amber"),
    "cut_soon": Word("Cut soon", "timer", "amber"),
    "load_limited": Word("Load limited", "speed", "amber"),
    "protection_tripped": Word("Protection tripped", "electric_bolt", "red"),
    "emergency_credit_available": Word("Emergency credit available", "add_card", "grey"),
    "emergency_credit_in_use": Word("Emergency credit in use", "credit_score", "amber"),
    "emergency_credit_exhausted": Word("Emergency credit used up", "credit_card_off", "red"),
    "meter_offline": Word("Meter offline", "sensors_off", "amber"),
    "relay_disobeys": Word("Relay disobeys", "sync_problem", "red"),
    "tamper": Word("Tamper", "gpp_maybe", "red"),
    "register_quarantined": Word("Reading in quarantine", "rule", "amber"),
    "local_cut_off": Word("Local cut-off not in force", "content_cut", "amber"),
    "over_voltage": Word("Over-voltage", "electric_bolt", "amber"),
    "under_voltage": Word("Under-voltage", "electric_bolt", "amber"),
    "overload": Word("Overload", "electric_bolt", "amber"),
    "power_outage": Word("Power outage", "flash_off", "amber"),
    "broker_lost": Word("Broker lost", "cloud_off", "red"),
    "clock_wrong": Word("Clock wrong", "schedule", "red"),
    "storage_failing": Word("Storage failing", "hard_drive", "red"),
    "days_left": Word("Few days left", "hourglass_bottom", "amber"),
    "unusual_consumption": Word("Unusual consumption", "query_stats", "amber"),
    "no_consumption": Word("No consumption", "power_settings_new", "amber"),
    "energy_unaccounted": Word("Energy unaccounted for", "leak_remove", "amber"),
    "ledger_audit": Word("Ledger differs from prices", "balance", "red"),
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
    "pending": Word("Pending", "pending", "amber"),
    "reported": Word("Reported", "chat", "grey"),
    "confirmed": Word("Proven", "verified", "green"),
    "no_load": Word("No load to prove", "check", "grey"),
    "disobeys": Word("Disobeys", "sync_problem", "red"),
}
NEVER_ASKED: Final = Word("Not switched yet", "radio_button_unchecked", "grey")
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
FAMILIES: Final = {"tasmota": "Tasmota", "shelly": "Shelly", "zigbee2mqtt": "Zigbee2MQTT"}


def supply_word(state: str | None) -> Word:
    """Return the word of a supply state."""
    return SUPPLY.get(state or "", UNKNOWN)


def reason_text(reason: str | None) -> str:
    """Return why a supply is in its state."""
    return say(REASONS.get(reason or "", spelled(reason or "")))


def alert_word(kind: str) -> Word:
    """Return the word of an alert, also of a kind that is newer than this dashboard."""
    return ALERTS.get(kind) or Word(spelled(kind).capitalize(), "notifications", "amber")


def proof_word(proof: str) -> Word:
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
    return FAMILIES.get(family, spelled(family).capitalize())


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
