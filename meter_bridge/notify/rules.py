"""From what happened to whom it is told: pure, one notice for each person and event."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import time
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from meter_bridge.core.supply.alerts import AlertKind
from meter_bridge.notify.people import SUPPLY_RESTORED, TOP_UP, People, Person
from meter_bridge.notify.quiet_hours import QuietHours
from meter_bridge.notify.templates import Facts, Message, message
from meter_bridge.protocol.messages import Event, EventKind, SupplyState
from meter_bridge.protocol.payments import NotificationSettings

CUSTOMER: Final = "customer"
CUSTOMER_TOPICS: Final = frozenset(
    {
        SUPPLY_RESTORED,
        TOP_UP,
        AlertKind.LOW_CREDIT,
        AlertKind.DAYS_LEFT,
        AlertKind.EMERGENCY_CREDIT_AVAILABLE,
        AlertKind.EMERGENCY_CREDIT_IN_USE,
        AlertKind.EMERGENCY_CREDIT_EXHAUSTED,
        AlertKind.CUT_SOON,
        AlertKind.SUPPLY_CUT,
        AlertKind.SUPPLY_ARMED,
        AlertKind.LOAD_LIMITED,
        AlertKind.PROTECTION_TRIPPED,
        AlertKind.OVER_VOLTAGE,
        AlertKind.UNDER_VOLTAGE,
        AlertKind.OVERLOAD,
        AlertKind.POWER_OUTAGE,
        AlertKind.UNUSUAL_CONSUMPTION,
        AlertKind.NO_CONSUMPTION,
    }
)
"""What customers hear of: what they can do something about, and what they wait for."""
URGENT: Final = frozenset(
    {
        AlertKind.CUT_SOON,
        AlertKind.SUPPLY_CUT,
        AlertKind.PROTECTION_TRIPPED,
        AlertKind.OVER_VOLTAGE,
        AlertKind.UNDER_VOLTAGE,
        AlertKind.OVERLOAD,
        AlertKind.TAMPER,
        AlertKind.STORAGE_FAILING,
        SUPPLY_RESTORED,
        TOP_UP,
    }
)
"""What does not wait for the end of quiet hours: danger, darkness, and answers to what somebody just did."""
REMINDED: Final = frozenset({AlertKind.CUT_SOON, AlertKind.SUPPLY_CUT, AlertKind.PROTECTION_TRIPPED})
"""What is told again where nobody knows whether it was heard: darkness that nobody was told of harms more
than a message that comes twice. All else is then not told a second time."""
FLAPPING: Final = frozenset(
    {
        AlertKind.RELAY_DISOBEYS,
        AlertKind.METER_OFFLINE,
        AlertKind.TAMPER,
        AlertKind.OVER_VOLTAGE,
        AlertKind.UNDER_VOLTAGE,
        AlertKind.OVERLOAD,
        AlertKind.POWER_OUTAGE,
        AlertKind.BROKER_LOST,
    }
)
"""What may come and go many times an hour; people are told of it once in that time."""
_WITH_LINK: Final = frozenset(
    {
        AlertKind.LOW_CREDIT,
        AlertKind.DAYS_LEFT,
        AlertKind.EMERGENCY_CREDIT_AVAILABLE,
        AlertKind.EMERGENCY_CREDIT_IN_USE,
        AlertKind.EMERGENCY_CREDIT_EXHAUSTED,
        AlertKind.CUT_SOON,
        AlertKind.SUPPLY_CUT,
        AlertKind.SUPPLY_ARMED,
        AlertKind.LOAD_LIMITED,
    }
)


@dataclass(frozen=True, slots=True)
class NotifiedUnit:
    """The unit that an event is about, as it is now."""

    account_id: str
    tenancy: int
    site_id: str
    zone: ZoneInfo
    facts: Facts
    contact: NotificationSettings | None = None
    """How its customer wants to be told; None where nobody lives there, or nobody said."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A message for one person about one event."""

    event_seq: int
    recipient: str
    """Id of a person of the staff, or ``customer``."""
    topic: str
    message: Message
    due_at: int
    account_id: str | None = None
    tenancy: int | None = None
    alert_id: str | None = None
    key: str = ""
    """What it is about where that is no event."""

    @property
    def id(self) -> str:
        """Return what a person is told once: the event and whom it is told."""
        return self.key or f"{self.event_seq}:{self.recipient}"


class WarningContext(NamedTuple):
    """What else a warning of somebody's own needs: when it is, and the language of who chose none."""

    at: int
    """By the wall clock, which may go back: only with ``seq`` it is unlike every other."""
    seq: int
    """Newest event then: it tells whose bridge sends it where several share the sites."""
    language: str


def topic_of(event: Event) -> str | None:
    """Return what an event is told as, or None where nobody is told of it."""
    if event.kind is EventKind.ALERT_OPENED:
        return str(event.data.get("kind"))
    if event.kind is EventKind.TOP_UP:
        return TOP_UP
    if event.kind is EventKind.SUPPLY_CHANGED:
        state, was = event.data.get("state"), event.data.get("was")
        back = state == SupplyState.CONNECTED and was != SupplyState.CONNECTED
        return SUPPLY_RESTORED if back else None
    return None


def notices_for(
    event: Event, unit: NotifiedUnit | None, people: People, at: int, zone: ZoneInfo
) -> Iterator[Notice]:
    """Yield whom an event is told; ``zone`` is that of staff where the event belongs to no unit."""
    topic = topic_of(event)
    if topic is None:
        return
    own_zone = zone if unit is None else unit.zone
    alert = str(event.data["id"]) if event.kind is EventKind.ALERT_OPENED and "id" in event.data else None
    facts = replace(Facts() if unit is None else unit.facts, alert=event.data)
    for person in people.staff.values():
        if topic in person.about and concerns(person, unit) and not has_personal_threshold(topic, person):
            text = message(topic, person.language, replace(facts, link=""))
            due = _due_at(topic, person.quiet, at, own_zone)
            yield _notice(event, unit, person.id, topic, text, due, alert)
    if unit is not None and unit.contact is not None and _customer_wants(topic, unit.contact):
        language = unit.contact.language or people.language
        shown = facts if topic in _WITH_LINK else replace(facts, link="")
        due = _due_at(topic, _quiet_of(unit.contact), at, own_zone)
        yield _notice(event, unit, CUSTOMER, topic, message(topic, language, shown), due, alert)


def _notice(
    event: Event,
    unit: NotifiedUnit | None,
    recipient: str,
    topic: str,
    text: Message,
    due: int,
    alert: str | None,
) -> Notice:
    return Notice(
        event.seq,
        recipient,
        topic,
        text,
        due,
        None if unit is None else unit.account_id,
        None if unit is None else unit.tenancy,
        alert,
    )


def concerns(person: Person, unit: NotifiedUnit | None) -> bool:
    """Return whether a person hears of a unit; what belongs to no unit is for all."""
    return unit is None or not person.sites or unit.site_id in person.sites


def _customer_wants(topic: str, contact: NotificationSettings) -> bool:
    """Return whether a customer who can be reached wants to hear of a topic."""
    if topic not in CUSTOMER_TOPICS or not (contact.email or contact.phone):
        return False
    return not has_personal_threshold(topic, contact)


def has_personal_threshold(topic: str, who: Person | NotificationSettings) -> bool:
    """Return whether somebody chose a threshold, so that the landlord's is not told beside it."""
    own = {AlertKind.LOW_CREDIT.value: who.low_credit, AlertKind.DAYS_LEFT.value: who.days_left}
    return own.get(topic) is not None


def threshold_notice(
    warning_id: str,
    recipient: str,
    topic: str,
    unit: NotifiedUnit,
    who: Person | NotificationSettings,
    own: WarningContext,
) -> Notice:
    """Return what somebody is told when an account falls below the threshold that they chose."""
    quiet = who.quiet if isinstance(who, Person) else _quiet_of(who)
    facts = unit.facts if recipient == CUSTOMER else replace(unit.facts, link="")
    text = message(topic, who.language or own.language, facts)
    due = _due_at(topic, quiet, own.at, unit.zone)
    key = f"{warning_id} {own.at} {own.seq}"
    return Notice(own.seq, recipient, topic, text, due, unit.account_id, unit.tenancy, warning_id, key)


def _quiet_of(contact: NotificationSettings) -> QuietHours | None:
    if not contact.quiet_from or not contact.quiet_to:
        return None
    return QuietHours(time.fromisoformat(contact.quiet_from), time.fromisoformat(contact.quiet_to))


def _due_at(topic: str, quiet: QuietHours | None, at: int, zone: ZoneInfo) -> int:
    """Return when a notice may go out."""
    return at if quiet is None or topic in URGENT else quiet.earliest_delivery(at, zone)


RETRY_MS: Final[Mapping[int, int]] = {1: 60_000, 2: 300_000, 3: 1_800_000, 4: 7_200_000, 5: 21_600_000}
"""Pause after each failed attempt; after the last one a notice counts as failed."""


def next_attempt_at(attempts: int, at: int) -> int | None:
    """Return when to try again after that many attempts, or None when no more."""
    pause = RETRY_MS.get(attempts)
    return None if pause is None else at + pause
