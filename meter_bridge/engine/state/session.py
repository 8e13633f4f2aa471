"""The session: state, clock and storage of a shard, and the one way in which a change is committed.

Change is optimistic in memory and pessimistic outside: a transaction's events, answers and relay commands go
out only after its commit. When a commit fails, everything in memory is dropped and read again at once, or as
soon as it can be read; registers are the record, so no energy is lost and no money was promised.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import takewhile
import logging
from typing import Final, Protocol

from sqlalchemy import Connection, Engine as SqlEngine

from meter_bridge.actor import Actor
from meter_bridge.core.calendar import HOUR_MS
from meter_bridge.core.supply.alerts import AlertFacts, AlertKey
from meter_bridge.engine.state import account_document, supply_document
from meter_bridge.engine.state.clock import Clocks, EngineClock
from meter_bridge.engine.state.events import log_event, read_events
from meter_bridge.engine.state.model import Account, Installation, OpenAlert, Supply
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode, Event
from meter_bridge.protocol.vocabulary import AlertKind
from meter_bridge.storage import changeset as ops
from meter_bridge.storage.changeset import Changeset
from meter_bridge.storage.database import StorageError
from meter_bridge.storage.errors import OutcomeUnknownError
from meter_bridge.storage.segment_archive import Archive
from meter_bridge.storage.shards import WHOLE, Shard
from meter_bridge.storage.writer import Store

UNSTORED_ALERT_ID: Final = "storage-failing"
"""Id of the alert while it cannot be stored; it gets one of its own with its row."""


@dataclass(slots=True)
class StorageOutage:
    """Since when nothing can be stored, until that is on record."""

    since: int | None = None

    def begin(self, at: int) -> None:
        """Note when it began; a failure before the last one came on record goes on."""
        if self.since is None:
            self.since = at

    def alert(self, reason: str | None) -> OpenAlert | None:
        """Return the alert as long as there is a reason for it."""
        if self.since is None or reason is None:
            return None
        return OpenAlert(UNSTORED_ALERT_ID, {"since_ms": self.since, "reason": reason}, self.since)

    def end(self) -> None:
        """Note that the outage is on record; the next failure begins another."""
        self.since = None


FLUSH_AFTER_MS: Final = 800
"""Age at which a changed state is stored; with the flush interval it stays below a second."""
HEARTBEAT_MS: Final = 30_000
"""Longest time without a stored instant, also where no meter reports: readers see that the bridge runs."""
_LOGGER: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Health:
    """Health of the bridge: ``ok``, ``degraded`` or ``down``, with reasons for people."""

    status: str
    reasons: tuple[str, ...]


MAX_KINDS: Final = 200
"""Kinds of unreadable payloads that are distinguished; drivers use fewer, this bounds what a bug could do."""


@dataclass(slots=True)
class Counts:
    """What was counted since the start."""

    reports: int = 0
    rejected: dict[str, int] = field(default_factory=dict)

    def count_rejected(self, kind: str) -> None:
        """Count what could not be used, by kind."""
        if kind in self.rejected or len(self.rejected) < MAX_KINDS:
            self.rejected[kind] = self.rejected.get(kind, 0) + 1


@dataclass(slots=True)
class AuditResult:
    """What the newest audit of the ledger found."""

    audited_upto: int | None = None
    """Up to when it looked; None before the first."""
    supplies: int = 0
    skipped: int = 0
    differing: int = 0
    failures: int = 0
    """Audits that could not be made."""


class Publisher(Protocol):
    """Where committed changes are published; ``stream.feed.Feed`` is the one of a running bridge."""

    seq: int
    """Newest durable event that was committed."""

    @property
    def subscribers(self) -> int:
        """Return how many are listening."""

    def publish(self, event: Event) -> None:
        """Publish an event that was committed."""

    def mark_changed(self, account_id: str) -> None:
        """Note that an account changed."""

    def remove(self, account_id: str, site_id: str) -> None:
        """Note that an account is gone."""

    def mark_alerts_changed(self) -> None:
        """Note that an alert of the installation opened or closed."""

    def end_for_token(self, token_id: str) -> None:
        """End the subscriptions of a revoked token."""


class RelayRequests(Protocol):
    """Where decisions ask relays to move; ``supply.relays.Relays`` are those of a running bridge."""

    def request(self, account: Account, tx: Transaction) -> None:
        """Ask every relay of the account to follow its supply state, as part of the transaction."""


type Load = Callable[[Connection, Shard], tuple[Installation, int | None] | None]
"""Returns the stored state and the newest event time of a shard; None where there is no installation."""

SAME_CAUSE_MS: Final = HOUR_MS
"""Two errors of a site within it have one cause: to read the state again did not help."""


class Session:
    """State of the installation, and the way of every change of it to disk.

    Raises ``StorageError`` where the database holds no installation.
    """

    feed: Publisher
    relays: RelayRequests
    revoke_access: Callable[[Transaction, str], None]
    """Takes an account from every tenant's token that sees it, as part of the transaction."""

    def __init__(
        self,
        reader: SqlEngine,
        store: Store,
        clocks: Clocks,
        load: Load,
        shard: Shard = WHOLE,
    ) -> None:
        self.reader = reader
        self.shard = shard
        self.store = store
        self._load = load
        self.storage_error: str | None = None
        """Why storage fails, or None."""
        self.state_lost = False
        """Whether memory holds what was not stored: nothing may be told of it until it was read again."""
        self.losses = 0
        """How often memory has held what was not stored."""
        self._reload_due = False
        self.storage_outage = StorageOutage()
        self.stopped_sites: dict[str, str] = {}
        """Sites of which nothing is charged or switched until the bridge starts again, with the reason."""
        self._last_errors: dict[str, int] = {}
        """When work that comes by itself last ended in an error, by its site."""
        self.accepting = asyncio.Event()
        """Cleared while a site file is applied: reports are dropped then, the registers keep the record."""
        self.accepting.set()
        self.counts = Counts()
        self.last_audit = AuditResult()
        self.suspend_watchdog: Callable[[], AbstractContextManager[None]] = nullcontext
        """Entered for work that keeps the event loop for longer than a moment."""
        self.archive: Archive | None = None
        """Where segments are that retention deleted from the database."""
        self.on_reloaded: Callable[[], None] = lambda: None
        """Called when the state was read again."""
        self.on_meters_changed: Callable[[], None] = lambda: None
        """Called when the meters in use changed."""
        self.installation_alerts: dict[AlertKind, AlertFacts | None] = {}
        """Newest facts, or None, of alerts that belong to no account."""
        self.installation, last_instant = self._read()
        self.clock = EngineClock(clocks, last_instant)
        self.changed_supplies: set[Supply] = set()
        """Supplies whose state changed since the last flush."""
        self._dirty: dict[Supply, int] = {}
        """Supplies to be stored with the instant since when, the longest waiting first."""
        self._flushing: asyncio.Future[None] | None = None
        self._heartbeat_at = 0
        self._pending: set[asyncio.Future[None]] = set()

    def _read(self) -> tuple[Installation, int | None]:
        with self.reader.connect() as connection:
            stored = self._load(connection, self.shard)
        if stored is None:
            msg = "the database holds no installation"
            raise StorageError(msg)
        return stored

    def reload(self) -> None:
        """Drop the state and read it again from the database; tell what was stored without an answer."""
        told = self.feed.seq
        with self.suspend_watchdog():
            self.installation, _ = self._read()
            self._dirty.clear()
            self.changed_supplies.clear()
            self.state_lost = False
            self.on_reloaded()
        stored = self.installation.sequences.event
        while told < stored and (missed := read_events(self.reader, told, stored)):
            for event in missed:
                self.feed.publish(event)
            told = missed[-1].seq
        self.feed.seq = stored

    @property
    def can_change(self) -> bool:
        """Return whether a change may begin now: storage works and no site file is being applied."""
        return self.storage_error is None and self.accepting.is_set()

    def begin(self, actor: Actor) -> Transaction:
        """Return a new transaction of an actor; raises ``RequestRefused`` while nothing can be stored."""
        if not self.can_change:
            raise RequestRefused(
                ErrorCode.STORAGE_UNAVAILABLE,
                "the bridge cannot store anything now; nothing was changed",
                remedy="try again in a minute; the bridge's log says why",
            )
        return Transaction(self.clock.now(), actor=actor.name)

    async def commit(self, tx: Transaction) -> None:
        """Wait until a transaction is on disk; raises ``RequestRefused`` if it was or may be not stored."""
        try:
            await self.persist(tx)
        except OutcomeUnknownError as error:
            raise outcome_unknown() from error
        except StorageError as error:
            raise storage_unavailable() from error

    async def persist(self, tx: Transaction) -> None:
        """Wait until a transaction is on disk; raises ``StorageError`` if it was not stored.

        One without rows tells of what was so already, and waits until that is on disk.
        """
        losses = self.losses
        done = self.submit(tx)
        if done is not None:
            await self.wait_for(done)
        else:
            await self.wait_until_stored(losses)

    def submit(self, tx: Transaction) -> asyncio.Future[None] | None:
        """Hand a transaction over; its effects and events follow when it is on disk.

        The next readings of every account that it touches take the full path.
        """
        for account in tx.touched:
            _leave_fast_path(account)
        for supply in tx.supplies:
            tx.changeset.add(ops.UPSERT_SUPPLY_STATUS, supply_document.full_row(supply, tx.at))
            self._dirty.pop(supply, None)
        for account in tx.accounts:
            tx.changeset.add(ops.UPSERT_ACCOUNT_STATUS, account_document.status_row(account))
        if not tx.changeset:
            for effect in tx.effects:
                effect()
            return None
        done = self.store.commit(tx.changeset)
        self._pending.add(done)
        done.add_done_callback(lambda ended: self._committed(tx, ended))
        return done

    def _committed(self, tx: Transaction, done: asyncio.Future[None]) -> None:
        self._pending.discard(done)
        if self.state_lost:
            self._reload_soon()
        failure = done.exception()
        if failure is not None:
            self.fail(f"storage fails: {failure}")
            return
        for event in tx.events:
            log_event(event)
            self.feed.publish(event)
            if event.account_id is not None:
                self.feed.mark_changed(event.account_id)
            else:
                self.feed.mark_alerts_changed()
        for effect in tx.effects:
            effect()

    def fail(self, reason: str) -> None:
        """Stop charging and deciding until the state was read again and storage works."""
        if self.storage_error is None:
            _LOGGER.error(
                "Nothing is charged or switched until storage and state are right again: %s", reason
            )
        self.storage_error = reason
        self.storage_outage.begin(self.clock.now())
        self.state_lost = True
        self.losses += 1
        self._reload_soon()
        self.feed.mark_alerts_changed()

    def _reload_soon(self) -> None:
        """Read the state again when whoever is changing it has ended."""
        self._reload_due = True
        asyncio.get_running_loop().call_soon(self._reload_lost_state)

    def _reload_lost_state(self) -> None:
        """Read the state again once nothing is under way, so that it can be shown while storage fails.

        Where it cannot be read, recovery goes on trying.
        """
        self._reload_due = False
        if not self.state_lost or self._pending:
            return
        try:
            self.reload()
        except Exception as error:  # noqa: BLE001 - whatever reading raises, the state is not known
            _LOGGER.warning("The state cannot be read again yet: %s", error)
            return
        for account_id in self.installation.accounts:
            self.feed.mark_changed(account_id)

    @contextmanager
    def atomic(self, recurring: Account | None = None) -> Iterator[None]:
        """Make a change whole: where an error of ours ends it half way, memory is not to be used.

        It is dropped and read again like after a failed commit, so that nothing half settled is ever stored.
        Work on an account that is tried again and again is named as such.
        """
        try:
            yield
        except Exception as error:
            self.invalidate(error, recurring)
            raise

    def check_served(self, account: Account) -> None:
        """Raise ``RequestRefused`` for an account of a site that is stopped."""
        reason = self.stopped_sites.get(account.site.id)
        if reason is not None:
            raise RequestRefused(
                ErrorCode.STORAGE_UNAVAILABLE,
                f"nothing of {account.site.name} is charged, booked or switched now: {reason}",
                remedy="run 'meter-bridge verify'; once the books are right, start the bridge again",
            )

    def invalidate(self, error: Exception, recurring: Account | None = None) -> None:
        """Take nothing more from a state that an error of ours may have left half changed.

        An error that comes again within the hour, though the state was read again, is one of what is stored:
        its site is stopped, so that the others are served.
        """
        named = f"{type(error).__name__}: {error}"
        if recurring is not None:
            site_id = recurring.site.id
            now = self.clock.now()
            last, self._last_errors[site_id] = self._last_errors.get(site_id), now
            if last is not None and now - last <= SAME_CAUSE_MS:
                self.stopped_sites.setdefault(site_id, named)
                _LOGGER.error("The site %s is stopped: its work always ends in an error: %s", site_id, named)
        self.fail(f"a change ended in an error: {named}")

    @property
    def pending_transactions(self) -> int:
        """Return how many transactions are on their way to disk."""
        return len(self._pending)

    async def wait_for(self, done: asyncio.Future[None]) -> None:
        """Wait until a transaction is on disk and its effects are out, or raise ``StorageError``."""
        try:
            await asyncio.shield(done)
        finally:
            if done in self._pending:
                await asyncio.sleep(0)  # what is stored in place tells its end in the loop's next round

    async def wait_until_stored(self, losses: int) -> None:
        """Wait until what is in memory is on disk.

        Raises ``StorageError`` where that, or anything since ``losses`` were counted, was not stored.
        """
        await self.wait_for_submitted()
        if self.state_lost or self.losses != losses:
            msg = f"what this rests on was not stored: {self.storage_error}"
            raise StorageError(msg)

    async def drain(self) -> None:
        """Wait until every transaction handed over has ended, and what was lost by one was read again."""
        while self._pending or self._reload_due:
            await self.wait_for_submitted()
            await asyncio.sleep(0)

    async def wait_for_submitted(self) -> None:
        """Wait until the transactions that were handed over so far have ended, stored or not."""
        if self._pending:
            await asyncio.wait(list(self._pending))

    async def wait_for_one(self) -> None:
        """Wait until one of the transactions handed over has ended."""
        await asyncio.wait(self._pending, return_when=asyncio.FIRST_COMPLETED)

    def heartbeat_changeset(self) -> Changeset:
        """Return work that stores the newest event time, of a shard in its own row, and the name."""
        work = Changeset()
        if self.shard.count > 1:
            applied = self.installation.sequences.applied_here
            row = {"n": self.shard.n, "last_instant": self.clock.now(), "applied": applied}
            work.add(ops.UPSERT_SHARD, row)
        if self.shard.n != 0:
            return work
        work.add(
            ops.UPSERT_INSTALLATION,
            {
                "id": self.installation.id,
                "name": self.installation.name,
                "created_at": self.installation.created_at,
                "last_instant": self.clock.now(),
            },
        )
        return work

    def flush(self, *, everything: bool = False) -> None:
        """Store the newest state of supplies that changed, those that waited long enough."""
        now = self.clock.now()
        for supply in self.changed_supplies.difference(self._dirty):
            self._dirty[supply] = now
        if self.feed.subscribers:
            for supply in self.changed_supplies:
                self.feed.mark_changed(supply.account.id)
        self.changed_supplies.clear()
        if not everything and self._flushing is not None and not self._flushing.done():
            return
        waited_since = now if everything else now - FLUSH_AFTER_MS
        due = [supply for supply, _ in takewhile(lambda entry: entry[1] <= waited_since, self._dirty.items())]
        if not due and now - self._heartbeat_at < HEARTBEAT_MS:
            return
        self._heartbeat_at = now
        work = self.heartbeat_changeset()
        work.extend(ops.UPSERT_SUPPLY_STATUS, [supply_document.status_row(supply, now) for supply in due])
        for supply in due:
            del self._dirty[supply]
        self._flushing = self.submit(Transaction(now, changeset=work))

    def unstored_alerts(self) -> dict[AlertKey, OpenAlert]:
        """Return the alerts of what is so and cannot be stored: that nothing can."""
        alert = self.storage_outage.alert(self.storage_error)
        return {} if alert is None else {self.bridge_alert_key(AlertKind.STORAGE_FAILING): alert}

    def bridge_alert_key(self, kind: AlertKind) -> AlertKey:
        """Return the key of an alert that belongs to no account but to this bridge."""
        return AlertKey(kind, detail=self.shard.mark)


def _leave_fast_path(account: Account) -> None:
    for meter in account.meters:
        if meter.fast_path is not None:
            meter.fast_path.flush()
            meter.fast_path = None


def storage_unavailable() -> RequestRefused:
    """Return the refusal of a request that cannot be stored now."""
    return RequestRefused(
        ErrorCode.STORAGE_UNAVAILABLE,
        "the bridge cannot store anything now; nothing was booked or changed",
        remedy="try again with the same key in a minute; the bridge's log says why",
    )


def outcome_unknown() -> RequestRefused:
    """Return the answer to a request whose commit ended without the database's answer."""
    return RequestRefused(
        ErrorCode.STORAGE_UNAVAILABLE,
        "the database did not answer whether it stored this: it may or may not have been booked",
        remedy="ask again with the same key in a minute, which books it only once;"
        " look first where a request has no key",
    )
