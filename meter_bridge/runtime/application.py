"""The bridge as the API and the command line see it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from meter_bridge import VERSION
from meter_bridge.actor import Actor
from meter_bridge.config.plan import InstallationPlan
from meter_bridge.core.calendar import iso
from meter_bridge.engine.access.secret_key import load_key
from meter_bridge.engine.access.token_service import TokenService
from meter_bridge.engine.access.tokens import TokenInfo
from meter_bridge.engine.access.visibility import Visibility
from meter_bridge.engine.accounts.dispatch import operation_of
from meter_bridge.engine.accounts.queries import LedgerQueries
from meter_bridge.engine.accounts.top_ups import TopUp
from meter_bridge.engine.accounts.view import account_view
from meter_bridge.engine.alerts.service import AlertService
from meter_bridge.engine.engine import Engine
from meter_bridge.engine.metering.manual_readings import ReadingResult, submit_reading
from meter_bridge.engine.metering.quarantine import decide_quarantine
from meter_bridge.engine.metering.view import meter_view
from meter_bridge.engine.metrics import render
from meter_bridge.engine.operations.operation import Operations
from meter_bridge.engine.sites.device_change import ReplacementOrder
from meter_bridge.engine.sites.meter_replacement import ReplaceMeter
from meter_bridge.engine.sites.policies import PolicyChange, change_account_policy
from meter_bridge.engine.sites.service import ApplyResult, SiteFileService
from meter_bridge.engine.state.events import record_event
from meter_bridge.engine.state.session import Health
from meter_bridge.engine.state.wall_time import update_wall_time
from meter_bridge.engine.supply.exposure import account_exposure
from meter_bridge.engine.supply.holds import SupplyActions
from meter_bridge.engine.supply.view import supply_view
from meter_bridge.errors import ACCOUNTS, RequestRefused
from meter_bridge.notify.people import load_people
from meter_bridge.notify.service import Notices
from meter_bridge.payments.service import Payments
from meter_bridge.payments.settings_file import load_providers
from meter_bridge.protocol import requests
from meter_bridge.protocol.exposure import AccountExposure
from meter_bridge.protocol.messages import (
    MIN_SCHEMA_VERSION,
    SCHEMA_VERSION,
    AccountView,
    AlertView,
    ErrorCode,
    Event,
    EventKind,
    HistoryPage,
    HoldPosition,
    HoldView,
    LedgerPage,
    MeterView,
    OperationResult,
    OwedView,
    Role,
    ServerInfo,
    Snapshot,
    SupplyAction,
    SupplyView,
    TenancyView,
    TopUpResult,
    Update,
)
from meter_bridge.protocol.statements import Detail, EntryExplanation, Statement
from meter_bridge.storage.segment_archive import EXPORT_NAME, Archive
from meter_bridge.tenant_page.service import TenantPage


class Bridge:
    """Implements ``BridgePort`` on an engine."""

    def __init__(self, engine: Engine, data: Path) -> None:
        """Keep the engine and load the tokens; ``data`` is the folder of the installation's secret key."""
        self.engine = engine
        engine.session.archive = Archive(data / EXPORT_NAME)
        self.look = Visibility(engine.session)
        self._books = LedgerQueries(engine.session, self.look)
        self._alerts = AlertService(engine.session, self.look)
        self._operations = Operations(engine.session)
        self._supplies = SupplyActions(engine.session)
        self._site_files = SiteFileService(engine.session, engine.reports, engine.discovery)
        self._tokens = TokenService(engine.session)
        file = load_providers(data)
        key = load_key(data)
        self.payments = Payments(engine.session, self._operations, key, file, self.look.account)
        self.page = TenantPage(engine.session, key, file.page, self.look.account)
        self.notices = Notices(engine.session, load_people(data), file.page, self.look.account)

    def info(self) -> ServerInfo:
        """Return who this bridge is."""
        installation = self.engine.session.installation
        return ServerInfo(
            schema_version=SCHEMA_VERSION,
            min_schema_version=MIN_SCHEMA_VERSION,
            version=VERSION,
            installation_id=installation.id,
            name=installation.name,
        )

    def health(self) -> Health:
        """Return the health of the bridge."""
        if self.engine.session.storage_error is not None:
            return Health("down", (self.engine.session.storage_error,))
        reasons = tuple(alert.message for alert in self.engine.session.installation.alerts.values())
        return Health("degraded" if reasons else "ok", reasons)

    def metrics(self) -> bytes:
        """Return the metrics in Prometheus' text format."""
        return render(self.engine.session)

    def accounts(self, actor: Actor) -> Sequence[AccountView]:
        """Return the accounts that the actor may see."""
        now = self.engine.session.clock.now()
        return [account_view(account, now) for account in self.look.visible(actor)]

    def account(self, actor: Actor, account_id: str) -> AccountView:
        """Return one account; staff see one whose unit is no longer served as well."""
        return account_view(self.look.account_or_closed(actor, account_id), self.engine.session.clock.now())

    async def ledger(self, actor: Actor, account_id: str, *, before: int | None, limit: int) -> LedgerPage:
        """Return a page of the account's journal, newest first."""
        return await self._books.ledger_page(actor, account_id, before=before, limit=limit)

    async def explain(self, actor: Actor, account_id: str, entry_id: str) -> EntryExplanation:
        """Return an entry of the account's journal with everything that it was made of."""
        return await self._books.explain_entry(actor, account_id, entry_id)

    async def statement(
        self,
        actor: Actor,
        account_id: str,
        *,
        begin: str | None,
        end: str | None,
        detail: Detail,
        tenancy: int | None = None,
    ) -> Statement:
        """Return the account's statement of a period, or a tenancy's; a tenant's is of the own tenancy."""
        return await self._books.statement(
            actor, account_id, begin=begin, end=end, detail=detail, tenancy=tenancy
        )

    async def top_up(
        self, actor: Actor, account_id: str, *, amount: str, method: str, reference: str | None, key: str
    ) -> tuple[TopUpResult, bool]:
        """Book a top-up once per key."""
        account = self.look.account_or_closed(actor, account_id)
        asked = TopUp.from_request(account, amount, method, reference)
        return await self._operations.run(actor, account.id, asked, key)

    async def operate(
        self, actor: Actor, account_id: str, asked: requests.OperationRequest, *, key: str
    ) -> tuple[OperationResult, bool]:
        """Carry out an operation on an account's books once per key."""
        # A key that was answered keeps its answer, also after the account was closed.
        account = self.look.account_or_closed(actor, account_id)
        if isinstance(asked, requests.Transfer | requests.MoveOut):
            self._check_target(actor, asked.to)
        operation = operation_of(account, asked, self._tokens.remove_account_from_tenants)
        return await self._operations.run(actor, account.id, operation, key)

    def _check_target(self, actor: Actor, account_id: str | None) -> None:
        """Refuse an account to transfer to that the actor may not see; one that is gone is refused later."""
        account = self.engine.session.installation.accounts.get(account_id or "")
        gone = account_id is None or account_id in self.engine.session.installation.closed
        if account is None and not gone and not self.engine.session.shard.whole:
            raise RequestRefused(
                ErrorCode.NOT_SUPPORTED,
                f"account {account_id!r} is not of the same shard of the sites",
                field="to",
                value=account_id,
                remedy="refund at the one account and top the other up",
            )
        if account is not None and not actor.sees(account.id, account.site.id):
            raise RequestRefused(
                ErrorCode.NOT_FOUND,
                f"there is no account {account_id!r}",
                field="to",
                value=account_id,
                remedy=ACCOUNTS,
            )

    async def tenancies(
        self, actor: Actor, account_id: str | None, *, only_outstanding: bool = False
    ) -> Sequence[TenancyView]:
        """Return who lived in a unit, or in any, newest first, with what is left with each."""
        return await self._books.tenancies(actor, account_id, only_outstanding=only_outstanding)

    async def debts(self, actor: Actor) -> Sequence[OwedView]:
        """Return what customers owe, present ones first."""
        return await self._books.debts(actor)

    async def set_supply(
        self, actor: Actor, account_id: str, action: SupplyAction, *, reason: str | None
    ) -> SupplyView:
        """Hold, override, release, confirm or reset a supply."""
        return await self._supplies.switch(actor, self.look.account(actor, account_id), action, reason=reason)

    def holds(self, actor: Actor, account_id: str) -> Sequence[HoldView]:
        """Return the holds on a supply, oldest first."""
        return supply_view(self.look.account(actor, account_id)).holds

    async def place_hold(
        self, actor: Actor, account_id: str, position: HoldPosition, *, reason: str, hold_id: str | None
    ) -> tuple[HoldView, bool]:
        """Place a hold on a supply, once per id."""
        account = self.look.account(actor, account_id)
        return await self._supplies.place_hold(actor, account, position, reason=reason, hold_id=hold_id)

    async def lift_hold(
        self, actor: Actor, account_id: str, hold_id: str, *, reason: str | None
    ) -> SupplyView:
        """Lift a hold; the others stand."""
        account = self.look.account(actor, account_id)
        return await self._supplies.lift_hold(actor, account, hold_id, reason=reason)

    def meters(self, actor: Actor) -> Sequence[MeterView]:
        """Return the meters of the actor's accounts and, for staff, unassigned ones."""
        assigned = [meter_view(meter) for account in self.look.visible(actor) for meter in account.meters]
        return [*assigned, *self.engine.snapshots.unassigned(actor)]

    def exposure(self, actor: Actor) -> Sequence[AccountExposure]:
        """Return what each account that the actor may see can use beyond credit if the bridge stops now."""
        installation, now = self.engine.session.installation, self.engine.session.clock.now()
        return [account_exposure(installation, account, now) for account in self.look.visible(actor)]

    async def decide_quarantine(
        self, actor: Actor, meter_id: str, decision: str, *, reason: str
    ) -> MeterView:
        """Apply a person's decision on a quarantined register."""
        return await decide_quarantine(
            self.engine.session,
            self.engine.reports,
            actor,
            self.look.meter(actor, meter_id),
            decision,
            reason,
        )

    async def read_register(
        self, actor: Actor, meter_id: str, *, register: str, at: str | None
    ) -> ReadingResult:
        """Take a register that a person, or the device itself, tells."""
        meter = self.look.meter(actor, meter_id)
        engine = self.engine
        return await submit_reading(engine.session, engine.reports, actor, meter, register=register, at=at)

    async def replace_meter(
        self, actor: Actor, meter_id: str, order: ReplacementOrder, *, key: str
    ) -> tuple[MeterView, bool]:
        """Replace a meter once per key, and not while a site file is applied."""
        meter = self.look.meter(actor, meter_id)
        async with self._site_files.lock:
            return await self._operations.run(
                actor, meter.supply.account.id, ReplaceMeter(self.engine.reports, meter.id, order), key
            )

    async def alerts(self, actor: Actor, *, only_open: bool, limit: int) -> Sequence[AlertView]:
        """Return alerts that the actor may see, newest first."""
        return await self._alerts.alerts(actor, only_open=only_open, limit=limit)

    async def acknowledge(self, actor: Actor, alert_id: str) -> AlertView:
        """Acknowledge an open alert; doing so again changes nothing."""
        return await self._alerts.acknowledge(actor, alert_id)

    async def confirm_clock(self, actor: Actor) -> str:
        """Take the wall clock as right once it is on record who said so; return the instant then in force."""
        unit = self.engine.session.begin(actor)
        record_event(
            self.engine.session.installation,
            unit,
            EventKind.CLOCK_CONFIRMED,
            data={"wall": iso(self.engine.session.clock.wall()), "by": actor.name},
        )
        unit.after_commit(self.engine.confirm_clock)
        unit.after_commit(lambda: update_wall_time(self.engine.session))
        await self.engine.session.commit(unit)
        return iso(self.engine.session.clock.now())

    async def set_policy(self, actor: Actor, account_id: str, change: PolicyChange) -> AccountView:
        """Change an account's warning thresholds or load limit, and not while a site file is applied."""
        async with self._site_files.lock:
            applied = await asyncio.to_thread(self._site_files.applied_document)
            account = self.look.account(actor, account_id)
            return await change_account_policy(self.engine.session, actor, account, change, applied)

    async def history(
        self, actor: Actor, *, after: int, upto: int | None, account_id: str | None, from_account: str | None
    ) -> HistoryPage:
        """Return by hour what changed since a journal entry, for the accounts that the actor may see."""
        return await self._books.history(
            actor, after=after, upto=upto, account_id=account_id, from_account=from_account
        )

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
        return await self._site_files.apply(actor, plan, document=document, dry_run=dry_run, undo=undo)

    async def follow(self) -> None:
        """Take up the site file that another worker applied; nothing happens where there is none newer."""
        await self._site_files.follow()

    async def create_token(
        self,
        actor: Actor,
        *,
        name: str,
        role: Role,
        sites: frozenset[str],
        accounts: frozenset[str],
        days: int | None,
    ) -> str:
        """Store a new token and return it; the secret is shown this once."""
        return await self._tokens.create(
            actor, name=name, role=role, sites=sites, accounts=accounts, days=days
        )

    async def look_for_tokens(self) -> None:
        """Learn of tokens that another worker made or revoked, and end what revoked ones listen to."""
        await self._tokens.refresh()

    async def tokens(self, actor: Actor) -> Sequence[TokenInfo]:
        """Return the tokens of the installation."""
        del actor
        return self._tokens.infos()

    async def revoke_token(self, actor: Actor, token_id: str) -> None:
        """Revoke a token at once."""
        await self._tokens.revoke(actor, token_id)

    def authenticate(self, token: str) -> Actor | None:
        """Return whom a token speaks for, or None."""
        return self._tokens.authenticate(token)

    def snapshot(self, actor: Actor) -> Snapshot:
        """Return everything that the actor may see now."""
        return self.engine.snapshots.snapshot(actor)

    def stream(self, actor: Actor, *, since: int | None) -> AsyncIterator[Snapshot | Event | Update]:
        """Yield a snapshot, what was missed, then what happens."""
        return self.engine.feed.stream(actor, since)
