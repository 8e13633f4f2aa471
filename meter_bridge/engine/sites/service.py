"""Site files: compared with what is in force, applied whole, followed where another worker applied one."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
import logging
from typing import Final

from sqlalchemy import Connection, select

from meter_bridge.actor import Actor
from meter_bridge.config.changes import Refusal
from meter_bridge.config.diff import compare, keep_holidays
from meter_bridge.config.plan import InstallationPlan
from meter_bridge.engine.access.visibility import Visibility
from meter_bridge.engine.metering.discovery import Discovery
from meter_bridge.engine.metering.readings import MeterReports
from meter_bridge.engine.operations.operation import Operations
from meter_bridge.engine.sites.apply import (
    apply_transaction,
    begun_versions,
    follow_transaction,
    newest_applied,
    plan_of,
    present_plan,
    removed_accounts,
)
from meter_bridge.engine.sites.meter_replacement import ReplaceMeter
from meter_bridge.engine.sites.policies import change_account_policy
from meter_bridge.engine.state.session import Session, storage_unavailable
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.engine.supply.local_cutoff import meters_to_withdraw
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.answers import ApplyResult
from meter_bridge.protocol.messages import AccountView, ErrorCode, MeterView, ProblemDetail
from meter_bridge.protocol.requests import PolicyRequest, ReplacementRequest
from meter_bridge.storage import tables
from meter_bridge.storage.shards import placed

FOLLOW_INTERVAL_S: Final = 1.0
"""Pause between two looks for what another worker changed."""
MAX_FOLLOW_CHECKS: Final = 20
_LOGGER: Final = logging.getLogger(__name__)


class SiteFileService:
    """Applies site files to a session, one at a time."""

    def __init__(
        self,
        session: Session,
        readings: MeterReports,
        visibility: Visibility,
        discovery: Discovery,
        operations: Operations,
    ) -> None:
        self._session = session
        self._readings = readings
        self._visibility = visibility
        self._discovery = discovery
        self._operations = operations
        self._exclusive = asyncio.Lock()
        """Held while a site file is applied, and while anything else changes what one says."""
        self._tasks: set[asyncio.Task[ApplyResult]] = set()
        with session.reader.connect() as connection:
            self._learn_addresses(connection)

    async def apply(
        self,
        actor: Actor,
        plan: InstallationPlan,
        *,
        document: str,
        dry_run: bool,
        undo: frozenset[str] = frozenset(),
    ) -> ApplyResult:
        """Apply a validated site file, all of it or nothing, to the end even if nobody waits."""
        applying = asyncio.create_task(self._apply_locked(actor, plan, document, dry_run=dry_run, undo=undo))
        self._tasks.add(applying)
        applying.add_done_callback(self._forget_finished)
        await asyncio.wait([applying])
        return applying.result()

    def _forget_finished(self, applying: asyncio.Task[ApplyResult]) -> None:
        """Forget an application; nobody may be waiting any more, to whom a refusal is of interest."""
        self._tasks.discard(applying)
        error = None if applying.cancelled() else applying.exception()
        if error is not None and not isinstance(error, RequestRefused):
            _LOGGER.error("A site file could not be applied", exc_info=error)

    async def replace_meter(
        self, actor: Actor, meter_id: str, request: ReplacementRequest, *, key: str
    ) -> tuple[MeterView, bool]:
        """Replace a meter once per key, and not while a site file is applied."""
        meter = self._visibility.meter(actor, meter_id)
        async with self._exclusive:
            return await self._operations.run(
                actor, meter.supply.account.id, ReplaceMeter(self._readings, meter.id, request), key
            )

    async def set_policy(self, actor: Actor, account_id: str, change: PolicyRequest) -> AccountView:
        """Change an account's warning thresholds or load limit, and not while a site file is applied."""
        async with self._exclusive:
            applied = await asyncio.to_thread(self._applied_document)
            account = self._visibility.account(actor, account_id)
            return await change_account_policy(self._session, actor, account, change, applied)

    async def _apply_locked(
        self,
        actor: Actor,
        plan: InstallationPlan,
        document: str,
        *,
        dry_run: bool,
        undo: frozenset[str],
    ) -> ApplyResult:
        async with self._exclusive:
            await self._follow()
            applied = await asyncio.to_thread(self._applied_document)
            before = None if applied is None else applied[1]
            plan = keep_holidays(before, plan)
            difference = compare(before, plan, self._session.clock.now(), undo=undo)
            if difference.refusals:
                raise _refused(difference.refusals)
            if dry_run or not difference.lines:
                return ApplyResult(tuple(difference.lines), applied=False)
            await asyncio.to_thread(self._check_begun_versions, plan)
            shards = await asyncio.to_thread(self._shards_of, plan)
            arguments = self._session, self._readings, before, plan, document, actor.name, shards
            await self._commit_plan(plan, lambda: apply_transaction(*arguments))
            pending = [*self._unprotected_units(), *await self._lagging_shards()]
            return ApplyResult(tuple(difference.lines), applied=True, pending=tuple(pending))

    def _shards_of(self, plan: InstallationPlan) -> dict[str, int]:
        with self._session.reader.connect() as connection:
            return placed(connection, {site.id: len(site.accounts) for site in plan.sites})

    async def _lagging_shards(self) -> Sequence[str]:
        """Give other workers a moment, and describe the shards that have not applied the site file."""
        applied = self._session.installation.sequences.applied
        behind: list[int] = []
        for _ in range(MAX_FOLLOW_CHECKS):
            behind = await asyncio.to_thread(self._shards_behind, applied)
            if not behind:
                break
            await asyncio.sleep(FOLLOW_INTERVAL_S / 2)
        return [f"shard {n}: its worker takes the site file up as soon as it runs" for n in behind]

    def _shards_behind(self, applied: int) -> list[int]:
        table = tables.shard
        with self._session.reader.connect() as connection:
            return list(connection.execute(select(table.c.n).where(table.c.applied < applied)).scalars())

    def _learn_addresses(self, connection: Connection) -> None:
        """Learn which meters other shards serve, so that they are not offered as new ones."""
        meter = tables.meter
        used = select(meter.c.energy_address, meter.c.relay_address).where(meter.c.removed_at.is_(None))
        rows = connection.execute(used).all()
        installation = self._session.installation
        own = installation.by_energy_address.keys() | installation.by_relay_address.keys()
        used_anywhere = {address for row in rows for address in row if address is not None}
        self._discovery.elsewhere = frozenset(used_anywhere - own)

    async def follow(self) -> None:
        """Take up the site file that another worker applied; nothing happens where there is none newer."""
        if self._session.storage_error is None and not self._exclusive.locked():
            async with self._exclusive:
                await self._follow()

    async def _follow(self) -> None:
        here = self._session.installation.sequences.applied_here
        newest, before, plan = await asyncio.to_thread(self._newest_plan, here)
        if newest == here or plan is None:
            return
        shards = await asyncio.to_thread(self._shards_of, plan)
        arguments = self._session, self._readings, before, plan, newest, shards
        await self._commit_plan(plan, lambda: follow_transaction(*arguments))

    def _newest_plan(self, here: int) -> tuple[int, InstallationPlan | None, InstallationPlan | None]:
        with self._session.reader.connect() as connection:
            newest = newest_applied(connection)
            if newest == here:
                return newest, None, None
            self._learn_addresses(connection)
            return newest, plan_of(connection, here), plan_of(connection, newest)

    def _unprotected_units(self) -> Iterator[str]:
        """Describe units that credit must never cut but whose devices may still do so."""
        for account in self._session.installation.accounts.values():
            meters = meters_to_withdraw(account)
            if meters:
                yield (
                    f"{account.id} is not protected yet: {', '.join(meters)} may still open the relay without"
                    " credit; it is told not to, and asked until it confirms"
                )

    def _check_begun_versions(self, plan: InstallationPlan) -> None:
        """Refuse changed prices of a version that has begun, even if its tariff was removed since."""
        with self._session.reader.connect() as connection:
            begun = begun_versions(connection, self._session.clock.now())
        for version in (
            version for site in plan.sites for tariff in site.tariffs for version in tariff.versions
        ):
            if begun.get(version.id, version) != version:
                raise RequestRefused(
                    ErrorCode.CONFLICT,
                    f"tariff version {version.id} has begun with other prices and cannot change",
                    remedy="give the tariff another id",
                )

    async def _commit_plan(self, plan: InstallationPlan, make: Callable[[], Transaction]) -> None:
        """Commit a plan and read the state again; nothing else changes it meanwhile."""
        session = self._session
        session.accepting.clear()
        try:
            await session.drain()
            if session.storage_error is None:
                session.flush(everything=True)
                await session.drain()
            if session.storage_error is not None:
                raise storage_unavailable()
            accounts = session.installation.accounts
            removed = [(gone, accounts[gone].site.id) for gone in removed_accounts(session, plan)]
            try:
                with session.suspend_watchdog():
                    tx = make()
            except BaseException:
                session.reload()
                raise
            await session.commit(tx)
            await session.drain()
            session.reload()
            for account_id, site_id in removed:
                session.feed.remove(account_id, site_id)
            for account_id in session.installation.accounts:
                session.feed.mark_changed(account_id)
            session.on_meters_changed()
        finally:
            session.accepting.set()

    def _applied_document(self) -> tuple[str, InstallationPlan] | None:
        with self._session.reader.connect() as connection:
            return present_plan(connection, self._session.installation)


def _refused(refusals: Sequence[Refusal]) -> RequestRefused:
    return RequestRefused(
        ErrorCode.CONFLICT,
        "; ".join(str(refusal) for refusal in refusals),
        problems=tuple(
            ProblemDetail(
                code=item.code, field=item.field, value=item.value, message=item.message, remedy=item.remedy
            )
            for item in refusals
        ),
    )
