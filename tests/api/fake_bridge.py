"""A small fake of the bridge: its services over a few accounts in memory, no meters, no database.

It exists so that the API and the command line can be tested alone. What it answers is made up; that the real
engine keeps the same promises is shown by its own tests and by those of the whole bridge. Each service is a
subclass of the real one, so that its methods cannot come to differ from what routes call.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, override

from meter_bridge.actor import Actor
from meter_bridge.api.http.examples import BOOKED
from meter_bridge.config.plan import InstallationPlan
from meter_bridge.engine.access.tokens import TokenInfo, TokenService
from meter_bridge.engine.accounts.service import AccountService, LedgerQueries
from meter_bridge.engine.alerts.service import AlertService
from meter_bridge.engine.metering.service import MeterService
from meter_bridge.engine.sites.service import SiteFileService
from meter_bridge.engine.state.session import Health
from meter_bridge.engine.state.stored_answers import StoredAnswers
from meter_bridge.engine.status import BridgeStatus
from meter_bridge.engine.stream.feed import Feed
from meter_bridge.engine.supply.service import SupplyService
from meter_bridge.errors import RequestRefused
from meter_bridge.notify.service import Notices
from meter_bridge.payments.orders.manual_review import ManualReview
from meter_bridge.payments.service import Payments
from meter_bridge.payments.vouchers.batches import VoucherBatchService
from meter_bridge.protocol import messages, payments as wire
from meter_bridge.protocol.answers import (
    AccountExposure,
    ApplyResult,
    NoticeList,
    ReadingOutcome,
    ReadingResult,
    TrialSent,
)
from meter_bridge.protocol.messages import ErrorCode, HoldView, Role, SupplyAction
from meter_bridge.protocol.payments import PaymentHeard
from meter_bridge.protocol.requests import (
    OperationRequest,
    PaymentDecision,
    PolicyRequest,
    ReplacementRequest,
    VoucherOrder,
)
from meter_bridge.protocol.statements import EntryExplanation, Statement
from meter_bridge.protocol.vocabulary import HoldPosition, SupplyReason, SupplyState
from meter_bridge.runtime.application import Application
from meter_bridge.tenant_page.service import TenantPage
from meter_bridge.tenant_page.sign_in import CustomerSignIn
from tests.api import fake_answers as answers
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
    booked: dict[tuple[str, str], tuple[str, messages.TopUpResult]] = field(default_factory=dict)
    operated: dict[tuple[str, str, str], OperationRequest] = field(default_factory=dict)
    made: dict[str, TokenInfo] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)
    events: list[messages.Event] = field(default_factory=list)
    readers: list[tuple[Actor, asyncio.Queue[messages.Event | messages.Update | RequestRefused]]] = field(
        default_factory=list
    )
    queue_size: int = 100
    outcome: ReadingOutcome = "charged"
    replaced: dict[tuple[str, str], ReplacementRequest] = field(default_factory=dict)
    held: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What is otherwise with the meter of an account."""
    alert_list: list[messages.AlertView] = field(
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

    def seen_by(self, actor: Actor) -> list[str]:
        """Return the accounts that the actor may see."""
        return [each for each, site in SITES.items() if self.careless or actor.sees(each, site)]

    def touch(self, what: str, actor: Actor, account_id: str) -> str:
        """Note that an actor reached an account, which it must see."""
        self.touched.append((what, actor.name, self.seen(actor, account_id)))
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
            answers=_Answers(),
        )

    def book(self, account_id: str, amount: str, method: str, reference: str | None) -> messages.TopUpResult:
        """Book a top-up."""
        steps = int(Decimal(amount).scaleb(6))
        if steps <= 0:
            raise RequestRefused(
                ErrorCode.AMOUNT_OUT_OF_RANGE, "a top-up is more than nothing", field="amount"
            )
        self.balances[account_id] += steps
        balance = self.balances[account_id]
        booked = messages.TopUpView(
            id=f"top-up-{len(self.booked) + 1}",
            at=NOW,
            amount=steps,
            method=method,
            reference=reference,
            split={"balance": steps},
            balance_after=balance,
        )
        return messages.TopUpResult(top_up=booked, balance=balance, available=balance, supply=SUPPLY)

    def tell(self, message: messages.Event | messages.Update | RequestRefused) -> None:
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

    def __init_subclass__(cls) -> None:
        """Refuse a method that the real service does not have, such as one that was renamed there."""
        own = {name for name in vars(cls) if not name.startswith("_")}
        real = {name for base in cls.__bases__ for name in dir(base)}
        assert own <= real, f"{cls.__name__} fakes {own - real}"

    def __init__(self, bridge: StandIn) -> None:
        """Keep the stand-in."""
        self.bridge = bridge


def _answering(what: str | None, answer: object) -> Any:  # noqa: ANN401 - a method of any signature
    """Return a method that notes its call and gives the same answer to everybody."""

    def method(self: _Fake, *_args: object, **_options: object) -> object:
        if what is not None:
            self.bridge.asked(what)
        return answer

    return method


def _answering_later(what: str, answer: object) -> Any:  # noqa: ANN401 - a method of any signature
    """Return a coroutine method that notes its call and gives the same answer to everybody."""

    async def method(self: _Fake, *_args: object, **_options: object) -> object:
        self.bridge.asked(what)
        return answer

    return method


def _of_account(what: str, answer: Callable[[str], object]) -> Any:  # noqa: ANN401 - as above
    """Return a method that reads an account's own data."""

    async def method(self: _Fake, actor: Actor, account_id: str, **asked: object) -> object:
        self.bridge.asked(what.format(**asked))
        return answer(self.bridge.touch(what.partition(" ")[0], actor, account_id))

    return method


class _Answers(StoredAnswers):
    """Nothing is stored here, so nothing is waited for."""

    def __init__(self) -> None:
        """Need no session."""

    @override
    async def reading[T](self, work: Callable[[], Awaitable[T]]) -> T:
        return await work()

    @override
    async def changing[T](self, work: Callable[[], Awaitable[T]]) -> T:
        return await work()


class _Status(_Fake, BridgeStatus):
    info = _answering(None, INFO)
    metrics = _answering("metrics", b"prepaid_meter_accounts 3\n")
    confirm_clock = _answering_later("confirm_clock", NOW)

    @override
    def health(self) -> Health:
        status = self.bridge.health_status
        return Health(status, () if status == "ok" else ("the broker is away",))


class _Accounts(_Fake, AccountService):
    @override
    def views(self, actor: Actor) -> Sequence[messages.AccountView]:
        self.bridge.asked("accounts")
        return [account(each, self.bridge.balances[each]) for each in self.bridge.seen_by(actor)]

    @override
    def view(self, actor: Actor, account_id: str) -> messages.AccountView:
        self.bridge.asked("account")
        seen = self.bridge.seen(actor, account_id)
        return account(seen, self.bridge.balances[seen])

    @override
    async def top_up(
        self,
        actor: Actor,
        account_id: str,
        *,
        amount: str,
        method: str,
        reference: str | None,
        key: str,
        confirmed: bool = True,
    ) -> tuple[messages.TopUpResult, bool]:
        self.bridge.asked("top_up")
        self.bridge.seen(actor, account_id)
        if len(amount.partition(".")[0]) > USUAL_DIGITS and not confirmed:
            raise RequestRefused(ErrorCode.CONFIRMATION_NEEDED, f"{amount} is more than 10 times the usual")
        content = f"{amount} {method} {reference}"
        if (account_id, key) in self.bridge.booked:
            first, result = self.bridge.booked[account_id, key]
            if first != content:
                raise RequestRefused(ErrorCode.IDEMPOTENCY_CONFLICT, "the key was used for another top-up")
            return result, True
        result = self.bridge.book(account_id, amount, method, reference)
        self.bridge.touch("top_up", actor, account_id)
        self.bridge.booked[account_id, key] = (content, result)
        return result, False

    @override
    async def operate(
        self,
        actor: Actor,
        account_id: str,
        request: OperationRequest,
        *,
        key: str,
        confirmed: bool = True,
    ) -> tuple[messages.OperationResult, bool]:
        self.bridge.asked(f"operate {request}")
        place = self.bridge.seen(actor, account_id), type(request).__name__, key
        if place in self.bridge.operated:
            return BOOKED, True
        self.bridge.operated[place] = request
        self.bridge.touch(type(request).__name__, actor, account_id)
        return BOOKED, False


USUAL_DIGITS = len("999999")


class _Ledger(_Fake, LedgerQueries):
    page = _of_account("ledger {before} {limit}", lambda _: answers.LEDGER)

    @override
    async def explain_entry(self, actor: Actor, account_id: str, entry_id: str) -> EntryExplanation:
        self.bridge.asked(f"explain {entry_id}")
        self.bridge.touch("explain", actor, account_id)
        if entry_id == "top-up-1":
            return EntryExplanation(entry=TOP_UP_ENTRY, segments=(), readings=())
        if entry_id != "entry-1":
            raise RequestRefused(ErrorCode.NOT_FOUND, f"there is no entry {entry_id!r}", field="entry_id")
        return explanation(account_id)

    @override
    async def statement(
        self, actor: Actor, account_id: str, *, tenancy: int | None = None, **period: Any
    ) -> Statement:
        asked = "statement {begin} {end} {detail}".format(**period)
        self.bridge.asked(asked + (f" {tenancy}" if tenancy else ""))
        return statement(self.bridge.touch("statement", actor, account_id))

    @override
    async def tenancies(
        self, actor: Actor, account_id: str | None, *, only_outstanding: bool = False
    ) -> Sequence[messages.TenancyView]:
        self.bridge.asked(f"tenancies {only_outstanding}")
        if account_id is not None:
            self.bridge.touch("tenancies", actor, account_id)
        return [tenancy(each) for each in SITES if account_id in (None, each)]

    @override
    async def debts(self, actor: Actor) -> Sequence[messages.OwedView]:
        self.bridge.asked("debts")
        return [owed(each) for each in self.bridge.seen_by(actor)]

    @override
    async def history(self, actor: Actor, *, account_id: str | None, **page: Any) -> messages.HistoryPage:
        self.bridge.asked("history {after} {upto} {0} {from_account}".format(account_id, **page))
        asked = sorted(SITES) if account_id is None else [self.bridge.seen(actor, account_id)]
        seen = self.bridge.seen_by(actor)
        found = (
            messages.AccountHistory(account_id=each, hours=(answers.HOUR,)) for each in asked if each in seen
        )
        return messages.HistoryPage(seq=7, accounts=tuple(found), next_account=None)


class _Supply(_Fake, SupplyService):
    @override
    async def switch(
        self, actor: Actor, account_id: str, action: SupplyAction, *, reason: str | None
    ) -> messages.SupplyView:
        self.bridge.asked(f"set_supply {action} {reason}")
        self.bridge.touch("set_supply", actor, account_id)
        if action is not SupplyAction.OFF:
            return SUPPLY
        state, why = SupplyState.DISCONNECTED, SupplyReason.LANDLORD_OFF
        return replace(SUPPLY, state=state, reason=why, note=reason)

    @override
    def holds(self, actor: Actor, account_id: str) -> Sequence[HoldView]:
        self.bridge.asked("holds")
        return self.bridge.placed.get(self.bridge.seen(actor, account_id), [])

    @override
    async def place_hold(
        self, actor: Actor, account_id: str, position: HoldPosition, *, reason: str, hold_id: str | None
    ) -> tuple[HoldView, bool]:
        self.bridge.asked(f"place_hold {position} {reason} {hold_id}")
        self.bridge.touch("place_hold", actor, account_id)
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
    ) -> messages.SupplyView:
        self.bridge.asked(f"lift_hold {hold_id} {reason}")
        self.bridge.touch("lift_hold", actor, account_id)
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
        return [exposure(each) for each in self.bridge.seen_by(actor)]


class _Meters(_Fake, MeterService):
    @override
    def views(self, actor: Actor) -> Sequence[messages.MeterView]:
        self.bridge.asked("meters")
        mine = self.bridge.seen_by(actor)
        return [
            *(replace(meter(f"{each}-meter", each), **self.bridge.held.get(each, {})) for each in mine),
            meter("found", None),
        ]

    @override
    async def decide_quarantine(
        self, actor: Actor, meter_id: str, decision: str, *, reason: str
    ) -> messages.MeterView:
        self.bridge.asked(f"decide_quarantine {decision} {reason}")
        return meter(meter_id, self.bridge.seen(actor, meter_id.removesuffix("-meter")))

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
        self, actor: Actor, meter_id: str, order: ReplacementRequest, *, key: str
    ) -> tuple[messages.MeterView, bool]:
        self.bridge.asked("replace_meter")
        account_id = self.bridge.seen(actor, meter_id.removesuffix("-meter"))
        known = self.bridge.replaced.setdefault((meter_id, key), order)
        if known != order:
            raise RequestRefused(ErrorCode.IDEMPOTENCY_CONFLICT, "the key was used for another replacement")
        self.bridge.touch("replace_meter", actor, account_id)
        seen_before = len([each for each in self.bridge.touched if each[0] == "replace_meter"]) > len(
            self.bridge.replaced
        )
        return meter(meter_id, account_id), seen_before

    @override
    async def set_policy(self, actor: Actor, account_id: str, change: PolicyRequest) -> messages.AccountView:
        self.bridge.asked(f"policy {change.low_credit} {change.load_limit_w}")
        self.bridge.touch("policy", actor, account_id)
        return self.bridge.application().accounts.view(actor, account_id)

    @override
    async def apply(
        self,
        actor: Actor,
        plan: InstallationPlan,
        *,
        dry_run: bool,
        undo: frozenset[str] = frozenset(),
        **_: Any,
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
    async def views(self, actor: Actor, *, only_open: bool, limit: int) -> Sequence[messages.AlertView]:
        self.bridge.asked(f"alerts {only_open} {limit}")
        return [
            each
            for each in self.bridge.alert_list
            if self.bridge.careless
            or each.account_id is None
            or actor.sees(each.account_id, SITES[each.account_id])
        ][:limit]

    @override
    async def acknowledge(self, actor: Actor, alert_id: str) -> messages.AlertView:
        self.bridge.asked("acknowledge")
        for each in await self.views(actor, only_open=False, limit=1000):
            if each.id == alert_id:
                return replace(each, acknowledged_at=NOW)
        raise RequestRefused(ErrorCode.NOT_FOUND, f"there is no alert {alert_id!r}", field="id")


class _Stream(_Fake, Feed):
    @override
    async def stream(
        self, actor: Actor, *, since: int | None
    ) -> AsyncGenerator[messages.Snapshot | messages.Event | messages.Update]:
        self.bridge.asked(f"stream {since}")
        queue: asyncio.Queue[messages.Event | messages.Update | RequestRefused] = asyncio.Queue(
            self.bridge.queue_size
        )
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

    def _snapshot(self, actor: Actor) -> messages.Snapshot:
        return messages.Snapshot(
            type="snapshot",
            seq=self.bridge.events[-1].seq if self.bridge.events else 0,
            role=actor.role,
            accounts=tuple(self.bridge.application().accounts.views(actor)),
            unassigned_meters=(meter("found", None),),
            alerts=(alert("broker", None),),
        )


class _Vouchers(_Fake, VoucherBatchService):
    @override
    async def create(self, actor: Actor, order: VoucherOrder, *, confirmed: bool = True) -> wire.NewVouchers:
        self.bridge.asked("create_vouchers")
        if len(order.amount.partition(".")[0]) > USUAL_DIGITS and not confirmed:
            raise RequestRefused(ErrorCode.CONFIRMATION_NEEDED, f"a voucher of {order.amount} is unusual")
        voucher = wire.NewVoucher(answers.VOUCHER.serial, answers.VOUCHER_CODE)
        return wire.NewVouchers(answers.BATCH, (voucher,))

    batches = _answering_later("vouchers", wire.VoucherBatches((answers.BATCH,)))

    @override
    async def batch(self, actor: Actor, batch_id: str) -> wire.VoucherList:
        self.bridge.asked("voucher_batch")
        if batch_id != answers.BATCH.id:
            raise RequestRefused(ErrorCode.NOT_FOUND, f"there is no batch {batch_id!r}", field="batch")
        return wire.VoucherList(answers.BATCH, (answers.VOUCHER,))

    @override
    async def sell(self, actor: Actor, serials: Sequence[str], *, to: str) -> wire.VouchersChanged:
        self.bridge.asked("sell_vouchers")
        return wire.VouchersChanged(tuple(serials))

    @override
    async def block(
        self, actor: Actor, serials: Sequence[str], batch_id: str | None, *, reason: str
    ) -> wire.VouchersChanged:
        self.bridge.asked("block_vouchers")
        return wire.VouchersChanged((*serials, answers.VOUCHER.serial) if batch_id else tuple(serials))


class _Review(_Fake, ManualReview):
    waiting = _answering_later("waiting_payments", wire.WaitingPayments((answers.WAITING,)))

    @override
    async def decide(self, actor: Actor, asked: PaymentDecision) -> wire.PaymentDecided:
        self.bridge.asked("decide_payment")
        entry = "entry-9" if asked.decision == "credit" else None
        return wire.PaymentDecided(
            provider=asked.provider, payment=asked.payment, decision=asked.decision, top_up=entry
        )


class _Access(_Fake, CustomerSignIn):
    create_access = _answering_later("make_access", answers.ACCESS)
    revoke_access = _answering_later("revoke_access", None)
    sign_in_by_link = _answering_later(
        "sign_in_by_link", (wire.SignedIn(account_id="flat-1"), answers.COOKIE)
    )

    @override
    async def sign_in(
        self, number: str, code: str, peer: str | None, device: str = ""
    ) -> tuple[wire.SignedIn, str]:
        self.bridge.asked("sign_in")
        if (number, code) != ("Flat 1", answers.CODE):
            raise RequestRefused(ErrorCode.NOT_AUTHENTICATED, "these do not go together", field="code")
        return wire.SignedIn(account_id="flat-1"), answers.COOKIE

    @override
    def device_cookie(self, session_cookie: str, number: str) -> str:
        return "0123456789ab." + 64 * "d"

    @override
    async def sign_out(self, cookie: str) -> None:
        self.bridge.asked("sign_out")

    @override
    def actor_of(self, cookie: str) -> Actor | None:
        return ACTORS["tenant"] if cookie == answers.COOKIE else None


class _Payments(_Fake, Payments):
    issuer = "Rose Street Properties"
    start_payment = _answering_later("start_payment", (answers.PAYMENT, False))
    payments = _answering_later("payments", wire.PaymentList((answers.PAYMENT,)))
    payment = _answering_later("payment", answers.PAYMENT)
    options = _answering("options", answers.OPTIONS)
    preview = _answering("preview", answers.PREVIEW)
    keypad_tokens = _answering_later(
        "keypad_tokens", wire.KeypadTokens(serial="000123", unit_wh=100, tokens=())
    )
    reconcile = _answering_later("reconcile", answers.RECONCILIATION)

    def __init__(self, bridge: StandIn) -> None:
        """Keep the stand-in, and bring the services within."""
        super().__init__(bridge)
        self.vouchers = _Vouchers(bridge)
        self.review = _Review(bridge)

    @override
    async def redeem_voucher(
        self, actor: Actor, account_id: str, code: str, *, key: str
    ) -> tuple[messages.TopUpResult, bool]:
        self.bridge.asked("redeem_voucher")
        if code.replace(" ", "") != answers.VOUCHER_CODE.replace(" ", ""):
            raise RequestRefused(ErrorCode.VOUCHER_NOT_VALID, "this voucher is not valid", field="code")
        top_up = self.bridge.application().accounts.top_up
        return await top_up(
            actor, account_id, amount="50.00", method="voucher", reference=answers.VOUCHER.serial, key=key
        )

    @override
    async def hear(self, provider_id: str, headers: Mapping[str, str], body: bytes) -> PaymentHeard:
        self.bridge.asked("hear")
        if headers.get("Prepaid-Signature") != "k":
            raise RequestRefused(ErrorCode.NOT_AUTHENTICATED, "there is no signature")
        return PaymentHeard(1)


class _Notices(_Fake, Notices):
    notices = _answering_later("notices", NoticeList(notices=(answers.NOTICE,)))
    confirm = _answering_later("confirm_address", wire.NotificationSettings(phone="+254712345678"))

    @override
    def with_unconfirmed(
        self, actor: Actor, account_id: str, settings: wire.NotificationSettings
    ) -> wire.NotificationSettings:
        return settings

    @override
    async def keep_unconfirmed(
        self, actor: Actor, account_id: str, wanted: wire.NotificationSettings
    ) -> wire.NotificationSettings:
        return wanted

    try_customer = _answering_later("try_customer", TrialSent(recipient="customer", channels=answers.SENT))

    @override
    async def try_person(self, person_id: str) -> TrialSent:
        self.bridge.asked("try_person")
        return TrialSent(recipient=person_id, channels=answers.SENT)


class _Page(_Fake, TenantPage):
    secure = False
    notification_settings = _answering_later("notification_settings", wire.NotificationSettings())

    def __init__(self, bridge: StandIn) -> None:
        """Keep the stand-in, and bring the services within."""
        super().__init__(bridge)
        self.access = _Access(bridge)

    @override
    async def set_notification_settings(
        self, actor: Actor, account_id: str, settings: wire.NotificationSettings
    ) -> wire.NotificationSettings:
        self.bridge.asked("set_notification_settings")
        return settings
