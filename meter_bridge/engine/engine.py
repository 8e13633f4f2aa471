"""The engine: puts the parts together that work on one session, and does what time makes due."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import count
import logging
from typing import Final

from sqlalchemy import Engine as SqlEngine

from meter_bridge.core.supply.alerts import BOOKS_OF, AlertKey
from meter_bridge.engine.alerts.alerting import set_alert, set_installation_alert
from meter_bridge.engine.alerts.outages import record_outage, site_outages
from meter_bridge.engine.ledger.journal import DeferredPostings, post_deferred
from meter_bridge.engine.metering import fast_path, power_check
from meter_bridge.engine.metering.discovery import Discovery
from meter_bridge.engine.metering.readings import MeterReports, ReportHandler
from meter_bridge.engine.metering.silence import SilenceWatch
from meter_bridge.engine.restore import stored_state
from meter_bridge.engine.state.clock import Clocks
from meter_bridge.engine.state.model import UNLIMITED, Account
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.engine.state.transport import Transport
from meter_bridge.engine.stream.feed import Feed, Snapshots
from meter_bridge.engine.supply import protections
from meter_bridge.engine.supply.evaluation import EvaluationContext, evaluate, evaluate_account
from meter_bridge.engine.supply.local_cutoff import CutOffs
from meter_bridge.engine.supply.relays import Relays
from meter_bridge.protocol.vocabulary import AlertKind
from meter_bridge.storage.shards import WHOLE, Shard
from meter_bridge.storage.writer import Store

CLOCK_BATCH: Final = 20
"""Accounts whose clock work is done before messages get their turn again."""
POSTING_BATCH: Final = 10
"""Accounts that are posted before messages get their turn again."""
MAX_PENDING_TRANSACTIONS: Final = 50
"""Transactions on their way to disk with which clock work and postings go on; a decision comes after them."""
_LOGGER: Final = logging.getLogger(__name__)


class Engine:
    """The parts that work on one session: relays, local cut-offs, postings and readings."""

    def __init__(
        self,
        reader: SqlEngine,
        store: Store,
        transport: Transport,
        clocks: Clocks,
        shard: Shard = WHOLE,
    ) -> None:
        """Load the state; raises ``StorageError`` if the database holds no installation."""
        session = self.session = Session(reader, store, clocks, stored_state, shard)
        self.discovery = Discovery()
        self.snapshots = Snapshots(session, self.discovery)
        self.feed = session.feed = Feed(session, self.snapshots)
        self.transport = transport
        self._clock_was_sure = False
        """Whether registers are noted by the wall clock as this process last found it set."""
        self.relays = session.relays = Relays(session, transport)
        self.cut_offs = CutOffs(session, transport, self.relays.reassert)
        self.relays.may_close = self.cut_offs.may_close
        self.relays.on_device_back = self.cut_offs.recheck
        self.deferred_postings = DeferredPostings(session)
        self.reports = MeterReports(session, self.relays, self.deferred_postings)
        self.silence = SilenceWatch(session, self.reports)
        self.intake = ReportHandler(session, self.reports, self.cut_offs, self.discovery)
        self.on_assigned: Callable[[], None] = lambda: None
        """Called when the meters in use changed."""
        session.on_reloaded, session.on_meters_changed = self._attach, self.meters_changed
        self._reevaluate_accounts()

    def _attach(self) -> None:
        before = self.reports.installation
        for part in (self.relays, self.cut_offs, self.deferred_postings, self.reports):
            part.attach()
        self._reevaluate_accounts()
        self.reports.adjust_to_clock(None)
        power_check.go_on(before, self.session.installation)
        self.silence.restart()

    def _reevaluate_accounts(self) -> None:
        for account in self.session.installation.accounts.values():
            account.wake_at = 0
            protections.restore(account, self.session.clock.now())

    def meters_changed(self) -> None:
        """Note that the meters in use changed, and take up their relays."""
        self.on_assigned()
        self.cut_offs.meters_changed()
        self.relays.resume()

    async def try_recover(self) -> bool:
        """Look for room, read the state again and probe a commit; True if storage works again."""
        session = self.session
        try:
            await session.drain()
            session.reader.dispose()  # what is open on a disk that was away reads nothing any more
            session.reload()
            await asyncio.to_thread(session.store.check_disk_space)
            session.store.recover()
            await session.store.commit(session.heartbeat_changeset())
        except Exception as error:  # noqa: BLE001 - whatever storage raises, it does not work yet
            session.storage_error = f"storage fails: {error}"
            return False
        reason, session.storage_error = session.storage_error, None
        _LOGGER.warning("Storage works again; the state was reloaded")
        self._notify_subscribers()
        self._update_stopped_sites()
        tx = Transaction(session.clock.now())
        record_outage(session, tx, reason or "")
        session.submit(tx)
        self.relays.resume()
        return True

    def _notify_subscribers(self) -> None:
        """Let subscribers drop what was never stored, and record the alerts of what happened meanwhile."""
        session = self.session
        for kind, facts in session.installation_alerts.items():
            set_installation_alert(session, kind, facts)
        for account_id in session.installation.accounts:
            session.feed.mark_changed(account_id)
        session.feed.mark_alerts_changed()

    def _update_stopped_sites(self) -> None:
        """Keep an alert for each site that is stopped, and none for one that is served."""
        session, tx = self.session, Transaction(self.session.clock.now())
        for site in session.installation.sites.values():
            reason = session.stopped_sites.get(site.id)
            facts = None if reason is None else {"case": "books", "name": site.name, "reason": reason}
            key = AlertKey(AlertKind.STORAGE_FAILING, detail=f"{BOOKS_OF}{site.id}")
            set_alert(session.installation, None, tx, key, facts)
        session.submit(tx)

    def due_accounts(self) -> Sequence[Account]:
        """Return the accounts for which the clock has something to do, those near a decision first.

        Nothing is nearer than a cut that only waited for this instant.
        """
        now = self.session.clock.now()
        wall = self.session.clock.to_wall_time(now)

        def room(account: Account) -> int:
            return -1 if account.cut_at is not None and account.cut_at <= now else account.margin

        accounts = self.session.installation.accounts.values()
        due = (each for each in accounts if each.is_due(now, wall) and self._is_served(each))
        return sorted(due, key=room)

    def _is_served(self, account: Account) -> bool:
        return account.site.id not in self.session.stopped_sites

    async def run_due_accounts(self) -> None:
        """Do what instants make due; messages, and decisions with them, come between a few accounts."""
        session, installation = self.session, self.session.installation
        for number, account in enumerate(self.due_accounts(), 1):
            if self._suspended or session.installation is not installation:
                return  # what is due still is when storage works again or the site file is applied
            now = session.clock.now()
            if account.is_due(now, session.clock.to_wall_time(now)):  # else a reading came first
                tx = Transaction(now)
                with session.atomic(recurring=account):
                    evaluate(session, account, tx)
                session.submit(tx)
            if number % CLOCK_BATCH == 0:
                await self._yield_to_messages()

    async def _yield_to_messages(self) -> None:
        """Let messages have their turn, and the disk take most of what was submitted.

        Transactions are stored in their order, so that a decision that comes now goes out after all of them.
        """
        await asyncio.sleep(0)
        while self.session.pending_transactions > MAX_PENDING_TRANSACTIONS:
            await self.session.wait_for_one()

    async def run_deferred_postings(self, *, everything: bool = False) -> None:
        """Post what waits for its turn; messages, and decisions with them, come between a few accounts.

        With ``everything`` also what would wait longer.
        """
        session, installation = self.session, self.session.installation
        for number in count(1):
            if self._suspended or session.installation is not installation:
                return
            account = self.deferred_postings.next_account(UNLIMITED if everything else session.clock.now())
            if account is None:
                return
            if self._is_served(account):
                self._post_account(account)
            if number % POSTING_BATCH == 0:
                await self._yield_to_messages()

    def _post_account(self, account: Account) -> None:
        session = self.session
        tx = Transaction(session.clock.now())
        with session.atomic(recurring=account):
            post_deferred(session.installation, account, tx)
            for meter in account.meters:
                self.relays.clear_tamper(meter, tx)
            evaluate_account(session, account, tx, EvaluationContext())
        session.submit(tx)
        fast_path.activate(account, tx.at)

    def advance_protections(self) -> None:
        """Let time pass for the guards of every account; safety does not wait for a sure clock."""
        session = self.session
        if not session.can_change:
            return
        now = session.clock.now()
        for account in session.installation.accounts.values():
            if (
                account.next_protection_at <= now
                and self._is_served(account)
                and protections.advance(account, now)
            ):
                tx = Transaction(now)
                with session.atomic(recurring=account):
                    tx.save_account(account)
                    evaluate(session, account, tx)
                session.submit(tx)

    @property
    def _suspended(self) -> bool:
        return not self.session.can_change or not self.session.clock.sure

    def check_clock(self) -> None:
        """Compare the clocks; suspend or resume what depends on time."""
        session = self.session
        if session.storage_error:
            return
        told_wrong = session.bridge_alert_key(AlertKind.CLOCK_WRONG) in session.installation.alerts
        before_ms = session.clock.ahead_ms()
        if session.clock.check() or session.clock.sure is told_wrong:
            self.clock_changed(before_ms)

    def confirm_clock(self) -> None:
        """Take the wall clock as right because a person said so, and go on."""
        before_ms = self.session.clock.ahead_ms()
        self.session.clock.confirm()
        self.clock_changed(before_ms)

    def clock_changed(self, before_ms: int) -> None:
        """Keep the alert of the clock, and let every account be evaluated again.

        ``before_ms`` is how far event time was ahead of the wall clock until now.
        """
        session = self.session
        tx = Transaction(session.clock.now())
        key = session.bridge_alert_key(AlertKind.CLOCK_WRONG)
        set_alert(session.installation, None, tx, key, session.clock.doubt())
        for account in session.installation.accounts.values():
            tx.touch(account)
            account.wake_at = 0
            protections.restore(account, tx.at)
        self.reports.adjust_to_clock(before_ms if self._clock_was_sure else None)
        self._clock_was_sure = self._clock_was_sure or session.clock.sure
        self.silence.restart()
        session.submit(tx)

    def check_offline_meters(self) -> None:
        """Find meters that were silent for too long, and sites that are."""
        session = self.session
        if not session.can_change:
            return
        now = session.clock.now()
        self.silence.check(now)
        self._update_site_outages(now)
        self._update_stopped_sites()

    def _update_site_outages(self, now: int) -> None:
        """Update the alert of every site all of whose meters fell silent: the building is dark."""
        tx = Transaction(now)
        installation = self.session.installation
        for site_id, facts in site_outages(installation).items():
            set_alert(installation, None, tx, AlertKey(AlertKind.POWER_OUTAGE, detail=site_id), facts)
        self.session.submit(tx)
