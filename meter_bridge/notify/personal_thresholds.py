"""Thresholds that people chose: one notice when credit falls below it, the next only after it rose again.

An account that is below when it is first looked at causes none: whoever chose the threshold has just seen it.
"""

import asyncio
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final

from meter_bridge.core.money import amount_digits
from meter_bridge.core.supply.decision import PaymentMode
from meter_bridge.engine.forecasting.stored_forecast import estimate_days_left
from meter_bridge.engine.ledger.credit import credit_now
from meter_bridge.engine.ledger.purchases import units_worth
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.notify import queries
from meter_bridge.notify.event_consumer import notice_row, notified_unit
from meter_bridge.notify.people import People, Person
from meter_bridge.notify.rules import CUSTOMER, Notice, due_at
from meter_bridge.notify.templates import message
from meter_bridge.protocol.payments import NotificationSettings
from meter_bridge.protocol.vocabulary import AlertKind
from meter_bridge.storage import changeset as ops

PAUSE_MS: Final = 10_000
HYSTERESIS_TENTHS: Final = 5
"""By how many tenths of a day credit must last longer before a warning of days ends."""

type Recipient = tuple[str, Person | NotificationSettings]
"""Recipient and what they chose."""


class PersonalThresholds:
    """Watches the accounts for which somebody chose a threshold."""

    def __init__(self, session: Session, people: People, link: str | None) -> None:
        self._session = session
        self._people = people
        self._link = link or ""
        self._staff = [person for person in people.staff.values() if _has_threshold(person)]
        self._below: dict[str, bool] | None = None
        self._contacts: Mapping[tuple[str, int], NotificationSettings] = {}
        self._newest = (0, 0)
        self._next_at = 0

    async def tick(self) -> None:
        """Make the notices that are due, at most every ten seconds."""
        session = self._session
        now, steady = session.clock.now(), session.clock.steady_ms()
        if not session.can_change or steady < self._next_at:
            return
        self._next_at = steady + PAUSE_MS
        below = await self._read()
        new_notices: list[Notice] = []
        changed: dict[str, bool] = {}
        for account in session.installation.accounts.values():
            for recipient, who in self._recipients(account):
                for topic, is_low in _crossings(account, who, now, recipient, below):
                    warning = _warning_id(recipient, account, topic)
                    if is_low and below.get(warning) is False:
                        new_notices.append(self._notice(account, recipient, who, topic))
                    if is_low is not below.get(warning):
                        changed[warning] = is_low
        if changed:
            await self._store(new_notices, changed, now)

    def _notice(
        self, account: Account, recipient: str, who: Person | NotificationSettings, topic: str
    ) -> Notice:
        """Return the notice that an account fell below a threshold that somebody chose.

        The wall clock may go back, so the newest event makes its key unique; it also decides which bridge
        sends the notice where several share the sites.
        """
        session = self._session
        at, seq = session.clock.believed_wall(), max(session.feed.seq, session.shard.first + 1)
        link = self._link if recipient == CUSTOMER else ""
        unit = notified_unit(account, session.clock.now(), link)
        text = message(topic, who.language or self._people.language, unit.facts)
        due, warning = due_at(topic, who, at, unit.zone), _warning_id(recipient, account, topic)
        key = f"{warning} {at} {seq}"
        return Notice(seq, recipient, topic, text, due, account.id, account.tenancy.n, warning, key)

    async def _read(self) -> dict[str, bool]:
        reader = self._session.reader
        if self._below is None:
            self._below = await asyncio.to_thread(queries.threshold_states, reader)
        newest = await asyncio.to_thread(queries.contacts_version, reader)
        if newest != self._newest:
            contacts = await asyncio.to_thread(queries.read_contacts, reader)
            self._contacts = {key: contact for key, contact in contacts.items() if _has_threshold(contact)}
            self._newest = newest
        return self._below

    def _recipients(self, account: Account) -> Iterator[Recipient]:
        """Yield who chose a threshold for an account in which somebody lives and pays first."""
        if account.tenancy.end is not None or account.policy.payment_mode is not PaymentMode.PREPAYMENT:
            return
        for person in self._staff:
            if not person.sites or account.site.id in person.sites:
                yield person.id, person
        contact = self._contacts.get((account.id, account.tenancy.n))
        if contact is not None and self._people.customer_channels(contact.email, contact.phone):
            yield CUSTOMER, contact

    async def _store(self, new_notices: list[Notice], changed: Mapping[str, bool], now: int) -> None:
        tx, made_at = Transaction(now), self._session.clock.believed_wall()
        tx.changeset.extend(ops.INSERT_NOTICE, [notice_row(notice, made_at) for notice in new_notices])
        rows = [{"id": key, "below": is_low, "since": now} for key, is_low in changed.items()]
        tx.changeset.extend(ops.UPSERT_OWN_WARNING, rows)
        await self._session.commit(tx)
        if self._below is not None:
            self._below |= changed


def _has_threshold(who: Person | NotificationSettings) -> bool:
    return who.low_credit is not None or who.days_left is not None


def _warning_id(recipient: str, account: Account, topic: str) -> str:
    return f"own {recipient} {account.id} {account.tenancy.n} {topic}"


def _crossings(
    account: Account, who: Person | NotificationSettings, now: int, recipient: str, below: Mapping[str, bool]
) -> Iterator[tuple[str, bool]]:
    if who.low_credit is not None:
        topic = AlertKind.LOW_CREDIT.value
        slack = (
            account.policy.low_credit_hysteresis if below.get(_warning_id(recipient, account, topic)) else 0
        )
        left = credit_now(account).balance + units_worth(account)
        yield topic, left <= _amount(who.low_credit, account.site.currency) + slack
    left_days = estimate_days_left(account, now)
    if who.days_left is not None and left_days is not None:
        topic = AlertKind.DAYS_LEFT.value
        slack = HYSTERESIS_TENTHS if below.get(_warning_id(recipient, account, topic)) else 0
        yield topic, left_days.tenths < who.days_left * 10 + slack


def _amount(limit: Decimal | int, currency: str) -> int:
    """Return a threshold as an amount; staff write theirs as a decimal for whatever currency."""
    return limit if isinstance(limit, int) else int(limit.scaleb(amount_digits(currency)))
