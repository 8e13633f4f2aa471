"""The text of an alert, made where it is read: from the alert's kind and the facts that were stored with it.

Facts are plain JSON. Their names say how they are written: ``…_amount`` in the ``currency`` of the facts,
``…_wh``, ``…_mw`` and ``…_mv`` with their units, ``…_ms`` as an instant in their ``time_zone``, else in UTC,
``…_day`` as a date, ``…_days`` with at most one decimal; a ``…_text`` is English, and translated. ``case``
chooses among the texts of a kind; several cases with spaces between them are several sentences. English has
dates and instants as ISO 8601 does, and so needs no Babel.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Final, cast
import warnings
from zoneinfo import ZoneInfo

from meter_bridge.core.calendar import iso, local_time
from meter_bridge.core.supply.alerts import AlertFacts, Fact
from meter_bridge.protocol.vocabulary import AlertKind
from meter_bridge.text.catalogue import BRIDGE, ENGLISH, translator
from meter_bridge.text.formats import formats
from meter_bridge.text.marks import N_, Counted, ngettext

type Text = str | Counted

_COUNTED: Final = ("days", "payments")
"""The facts that choose between singular and plural."""
TEXTS: Final[Mapping[AlertKind, Text | Mapping[str, Text]]] = {
    AlertKind.LOW_CREDIT: N_("{name}: credit is low, {left_amount} left (warning at {threshold_amount})"),
    AlertKind.DAYS_LEFT: ngettext(
        "{name}: credit lasts about {days} day more (warning at {threshold_days} days)",
        "{name}: credit lasts about {days} days more (warning at {threshold_days} days)",
    ),
    AlertKind.EMERGENCY_CREDIT_AVAILABLE: N_("{name}: emergency credit of {left_amount} may be selected"),
    AlertKind.EMERGENCY_CREDIT_IN_USE: N_("{name}: emergency credit of {limit_amount} is in use"),
    AlertKind.EMERGENCY_CREDIT_EXHAUSTED: N_("{name}: the emergency credit of {limit_amount} is used up"),
    AlertKind.SUPPLY_CUT: N_("{name}: supply is cut, the credit is used up"),
    AlertKind.SUPPLY_ARMED: {
        "": N_("{name}: supply may be switched on again by the customer"),
        "load_limit": N_(
            "{name}: more than {limit_mw} was used too often; switch something off, then switch supply on"
            " again"
        ),
    },
    AlertKind.CUT_SOON: {
        "": N_("{name}: the credit is used up; supply is cut at {cut_ms} unless somebody tops up"),
        "limited": N_("{name}: the credit is used up; supply is limited at {cut_ms} unless somebody tops up"),
    },
    AlertKind.LOAD_LIMITED: {
        "": N_("{name}: the credit is used up, supply is limited to {limit_mw} until a top-up"),
        "exceeded": N_("{name}: more than {limit_mw} was used, supply is off"),
    },
    AlertKind.PROTECTION_TRIPPED: {
        "over_voltage": N_(
            "{name}: supply is off, the voltage at {meter} was above its limit, {voltage_mv}."
        ),
        "under_voltage": N_(
            "{name}: supply is off, the voltage at {meter} was below its limit, {voltage_mv}."
        ),
        "overload": N_("{name}: supply is off, the load of {meter} was above its limit, {power_mw}."),
        "locked": N_("It stays off until the landlord or caretaker resets it."),
        "returns": N_("It comes back by itself once the fault has cleared."),
    },
    AlertKind.METER_OFFLINE: {
        "": N_("{name}: meter {meter} is offline; its consumption will be charged when it reports again"),
        "never_heard": N_(
            "{name}: meter {meter} has never reported, so nothing is charged: check its address, {address},"
            " and the device ({advice_text}), or write 'read by hand: yes' in the site file if people read it"
        ),
        "relay_only": N_(
            "{name}: meter {meter} reports its relay but no register, so nothing is charged: check"
            " whether {address} is the channel that measures; {advice_text}"
        ),
        "no_register": N_(
            "{name}: meter {meter} reports, but not its register, so nothing is charged: {advice_text}"
        ),
        "register_not_found": N_(
            "{name}: meter {meter} reports, but not its register, so nothing is charged: the message at"
            " {topic} does not contain {path} ({payload}); {advice_text}"
        ),
    },
    AlertKind.RELAY_DISOBEYS: {
        "open": N_("{name}: the relay of {meter} is not open although it was commanded to be"),
        "closed": N_("{name}: the relay of {meter} is not closed although it was commanded to be"),
        "open_unproven": N_(
            "{name}: no report proves that the relay of {meter} is open although it was commanded to be; the"
            " command is repeated about once an hour. Look at the device"
        ),
        "closed_unproven": N_(
            "{name}: no report proves that the relay of {meter} is closed although it was commanded to be;"
            " the command is repeated about once an hour. Look at the device"
        ),
    },
    AlertKind.TAMPER: {
        "": N_("{name}: {meter} counts energy although its relay is open; look for a bypass"),
        "reverse_energy": N_(
            "{name}: energy flows back through {meter}, {returned_wh} in all; look for a meter connected"
            " the wrong way round, or set 'returns energy: yes' in the site file"
        ),
    },
    AlertKind.REGISTER_QUARANTINED: {
        "fell": N_(
            "{name}: the register of {meter} fell from {before_wh} to {after_wh}; nothing is charged until"
            " somebody decides (accept, discard or new epoch)"
        ),
        "jumped": N_(
            "{name}: the register of {meter} jumped from {before_wh} to {after_wh}; nothing is charged until"
            " somebody decides (accept, discard or new epoch)"
        ),
        "other_counter": N_(
            "{name}: {meter} says that it counts since another time, and went from {before_wh} to"
            " {after_wh}; it looks like another device, so nothing is charged until somebody decides"
            " (accept, discard or new epoch)"
        ),
        "contradicts_power": N_(
            "{name}: the register of {meter}, now {after_wh}, counts far more than the power that it reports"
            " can have been; look whether its unit changed. Nothing is charged until somebody decides"
            " (accept, discard or new epoch)"
        ),
    },
    AlertKind.REGISTER_DISAGREES: {
        "": N_(
            "{name}: the register of {meter} counted {counted_wh} while the power that it reports, {power_mw}"
            " on average, makes {flowed_wh}; one of them is wrong, and the register is what is charged"
        ),
        "still": N_(
            "{name}: the register of {meter} stands still although it reports {power_mw} on average;"
            " {flowed_wh} were not charged"
        ),
    },
    AlertKind.LOCAL_CUT_OFF: {
        "no_value": N_(
            "{name}: {meter} has no local cut-off: energy is free, or friendly hours have no end, so no"
            " register value is late enough"
        ),
        "foreign": N_(
            "{name}: rule set {slot} of {meter} holds somebody else's rules, so its local cut-off is not in"
            " force; empty it, or name another with 'rule slot'"
        ),
        "unable": N_(
            "{name}: {meter} counts no total that a rule can watch, so its local cut-off is not in force;"
            " write 'without the bridge: hold'"
        ),
        "unconfirmed": N_(
            "{name}: {meter} does not confirm its local cut-off; the request is being repeated"
        ),
        "not_withdrawn": N_(
            "{name}: {meter} may still open its own relay; the bridge repeats the request to withdraw its"
            " local cut-off until it confirms"
        ),
        "not_withdrawn_at": N_(
            "{name}: {meter} may still open its own relay at {held_wh}; the bridge repeats the request to"
            " withdraw its local cut-off until it confirms"
        ),
    },
    AlertKind.OVER_VOLTAGE: N_("{name}: voltage at {meter} is above its limit, {voltage_mv}"),
    AlertKind.UNDER_VOLTAGE: N_("{name}: voltage at {meter} is below its limit, {voltage_mv}"),
    AlertKind.OVERLOAD: N_("{name}: load of {meter} is above its limit, {power_mw}"),
    AlertKind.POWER_OUTAGE: {
        "": N_(
            "{name}: no mains voltage at {meter}, and neither credit nor the bridge is the reason; look"
            " for an outage or a blown fuse"
        ),
        "site": N_(
            "{name}: all {meters} meters are silent although the MQTT broker is reachable, the last of"
            " them since {since_ms}; the power or the network of the whole site has failed"
        ),
    },
    AlertKind.BROKER_LOST: {
        "": N_("The connection to the MQTT broker is lost; readings and commands wait"),
        "never_reached": N_(
            "The MQTT broker has been unreachable since the bridge started; readings and commands wait:"
            " {reason}"
        ),
        "no_authority": N_(
            "There is no connection to the MQTT broker, because the certificate authority {file} is missing"
            " or may not be read by the bridge's user; readings and commands wait. The bridge connects by"
            " itself once the file is there"
        ),
        "bad_authority": N_(
            "There is no connection to the MQTT broker, because {file} holds no certificate authority in PEM"
            " format; readings and commands wait. The bridge connects by itself once the file is right"
        ),
        "refused": N_(
            "The MQTT broker refuses topics, so some meters cannot report: {topics}; allow them to user"
            " '{user}' there"
        ),
    },
    AlertKind.CLOCK_WRONG: {
        "": N_(
            "The clock of the bridge jumped; charges by time and cuts wait until it is right or confirmed"
        ),
        "server": N_(
            "The clock of the bridge differs from that of the database server by {minutes} minutes; charges"
            " by time and cuts wait until both agree or it is confirmed"
        ),
    },
    AlertKind.STORAGE_FAILING: {
        "": N_(
            "Nothing is charged or switched, and no top-up is taken, since {since_ms}: {reason}. Look at"
            " the disk of the database; what is used meanwhile stays on the meters' registers"
        ),
        "past": N_(
            "Nothing was charged or switched, and no top-up was taken, from {since_ms} to {until_ms}:"
            " {reason}. What was used is charged from the meters' registers; look at the disk of the"
            " database before it happens again"
        ),
        "books": N_(
            "{name}: nothing is charged, booked or switched, because this always ends in an error: {reason}."
            " Other sites are served. Run 'meter-bridge verify', and start the bridge again once the books"
            " are right; what is used meanwhile stays on the meters' registers"
        ),
    },
    AlertKind.VOUCHER_GUESSING: N_(
        "Voucher codes are being guessed: one wrong code now locks an account for an hour"
    ),
    AlertKind.PAYMENT_WAITING: {
        "": N_("A payment waits for a decision: 'meter-bridge payments waiting' shows it"),
        "of_site": ngettext(
            "{name}: {payments} payment has been waiting for your decision since {since_ms} ({sums});"
            " 'meter-bridge payments waiting' says why, 'payments credit' books it, 'payments dismiss' if it"
            " was returned",
            "{name}: {payments} payments are waiting for your decision, the oldest since {since_ms} ({sums});"
            " 'meter-bridge payments waiting' says why, 'payments credit' books one, 'payments dismiss' if it"
            " was returned",
        ),
        "no_order": ngettext(
            "{payments} payment that names no order has been waiting for your decision since {since_ms}"
            " ({sums}); 'meter-bridge payments waiting' says why, 'payments credit' books it, 'payments"
            " dismiss' if it was returned",
            "{payments} payments that name no order are waiting for your decision, the oldest since"
            " {since_ms} ({sums}); 'meter-bridge payments waiting' says why, 'payments credit' books one,"
            " 'payments dismiss' if it was returned",
        ),
        "not_booked": N_(
            "A payment cannot be booked at present; the bridge keeps trying, and its log says why"
        ),
    },
    AlertKind.UNUSUAL_CONSUMPTION: {
        "past": N_("{name}: {now_wh} a day last week, {percent} % of the usual {usual_wh}"),
        "similar": N_("{name}: {now_wh} a day last week; the median of {units} units here is {usual_wh}"),
    },
    AlertKind.NO_CONSUMPTION: ngettext(
        "{name}: nothing was used for {days} day although the supply is on; vacant, or is the meter"
        " bypassed?",
        "{name}: nothing was used for {days} days although the supply is on; vacant, or is the meter"
        " bypassed?",
    ),
    AlertKind.ENERGY_UNACCOUNTED: N_(
        "{name}: {missing_wh} of {total_wh} in the last days ({percent} %) went through no unit's meter;"
        " losses, a stopped meter, or an illegal connection"
    ),
    AlertKind.NOTICES_FAILING: N_(
        "Messages are not delivered through {channels}; check the addresses in notify.yaml, then try"
        " 'meter-bridge notify test'"
    ),
    AlertKind.MAINTENANCE_FAILING: {
        "job": N_(
            "The bridge's job '{job}' has kept failing since {since_ms}: {reason}. It is tried again; keep"
            " the log and report it"
        ),
        "audit": N_(
            "The nightly audit of the ledger has kept failing since {since_ms}: {reason}. It is tried again"
            " every hour"
        ),
        "backup": N_(
            "No backup has succeeded since {since_ms}: {reason}. The alert closes with the next one that does"
        ),
        "export": N_(
            "Nothing has been exported since {since_ms}, so the dashboard reads more slowly and old readings"
            " stay in the database: {reason}. It is tried again"
        ),
        "removal": N_(
            "Old data has not been removed since {since_ms}, and nothing of it is lost: {reason}. It is tried"
            " again"
        ),
    },
    AlertKind.SETTINGS_WRONG: N_(
        "A mistake turns a part of the bridge off: {problems}. Correct it, then restart the bridge"
    ),
    AlertKind.LEDGER_AUDIT: N_(
        "{name}: from {first_day} until {end_day} the ledger charged {charged_amount}, but its price list"
        " gives {priced_amount} for the same energy; keep a backup and report it"
    ),
}


def alert_text(kind: str, facts: AlertFacts, language: str = ENGLISH) -> str:
    """Return what an alert says in a language.

    An alert of a version that stored texts has its text as the one fact ``message``. One of an unknown kind,
    or with a missing fact, is a defect: its kind and facts are shown as they are, and a warning is given.
    """
    if "message" in facts:
        return str(facts["message"])
    try:
        return _sentences(kind, facts, language)
    except (KeyError, ValueError) as error:
        warnings.warn(f"no text for an alert of kind {kind!r}: {error!r}", stacklevel=2)
        return f"{kind}: {', '.join(f'{name}={fact}' for name, fact in facts.items())}"


def _sentences(kind: str, facts: AlertFacts, language: str) -> str:
    words = translator(BRIDGE, language)
    values = {name: _shown(name, fact, facts, words.language) for name, fact in facts.items()}
    texts = TEXTS[AlertKind(kind)]
    sentences = []
    for case in str(facts.get("case", "")).split(" "):
        text = texts[case] if isinstance(texts, Mapping) else texts
        if isinstance(text, Counted):
            count = next(Decimal(facts[name]) for name in _COUNTED if name in facts)
            sentences.append(words.ngettext(text.one, text.many, count, **values))
        else:
            sentences.append(words.gettext(text, **values))
    return " ".join(sentences)


def alert_event_text(data: Mapping[str, object], language: str = ENGLISH) -> str:
    """Return what the event of an alert says, from its data; an older one holds its text as ``message``."""
    facts = cast("AlertFacts", data.get("facts", data))
    return alert_text(str(data["kind"]), facts, language)


def _shown(name: str, fact: Fact, facts: AlertFacts, language: str) -> str:
    ending = name.rpartition("_")[2]
    if ending == "days":
        return formats(language, plain=True).number(Decimal(fact), 1)
    if isinstance(fact, int):
        return _instant(fact, facts, language) if ending == "ms" else _measure(ending, fact, facts, language)
    if ending == "text":
        return translator(BRIDGE, language).gettext(fact)
    if ending == "day" and language != ENGLISH:
        return formats(language, plain=True).day(date.fromisoformat(fact))
    return fact


def _measure(ending: str, fact: int, facts: AlertFacts, language: str) -> str:
    written = formats(language, plain=True)
    match ending:
        case "amount":
            return written.money(fact, str(facts["currency"]))
        case "wh":
            return written.energy(fact, 3)
        case "mw":
            return written.with_unit(str(fact // 1000), "W")
        case "mv":
            return written.with_unit(str(fact // 1000), "V")
        case _:
            return written.whole(fact)


def _instant(at: int, facts: AlertFacts, language: str) -> str:
    zone = facts.get("time_zone")
    if language == ENGLISH:
        return iso(at) if zone is None else f"{local_time(at, ZoneInfo(str(zone))):%Y-%m-%d %H:%M}"
    written = formats(language, plain=True)
    return written.moment(local_time(at, ZoneInfo(str(zone or "UTC")))) + ("" if zone else " UTC")
