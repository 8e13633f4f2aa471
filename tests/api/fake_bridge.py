"""A stand-in for the engine: a few accounts in memory, no meters, no database.

It exists so that the API and the command line can be tested alone. What it answers is made up; that the real
engine keeps the same promises is shown by its own tests and by those of the whole bridge.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from meter_bridge.actor import Actor
from meter_bridge.api.http.examples import BOOKED
from meter_bridge.config.plan import InstallationPlan
from meter_bridge.engine.access.tokens import TokenInfo
from meter_bridge.engine.metering.manual_readings import ReadingOutcome, ReadingResult
from meter_bridge.engine.sites.device_change import ReplacementOrder
from meter_bridge.engine.sites.policies import PolicyChange
from meter_bridge.engine.sites.service import ApplyResult
from meter_bridge.engine.state.session import Health
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.exposure import AccountExposure
from meter_bridge.protocol.messages import (
    AccountHistory,
    AccountView,
    AlertView,
    ErrorCode,
    Event,
    HistoryHour,
    HistoryPage,
    HoldPosition,
    HoldView,
    LedgerEntry,
    LedgerPage,
    MeterView,
    OperationResult,
    OwedView,
    Role,
    ServerInfo,
    Snapshot,
    SupplyAction,
    SupplyReason,
    SupplyState,
    SupplyView,
    TenancyView,
    TopUpResult,
    TopUpView,
    Update,
)
from meter_bridge.protocol.requests import OperationRequest
from meter_bridge.protocol.statements import Detail, EntryExplanation, Statement
from tests.api.factories import (
    ACTORS,
    INFO,
    NOW,
    SECRET,
    SITES,
    SUPPLY,
    TOP_UP_ENTRY,
    account,
    alert,
    explanation,
    exposure,
    meter,
    owed,
    statement,
    tenancy,
    token_of,
)
from tests.api.fake_notices import StandInNotices
from tests.api.fake_payments import StandInPayments
from tests.api.fake_tenant_page import StandInPage


@dataclass(slots=True)
class StandIn:
    """Implements ``BridgePort`` in memory; ``careless`` forgets every check of who may see what."""

    careless: bool = False
    placed: dict[str, list[HoldView]] = field(default_factory=dict)
    failure: Exception | None = None
    """Raised by whatever is asked next, and from then on."""
    health_status: str = "ok"
    changes: tuple[str, ...] = ("add site rose",)
    balances: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SITES, 12_500_000))
    calls: list[str] = field(default_factory=list)
    touched: list[tuple[str, str, str]] = field(default_factory=list)
    """Operation, actor and account of everything that changed or read one account's own data."""
    booked: dict[tuple[str, str], tuple[str, TopUpResult]] = field(default_factory=dict)
    operated: dict[tuple[str, str, str], OperationRequest] = field(default_factory=dict)
    made: dict[str, TokenInfo] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)
    readers: list[tuple[Actor, asyncio.Queue[Event | Update | RequestRefused]]] = field(default_factory=list)
    queue_size: int = 100
    outcome: ReadingOutcome = "charged"
    replaced: dict[tuple[str, str], ReplacementOrder] = field(default_factory=dict)
    held: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What is otherwise with the meter of an account."""
    alert_list: list[AlertView] = field(
        default_factory=lambda: [alert("low-1", "flat-1"), alert("low-2", "flat-2"), alert("broker", None)]
    )

    def _asked(self, what: str) -> None:
        self.calls.append(what)
        if self.failure is not None:
            raise self.failure

    def _seen(self, actor: Actor, account_id: str) -> str:
        known = account_id in SITES
        if not known or not (self.careless or actor.sees(account_id, SITES[account_id])):
            raise RequestRefused(ErrorCode.NOT_FOUND, f"there is no account {account_id!r}", field="id")
        return account_id

    @property
    def payments(self) -> StandInPayments:
        """Return payments that book with this stand-in."""
        return StandInPayments(self._asked, self.top_up)

    @property
    def notices(self) -> StandInNotices:
        """Return messages that go nowhere."""
        return StandInNotices(self._asked)

    @property
    def page(self) -> StandInPage:
        """Return a tenant's page with one customer."""
        return StandInPage(self._asked, ACTORS["tenant"])

    def info(self) -> ServerInfo:
        return INFO

    def health(self) -> Health:
        return Health(self.health_status, () if self.health_status == "ok" else ("the broker is away",))

    def metrics(self) -> bytes:
        self._asked("metrics")
        return b"prepaid_meter_accounts 3\n"

    def accounts(self, actor: Actor) -> Sequence[AccountView]:
        self._asked("accounts")
        return [
            account(each, self.balances[each])
            for each, site in SITES.items()
            if self.careless or actor.sees(each, site)
        ]

    def account(self, actor: Actor, account_id: str) -> AccountView:
        self._asked("account")
        seen = self._seen(actor, account_id)
        return account(seen, self.balances[seen])

    async def ledger(self, actor: Actor, account_id: str, *, before: int | None, limit: int) -> LedgerPage:
        self._asked(f"ledger {before} {limit}")
        self.touched.append(("ledger", actor.name, self._seen(actor, account_id)))
        entry = LedgerEntry(
            seq=1,
            id="entry-1",
            at=NOW,
            kind="opening",
            amount=0,
            balance_after=0,
            description="opened",
            key=None,
            refers_to=None,
        )
        return LedgerPage(entries=(entry,), next_before=None)

    async def explain(self, actor: Actor, account_id: str, entry_id: str) -> EntryExplanation:
        self._asked(f"explain {entry_id}")
        self.touched.append(("explain", actor.name, self._seen(actor, account_id)))
        if entry_id == "top-up-1":
            return EntryExplanation(entry=TOP_UP_ENTRY, segments=(), readings=())
        if entry_id != "entry-1":
            raise RequestRefused(ErrorCode.NOT_FOUND, f"there is no entry {entry_id!r}", field="entry_id")
        return explanation(account_id)

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
        self._asked(f"statement {begin} {end} {detail}" + (f" {tenancy}" if tenancy else ""))
        self.touched.append(("statement", actor.name, self._seen(actor, account_id)))
        return statement(account_id)

    async def top_up(
        self, actor: Actor, account_id: str, *, amount: str, method: str, reference: str | None, key: str
    ) -> tuple[TopUpResult, bool]:
        self._asked("top_up")
        self._seen(actor, account_id)
        content = f"{amount} {method} {reference}"
        if (account_id, key) in self.booked:
            first, result = self.booked[account_id, key]
            if first != content:
                raise RequestRefused(ErrorCode.IDEMPOTENCY_CONFLICT, "the key was used for another top-up")
            return result, True
        result = self._book(account_id, amount, method, reference)
        self.touched.append(("top_up", actor.name, account_id))
        self.booked[account_id, key] = (content, result)
        return result, False

    async def operate(
        self, actor: Actor, account_id: str, asked: OperationRequest, *, key: str
    ) -> tuple[OperationResult, bool]:
        self._asked(f"operate {asked}")
        place = self._seen(actor, account_id), type(asked).__name__, key
        if place in self.operated:
            return BOOKED, True
        self.operated[place] = asked
        self.touched.append((type(asked).__name__, actor.name, account_id))
        return BOOKED, False

    async def tenancies(
        self, actor: Actor, account_id: str | None, *, only_outstanding: bool = False
    ) -> Sequence[TenancyView]:
        self._asked(f"tenancies {only_outstanding}")
        if account_id is not None:
            self.touched.append(("tenancies", actor.name, self._seen(actor, account_id)))
        return [tenancy(each) for each in SITES if account_id in (None, each)]

    async def debts(self, actor: Actor) -> Sequence[OwedView]:
        self._asked("debts")
        return [owed(each) for each in SITES if self.careless or actor.sees(each, SITES[each])]

    def _book(self, account_id: str, amount: str, method: str, reference: str | None) -> TopUpResult:
        steps = int(Decimal(amount).scaleb(6))
        if steps <= 0:
            raise RequestRefused(
                ErrorCode.AMOUNT_OUT_OF_RANGE, "a top-up is more than nothing", field="amount"
            )
        self.balances[account_id] += steps
        balance = self.balances[account_id]
        booked = TopUpView(
            id=f"top-up-{len(self.booked) + 1}",
            at=NOW,
            amount=steps,
            method=method,
            reference=reference,
            split={"balance": steps},
            balance_after=balance,
        )
        return TopUpResult(top_up=booked, balance=balance, available=balance, supply=SUPPLY)

    async def set_supply(
        self, actor: Actor, account_id: str, action: SupplyAction, *, reason: str | None
    ) -> SupplyView:
        self._asked(f"set_supply {action} {reason}")
        self.touched.append(("set_supply", actor.name, self._seen(actor, account_id)))
        if action is SupplyAction.OFF:
            return replace(
                SUPPLY, state=SupplyState.DISCONNECTED, reason=SupplyReason.LANDLORD_OFF, note=reason
            )
        return SUPPLY

    def holds(self, actor: Actor, account_id: str) -> Sequence[HoldView]:
        self._asked("holds")
        self._seen(actor, account_id)
        return self.placed.get(account_id, [])

    async def place_hold(
        self, actor: Actor, account_id: str, position: HoldPosition, *, reason: str, hold_id: str | None
    ) -> tuple[HoldView, bool]:
        self._asked(f"place_hold {position} {reason} {hold_id}")
        self.touched.append(("place_hold", actor.name, self._seen(actor, account_id)))
        standing = self.placed.setdefault(account_id, [])
        known = next((hold for hold in standing if hold.id == hold_id), None)
        if known is not None:
            return known, True
        hold = HoldView(id=hold_id or "hold-1", position=position, reason=reason, by=actor.name, since=NOW)
        standing.append(hold)
        return hold, False

    async def lift_hold(
        self, actor: Actor, account_id: str, hold_id: str, *, reason: str | None
    ) -> SupplyView:
        self._asked(f"lift_hold {hold_id} {reason}")
        self.touched.append(("lift_hold", actor.name, self._seen(actor, account_id)))
        standing = self.placed.get(account_id, [])
        if hold_id not in {hold.id for hold in standing}:
            raise RequestRefused(
                ErrorCode.NOT_FOUND, f"there is no hold {hold_id!r}", field="hold", value=hold_id
            )
        self.placed[account_id] = [hold for hold in standing if hold.id != hold_id]
        return SUPPLY

    def meters(self, actor: Actor) -> Sequence[MeterView]:
        self._asked("meters")
        mine = [each for each, site in SITES.items() if self.careless or actor.sees(each, site)]
        return [
            *(replace(meter(f"{each}-meter", each), **self.held.get(each, {})) for each in mine),
            meter("found", None),
        ]

    def exposure(self, actor: Actor) -> Sequence[AccountExposure]:
        self._asked("exposure")
        mine = [each for each, site in SITES.items() if self.careless or actor.sees(each, site)]
        return [exposure(each) for each in mine]

    async def decide_quarantine(
        self, actor: Actor, meter_id: str, decision: str, *, reason: str
    ) -> MeterView:
        self._asked(f"decide_quarantine {decision} {reason}")
        account_id = meter_id.removesuffix("-meter")
        return meter(meter_id, self._seen(actor, account_id))

    async def read_register(
        self, actor: Actor, meter_id: str, *, register: str, at: str | None
    ) -> ReadingResult:
        self._asked(f"read_register {register} {at}")
        account_id = self._seen(actor, meter_id.removesuffix("-meter"))
        return ReadingResult(meter(meter_id, account_id), self.outcome, 250)

    async def replace_meter(
        self, actor: Actor, meter_id: str, order: ReplacementOrder, *, key: str
    ) -> tuple[MeterView, bool]:
        self._asked("replace_meter")
        account_id = self._seen(actor, meter_id.removesuffix("-meter"))
        known = self.replaced.setdefault((meter_id, key), order)
        if known != order:
            raise RequestRefused(ErrorCode.IDEMPOTENCY_CONFLICT, "the key was used for another replacement")
        self.touched.append(("replace_meter", actor.name, account_id))
        seen_before = len([each for each in self.touched if each[0] == "replace_meter"]) > len(self.replaced)
        return meter(meter_id, account_id), seen_before

    async def alerts(self, actor: Actor, *, only_open: bool, limit: int) -> Sequence[AlertView]:
        self._asked(f"alerts {only_open} {limit}")
        return [
            each
            for each in self.alert_list
            if self.careless or each.account_id is None or actor.sees(each.account_id, SITES[each.account_id])
        ][:limit]

    async def acknowledge(self, actor: Actor, alert_id: str) -> AlertView:
        self._asked("acknowledge")
        for each in await self.alerts(actor, only_open=False, limit=1000):
            if each.id == alert_id:
                return replace(each, acknowledged_at=NOW)
        raise RequestRefused(ErrorCode.NOT_FOUND, f"there is no alert {alert_id!r}", field="id")

    async def confirm_clock(self, actor: Actor) -> str:
        self._asked("confirm_clock")
        return NOW

    async def set_policy(self, actor: Actor, account_id: str, change: PolicyChange) -> AccountView:
        self._asked(f"policy {change.low_credit} {change.load_limit_w}")
        self.touched.append(("policy", actor.name, self._seen(actor, account_id)))
        return self.account(actor, account_id)

    async def history(
        self, actor: Actor, *, after: int, upto: int | None, account_id: str | None, from_account: str | None
    ) -> HistoryPage:
        self._asked(f"history {after} {upto} {account_id} {from_account}")
        seen = sorted(SITES) if account_id is None else [self._seen(actor, account_id)]
        hours = (HistoryHour(start="2026-03-01T10:00:00.000Z", wh=100, amount=200_000),)
        found = (
            AccountHistory(account_id=each, hours=hours)
            for each in seen
            if self.careless or actor.sees(each, SITES[each])
        )
        return HistoryPage(seq=7, accounts=tuple(found), next_account=None)

    async def apply(
        self,
        actor: Actor,
        plan: InstallationPlan,
        *,
        document: str,
        dry_run: bool,
        undo: frozenset[str] = frozenset(),
    ) -> ApplyResult:
        self._asked(f"apply {plan.name} {dry_run}" + (f" undo {sorted(undo)}" if undo else ""))
        return ApplyResult(self.changes, applied=bool(self.changes) and not dry_run)

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
        self._asked("create_token")
        number = f"t{len(self.made) + 1}"
        expires = None if days is None else "2027-03-01T10:00:00.000Z"
        self.made[number] = TokenInfo(number, name, role, sites, accounts, NOW, expires, None)
        return f"pmb_{number}_{SECRET}"

    async def tokens(self, actor: Actor) -> Sequence[TokenInfo]:
        self._asked("tokens")
        return list(self.made.values())

    async def revoke_token(self, actor: Actor, token_id: str) -> None:
        self._asked("revoke_token")
        if token_id not in self.made:
            raise RequestRefused(ErrorCode.NOT_FOUND, f"there is no token {token_id!r}", field="id")
        self.made[token_id] = replace(self.made[token_id], revoked_at=NOW)

    def authenticate(self, token: str) -> Actor | None:
        name = token.removeprefix("pmb_").removesuffix(f"_{SECRET}")
        return ACTORS.get(name) if token == token_of(name) and name not in self.revoked else None

    def snapshot(self, actor: Actor) -> Snapshot:
        return Snapshot(
            type="snapshot",
            seq=self.events[-1].seq if self.events else 0,
            role=actor.role,
            accounts=tuple(self.accounts(actor)),
            unassigned_meters=(meter("found", None),),
            alerts=(alert("broker", None),),
        )

    async def stream(self, actor: Actor, *, since: int | None) -> AsyncGenerator[Snapshot | Event | Update]:
        self._asked(f"stream {since}")
        queue: asyncio.Queue[Event | Update | RequestRefused] = asyncio.Queue(self.queue_size)
        reader = (actor, queue)
        self.readers.append(reader)
        try:
            yield self.snapshot(actor)
            for each in self.events:
                if since is not None and each.seq > since:
                    yield each
            while True:
                message = await queue.get()
                if isinstance(message, RequestRefused):
                    raise message
                yield message
        finally:
            self.readers.remove(reader)

    def tell(self, message: Event | Update | RequestRefused) -> None:
        """Send a message to whoever follows."""
        for _, queue in self.readers:
            try:
                queue.put_nowait(message)
            except asyncio.QueueFull:
                queue.get_nowait()
                queue.put_nowait(RequestRefused(ErrorCode.TOO_MANY_REQUESTS, "the reader is too slow"))

    def revoke(self, name: str) -> None:
        """Revoke an actor's token and end what is connected with it."""
        self.revoked.add(name)
        for actor, queue in self.readers:
            if actor.name == name:
                queue.put_nowait(RequestRefused(ErrorCode.NOT_AUTHENTICATED, "the token was revoked"))
