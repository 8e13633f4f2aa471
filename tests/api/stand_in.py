"""A stand-in for the engine: a few accounts in memory, no meters, no database.

It exists so that the API and the command line can be tested alone. What it answers is made up; that the real
engine keeps the same promises is shown by its own tests and by those of the whole bridge.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import Any, Final

from meter_bridge.api.examples import BOOKED
from meter_bridge.api.port import (
    EVERYTHING,
    Actor,
    ApplyResult,
    Health,
    PolicyChange,
    ReadingOutcome,
    ReadingResult,
    Refused,
    ReplacementOrder,
    TokenInfo,
)
from meter_bridge.api.requests import OperationRequest
from meter_bridge.config.plan import InstallationPlan
from meter_bridge.protocol.exposure import AccountExposure
from meter_bridge.protocol.messages import (
    AccountHistory,
    AccountView,
    AlertKind,
    AlertView,
    ChargeLine,
    ErrorCode,
    Event,
    EventKind,
    HistoryHour,
    HistoryPage,
    HoldPosition,
    HoldView,
    LedgerEntry,
    LedgerPage,
    MeterView,
    OperationResult,
    OwedView,
    RelayProof,
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
from meter_bridge.protocol.statements import (
    Detail,
    EntryExplanation,
    Holding,
    KindSum,
    MeterReadings,
    NotYetPosted,
    RegisterReading,
    SegmentView,
    Statement,
    StatementEntry,
)
from tests.api.stand_in_notices import StandInNotices
from tests.api.stand_in_page import StandInPage
from tests.api.stand_in_payments import StandInPayments

NOW: Final = "2026-03-01T10:00:00.000Z"
INFO: Final = ServerInfo(
    schema_version=1, min_schema_version=1, version="0.1.0", installation_id="a1b2", name="Rose Street"
)
SITES: Final = {"flat-1": "rose", "flat-2": "rose", "shop-1": "oak"}
SECRET: Final = "s" * 43


def token_of(name: str) -> str:
    """Return the token of one of the actors below."""
    return f"pmb_{name}_{SECRET}"


ACTORS: Final = {
    "owner": Actor("owner", Role.LANDLORD, sites=frozenset({EVERYTHING})),
    "landlord": Actor("landlord", Role.LANDLORD, sites=frozenset({"rose"})),
    "caretaker": Actor("caretaker", Role.CARETAKER, sites=frozenset({"rose"})),
    "tenant": Actor("tenant", Role.TENANT, accounts=frozenset({"flat-1"})),
    "device": Actor("device", Role.DEVICE, accounts=frozenset({"flat-1"})),
    "nobody": Actor("nobody", Role.UNKNOWN),
}
SUPPLY: Final = SupplyView(
    state=SupplyState.CONNECTED,
    reason=SupplyReason.IN_CREDIT,
    since=NOW,
    note=None,
    proof=RelayProof.CONFIRMED,
)


def meter(meter_id: str, account_id: str | None) -> MeterView:
    """Return a meter of which little is known."""
    return MeterView(
        id=meter_id,
        name=meter_id.title(),
        family="tasmota",
        address=f"tasmota:{meter_id}/1",
        account_id=account_id,
        online=True,
        last_seen=NOW,
        register_wh=1000,
        energy_wh=500,
        epoch=1,
        power_mw=None,
        voltage_mv=None,
        current_ma=None,
        frequency_mhz=None,
        relay=None,
        quarantined=False,
    )


def tenancy(account_id: str) -> TenancyView:
    """Return a customer who moved out and owes 25.00 rand."""
    return TenancyView(
        n=1,
        customer="N. Dlamini",
        start=NOW,
        end=NOW,
        account_id=account_id,
        site_id=SITES[account_id],
        time_zone="Africa/Johannesburg",
        currency="ZAR",
        amount_digits=6,
        outstanding=-25_000_000,
    )


def owed(account_id: str) -> OwedView:
    """Return what that customer owes."""
    return OwedView(
        account_id=account_id,
        site_id=SITES[account_id],
        tenancy=1,
        customer="N. Dlamini",
        former=True,
        kind="tenancy",
        owed=25_000_000,
        currency="ZAR",
        amount_digits=6,
    )


def account(account_id: str, balance: int = 12_500_000) -> AccountView:
    """Return a connected account with a balance of 12.50 rand."""
    return AccountView(
        id=account_id,
        name=account_id.title(),
        site_id=SITES[account_id],
        site_name=SITES[account_id].title(),
        customer=None,
        currency="ZAR",
        amount_digits=6,
        time_zone="Africa/Johannesburg",
        payment_mode="prepayment",
        balance=balance,
        available=balance,
        units_left_wh=5000,
        seconds_left=190_000,
        low_credit=False,
        low_credit_thresholds=(20_000_000,),
        energy_wh=500,
        energy_today_wh=100,
        cost_today=250_000,
        cost_period=1_250_000,
        supply=SUPPLY,
        tariff=None,
        meters=(meter(f"{account_id}-meter", account_id),),
        alerts=(),
        last_top_up=None,
    )


def alert(alert_id: str, account_id: str | None, meter_id: str | None = None) -> AlertView:
    """Return an open alert."""
    return AlertView(
        id=alert_id,
        kind=AlertKind.LOW_CREDIT if account_id else AlertKind.BROKER_LOST,
        site_id=SITES[account_id] if account_id else None,
        account_id=account_id,
        meter_id=meter_id,
        message="something to look at",
        opened_at=NOW,
        acknowledged_at=None,
        closed_at=None,
    )


def event(seq: int, account_id: str | None = "flat-1") -> Event:
    """Return a durable event."""
    return Event(
        seq=seq, at=NOW, kind=EventKind.TOP_UP, account_id=account_id, meter_id=None, data={"n": seq}
    )


def statement(account_id: str) -> Statement:
    """Return a statement with a top-up, a charge with its tax, and a name that means harm."""
    line = partial(
        ChargeLine,
        supply_id=f"{account_id}/electricity",
        period="2026-03-01",
        tariff_version_id="t@2026-01-01",
    )
    energy = line(
        kind="consumption", block=1, band="peak", quantity=5000, unit_price=2_500_000, amount=12_500_000
    )
    tax = line(kind="tax", block=None, band="VAT", quantity=0, unit_price=None, amount=1_875_000)
    top_up = StatementEntry(
        seq=1,
        id="entry-1",
        at=NOW,
        kind="top_up",
        description="Top-up, cash",
        reference="=1+1",
        refers_to=None,
        amount=25_000_000,
        changes={"debt:boiler": 5_000_000, "balance": 20_000_000},
        balance_after=20_000_000,
        units_wh=0,
    )
    return Statement(
        account_id=account_id,
        account_name=account_id.title(),
        customer=None,
        site_id=SITES[account_id],
        site_name=SITES[account_id].title(),
        time_zone="Africa/Johannesburg",
        currency="ZAR",
        amount_digits=6,
        start="2026-02-28T22:00:00.000Z",
        end="2026-03-31T22:00:00.000Z",
        first_day="2026-03-01",
        last_day="2026-03-31",
        made_at=NOW,
        open=True,
        detail=Detail.LINE,
        opening=-5_000_000,
        credits=25_000_000,
        charges=14_375_000,
        closing=5_625_000,
        holdings=(
            Holding(name="balance", opening=0, closing=5_625_000),
            Holding(name="debt:boiler", opening=-5_000_000, closing=0),
        ),
        units=(),
        sums=(
            KindSum(kind="top_up", entries=1, amount=25_000_000, changes=top_up.changes),
            KindSum(kind="charge", entries=9, amount=-14_375_000, changes={"balance": -14_375_000}),
        ),
        lines=(energy, tax),
        days=(),
        tenancy=None,
        outstanding=None,
        settlements=(),
        entries=(top_up,),
        not_yet_posted=NotYetPosted(at=NOW, wh=6, amount=17_250),
    )


TOP_UP_ENTRY: Final = LedgerEntry(
    seq=2,
    id="top-up-1",
    at=NOW,
    kind="top_up",
    amount=50_000_000,
    balance_after=62_500_000,
    description="Top-up, cash",
    key=None,
    refers_to=None,
    reference="receipt 7",
    split={"balance": 50_000_000},
)


def explanation(account_id: str) -> EntryExplanation:
    """Return a charge of a quarter of an hour between two readings."""
    made = statement(account_id)
    segment = SegmentView(
        kind="consumption",
        supply_id=f"{account_id}/electricity",
        meter_id=f"{account_id}-meter",
        start="2026-03-01T09:45:00.000Z",
        end=NOW,
        wh=5000,
        register_from_wh=1_204_510,
        register_to_wh=1_209_510,
        tariff_version_id="t@2026-01-01",
        block=1,
        band="peak",
        amount=12_500_000,
        tax=1_875_000,
        estimated=False,
    )
    entry = LedgerEntry(
        seq=1,
        id="entry-1",
        at=NOW,
        kind="charge",
        amount=-14_375_000,
        balance_after=5_625_000,
        description="Electricity used",
        key=None,
        refers_to=None,
        lines=made.lines,
    )
    after = RegisterReading(at=NOW, wh=1_209_511, epoch=0)
    readings = (MeterReadings(meter_id=f"{account_id}-meter", before=None, after=after),)
    return EntryExplanation(entry=entry, segments=(segment,), readings=readings)


def exposure(account_id: str) -> AccountExposure:
    """Return the exposure of an account with a device that cuts by itself and one that does not."""
    return AccountExposure(
        account_id=account_id,
        name=account_id.title(),
        currency="ZAR",
        amount_digits=6,
        policies=("hold", "local_cut_off"),
        limited=True,
        meters=2,
        in_force=1,
        once_wh=1_500,
        once_amount=4_500_000,
        hourly_wh=10_000,
        hourly_amount=30_000_000,
    )


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
    readers: list[tuple[Actor, asyncio.Queue[Event | Update | Refused]]] = field(default_factory=list)
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
            raise Refused(ErrorCode.NOT_FOUND, f"there is no account {account_id!r}", field="id")
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
            raise Refused(ErrorCode.NOT_FOUND, f"there is no entry {entry_id!r}", field="entry_id")
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
                raise Refused(ErrorCode.IDEMPOTENCY_CONFLICT, "the key was used for another top-up")
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
            raise Refused(ErrorCode.AMOUNT_OUT_OF_RANGE, "a top-up is more than nothing", field="amount")
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
            raise Refused(ErrorCode.NOT_FOUND, f"there is no hold {hold_id!r}", field="hold", value=hold_id)
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
            raise Refused(ErrorCode.IDEMPOTENCY_CONFLICT, "the key was used for another replacement")
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
        raise Refused(ErrorCode.NOT_FOUND, f"there is no alert {alert_id!r}", field="id")

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
            raise Refused(ErrorCode.NOT_FOUND, f"there is no token {token_id!r}", field="id")
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
        queue: asyncio.Queue[Event | Update | Refused] = asyncio.Queue(self.queue_size)
        reader = (actor, queue)
        self.readers.append(reader)
        try:
            yield self.snapshot(actor)
            for each in self.events:
                if since is not None and each.seq > since:
                    yield each
            while True:
                message = await queue.get()
                if isinstance(message, Refused):
                    raise message
                yield message
        finally:
            self.readers.remove(reader)

    def tell(self, message: Event | Update | Refused) -> None:
        """Send a message to whoever follows."""
        for _, queue in self.readers:
            try:
                queue.put_nowait(message)
            except asyncio.QueueFull:
                queue.get_nowait()
                queue.put_nowait(Refused(ErrorCode.TOO_MANY_REQUESTS, "the reader is too slow"))

    def revoke(self, name: str) -> None:
        """Revoke an actor's token and end what is connected with it."""
        self.revoked.add(name)
        for actor, queue in self.readers:
            if actor.name == name:
                queue.put_nowait(Refused(ErrorCode.NOT_AUTHENTICATED, "the token was revoked"))
