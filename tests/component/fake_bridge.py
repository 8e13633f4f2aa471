"""A fake bridge: a real web server on 127.0.0.1 that implements the protocol and responds as configured.

It proves nothing about the bridge itself; contract tests and end-to-end tests do that with the real one.
"""

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
import json
from typing import Any

from aiohttp import WSMsgType, web

from custom_components.prepaid_meter.client.protocol import (
    AccountView,
    AlertView,
    BlockView,
    DebtView,
    EmergencyCreditView,
    Event,
    EventKind,
    FriendlyHoursView,
    HistoryPage,
    HoldView,
    MeterView,
    OperationResult,
    PhaseView,
    Problem,
    RelayView,
    Role,
    ServerInfo,
    SupplyView,
    TariffNow,
    TopUpResult,
    TopUpView,
)
from custom_components.prepaid_meter.client.vocabulary import (
    AlertKind,
    EmergencyCreditState,
    HoldPosition,
    RelayPosition,
    RelayProof,
    SupplyReason,
    SupplyState,
)

TOKEN = "pmb_landlord"
INSTALLATION_ID = "0192f0c1"
ZAR = 1_000_000

CONNECTED = SupplyView(
    state=SupplyState.CONNECTED,
    reason=SupplyReason.IN_CREDIT,
    since="2026-11-01T08:00:00.000Z",
    note=None,
    proof=RelayProof.CONFIRMED,
)


def meter_view(meter_id: str = "meter-1", **changes: Any) -> MeterView:  # noqa: ANN401
    """Return an online meter with all values known."""
    relay = RelayView(
        requested=RelayPosition.CLOSED,
        requested_at="2026-11-01T08:00:00.000Z",
        revision=1,
        reported=RelayPosition.CLOSED,
        reported_at="2026-11-01T08:00:01.000Z",
        proof=RelayProof.CONFIRMED,
    )
    known = MeterView(
        id=meter_id,
        name=meter_id.replace("-", " ").capitalize(),
        family="tasmota",
        address=f"tele/{meter_id}",
        account_id="flat-1",
        online=True,
        last_seen="2026-11-10T10:00:00.000Z",
        register_wh=8_123_456,
        energy_wh=1_234_560,
        epoch=1,
        power_mw=1_482_500,
        voltage_mv=231_400,
        current_ma=6_410,
        frequency_mhz=49_980,
        relay=relay,
        quarantined=False,
        model="Athom plug",
        firmware="14.2.0",
    )
    return replace(known, **changes)


def alert_view(kind: AlertKind = AlertKind.LOW_CREDIT, **changes: Any) -> AlertView:  # noqa: ANN401
    """Return an open alert."""
    known = AlertView(
        id="alert-1",
        kind=kind,
        site_id="house",
        account_id="flat-1",
        meter_id=None,
        message="Credit is below ZAR 20.00",
        opened_at="2026-11-10T09:00:00.000Z",
        acknowledged_at=None,
        closed_at=None,
    )
    return replace(known, **changes)


def hold_view(hold_id: str = "leak", **changes: Any) -> HoldView:  # noqa: ANN401
    """Return a hold that keeps a supply off."""
    known = HoldView(
        id=hold_id,
        position=HoldPosition.OFF,
        reason="leak under the sink",
        by="test",
        since="2026-11-10T10:00:00.000Z",
    )
    return replace(known, **changes)


def top_up_view(**changes: Any) -> TopUpView:  # noqa: ANN401
    """Return a booked top-up."""
    known = TopUpView(
        id="top-up-1",
        at="2026-11-09T18:30:00.000Z",
        amount=100 * ZAR,
        method="cash",
        reference="receipt 7",
        split={"balance": 100 * ZAR},
        balance_after=187_123_400,
    )
    return replace(known, **changes)


def account_view(account_id: str = "flat-1", **changes: Any) -> AccountView:  # noqa: ANN401
    """Return an account in credit with one meter and all values known."""
    known = AccountView(
        id=account_id,
        name=account_id.replace("-", " ").capitalize(),
        site_id="house",
        site_name="Long Street 5",
        customer="Thandi",
        currency="ZAR",
        amount_digits=6,
        time_zone="Africa/Johannesburg",
        payment_mode="prepayment",
        balance=187_123_400,
        available=187_118_700,
        units_left_wh=69_680,
        seconds_left=345_600,
        low_credit=False,
        low_credit_thresholds=(20 * ZAR,),
        energy_wh=1_234_560,
        energy_today_wh=4_210,
        cost_today=11_305_900,
        cost_period=96_482_100,
        supply=CONNECTED,
        tariff=TariffNow(
            tariff_id="homepower",
            version_id="2026-07",
            price_per_kwh=2_685_400,
            band="peak",
            block=2,
            blocks=4,
            block_remaining_wh=112_000,
            next_change="2026-11-10T18:00:00.000Z",
            ladder=(
                BlockView(number=1, end_wh=100_000, used_wh=100_000, price_per_kwh=2_100_000),
                BlockView(number=2, end_wh=250_000, used_wh=38_000, price_per_kwh=2_685_400),
                BlockView(number=3, end_wh=350_000, used_wh=0, price_per_kwh=2_900_000),
                BlockView(number=4, end_wh=None, used_wh=0, price_per_kwh=3_412_500),
            ),
        ),
        meters=(meter_view(f"meter-of-{account_id}", account_id=account_id),),
        alerts=(),
        last_top_up=top_up_view(),
        period_start="2026-10-31T22:00:00.000Z",
    )
    return replace(known, **changes)


def rich_account(account_id: str = "flat-1", **changes: Any) -> AccountView:  # noqa: ANN401
    """Return an account with all features: phases, emergency credit, debts, limits, friendly hours."""
    phase = PhaseView(power_mw=500_000, voltage_mv=230_100, current_ma=2_200, power_factor_permille=985)
    meter = meter_view(
        f"meter-of-{account_id}",
        account_id=account_id,
        power_factor_permille=981,
        phases=(phase, replace(phase, voltage_mv=229_800), replace(phase, power_factor_permille=None)),
    )
    credit = EmergencyCreditView(
        state=EmergencyCreditState.AVAILABLE, limit=10 * ZAR, left=10 * ZAR, threshold=2 * ZAR
    )
    debt = DebtView(
        id="arrears-2025",
        description="Arrears of 2025",
        owed=350 * ZAR,
        priority=1,
        rate=5 * ZAR,
        every="week",
        next_recovery="2026-11-16T00:00:00.000Z",
        percent_ppm=0,
        cap=None,
        cap_every="week",
    )
    known = account_view(
        account_id,
        meters=(meter,),
        emergency_credit=credit,
        arrears=12 * ZAR,
        debts=(debt,),
        low_credit_thresholds=(20 * ZAR, 5 * ZAR),
        load_limit_mw=500_000,
        friendly_hours=FriendlyHoursView(start="2026-11-10T16:00:00.000Z", end="2026-11-11T08:00:00.000Z"),
    )
    return replace(known, **changes)


UNUSUAL = 1_000_000
"""An amount that has to be confirmed."""


@dataclass
class FakeBridge:
    """The state of the fake bridge, and methods with which tests change it."""

    accounts: dict[str, AccountView] = field(default_factory=lambda: {"flat-1": account_view()})
    alerts: tuple[AlertView, ...] = ()
    role: Role = Role.LANDLORD
    languages: set[str | None] = field(default_factory=set)
    """The languages that were asked for."""
    token: str = TOKEN
    info: ServerInfo = field(
        default_factory=lambda: ServerInfo(
            schema_version=1,
            min_schema_version=1,
            version="0.1.0",
            installation_id=INSTALLATION_ID,
            name="Long Street",
        )
    )
    seq: int = 7
    events: list[Event] = field(default_factory=list)
    port: int = 0
    refuse_with: tuple[int, dict[str, Any]] | None = None
    drop_answers: int = 0
    sells_units: bool = False
    raw_greeting: str | None = None
    silent: bool = False
    slow: bool = False
    takes_vouchers: bool = True
    statement: Any = field(default_factory=dict)
    history: Callable[[dict[str, str]], HistoryPage] | None = None
    """Responds to a request for history; None if the bridge is too old to provide it."""
    history_requests: list[dict[str, str]] = field(default_factory=list)
    history_refusals: list[dict[str, str]] = field(default_factory=list)
    requests: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    subscriptions: list[dict[str, Any]] = field(default_factory=list)
    _answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    _sockets: set[web.WebSocketResponse] = field(default_factory=set)
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen on 127.0.0.1, on the same port as before after a restart."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/api/v1/info", self._info),
                web.get("/api/v1/me", self._me),
                web.get("/api/v1/ws", self._websocket),
                web.post("/api/v1/accounts/{id}/top-ups", self._top_up),
                web.post("/api/v1/accounts/{id}/supply", self._supply),
                web.post("/api/v1/accounts/{id}/holds", self._place_hold),
                web.delete("/api/v1/accounts/{id}/holds/{hold}", self._lift_hold),
                web.post("/api/v1/accounts/{id}/policy", self._policy),
                web.post("/api/v1/accounts/{id}/emergency-credit", self._emergency_credit),
                web.post("/api/v1/accounts/{id}/vouchers", self._voucher),
                web.get("/api/v1/accounts/{id}/statement", self._statement),
                web.get("/api/v1/history", self._history),
                web.post("/api/v1/meters/{id}/quarantine", self._quarantine),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close every socket and stop listening."""
        await self.drop()
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    async def drop(self) -> None:
        """Close every WebSocket, like a network failure."""
        for socket in list(self._sockets):
            await socket.close()

    @property
    def open_sockets(self) -> int:
        """Return how many clients are subscribed."""
        return len(self._sockets)

    async def update(self, *accounts: AccountView, removed: tuple[str, ...] = ()) -> None:
        """Change or remove accounts and push the update."""
        self.accounts |= {account.id: account for account in accounts}
        for account_id in removed:
            del self.accounts[account_id]
        await self.send(
            {
                "type": "update",
                "accounts": [asdict(account) for account in accounts],
                "removed": removed,
                "alerts": None,
            }
        )

    async def update_alerts(self, *alerts: AlertView) -> None:
        """Change the alerts without an account and push the update."""
        self.alerts = alerts
        listed = [asdict(alert) for alert in alerts]
        await self.send({"type": "update", "accounts": [], "removed": [], "alerts": listed})

    async def happen(self, kind: EventKind, data: dict[str, Any], account_id: str | None = "flat-1") -> Event:
        """Create an event and push it to all subscribers."""
        self.seq += 1
        event = Event(
            seq=self.seq,
            at="2026-11-10T10:00:00.000Z",
            kind=kind,
            account_id=account_id,
            meter_id=None,
            data=data,
        )
        self.events.append(event)
        await self.send({"type": "event", **asdict(event)})
        return event

    async def send(self, message: dict[str, Any]) -> None:
        """Push a message to every subscriber."""
        for socket in list(self._sockets):
            await socket.send_json(message)

    def _problem(self, status: int, code: str, message: str, remedy: str | None = None) -> web.Response:
        problem = Problem(code=code, message=message, remedy=remedy)  # type: ignore[arg-type]
        return web.json_response(asdict(problem), status=status)

    def _refusal(self, request: web.Request) -> web.Response | None:
        self.languages.add(request.headers.get("Accept-Language"))
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return self._problem(401, "not_authenticated", "The token is not known.")
        if self.refuse_with:
            status, body = self.refuse_with
            return web.json_response(body, status=status)
        return None

    async def _info(self, request: web.Request) -> web.Response:
        return web.json_response(asdict(self.info))

    async def _me(self, request: web.Request) -> web.Response:
        await self._dawdle()
        return self._refusal(request) or web.json_response(
            {"role": self.role, "name": "test", "accounts": None, "sites": None}
        )

    async def _top_up(self, request: web.Request) -> web.Response:
        if refusal := self._refusal(request):
            return refusal
        key, body = request.headers["Idempotency-Key"], await request.json()
        self.requests.append((request.path, key, body))
        if float(body["amount"]) >= UNUSUAL and request.query.get("confirmed") != "true":
            problem = {"code": "confirmation_needed", "message": "more than 10 times what is usual"}
            return web.json_response(problem, status=409)
        if key not in self._answers:
            self._answers[key] = asdict(self._book(request.match_info["id"], body))
        self._drop_answer(request)
        return web.json_response(self._answers[key], status=201)

    def _book(self, account_id: str, body: dict[str, Any]) -> TopUpResult:
        account = self.accounts[account_id]
        amount = round(float(body["amount"]) * ZAR)
        account = replace(account, balance=account.balance + amount, available=account.available + amount)
        self.accounts[account_id] = replace(account, supply=CONNECTED)
        top_up = top_up_view(
            id=f"top-up-{len(self._answers) + 2}",
            amount=amount,
            method=body["method"],
            reference=body.get("reference"),
            split={"balance": amount},
            balance_after=account.balance,
        )
        if self.sells_units:
            split = {"units": amount, "balance": 0}
            top_up = replace(top_up, split=split, balance_after=0, units_wh=amount // 2_000)
            return TopUpResult(top_up=top_up, balance=0, available=0, supply=CONNECTED)
        return TopUpResult(
            top_up=top_up, balance=account.balance, available=account.available, supply=CONNECTED
        )

    async def _supply(self, request: web.Request) -> web.Response:
        if refusal := self._refusal(request):
            return refusal
        self.requests.append((request.path, "", await request.json()))
        return web.json_response(asdict(self.accounts[request.match_info["id"]].supply))

    async def hold(self, *holds: HoldView, account_id: str = "flat-1") -> None:
        """Set the holds on a supply and push the update."""
        supply = replace(CONNECTED, holds=holds)
        if holds:
            supply = replace(supply, state=SupplyState.DISCONNECTED, reason=SupplyReason.LANDLORD_OFF)
        await self.update(replace(self.accounts[account_id], supply=supply))

    async def _place_hold(self, request: web.Request) -> web.Response:
        if refusal := self._refusal(request):
            return refusal
        body, account = await request.json(), self.accounts[request.match_info["id"]]
        self.requests.append((request.path, "", body))
        placed = hold_view(body["id"], reason=body["reason"])
        if placed not in account.supply.holds:
            await self.hold(*account.supply.holds, placed, account_id=account.id)
        self._drop_answer(request)
        return web.json_response(asdict(placed), status=201)

    async def _lift_hold(self, request: web.Request) -> web.Response:
        if refusal := self._refusal(request):
            return refusal
        account, hold_id = self.accounts[request.match_info["id"]], request.match_info["hold"]
        holds = {hold.id: hold for hold in account.supply.holds}
        if holds.pop(hold_id, None) is None:
            return web.json_response(
                {"code": "not_found", "message": f"there is no hold {hold_id}", "field": "hold"}, status=404
            )
        self.requests.append((request.path, "", dict(request.query)))
        await self.hold(*holds.values(), account_id=account.id)
        return web.json_response(asdict(self.accounts[account.id].supply))

    def _drop_answer(self, request: web.Request) -> None:
        """Close the connection before the response if a test wants it lost."""
        if self.drop_answers:
            self.drop_answers -= 1
            assert request.transport is not None
            request.transport.close()

    async def _policy(self, request: web.Request) -> web.Response:
        if refusal := self._refusal(request):
            return refusal
        body = await request.json()
        self.requests.append((request.path, "", body))
        account = self.accounts[request.match_info["id"]]
        if "low_credit" in body:
            thresholds = sorted((round(float(text) * ZAR) for text in body["low_credit"]), reverse=True)
            account = replace(account, low_credit_thresholds=tuple(thresholds))
        if "load_limit_w" in body:
            account = replace(account, load_limit_mw=body["load_limit_w"] * 1000)
        self.accounts[account.id] = account
        return web.json_response(asdict(account))

    async def _emergency_credit(self, request: web.Request) -> web.Response:
        if refusal := self._refusal(request):
            return refusal
        self.requests.append((request.path, request.headers["Idempotency-Key"], await request.json()))
        account = self.accounts[request.match_info["id"]]
        result = OperationResult(
            operation="emergency_credit",
            id=None,
            at="2026-11-10T10:00:00.000Z",
            detail={},
            balance=account.balance,
            available=account.available,
            arrears=account.arrears,
            emergency_credit=account.emergency_credit,
            debts=account.debts,
            supply=account.supply,
        )
        return web.json_response(asdict(result))

    async def _voucher(self, request: web.Request) -> web.Response:
        if refusal := self._refusal(request):
            return refusal
        if not self.takes_vouchers:
            return self._problem(404, "not_found", "there is no such route")
        key, body = request.headers["Idempotency-Key"], await request.json()
        self.requests.append((request.path, key, body))
        if key not in self._answers:
            top_up = {"amount": "50.00", "method": "voucher", "reference": body["code"][-4:]}
            self._answers[key] = asdict(self._book(request.match_info["id"], top_up))
        self._drop_answer(request)
        return web.json_response(self._answers[key], status=201)

    async def _statement(self, request: web.Request) -> web.Response:
        if refusal := self._refusal(request):
            return refusal
        self.requests.append((request.path, "", dict(request.query)))
        return web.json_response(self.statement)

    async def _quarantine(self, request: web.Request) -> web.Response:
        if refusal := self._refusal(request):
            return refusal
        self.requests.append((request.path, "", await request.json()))
        return web.json_response(asdict(meter_view(request.match_info["id"])))

    async def _history(self, request: web.Request) -> web.Response:
        if refusal := self._refusal(request):
            self.history_refusals.append(dict(request.query))
            return refusal
        self.history_requests.append(dict(request.query))
        if self.history is None:
            return self._problem(404, "not_found", "there is no such route")
        return web.json_response(asdict(self.history(dict(request.query))))

    async def _dawdle(self) -> None:
        if self.slow:
            await asyncio.sleep(0.3)

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        await self._dawdle()
        if refusal := self._refusal(request):
            return refusal
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if self.silent:
            await asyncio.sleep(0.3)
            return socket
        if self.raw_greeting is not None:
            await socket.send_str(self.raw_greeting)
        else:
            await socket.send_json({"type": "server_info", **asdict(self.info)})
        subscription = await socket.receive()
        if subscription.type is WSMsgType.TEXT:
            await self._serve(socket, json.loads(subscription.data))
        return socket

    async def _serve(self, socket: web.WebSocketResponse, subscription: dict[str, Any]) -> None:
        self.subscriptions.append(subscription)
        await socket.send_json(
            {
                "type": "snapshot",
                "seq": self.seq,
                "role": self.role,
                "accounts": [asdict(account) for account in self.accounts.values()],
                "unassigned_meters": [],
                "alerts": [asdict(alert) for alert in self.alerts],
            }
        )
        since = subscription.get("since")
        for event in self.events:
            if since is not None and event.seq > since:
                await socket.send_json({"type": "event", **asdict(event)})
        self._sockets.add(socket)
        try:
            await socket.receive()
        finally:
            self._sockets.discard(socket)
