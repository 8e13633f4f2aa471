"""The engine: state, units of work and the clock's work, without any way to a device or a client of its own.

Change happens optimistically in memory and pessimistically outside: a unit's events, answers and relay
commands
go out only after its commit. When a commit fails, everything in memory is dropped and read anew; registers
are
the record, so no energy is lost and no money was promised.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import count, takewhile
import logging
from typing import Final

from sqlalchemy import Engine as SqlEngine

from meter_bridge.core.supply.alerts import AlertKey, AlertKind
from meter_bridge.engine.alerts.alerting import set_alert
from meter_bridge.engine.alerts.outages import outages
from meter_bridge.engine.alerts.storage_outage import Failing
from meter_bridge.engine.ledger.deferred_posting import Postings, post_due
from meter_bridge.engine.metering.readings import Metering
from meter_bridge.engine.restore import last_instant, load
from meter_bridge.engine.state import supply_row
from meter_bridge.engine.state.account_status import store_status
from meter_bridge.engine.state.clock import Clocks, EngineClock
from meter_bridge.engine.state.event_log import tell
from meter_bridge.engine.state.model import UNLIMITED, Account, Installation, Meter, OpenAlert, Supply
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.engine.stream.feed import Feed
from meter_bridge.engine.supply import protections
from meter_bridge.engine.supply.decision import Wishes
from meter_bridge.engine.supply.evaluation import evaluate
from meter_bridge.engine.supply.local_cutoff import CutOffs
from meter_bridge.engine.supply.relays import Relays, Transport
from meter_bridge.storage import changeset as ops
from meter_bridge.storage.changeset import Work
from meter_bridge.storage.database import StorageError
from meter_bridge.storage.segment_archive import Archive
from meter_bridge.storage.shards import WHOLE, Shard
from meter_bridge.storage.writer import Store

FLUSH_AFTER_MS: Final = 800
"""Age at which a changed state is stored; with the flush interval it stays below a second."""
HEARTBEAT_MS: Final = 30_000
"""Longest time without a stored instant, also where no meter is heard: readers tell by it that the bridge
runs."""
CLOCK_BATCH: Final = 20
"""Accounts whose clock work is done before messages get their turn again."""
POSTED_AT_ONCE: Final = 10
"""Accounts that are posted before messages get their turn again."""
MOST_WAITING: Final = 50
"""Units on their way to disk with which clock work and postings go on; a decision's unit comes after them."""
_LOGGER: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class Counts:
    """What was counted since the start."""

    reports: int = 0
    rejected: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Audited:
    """What the newest audit of the ledger found."""

    at: int | None = None
    """Up to when it looked; None before the first."""
    supplies: int = 0
    skipped: int = 0
    differing: int = 0
    failures: int = 0
    """Audits that could not be made."""


class Engine:
    """State of the installation and everything that changes it."""

    def __init__(
        self,
        reader: SqlEngine,
        store: Store,
        transport: Transport,
        clocks: Clocks,
        make_feed: Callable[[Engine], Feed],
        shard: Shard = WHOLE,
    ) -> None:
        """Load the state; raises ``StorageError`` if the database holds no installation."""
        self.reader = reader
        self.shard = shard
        self.store = store
        self.transport = transport
        self.broken: str | None = None
        """Why storage fails, or None."""
        self.failing = Failing()
        self.running = asyncio.Event()
        """Cleared while a site file is applied: reports are dropped then, the registers keep the record."""
        self.running.set()
        self.counts = Counts()
        self.audited = Audited()
        self.patience: Callable[[], AbstractContextManager[None]] = nullcontext
        """Entered for work that keeps the event loop for longer than a moment."""
        self.archive: Archive | None = None
        """Where segments are that retention let go of."""
        self.on_assigned: Callable[[], None] = lambda: None
        """Called when the meters in use changed."""
        self.installation, last = self._load()
        self.clock = EngineClock(clocks, last)
        self.feed = make_feed(self)
        self.feed.seq = self.installation.sequences.event
        self._dirty: dict[Supply, int] = {}
        """Supplies to be stored with the instant since when, the longest waiting first."""
        self.touched: set[Supply] = set()
        self._flushing: asyncio.Future[None] | None = None
        self._heartbeat_at = 0
        self._outstanding: set[asyncio.Future[None]] = set()
        self._clock_known = False
        """Whether registers are noted by the wall clock as this process last found it set."""
        self._conditions: dict[AlertKind, str | None] = {}
        """What was last said of alerts that belong to no account."""
        self._attach()

    def _load(self) -> tuple[Installation, int | None]:
        """Read the whole state."""
        with self.reader.connect() as connection:
            installation = load(connection, self.shard)
            if installation is None:
                msg = "the database holds no installation"
                raise StorageError(msg)
            return installation, last_instant(connection, self.shard)

    def _attach(self) -> None:
        """Build what works on the present state."""
        self.relays = Relays(self.installation, self.transport, self.clock.now, self.clock.steady)
        self.cut_offs = CutOffs(
            self.installation, self.transport, self.clock.now, self.submit, self.relays.demand
        )
        self.relays.lets_close = self.cut_offs.lets_close
        self.relays.on_again = self.cut_offs.asked_again
        self.postings = Postings(self.installation)
        self.metering = Metering(
            self.installation, self.relays, self.submit, self.touched, self.postings, self.clock
        )
        for account in self.installation.accounts.values():
            account.wake_at = 0
            protections.resume(account, self.clock.now())

    def reload(self) -> None:
        """Drop the state and read it anew from the database."""
        with self.patience():
            self.installation, _ = self._load()
            self._dirty.clear()
            self.touched.clear()
            self._attach()
            self.metering.clock_set(None)
        self.feed.seq = self.installation.sequences.event

    @property
    def waiting(self) -> int:
        """Return how many units are on their way to disk."""
        return len(self._outstanding)

    def assigned(self) -> None:
        """Tell that the meters in use changed, and take up their relays."""
        self.on_assigned()
        self.cut_offs.assigned()
        self.relays.resume()

    def submit(self, unit: Transaction) -> asyncio.Future[None] | None:
        """Commit a unit; its effects and events follow when it is on disk."""
        for supply in unit.supplies:
            unit.work.add(ops.UPSERT_SUPPLY_STATUS, supply_row.whole_row(supply, unit.at))
            self._dirty.pop(supply, None)
        for account in unit.accounts:
            store_status(account, unit)
        if not unit.work:
            for effect in unit.effects:
                effect()
            return None
        done = self.store.commit(unit.work)
        self._outstanding.add(done)
        done.add_done_callback(lambda ended: self._committed(unit, ended))
        return done

    def _committed(self, unit: Transaction, done: asyncio.Future[None]) -> None:
        """Let out what the unit holds back, or note that storage fails."""
        self._outstanding.discard(done)
        failure = done.exception()
        if failure is not None:
            self.fail(f"storage fails: {failure}")
            return
        for event in unit.events:
            tell(event)
            self.feed.publish(event)
            if event.account_id is not None:
                self.feed.touch(event.account_id)
            else:
                self.feed.touch_alerts()
        for effect in unit.effects:
            effect()

    def fail(self, reason: str) -> None:
        """Stop charging and deciding until the state was read anew and storage works."""
        if self.broken is None:
            _LOGGER.error(
                "Nothing is charged or switched until storage and state are right again: %s", reason
            )
        self.broken = reason
        self.failing.begin(self.clock.now())
        self.feed.touch_alerts()

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Make a change whole: where an error of ours ends it half way, memory is not to be used.

        It is dropped and read anew like after a failed commit, so that nothing half settled is ever stored.
        """
        try:
            yield
        except Exception as error:
            self.distrust(error)
            raise

    def distrust(self, error: Exception) -> None:
        """Take nothing more from a state that an error of ours may have left half changed."""
        self.fail(f"a change ended in an error: {type(error).__name__}: {error}")

    async def ended(self, done: asyncio.Future[None]) -> None:
        """Wait until a unit is on disk and its effects are out; raise ``StorageError`` if it was not."""
        try:
            await asyncio.shield(done)
        finally:
            if done in self._outstanding:
                await asyncio.sleep(0)  # a unit stored in place tells its end in the loop's next round

    async def drained(self) -> None:
        """Wait until every unit handed over has ended."""
        while self._outstanding:
            await asyncio.wait(list(self._outstanding))
            await asyncio.sleep(0)

    async def handed_over(self) -> None:
        """Wait until the units that were handed over so far have ended, stored or not."""
        if self._outstanding:
            await asyncio.wait(list(self._outstanding))

    async def try_recover(self) -> bool:
        """Look for room, read the state anew and probe a commit; True if storage works again."""
        try:
            await asyncio.to_thread(self.store.see_room)
            await self.drained()
            self.reader.dispose()  # what is open on a disk that was away reads nothing any more
            self.reload()
            self.store.recover()
            await self.store.commit(self.heartbeat())
        except Exception as error:  # noqa: BLE001 - whatever storage raises, it does not work yet
            self.broken = f"storage fails: {error}"
            return False
        reason, self.broken = self.broken, None
        _LOGGER.warning("Storage works again; the state was read anew")
        self._tell_everything()
        unit = Transaction(self.clock.now())
        self.failing.tell(self.installation, unit, self.own_alert(AlertKind.STORAGE_FAILING), reason or "")
        self.submit(unit)
        self.relays.resume()
        return True

    def _tell_everything(self) -> None:
        """Let subscribers forget what was never stored, and keep the alerts of what happened meanwhile."""
        for kind, message in self._conditions.items():
            self.set_installation_alert(kind, message)
        for account_id in self.installation.accounts:
            self.feed.touch(account_id)
        self.feed.touch_alerts()

    def heartbeat(self) -> Work:
        """Return work that stores the newest event time, of a shard in its own row, and the name."""
        work = Work()
        if not self.shard.whole:
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
        for supply in self.touched.difference(self._dirty):
            self._dirty[supply] = now
        if self.feed.subscribers:
            for supply in self.touched:
                self.feed.touch(supply.account.id)
        self.touched.clear()
        if not everything and self._flushing is not None and not self._flushing.done():
            return
        waited_since = now if everything else now - FLUSH_AFTER_MS
        due = [supply for supply, _ in takewhile(lambda each: each[1] <= waited_since, self._dirty.items())]
        if not due and now - self._heartbeat_at < HEARTBEAT_MS:
            return
        self._heartbeat_at = now
        work = self.heartbeat()
        work.extend(ops.UPSERT_SUPPLY_STATUS, [supply_row.status_row(supply, now) for supply in due])
        for supply in due:
            del self._dirty[supply]
        unit = Transaction(now, work=work)
        self._flushing = self.submit(unit)

    def evaluate(
        self,
        account: Account,
        unit: Transaction,
        *,
        confirmed: bool = False,
        by_person: bool = False,
        note: str | None = None,
    ) -> None:
        """Evaluate an account as part of a unit; its meters take the full way next."""
        wishes = Wishes(self.clock.sure, confirmed, by_person, note)
        evaluate(self.installation, account, unit, self.relays, wishes)
        account.drop_lanes()
        self.touched.update(account.supplies)

    def due_accounts(self) -> Sequence[Account]:
        """Return the accounts for which the clock has something to do, those near a decision first.

        Nothing is nearer than a cut that only waited for this instant.
        """
        now = self.clock.now()

        def room(account: Account) -> int:
            return -1 if account.cut_at is not None and account.cut_at <= now else account.room

        return sorted((each for each in self.installation.accounts.values() if each.wake_at <= now), key=room)

    async def clock_work(self) -> None:
        """Do what instants make due; messages, and decisions with them, come between a few accounts."""
        installation = self.installation
        for number, account in enumerate(self.due_accounts(), 1):
            if self._waits or self.installation is not installation:
                return  # what is due still is when storage works again or the site file is applied
            now = self.clock.now()
            if account.wake_at <= now:  # else a reading came first
                unit = Transaction(now)
                with self.whole():
                    self.evaluate(account, unit)
                self.submit(unit)
            if number % CLOCK_BATCH == 0:
                await self._give_way()

    async def _give_way(self) -> None:
        """Let messages have their turn, and the disk take most of what was handed over.

        Units are stored in their order, so that a decision that comes now goes out after all of them.
        """
        await asyncio.sleep(0)
        while len(self._outstanding) > MOST_WAITING:
            await asyncio.wait(self._outstanding, return_when=asyncio.FIRST_COMPLETED)

    async def post_waiting(self, *, everything: bool = False) -> None:
        """Post what waits for its turn; messages, and decisions with them, come between a few accounts.

        With ``everything`` also what would wait longer.
        """
        installation = self.installation
        for number in count(1):
            if self._waits or self.installation is not installation:
                return
            account = self.postings.next(UNLIMITED if everything else self.clock.now())
            if account is None:
                return
            self._post(account)
            if number % POSTED_AT_ONCE == 0:
                await self._give_way()

    def _post(self, account: Account) -> None:
        """Post what waits of an account, and look at what follows as after every posting."""
        unit = Transaction(self.clock.now())
        with self.whole():
            post_due(self.installation, account, unit)
            for meter in account.meters:
                self.relays.calm(meter, unit)
            evaluate(self.installation, account, unit, self.relays, Wishes())
        self.submit(unit)

    def protection_work(self) -> None:
        """Let time pass for the guards of every account; safety does not wait for a sure clock."""
        if self.broken is not None or not self.running.is_set():
            return
        now = self.clock.now()
        for account in self.installation.accounts.values():
            if account.guard_at <= now and protections.tick(account, now):
                unit = Transaction(now)
                with self.whole():
                    store_status(account, unit)
                    self.evaluate(account, unit)
                self.submit(unit)

    @property
    def _waits(self) -> bool:
        """Say whether nothing may be charged or decided by time now."""
        return self.broken is not None or not self.running.is_set() or not self.clock.sure

    def check_clock(self) -> None:
        """Compare the clocks; suspend or resume what depends on time."""
        if self.broken:
            return
        told_wrong = self.own_alert(AlertKind.CLOCK_WRONG) in self.installation.alerts
        before_ms = self.clock.ahead()
        if self.clock.check() or self.clock.sure is told_wrong:
            self.clock_changed(before_ms)

    def confirm_clock(self) -> None:
        """Take the wall clock as right because a person said so, and go on."""
        before_ms = self.clock.ahead()
        self.clock.confirm()
        self.clock_changed(before_ms)

    def clock_changed(self, before_ms: int) -> None:
        """Keep the alert of the clock, and let every account be evaluated anew.

        ``before_ms`` is how far event time was ahead of the wall clock until now.
        """
        unit = Transaction(self.clock.now())
        message = (
            None
            if self.clock.sure
            else "The clock of the bridge jumped; charges by time and cuts wait until it is right"
            " or confirmed"
        )
        set_alert(self.installation, None, unit, self.own_alert(AlertKind.CLOCK_WRONG), message)
        for account in self.installation.accounts.values():
            account.drop_lanes()
            account.wake_at = 0
            protections.resume(account, unit.at)
        self.metering.clock_set(before_ms if self._clock_known else None)
        self._clock_known = self._clock_known or self.clock.sure
        self.submit(unit)

    def check_silence(self) -> None:
        """Find meters that have not been heard of for too long."""
        if self.broken or not self.running.is_set():
            return
        now = self.clock.now()
        for meter in self.installation.meters.values():
            if meter.online and meter.last_seen is not None and self._silent(meter, now):
                self.metering.set_online(meter, Transaction(now), online=False)
        self._watch_sites(now)

    def _watch_sites(self, now: int) -> None:
        """Keep the alert of every site all of whose meters fell silent: a building, not a meter, is dark."""
        unit = Transaction(now)
        for site_id, message in outages(self.installation).items():
            key = AlertKey(AlertKind.POWER_OUTAGE, detail=site_id)
            set_alert(self.installation, None, unit, key, message)
        self.submit(unit)

    @staticmethod
    def _silent(meter: Meter, now: int) -> bool:
        """Say whether a meter has been silent for too long."""
        return now - (meter.last_seen or 0) > meter.plan.offline_after_s * 1000

    def unstored_alerts(self) -> dict[AlertKey, OpenAlert]:
        """Return the alerts of what is so and cannot be stored: that nothing can."""
        alert = self.failing.alert(self.broken)
        return {} if alert is None else {self.own_alert(AlertKind.STORAGE_FAILING): alert}

    def set_installation_alert(self, kind: AlertKind, message: str | None) -> None:
        """Open or close an alert that belongs to no account."""
        self._conditions[kind] = message
        if self.broken:
            return
        unit = Transaction(self.clock.now())
        set_alert(self.installation, None, unit, self.own_alert(kind), message)
        self.submit(unit)

    def own_alert(self, kind: AlertKind) -> AlertKey:
        """Return the key of an alert that belongs to no account but to this bridge."""
        return AlertKey(kind, detail=self.shard.mark)
