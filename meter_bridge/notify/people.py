"""The file of people to notify: ``notify.yaml`` beside the database, its owner's alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
import re
from types import MappingProxyType
from typing import Annotated, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

import msgspec

from meter_bridge.config.private_file import FileProblem, PrivateFile
from meter_bridge.config.problems import Path as Place
from meter_bridge.core.money import MoneyError, parse_decimal
from meter_bridge.protocol.members import known_members
from meter_bridge.protocol.vocabulary import AlertKind
from meter_bridge.text.catalogue import LANGUAGES


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Local times of day between which nobody is disturbed; they may cross midnight."""

    begin: time
    end: time

    def earliest_delivery(self, at: int, zone: ZoneInfo) -> int:
        """Return when a message of an instant (ms) may go out: then, or at the end of the quiet hours.

        An end that the clocks skip or repeat in spring or autumn is taken as its zone's rules have it.
        """
        local = datetime.fromtimestamp(at / 1000, UTC).astimezone(zone)
        now = local.time()
        if self.begin <= self.end:
            if not self.begin <= now < self.end:
                return at
            day = local.date()
        elif now >= self.begin:
            day = local.date() + timedelta(days=1)
        elif now < self.end:
            day = local.date()
        else:
            return at
        ended = datetime.combine(day, self.end, zone)
        return max(at, int(ended.timestamp() * 1000))


FILE_NAME: Final = "notify.yaml"
ADDRESS: Final = "{address}"
SUPPLY_RESTORED: Final = "supply_restored"
TOP_UP: Final = "top_up"
TOPICS: Final = frozenset({*(kind.value for kind in known_members(AlertKind)), SUPPLY_RESTORED, TOP_UP})
"""What people can be notified of: every alert, restored supply, and payments."""
STAFF_TOPICS: Final = TOPICS - {
    SUPPLY_RESTORED,
    TOP_UP,
    AlertKind.LOW_CREDIT,
    AlertKind.DAYS_LEFT,
    AlertKind.EMERGENCY_CREDIT_AVAILABLE,
    AlertKind.EMERGENCY_CREDIT_IN_USE,
    AlertKind.CUT_SOON,
    AlertKind.SUPPLY_ARMED,
}
"""What staff are notified of unless they choose: what needs a person, not what customers see to."""
_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_MAX_ENTRIES: Final = 20
_MAX_DAYS: Final = 60

type _Text = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


_RENAME: Final = {"quiet": "quiet hours", "low_credit": "low credit", "days_left": "days left"}


class _PersonSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename=_RENAME):
    """A person as written."""

    channels: Annotated[tuple[_Text, ...], msgspec.Meta(min_length=1, max_length=_MAX_ENTRIES)]
    language: str = "en"
    sites: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    quiet: str = ""
    digest: str = ""
    low_credit: str = ""
    days_left: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the staff, with the ways to reach them."""

    id: str
    channels: tuple[str, ...] = field(repr=False)
    """Addresses as apprise takes them; they hold passwords and go into no log."""
    language: str = "en"
    sites: frozenset[str] = frozenset()
    """Sites they are notified of; empty for all."""
    about: frozenset[str] = STAFF_TOPICS
    quiet: QuietHours | None = None
    digest: time | None = None
    """Local time of day at which the day is summed up."""
    low_credit: Decimal | None = None
    """Credit, in whatever currency, at which they are notified of a unit; None as its policy has it."""
    days_left: int | None = None
    """Days of credit below which they are notified of a unit; likewise."""


@dataclass(frozen=True, slots=True)
class People:
    """What the file says."""

    language: str = "en"
    """Language of customers who chose none."""
    email: str | None = field(default=None, repr=False)
    """Channel of e-mails to customers, with a place for the address; None where there is none."""
    phone: str | None = field(default=None, repr=False)
    """Channel of text messages to customers."""
    staff: Mapping[str, Person] = field(default_factory=lambda: MappingProxyType({}))
    problems: tuple[FileProblem, ...] = ()
    """What is wrong; each turns off the person or channel, or the whole file, that it is in."""

    def customer_channels(self, email: str, phone: str) -> tuple[tuple[str, str], ...]:
        """Return the channels of a customer: the name of each, and its address for apprise."""
        wanted = (("email", self.email, email), ("phone", self.phone, phone))
        return tuple(
            (name, channel.replace(ADDRESS, quote(address, safe="")))
            for name, channel, address in wanted
            if channel is not None and address
        )


def load_people(data: Path) -> People:
    """Return whom an installation notifies, nobody without a file; what is wrong is left out and named."""
    file = PrivateFile.open(data / FILE_NAME)
    return People() if file is None else _Reader(file).read()


@dataclass(frozen=True, slots=True)
class _Reader:
    file: PrivateFile

    def read(self) -> People:
        file = self.file
        file.mapping((), ("people", "customers"), example="start with people:")
        customers = file.mapping(
            ("customers",), ("language", "email", "phone"), example="write for example language:"
        )
        language = customers.get("language", "en")
        return People(
            file.attempt(lambda: self._language(("customers", "language"), language), "en"),
            file.attempt(lambda: self._customers(customers, "email"), None),
            file.attempt(lambda: self._customers(customers, "phone"), None),
            file.each(("people",), self._person, "names of people are expected", "write for example anna:"),
            # Last, because reading the rest fills it.
            tuple(file.problems),
        )

    def _person(self, place: Place, person_id: str) -> Person:
        if not _ID.fullmatch(person_id):
            remedy = "use up to 32 lower-case letters, digits and dashes"
            raise self.file.error_at(place, f"{person_id!r} cannot be an id", remedy)
        part = self.file.convert(place, _PersonSettings, "docs/notifications.md")
        for n, channel in enumerate(part.channels):
            self._check_channel((*place, "channels", n), channel)
        for n, topic in enumerate(part.about):
            if topic not in TOPICS:
                remedy = f"choose from {', '.join(sorted(TOPICS))}"
                raise self.file.error_at((*place, "about", n), f"nothing is known of {topic!r}", remedy)
        return Person(
            person_id,
            part.channels,
            self._language((*place, "language"), part.language),
            frozenset(part.sites),
            frozenset(part.about) or STAFF_TOPICS,
            self._quiet((*place, "quiet hours"), part.quiet),
            self._time((*place, "digest"), part.digest) if part.digest else None,
            self._credit((*place, "low credit"), part.low_credit) if part.low_credit else None,
            self._days((*place, "days left"), part.days_left) if part.days_left else None,
        )

    def _customers(self, customers: Mapping[str, object], name: str) -> str | None:
        channel = customers.get(name)
        if channel is None:
            return None
        place = ("customers", name)
        if not isinstance(channel, str) or channel.count(ADDRESS) != 1:
            remedy = f"write {ADDRESS} once, where the customer's goes, as in mailtos://…?to={ADDRESS}"
            raise self.file.error_at(place, f"has no single place for {ADDRESS}", remedy)
        example = "tenant@example.org" if name == "email" else "+254712345678"
        self._check_channel(place, channel.replace(ADDRESS, quote(example, safe="")))
        return channel

    def _check_channel(self, place: Place, channel: str) -> None:
        """Refuse what apprise cannot use; the value is a secret and is not repeated."""
        # Imported here because it takes memory, which an installation that notifies nobody does not need.
        import apprise  # noqa: PLC0415

        if not apprise.Apprise().add(channel):
            scheme = channel.partition("://")[0][:20]
            what = f"is no address that messages can go to (it begins with {scheme!r})"
            raise self.file.error_at(place, what, "write it as apprise names it, such as ntfy://host/topic")

    def _language(self, place: Place, language: object) -> str:
        if language not in LANGUAGES:
            remedy = f"choose from {', '.join(LANGUAGES)}"
            raise self.file.error_at(place, f"there are no messages in {language!r}", remedy)
        return str(language)

    def _quiet(self, place: Place, text: str) -> QuietHours | None:
        if not text:
            return None
        begin, dash, end = text.partition("-")
        if not dash:
            raise self.file.error_at(place, f"{text!r} is no span of time", "write for example 22:00-07:00")
        return QuietHours(self._time(place, begin.strip()), self._time(place, end.strip()))

    def _time(self, place: Place, text: str) -> time:
        if not _TIME.fullmatch(text):
            raise self.file.error_at(place, f"{text!r} is no time of day", "write for example 07:30")
        return time.fromisoformat(text)

    def _credit(self, place: Place, text: str) -> Decimal:
        try:
            return parse_decimal(text)
        except MoneyError as error:
            raise self.file.error_at(
                place, str(error), "write for example 20.00, without a currency"
            ) from error

    def _days(self, place: Place, text: str) -> int:
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= _MAX_DAYS:
            raise self.file.error_at(place, f"{text!r} is no number of days", f"write 1 to {_MAX_DAYS}")
        return int(text)
