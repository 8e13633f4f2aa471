"""A small fake of the bridge: its services over a few accounts in memory, no meters, no database.

It exists so that the API and the command line can be tested alone. What it answers is made up; that the real
engine keeps the same promises is shown by its own tests and by those of the whole bridge. Each service is a
subclass of the real one, so that its methods cannot come to differ from what routes call.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, override

from meter_bridge.actor import Actor
from meter_bridge.api.http.examples import BOOKED
from meter_bridge.config.plan import InstallationPlan
from meter_bridge.engine.access.token_service import TokenService
from meter_bridge.engine.access.tokens import TokenInfo
from meter_bridge.engine.accounts.queries import LedgerQueries
from meter_bridge.engine.accounts.service import AccountService
from meter_bridge.engine.alerts.service import AlertService
from meter_bridge.engine.metering.service import MeterService
from meter_bridge.engine.sites.device_change import ReplacementOrder
from meter_bridge.engine.sites.policies import PolicyChange
from meter_bridge.engine.sites.service import SiteFileService
from meter_bridge.engine.state.session import Health
from meter_bridge.engine.status import BridgeStatus
from meter_bridge.engine.stream.feed import Feed
from meter_bridge.engine.supply.service import SupplyService
from meter_bridge.errors import RequestRefused
from meter_bridge.notify.service import Notices
from meter_bridge.payments.orders.manual_review import ManualReview
from meter_bridge.payments.service import Payments
from meter_bridge.payments.vouchers.batches import VoucherBatchService
from meter_bridge.protocol.answers import ApplyResult, ReadingOutcome, ReadingResult
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
from meter_bridge.protocol.notices import NoticeList, TrialSent
from meter_bridge.protocol.payment_requests import PaymentDecision
from meter_bridge.protocol.payments import (
    KeypadTokens,
    NewVoucher,
    NewVouchers,
    NotificationSettings,
    PaymentDecided,
    PaymentHeard,
    PaymentList,
    PaymentOptions,
    SignedIn,
    TopUpPreview,
    VoucherBatches,
    VoucherList,
    VouchersChanged,
    WaitingPayments,
)
from meter_bridge.protocol.requests import OperationRequest
from meter_bridge.protocol.statements import Detail, EntryExplanation, Statement
from meter_bridge.runtime.application import Application
from meter_bridge.tenant_page.service import TenantPage
from meter_bridge.tenant_page.sign_in import CustomerSignIn
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
from tests.api.fake_answers import (
    ACCESS,
    BATCH,
    CODE,
    COOKIE,
    NOTICE,
    OPTIONS,
    PAYMENT,
    PREVIEW,
    RECONCILIATION,
    SENT,
    VOUCHER,
    VOUCHER_CODE,
    WAITING,
)


@dataclass(slots=True)
class StandIn:
    """A bridge in memory; ``careless`` forgets every check of who may see what."""

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

    def asked(self, what: str) -> None:
        """Note what is asked, and fail where a test wants it."""
        self.calls.append(what)
        if self.failure is not None:
            raise self.failure

    def seen(self, actor: Actor, account_id: str) -> str:
        """Return an account that the actor may see."""
        known = account_id in SITES
        if not known or not (self.careless or actor.sees(account_id, SITES[account_id])):
            raise RequestRefused(ErrorCode.NOT_FOUND, f"there is no account {account_id!r}", field="id")
        return account_id

    def application(self) -> Application:
        """Return services that answer from this memory."""
        return Application(
            status=_Status(self),
            accounts=_Accounts(self),
            ledger=_Ledger(self),
            supply=_Supply(self),
            meters=_Meters(self),
            sites=_Sites(self),
            tokens=_Tokens(self),
            alerts=_Alerts(self),
            payments=_Payments(self),
            notices=_Notices(self),
            page=_Page(self),
            feed=_Stream(self),
        )

    def book(self, account_id: str, amount: str, method: str, reference: str | None) -> TopUpResult:
        """Book a top-up."""
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


class _Fake:
    """A service that answers from the memory of a stand-in."""

    def __init__(self, bridge: StandIn) -> None:
        """Keep the stand-in."""
        self.bridge = bridge


def _answering(name: str, answer: object) -> Any:  # noqa: ANN401 - it stands for a method of any signature
    """Return a method that notes its call and gives the same answer to everybody."""

    async def method(self: _Fake, *_args: object, **_options: object) -> object:
        self.bridge.asked(name)
        return answer

    return method


class _Status(_Fake, BridgeStatus):
    @override
    def info(self) -> ServerInfo:
        return INFO

    @override
    def health(self) -> Health:
        return Health(
            self.bridge.health_status, () if self.bridge.health_status == "ok" else ("the broker is away",)
        )

    @override
    def metrics(self) -> bytes:
        self.bridge.asked("metrics")
        return b"prepaid_meter_accounts 3\n"

    @override
    async def confirm_clock(self, actor: Actor) -> str:
        self.bridge.asked("confirm_clock")
        return NOW


class _Accounts(_Fake, AccountService):
    @override
    def views(self, actor: Actor) -> Sequence[AccountView]:
        self.bridge.asked("accounts")
        return [
            account(each, self.bridge.balances[each])
            for each, site in SITES.items()
            if self.bridge.careless or actor.sees(each, site)
        ]

    @override
    def view(self, actor: Actor, account_id: str) -> AccountView:
        self.bridge.asked("account")
        seen = self.bridge.seen(actor, account_id)
        return account(seen, self.bridge.balances[seen])

    @override
    async def top_up(
        self, actor: Actor, account_id: str, *, amount: str, method: str, reference: str | None, key: str
    ) -> tuple[TopUpResult, bool]:
        self.bridge.asked("top_up")
        self.bridge.seen(actor, account_id)
        content = f"{amount} {method} {reference}"
        if (account_id, key) in self.bridge.booked:
            first, result = self.bridge.booked[account_id, key]
            if first != content:
                raise RequestRefused(ErrorCode.IDEMPOTENCY_CONFLICT, "the key was used for another top-up")
            return result, True
        result = self.bridge.book(account_id, amount, method, reference)
        self.bridge.touched.append(("top_up", actor.name, account_id))
        self.bridge.booked[account_id, key] = (content, result)
        return result, False

    @override
    async def operate(
        self, actor: Actor, account_id: str, asked: OperationRequest, *, key: str
    ) -> tuple[OperationResult, bool]:
        self.bridge.asked(f"operate {asked}")
        place = self.bridge.seen(actor, account_id), type(asked).__name__, key
        if place in self.bridge.operated:
            return BOOKED, True
        self.bridge.operated[place] = asked
        self.bridge.touched.append((type(asked).__name__, actor.name, account_id))
        return BOOKED, False


class _Ledger(_Fake, LedgerQueries):
    @override
    async def page(self, actor: Actor, account_id: str, *, before: int | None, limit: int) -> LedgerPage:
        self.bridge.asked(f"ledger {before} {limit}")
        self.bridge.touched.append(("ledger", actor.name, self.bridge.seen(actor, account_id)))
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

    @override
    async def explain_entry(self, actor: Actor, account_id: str, entry_id: str) -> EntryExplanation:
        self.bridge.asked(f"explain {entry_id}")
        self.bridge.touched.append(("explain", actor.name, self.bridge.seen(actor, account_id)))
        if entry_id == "top-up-1":
            return EntryExplanation(entry=TOP_UP_ENTRY, segments=(), readings=())
        if entry_id != "entry-1":
            raise RequestRefused(ErrorCode.NOT_FOUND, f"there is no entry {entry_id!r}", field="entry_id")
        return explanation(account_id)

    @override
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
        self.bridge.asked(f"statement {begin} {end} {detail}" + (f" {tenancy}" if tenancy else ""))
        self.bridge.touched.append(("statement", actor.name, self.bridge.seen(actor, account_id)))
        return statement(account_id)

    @override
    async def tenancies(
        self, actor: Actor, account_id: str | None, *, only_outstanding: bool = False
    ) -> Sequence[TenancyView]:
        self.bridge.asked(f"tenancies {only_outstanding}")
        if account_id is not None:
            self.bridge.touched.append(("tenancies", actor.name, self.bridge.seen(actor, account_id)))
        return [tenancy(each) for each in SITES if account_id in (None, each)]

    @override
    async def debts(self, actor: Actor) -> Sequence[OwedView]:
        self.bridge.asked("debts")
        return [owed(each) for each in SITES if self.bridge.careless or actor.sees(each, SITES[each])]

    @override
    async def history(
        self, actor: Actor, *, after: int, upto: int | None, account_id: str | None, from_account: str | None
    ) -> HistoryPage:
        self.bridge.asked(f"history {after} {upto} {account_id} {from_account}")
        seen = sorted(SITES) if account_id is None else [self.bridge.seen(actor, account_id)]
        hours = (HistoryHour(start="2026-03-01T10:00:00.000Z", wh=100, amount=200_000),)
        found = (
            AccountHistory(account_id=each, hours=hours)
            for each in seen
            if self.bridge.careless or actor.sees(each, SITES[each])
        )
        return HistoryPage(seq=7, accounts=tuple(found), next_account=None)


class _Supply(_Fake, SupplyService):
    @override
    async def switch(
        self, actor: Actor, account_id: str, action: SupplyAction, *, reason: str | None
    ) -> SupplyView:
        self.bridge.asked(f"set_supply {action} {reason}")
        self.bridge.touched.append(("set_supply", actor.name, self.bridge.seen(actor, account_id)))
        if action is SupplyAction.OFF:
            return replace(
                SUPPLY, state=SupplyState.DISCONNECTED, reason=SupplyReason.LANDLORD_OFF, note=reason
            )
        return SUPPLY

    @override
    def holds(self, actor: Actor, account_id: str) -> Sequence[HoldView]:
        self.bridge.asked("holds")
        self.bridge.seen(actor, account_id)
        return self.bridge.placed.get(account_id, [])

    @override
    async def place_hold(
        self, actor: Actor, account_id: str, position: HoldPosition, *, reason: str, hold_id: str | None
    ) -> tuple[HoldView, bool]:
        self.bridge.asked(f"place_hold {position} {reason} {hold_id}")
        self.bridge.touched.append(("place_hold", actor.name, self.bridge.seen(actor, account_id)))
        standing = self.bridge.placed.setdefault(account_id, [])
        known = next((hold for hold in standing if hold.id == hold_id), None)
        if known is not None:
            return known, True
        hold = HoldView(id=hold_id or "hold-1", position=position, reason=reason, by=actor.name, since=NOW)
        standing.append(hold)
        return hold, False

    @override
    async def lift_hold(
        self, actor: Actor, account_id: str, hold_id: str, *, reason: str | None
    ) -> SupplyView:
        self.bridge.asked(f"lift_hold {hold_id} {reason}")
        self.bridge.touched.append(("lift_hold", actor.name, self.bridge.seen(actor, account_id)))
        standing = self.bridge.placed.get(account_id, [])
        if hold_id not in {hold.id for hold in standing}:
            raise RequestRefused(
                ErrorCode.NOT_FOUND, f"there is no hold {hold_id!r}", field="hold", value=hold_id
            )
        self.bridge.placed[account_id] = [hold for hold in standing if hold.id != hold_id]
        return SUPPLY

    @override
    def exposure(self, actor: Actor) -> Sequence[AccountExposure]:
        self.bridge.asked("exposure")
        mine = [each for each, site in SITES.items() if self.bridge.careless or actor.sees(each, site)]
        return [exposure(each) for each in mine]


class _Meters(_Fake, MeterService):
    @override
    def views(self, actor: Actor) -> Sequence[MeterView]:
        self.bridge.asked("meters")
        mine = [each for each, site in SITES.items() if self.bridge.careless or actor.sees(each, site)]
        return [
            *(replace(meter(f"{each}-meter", each), **self.bridge.held.get(each, {})) for each in mine),
            meter("found", None),
        ]

    @override
    async def decide_quarantine(
        self, actor: Actor, meter_id: str, decision: str, *, reason: str
    ) -> MeterView:
        self.bridge.asked(f"decide_quarantine {decision} {reason}")
        account_id = meter_id.removesuffix("-meter")
        return meter(meter_id, self.bridge.seen(actor, account_id))

    @override
    async def submit_reading(
        self, actor: Actor, meter_id: str, *, register: str, at: str | None
    ) -> ReadingResult:
        self.bridge.asked(f"read_register {register} {at}")
        account_id = self.bridge.seen(actor, meter_id.removesuffix("-meter"))
        return ReadingResult(meter(meter_id, account_id), self.bridge.outcome, 250)


class _Sites(_Fake, SiteFileService):
    @override
    async def replace_meter(
        self, actor: Actor, meter_id: str, order: ReplacementOrder, *, key: str
    ) -> tuple[MeterView, bool]:
        self.bridge.asked("replace_meter")
        account_id = self.bridge.seen(actor, meter_id.removesuffix("-meter"))
        known = self.bridge.replaced.setdefault((meter_id, key), order)
        if known != order:
            raise RequestRefused(ErrorCode.IDEMPOTENCY_CONFLICT, "the key was used for another replacement")
        self.bridge.touched.append(("replace_meter", actor.name, account_id))
        seen_before = len([each for each in self.bridge.touched if each[0] == "replace_meter"]) > len(
            self.bridge.replaced
        )
        return meter(meter_id, account_id), seen_before

    @override
    async def set_policy(self, actor: Actor, account_id: str, change: PolicyChange) -> AccountView:
        self.bridge.asked(f"policy {change.low_credit} {change.load_limit_w}")
        self.bridge.touched.append(("policy", actor.name, self.bridge.seen(actor, account_id)))
        return self.bridge.application().accounts.view(actor, account_id)

    @override
    async def apply(
        self,
        actor: Actor,
        plan: InstallationPlan,
        *,
        document: str,
        dry_run: bool,
        undo: frozenset[str] = frozenset(),
    ) -> ApplyResult:
        self.bridge.asked(f"apply {plan.name} {dry_run}" + (f" undo {sorted(undo)}" if undo else ""))
        return ApplyResult(self.bridge.changes, applied=bool(self.bridge.changes) and not dry_run)


class _Tokens(_Fake, TokenService):
    @override
    async def create(
        self,
        actor: Actor,
        *,
        name: str,
        role: Role,
        sites: frozenset[str],
        accounts: frozenset[str],
        days: int | None,
    ) -> str:
        self.bridge.asked("create_token")
        number = f"t{len(self.bridge.made) + 1}"
        expires = None if days is None else "2027-03-01T10:00:00.000Z"
        self.bridge.made[number] = TokenInfo(number, name, role, sites, accounts, NOW, expires, None)
        return f"pmb_{number}_{SECRET}"

    @override
    def views(self, actor: Actor) -> Sequence[TokenInfo]:
        self.bridge.asked("tokens")
        return list(self.bridge.made.values())

    @override
    async def revoke(self, actor: Actor, token_id: str) -> None:
        self.bridge.asked("revoke_token")
        if token_id not in self.bridge.made:
            raise RequestRefused(ErrorCode.NOT_FOUND, f"there is no token {token_id!r}", field="id")
        self.bridge.made[token_id] = replace(self.bridge.made[token_id], revoked_at=NOW)

    @override
    def authenticate(self, token: str) -> Actor | None:
        name = token.removeprefix("pmb_").removesuffix(f"_{SECRET}")
        return ACTORS.get(name) if token == token_of(name) and name not in self.bridge.revoked else None


class _Alerts(_Fake, AlertService):
    @override
    async def views(self, actor: Actor, *, only_open: bool, limit: int) -> Sequence[AlertView]:
        self.bridge.asked(f"alerts {only_open} {limit}")
        return [
            each
            for each in self.bridge.alert_list
            if self.bridge.careless
            or each.account_id is None
            or actor.sees(each.account_id, SITES[each.account_id])
        ][:limit]

    @override
    async def acknowledge(self, actor: Actor, alert_id: str) -> AlertView:
        self.bridge.asked("acknowledge")
        for each in await self.views(actor, only_open=False, limit=1000):
            if each.id == alert_id:
                return replace(each, acknowledged_at=NOW)
        raise RequestRefused(ErrorCode.NOT_FOUND, f"there is no alert {alert_id!r}", field="id")


class _Stream(_Fake, Feed):
    @override
    async def stream(self, actor: Actor, *, since: int | None) -> AsyncGenerator[Snapshot | Event | Update]:
        self.bridge.asked(f"stream {since}")
        queue: asyncio.Queue[Event | Update | RequestRefused] = asyncio.Queue(self.bridge.queue_size)
        reader = (actor, queue)
        self.bridge.readers.append(reader)
        try:
            yield self._snapshot(actor)
            for each in self.bridge.events:
                if since is not None and each.seq > since:
                    yield each
            while True:
                message = await queue.get()
                if isinstance(message, RequestRefused):
                    raise message
                yield message
        finally:
            self.bridge.readers.remove(reader)

    def _snapshot(self, actor: Actor) -> Snapshot:
        return Snapshot(
            type="snapshot",
            seq=self.bridge.events[-1].seq if self.bridge.events else 0,
            role=actor.role,
            accounts=tuple(self.bridge.application().accounts.views(actor)),
            unassigned_meters=(meter("found", None),),
            alerts=(alert("broker", None),),
        )


class _Vouchers(_Fake, VoucherBatchService):
    create = _answering("create_vouchers", NewVouchers(BATCH, (NewVoucher(VOUCHER.serial, VOUCHER_CODE),)))
    batches = _answering("vouchers", VoucherBatches((BATCH,)))

    @override
    async def batch(self, actor: Actor, batch_id: str) -> VoucherList:
        self.bridge.asked("voucher_batch")
        if batch_id != BATCH.id:
            raise RequestRefused(ErrorCode.NOT_FOUND, f"there is no batch {batch_id!r}", field="batch")
        return VoucherList(BATCH, (VOUCHER,))

    @override
    async def sell(self, actor: Actor, serials: Sequence[str], *, to: str) -> VouchersChanged:
        self.bridge.asked("sell_vouchers")
        return VouchersChanged(tuple(serials))

    @override
    async def block(
        self, actor: Actor, serials: Sequence[str], batch_id: str | None, *, reason: str
    ) -> VouchersChanged:
        self.bridge.asked("block_vouchers")
        return VouchersChanged((*serials, VOUCHER.serial) if batch_id else tuple(serials))


class _Review(_Fake, ManualReview):
    waiting = _answering("waiting_payments", WaitingPayments((WAITING,)))

    @override
    async def decide(self, actor: Actor, asked: PaymentDecision) -> PaymentDecided:
        self.bridge.asked("decide_payment")
        entry = "entry-9" if asked.decision == "credit" else None
        return PaymentDecided(
            provider=asked.provider, payment=asked.payment, decision=asked.decision, top_up=entry
        )


class _Access(_Fake, CustomerSignIn):
    make = _answering("make_access", ACCESS)
    revoke = _answering("revoke_access", None)
    sign_in_by_link = _answering("sign_in_by_link", (SignedIn(account_id="flat-1"), COOKIE))

    @override
    async def sign_in(self, number: str, code: str, peer: str | None) -> tuple[SignedIn, str]:
        self.bridge.asked("sign_in")
        if (number, code) != ("Flat 1", CODE):
            raise RequestRefused(ErrorCode.NOT_AUTHENTICATED, "these do not go together", field="code")
        return SignedIn(account_id="flat-1"), COOKIE

    @override
    def actor_of(self, cookie: str) -> Actor | None:
        return ACTORS["tenant"] if cookie == COOKIE else None


class _Payments(_Fake, Payments):
    issuer = "Rose Street Properties"
    start_payment = _answering("start_payment", (PAYMENT, False))
    payments = _answering("payments", PaymentList((PAYMENT,)))
    payment = _answering("payment", PAYMENT)
    keypad_tokens = _answering("keypad_tokens", KeypadTokens(serial="000123", unit_wh=100, tokens=()))
    reconcile = _answering("reconcile", RECONCILIATION)

    def __init__(self, bridge: StandIn) -> None:
        """Keep the stand-in, and bring the services within."""
        super().__init__(bridge)
        self.vouchers = _Vouchers(bridge)
        self.review = _Review(bridge)

    @override
    async def redeem_voucher(
        self, actor: Actor, account_id: str, code: str, *, key: str
    ) -> tuple[TopUpResult, bool]:
        self.bridge.asked("redeem_voucher")
        if code.replace(" ", "") != VOUCHER_CODE.replace(" ", ""):
            raise RequestRefused(ErrorCode.VOUCHER_NOT_VALID, "this voucher is not valid", field="code")
        top_up = self.bridge.application().accounts.top_up
        return await top_up(
            actor, account_id, amount="50.00", method="voucher", reference=VOUCHER.serial, key=key
        )

    @override
    def options(self, actor: Actor, account_id: str) -> PaymentOptions:
        self.bridge.asked("options")
        return OPTIONS

    @override
    def preview(self, actor: Actor, account_id: str, amount: str | None) -> TopUpPreview:
        self.bridge.asked("preview")
        return PREVIEW

    @override
    async def hear(self, provider_id: str, headers: Mapping[str, str], body: bytes) -> PaymentHeard:
        self.bridge.asked("hear")
        if headers.get("Prepaid-Signature") != "k":
            raise RequestRefused(ErrorCode.NOT_AUTHENTICATED, "there is no signature")
        return PaymentHeard(1)


class _Notices(_Fake, Notices):
    notices = _answering("notices", NoticeList(notices=(NOTICE,)))
    try_customer = _answering("try_customer", TrialSent(recipient="customer", channels=SENT))

    @override
    async def try_person(self, person_id: str) -> TrialSent:
        self.bridge.asked("try_person")
        return TrialSent(recipient=person_id, channels=SENT)


class _Page(_Fake, TenantPage):
    secure = False
    notification_settings = _answering("notification_settings", NotificationSettings())

    def __init__(self, bridge: StandIn) -> None:
        """Keep the stand-in, and bring the services within."""
        super().__init__(bridge)
        self.access = _Access(bridge)

    @override
    async def set_notification_settings(
        self, actor: Actor, account_id: str, settings: NotificationSettings
    ) -> NotificationSettings:
        self.bridge.asked("set_notification_settings")
        return settings
