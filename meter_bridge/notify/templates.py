"""Messages in the languages of those who read them: what happened, what is left, what to do."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from meter_bridge.protocol.vocabulary import AlertKind
from meter_bridge.text.alerts import alert_event_text
from meter_bridge.text.catalogue import BRIDGE, Translator, translator
from meter_bridge.text.formats import Formats, formats
from meter_bridge.text.marks import N_

TITLES: Final[Mapping[str, str]] = {
    AlertKind.LOW_CREDIT: N_("Credit is low"),
    AlertKind.DAYS_LEFT: N_("Credit will run out soon"),
    AlertKind.EMERGENCY_CREDIT_AVAILABLE: N_("Emergency credit is available"),
    AlertKind.EMERGENCY_CREDIT_IN_USE: N_("Emergency credit is in use"),
    AlertKind.EMERGENCY_CREDIT_EXHAUSTED: N_("Emergency credit is used up"),
    AlertKind.CUT_SOON: N_("Power will be cut soon"),
    AlertKind.SUPPLY_CUT: N_("Power is off"),
    AlertKind.SUPPLY_ARMED: N_("Power can be switched on again"),
    AlertKind.LOAD_LIMITED: N_("Power is limited"),
    AlertKind.PROTECTION_TRIPPED: N_("Power was switched off for safety"),
    "supply_restored": N_("Power is back"),
    "top_up": N_("Payment received"),
    AlertKind.OVER_VOLTAGE: N_("Voltage is too high"),
    AlertKind.UNDER_VOLTAGE: N_("Voltage is too low"),
    AlertKind.OVERLOAD: N_("Load is too high"),
    AlertKind.POWER_OUTAGE: N_("Power outage"),
    AlertKind.UNUSUAL_CONSUMPTION: N_("Unusual consumption"),
    AlertKind.NO_CONSUMPTION: N_("No consumption"),
    AlertKind.METER_OFFLINE: N_("Meter offline"),
    AlertKind.RELAY_DISOBEYS: N_("Relay not responding"),
    AlertKind.TAMPER: N_("Possible tampering"),
    AlertKind.REGISTER_QUARANTINED: N_("Implausible register reading"),
    AlertKind.REGISTER_DISAGREES: N_("Register and power disagree"),
    AlertKind.LOCAL_CUT_OFF: N_("Local cut-off needs attention"),
    AlertKind.BROKER_LOST: N_("MQTT broker unreachable"),
    AlertKind.CLOCK_WRONG: N_("Bridge clock is wrong"),
    AlertKind.STORAGE_FAILING: N_("Storage failure"),
    AlertKind.VOUCHER_GUESSING: N_("Repeated invalid voucher codes"),
    AlertKind.PAYMENT_WAITING: N_("Payment waiting for a decision"),
    AlertKind.ENERGY_UNACCOUNTED: N_("Unaccounted-for energy"),
    AlertKind.SETTINGS_WRONG: N_("A mistake in the settings"),
    AlertKind.NOTICES_FAILING: N_("Messages are not delivered"),
    AlertKind.MAINTENANCE_FAILING: N_("A task of the bridge keeps failing"),
    AlertKind.LEDGER_AUDIT: N_("Nightly audit found a difference"),
}
"""What happened, by topic."""
TEXTS: Final[Mapping[str, str]] = {
    AlertKind.LOW_CREDIT: N_("Your prepaid credit is low. Top up in time to keep the power on."),
    AlertKind.DAYS_LEFT: N_(
        "At your usual consumption your credit will run out soon. Top up in time to keep the power on."
    ),
    AlertKind.EMERGENCY_CREDIT_AVAILABLE: N_(
        "Your credit is nearly used up. You can use emergency credit on your page; the next top-up repays it"
        " first."
    ),
    AlertKind.EMERGENCY_CREDIT_IN_USE: N_(
        "You are using emergency credit. Top up before it runs out; the top-up repays it first."
    ),
    AlertKind.EMERGENCY_CREDIT_EXHAUSTED: N_("Credit and emergency credit are used up. Top up now."),
    AlertKind.CUT_SOON: N_(
        "Your credit is used up. Power will be cut at {when} unless you top up before then."
    ),
    AlertKind.SUPPLY_CUT: N_(
        "Your credit is used up and the power is off. It comes back as soon as you top up."
    ),
    AlertKind.SUPPLY_ARMED: N_(
        "There is credit again. Make sure that stove, iron and heaters are off, then switch the power on on"
        " your page or at the meter."
    ),
    AlertKind.LOAD_LIMITED: N_(
        "Your credit is used up, so only a small load is possible. Top up to lift the limit."
    ),
    AlertKind.PROTECTION_TRIPPED: N_(
        "The power was switched off for safety. Switch appliances off, and tell your landlord if it stays"
        " off."
    ),
    "supply_restored": N_("Your power is back on."),
    "top_up": N_("We received {amount}. Thank you."),
    AlertKind.OVER_VOLTAGE: N_(
        "The voltage of your supply is too high. Unplug sensitive devices and tell your landlord."
    ),
    AlertKind.UNDER_VOLTAGE: N_(
        "The voltage of your supply is too low. Switch off motors and fridges if lights dim, and tell your"
        " landlord."
    ),
    AlertKind.OVERLOAD: N_("More load is switched on than your supply allows. Switch something off."),
    AlertKind.POWER_OUTAGE: N_(
        "There is no mains power at your meter. This has nothing to do with your credit."
    ),
    AlertKind.UNUSUAL_CONSUMPTION: N_(
        "More electricity was used than usual. Check for something that was left on."
    ),
    AlertKind.NO_CONSUMPTION: N_(
        "No electricity has been used for days. If that is unexpected, have the meter checked."
    ),
}
"""What it means and what to do, by topic; topics without one are alerts that say so themselves."""
_COUNTS: Final[Mapping[str, str]] = {
    "off": N_("Units without power: {n}"),
    "low": N_("Units with low credit: {n}"),
    "offline": N_("Meters offline: {n}"),
    "open": N_("Alerts waiting for someone: {n}"),
    "uncertain": N_("Messages that may not have arrived: {n}"),
}


class Money(NamedTuple):
    """An amount of a currency."""

    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it is read."""

    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What a message says besides its topic; None or empty where unknown."""

    unit: str = ""
    alert: Mapping[str, object] = field(default_factory=dict)
    """Data of the alert's event."""
    left: Money | None = None
    days: Decimal | None = None
    when: datetime | None = None
    """By the wall clock of the unit's site."""
    amount: Money | None = None
    link: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a day: payments, and the count of each thing that needs somebody."""

    top_ups: Sequence[Money]
    counts: Mapping[str, int]
    """Without those that are zero."""

    @property
    def quiet(self) -> bool:
        """Return whether nothing needs anybody."""
        return not self.counts.keys() & {"open", "off", "uncertain"}


def prepare(languages: Iterable[str]) -> None:
    """Read what messages of some languages need, which takes a tenth of a second the first time."""
    for language in languages:
        _of(language)


def message(topic: str, language: str, facts: Facts) -> Message:
    """Return a message; what it does not know it leaves out."""
    words, written = _of(language)
    title = words.gettext(TITLES[topic]) if topic in TITLES else topic.replace("_", " ")
    lines = (
        list(_lines(topic, words, written, facts))
        if topic in TEXTS
        else [alert_event_text(facts.alert, language)]
    )
    if facts.link:
        lines.append(words.gettext("Top up: {link}", link=facts.link))
    return Message(
        f"{facts.unit}: {title}" if facts.unit else title, "\n".join(line for line in lines if line)
    )


def with_repeat_note(original: Message, language: str) -> Message:
    """Return a message that says that it may have come before."""
    words, _ = _of(language)
    again = words.gettext("You may have received this message already.")
    return Message(original.title, f"{original.body}\n{again}")


def channel_test_message(language: str, name: str) -> Message:
    """Return the message that proves that a channel works."""
    words, _ = _of(language)
    return Message(
        words.gettext("Test message"),
        words.gettext(
            "Hello {name}, this channel works. Messages about prepaid electricity will arrive here.",
            name=name,
        ),
    )


def confirmation_message(language: str, name: str, code: str) -> Message:
    """Return the message with the code that confirms an address."""
    words, _ = _of(language)
    return Message(
        words.gettext("Your code: {code}", code=code),
        words.gettext(
            "{code} confirms this address for messages about prepaid electricity of {name}. If you did not"
            " ask for it, ignore this message.",
            code=code,
            name=name,
        ),
    )


def digest_message(language: str, name: str, figures: Figures) -> Message:
    """Return the day in brief: a line for each figure that there is."""
    words, written = _of(language)
    lines = []
    if figures.top_ups:
        paid = ", ".join(written.money(*money) for money in figures.top_ups)
        lines.append(words.gettext("Top-ups since yesterday: {n}", n=paid))
    lines += [words.gettext(_COUNTS[key], n=written.whole(n)) for key, n in figures.counts.items()]
    if figures.quiet:
        lines.append(words.gettext("Nothing needs your attention today."))
    return Message(words.gettext("{name}: the day in brief", name=name), "\n".join(lines))


def _of(language: str) -> tuple[Translator, Formats]:
    words = translator(BRIDGE, language)
    return words, formats(words.language, plain=True)


def _lines(topic: str, words: Translator, written: Formats, facts: Facts) -> list[str]:
    values = {
        "when": "" if facts.when is None else written.moment(facts.when),
        "amount": "" if facts.amount is None else written.money(*facts.amount),
    }
    lines = [words.gettext(TEXTS[topic], **values)]
    if facts.left is not None:
        lines.append(words.gettext("Left: {left}.", left=written.money(*facts.left)))
    if facts.days is not None:
        lines.append(
            words.ngettext(
                "It will last about {days} day at your usual consumption.",
                "It will last about {days} days at your usual consumption.",
                facts.days,
                days=written.number(facts.days, 1),
            )
        )
    return lines
