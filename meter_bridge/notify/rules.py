"""Who is notified of an event: pure rules, one notice for each person and event."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import time
from typing import Final
from zoneinfo import ZoneInfo

from meter_bridge.core.supply.alerts import FOR_LANDLORDS, site_of
from meter_bridge.notify.people import SUPPLY_RESTORED, TOP_UP, People, Person, QuietHours
from meter_bridge.notify.templates import TEXTS, Facts, Message, message
from meter_bridge.protocol.messages import Event, EventKind
from meter_bridge.protocol.payments import NotificationSettings
from meter_bridge.protocol.vocabulary import AlertKind, SupplyState

CUSTOMER: Final = "customer"
CUSTOMER_TOPICS: Final = frozenset(TEXTS)
"""What customers are notified of: what they can act on, and what they wait for."""
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
"""What does not wait for the end of quiet hours: danger, no power, and answers to what somebody just did."""
REMINDED: Final = frozenset({AlertKind.CUT_SOON, AlertKind.SUPPLY_CUT, AlertKind.PROTECTION_TRIPPED})
"""What is sent again where nobody knows whether it arrived: an unannounced cut does more harm than a message
that comes twice. Everything else is then not sent a second time."""
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
        AlertKind.NOTICES_FAILING,
        AlertKind.MAINTENANCE_FAILING,
        AlertKind.PAYMENT_WAITING,
    }
)
"""What may come and go many times an hour; it is sent once in that time."""
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
    """How its customer wants to be notified; None where nobody lives there, or nobody said."""


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
        """Return what makes the notice unique: the event and its recipient."""
        return self.key or f"{self.event_seq}:{self.recipient}"


def topic_of(event: Event) -> str | None:
    """Return the topic of an event, or None where nobody is notified of it."""
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
    """Yield the notices of an event; ``zone`` is that of staff where it belongs to no unit."""
    topic = topic_of(event)
    if topic is None:
        return
    facts = replace(Facts() if unit is None else unit.facts, alert=event.data)
    alert = str(event.data["id"]) if event.kind is EventKind.ALERT_OPENED and "id" in event.data else None
    own_zone = zone if unit is None else unit.zone
    of_site = site_of(topic, str(event.data.get("detail", "")))
    site_id = of_site if unit is None else unit.site_id

    def notice(recipient: str, who: Person | NotificationSettings, *, with_link: bool) -> Notice:
        shown = facts if with_link else replace(facts, link="")
        text = message(topic, who.language or people.language, shown)
        account_id, tenancy = (None, None) if unit is None else (unit.account_id, unit.tenancy)
        due = due_at(topic, who, at, own_zone)
        return Notice(event.seq, recipient, topic, text, due, account_id, tenancy, alert)

    for person in people.staff.values():
        told = concerns(person, site_id, topic) and not has_personal_threshold(topic, person)
        if topic in person.about and told:
            yield notice(person.id, person, with_link=False)
    if unit is not None and unit.contact is not None and _customer_wants(topic, unit.contact):
        yield notice(CUSTOMER, unit.contact, with_link=topic in _WITH_LINK)


def concerns(person: Person, site_id: str, topic: str) -> bool:
    """Return whether a person is notified of what belongs to a site.

    What belongs to none is for all, but money of no site is for those of every site alone.
    """
    if not site_id:
        return topic not in FOR_LANDLORDS or not person.sites
    return not person.sites or site_id in person.sites


def _customer_wants(topic: str, contact: NotificationSettings) -> bool:
    if topic not in CUSTOMER_TOPICS or not (contact.email or contact.phone):
        return False
    return not has_personal_threshold(topic, contact)


def has_personal_threshold(topic: str, who: Person | NotificationSettings) -> bool:
    """Return whether somebody chose a threshold, in place of which the landlord's causes no notice."""
    own = {AlertKind.LOW_CREDIT.value: who.low_credit, AlertKind.DAYS_LEFT.value: who.days_left}
    return own.get(topic) is not None


def _quiet_hours_of(who: Person | NotificationSettings) -> QuietHours | None:
    if isinstance(who, Person):
        return who.quiet
    if not who.quiet_from or not who.quiet_to:
        return None
    return QuietHours(time.fromisoformat(who.quiet_from), time.fromisoformat(who.quiet_to))


def due_at(topic: str, who: Person | NotificationSettings, at: int, zone: ZoneInfo) -> int:
    """Return when a notice of an instant may go out."""
    quiet = None if topic in URGENT else _quiet_hours_of(who)
    return at if quiet is None else quiet.earliest_delivery(at, zone)


RETRY_MS: Final[Mapping[int, int]] = {1: 60_000, 2: 300_000, 3: 1_800_000, 4: 7_200_000, 5: 21_600_000}
"""Pause after each failed attempt; after the last one a notice counts as failed."""


def next_attempt_at(attempts: int, at: int) -> int | None:
    """Return when to try again after that many attempts, or None when no more."""
    pause = RETRY_MS.get(attempts)
    return None if pause is None else at + pause
