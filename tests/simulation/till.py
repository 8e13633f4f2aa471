"""A payment provider whose signed webhooks are lost, repeated, late, out of order, or never sent."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
import json
from pathlib import Path
import random
from typing import Final, cast, override

from meter_bridge.actor import Actor
from meter_bridge.core.money import format_amount
from meter_bridge.errors import RequestRefused
from meter_bridge.payments.order import Order, ProviderEvent, ProviderEventKind
from meter_bridge.payments.providers.generic_webhook import WebhookProvider
from meter_bridge.payments.providers.provider import Checkout, Provider, ProviderDownError, ReturnLinks
from meter_bridge.payments.providers.signature import HEADER, TOLERANCE_S, sign
from meter_bridge.payments.settings_file import FILE_NAME
from meter_bridge.protocol.messages import ErrorCode, Role
from meter_bridge.protocol.requests import PaymentOrder
from meter_bridge.runtime.application import Application
from meter_bridge.runtime.bridge import RunningBridge
from tests.simulation.faults import DAY_S
from tests.simulation.machine import Machine, PowerLostError
from tests.simulation.model import Truth

SECRET: Final = "a secret of the simulated till"
CURRENCY: Final = "ZAR"
LATE_S: Final = (0.0, 900.0)
"""Delay of the first report of an event, so that messages overtake each other."""
RETRY_S: Final = (20.0, 300.0)
LOST: Final = 0.2
"""Share of messages, and of answers to them, that get lost."""
OLD: Final = 0.1
"""Share of messages that arrive only after their signature may be too old."""
ASKED: Final = 0.4
"""Share of orders for which the bridge may ask."""
DOWN: Final = 0.2
"""Share of questions that the provider does not answer."""
CLOCK_S: Final = 10
"""What the signature's age may differ by while a message is on its way."""
UNHEARD: Final = (ErrorCode.STORAGE_UNAVAILABLE, ErrorCode.NOT_AUTHENTICATED)
FILE: Final = f"""page: https://pay.example.org
providers:
  till:
    kind: webhook
    name: Mobile money
    secrets: ["{SECRET}"]
    link: "https://till.example.org/?order={{order}}"
"""


def write_providers(folder: Path) -> None:
    """Write the file of providers beside the database, readable by its owner only."""
    path = folder / FILE_NAME
    path.write_text(FILE)
    path.chmod(0o600)


def tenant_of(account_id: str) -> Actor:
    """Return the tenant who pays for an account."""
    return Actor("tenant", Role.TENANT, frozenset(), frozenset({account_id}), token_id=account_id)


@dataclass(slots=True, kw_only=True)
class Sale:
    """The true state of one order at the till."""

    number: int
    truth: Truth
    amount: int
    order_id: str
    paid: bool = False
    back: dict[str, int] = field(default_factory=dict)
    """What went back to who paid, by reversal."""

    @property
    def payment(self) -> str:
        """Return the till's payment id."""
        return f"p{self.number}"

    @property
    def key(self) -> str:
        """Return the key under which the bridge books it."""
        return f"till:{self.payment}"

    @property
    def net(self) -> int:
        """Return what the till finally keeps of it."""
        return max(self.amount - sum(self.back.values()), 0) if self.paid else 0

    @property
    def states(self) -> set[str]:
        """Return the states that the customer may see."""
        if not self.paid:
            return {"open", "pending", "failed", "expired", "cancelled", "review"}
        if not self.net:
            return {"refunded", "charged_back"}
        return {"paid"} if self.net == self.amount else {"partly_refunded", "charged_back"}


@dataclass(frozen=True, slots=True)
class AskedTill(WebhookProvider):
    """The till as seen by the bridge: it can also be polled, and does not always answer."""

    till: Till = field(kw_only=True, repr=False)

    @override
    async def start_checkout(self, order: Order, links: ReturnLinks | None) -> Checkout:
        await self.till.answers()
        handle = order.id if self.till.may_be_asked(order.id) else None
        return Checkout(f"https://till.example.org/?order={order.id}", None, handle)

    @override
    async def fetch_events(self, order: Order, handle: str) -> Sequence[ProviderEvent]:
        await self.till.answers()
        return self.till.reported.get(handle, ())


class Till:
    """Takes customers' money and reports it to the bridge until that has answered."""

    def __init__(self, machine: Machine, chance: random.Random) -> None:
        self._machine = machine
        self._chance = chance
        self._numbers = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._knocked: asyncio.Future[None] | None = None
        self._askable: dict[str, bool] = {}
        self.reported: dict[str, list[ProviderEvent]] = {}
        """By order, what the till says when it is asked."""
        self.sales: list[Sale] = []
        self.calm = False
        """Whether nothing gets lost any more."""
        self.waiting = 0
        """Messages that the bridge has not answered yet."""
        self.problems: list[str] = []

    def serve(self, parts: RunningBridge) -> None:
        """Connect to a bridge that has just started."""
        known = cast("dict[str, Provider]", parts.app.payments.orders.file.providers)
        known["till"] = AskedTill(id="till", name="Mobile money", secrets=(SECRET,), till=self)

    async def answers(self) -> None:
        """Respond after a moment, or fail."""
        await asyncio.sleep(self._chance.random())
        if not self.calm and self._chance.random() < DOWN:
            raise ProviderDownError("the till is closed for a moment")

    def may_be_asked(self, order_id: str) -> bool:
        """Return whether the bridge may poll an order; others are reported by webhook only."""
        return self._askable.setdefault(order_id, self._chance.random() < ASKED)

    async def knock(self) -> None:
        """Wait until a message is about to reach the bridge."""
        if self._knocked is None or self._knocked.done():
            self._knocked = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._knocked)

    async def order(self, app: Application, account_id: str, amount: str, key: str) -> str:
        """Start a payment for a customer; return the order."""
        asked = PaymentOrder(provider="till", amount=amount)
        view, _ = await app.payments.start_payment(tenant_of(account_id), account_id, asked, key=key)
        return view.id

    def sell(self, truth: Truth, order_id: str, amount: int) -> None:
        """Let an order be paid, or not, and report it to the bridge sooner or later."""
        self._numbers += 1
        sale = Sale(number=self._numbers, truth=truth, amount=amount, order_id=order_id)
        self.sales.append(sale)
        if self._chance.random() < 0.2:
            self._walk_away(sale)
        else:
            self._take_money(sale)

    def _walk_away(self, sale: Sale) -> None:
        """Leave an order unpaid; the customer may claim otherwise, or pay another amount."""
        if self._chance.random() < 0.5:
            self._start(self._cheat(sale))
        if self._chance.random() < 0.5:
            self._report(
                sale,
                self._chance.choice(
                    [ProviderEventKind.FAILED, ProviderEventKind.EXPIRED, ProviderEventKind.CANCELLED]
                ),
            )
        if self._chance.random() < 0.3:
            self._report(sale, ProviderEventKind.SUCCEEDED, amount=sale.amount + 1_000_000)

    def _take_money(self, sale: Sale) -> None:
        """Let an order be paid; the money may be returned, and paid again."""
        sale.paid = True
        chance, rest = self._chance.random, sale.amount
        if chance() < 0.3:
            self._report(sale, ProviderEventKind.FAILED)
        if chance() < 0.3:
            self._report(sale, ProviderEventKind.PENDING)
        never_reported = self.may_be_asked(sale.order_id) and chance() < 0.5
        self._report(sale, ProviderEventKind.SUCCEEDED, amount=sale.amount, hooked=not never_reported)
        if never_reported:
            sale.truth.paid += sale.net
            return
        if chance() < 0.2:
            self._report(sale, ProviderEventKind.SUCCEEDED, amount=sale.amount)
        for number, share in enumerate((0.5, 1)):
            if chance() < 0.25:
                self._give_back(sale, f"r{sale.number}-{number}", round(rest * share / 10_000) * 10_000)
        sale.truth.paid += sale.net

    def _give_back(self, sale: Sale, reversal: str, amount: int) -> None:
        """Return money, which may be paid again."""
        kind = self._chance.choice([ProviderEventKind.REFUNDED, ProviderEventKind.CHARGED_BACK])
        self._report(sale, kind, amount=amount, reversal=reversal)
        if self._chance.random() < 0.3:
            self._report(sale, ProviderEventKind.REINSTATED, reversal=reversal)
        else:
            sale.back[reversal] = amount

    def _report(
        self,
        sale: Sale,
        kind: ProviderEventKind,
        *,
        amount: int | None = None,
        reversal: str | None = None,
        hooked: bool = True,
    ) -> None:
        """Report an event to the bridge: to a poll, and by webhook unless that is never sent."""
        events = self.reported.setdefault(sale.order_id, [])
        payment = (
            None
            if kind
            in (
                ProviderEventKind.FAILED,
                ProviderEventKind.PENDING,
                ProviderEventKind.EXPIRED,
                ProviderEventKind.CANCELLED,
            )
            else sale.payment
        )
        reported = ProviderEvent(
            event_id=f"e{sale.number}-{len(events)}",
            kind=kind,
            order_id=sale.order_id,
            payment_id=payment,
            reversal_id=reversal,
            amount=amount,
            currency=None if amount is None else CURRENCY,
        )
        events.append(reported)
        if hooked:
            self.waiting += 1
            self._start(self._until_acknowledged(sale, reported))

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _until_acknowledged(self, sale: Sale, reported: ProviderEvent) -> None:
        """Send a message until it is answered, and perhaps once more."""
        await asyncio.sleep(self._chance.uniform(*LATE_S))
        while await self._send(reported) is None:  # noqa: ASYNC110 - each turn sends again
            await asyncio.sleep(self._chance.uniform(*RETRY_S))
        self.waiting -= 1
        if reported.kind is ProviderEventKind.SUCCEEDED and sale.paid:
            sale.truth.keys[sale.key] = sale.amount
        await asyncio.sleep(self._chance.random() * DAY_S)
        if self._chance.random() < 0.5 and await self._send(reported):
            self.problems.append(f"invariant 4: {reported.event_id} was new although it was answered before")

    async def _send(self, reported: ProviderEvent) -> int | None:
        """Send a message once; return how many of its events were new, or None without a response."""
        body, signed_s = _body(reported), self._machine.clock.true() // 1000
        if not self.calm and self._chance.random() < OLD:
            await asyncio.sleep(self._chance.random() * 2 * TOLERANCE_S)
        if not self.calm and self._chance.random() < LOST:
            return None
        new_events = await self._handed_over(body, sign(SECRET, body, signed_s), signed_s)
        return None if not self.calm and self._chance.random() < LOST else new_events

    async def _handed_over(self, body: bytes, signature: str, signed_s: int) -> int | None:
        """Let the bridge process a message; return None if it did not, so that it is repeated."""
        parts = self._machine.parts
        if parts is None:
            return None
        age_s = parts.engine.session.clock.believed_wall() // 1000 - signed_s
        if self._knocked is not None and not self._knocked.done():
            self._knocked.set_result(None)
        try:
            result = await self._machine.ask(parts.app.payments.hear("till", {HEADER: signature}, body))
        except PowerLostError:
            return None
        except RequestRefused as refused:
            fresh = abs(age_s) < TOLERANCE_S - CLOCK_S
            if refused.code not in UNHEARD or (refused.code is ErrorCode.NOT_AUTHENTICATED and fresh):
                self.problems.append(f"the message {body.decode()} was refused: {refused}")
            return None
        if abs(age_s) > TOLERANCE_S + CLOCK_S:
            self.problems.append(f"a message was taken that had been signed {age_s} s before")
        return result.events

    async def _cheat(self, sale: Sale) -> None:
        """Claim as an impostor that an order was paid."""
        reported = ProviderEvent(
            event_id=f"cheat-{sale.number}",
            kind=ProviderEventKind.SUCCEEDED,
            order_id=sale.order_id,
            payment_id=f"cheat-{sale.number}",
            amount=sale.amount,
            currency=CURRENCY,
        )
        parts, body, now_s = self._machine.parts, _body(reported), self._machine.clock.true() // 1000
        if parts is None:
            return
        try:
            header = {HEADER: sign("what a cheat guessed", body, now_s)}
            await self._machine.ask(parts.app.payments.hear("till", header, body))
        except PowerLostError, RequestRefused:
            return
        self.problems.append(f"a message was taken that the till did not sign: {body.decode()}")

    async def check(self) -> None:
        """Record orders whose customers are shown a wrong state."""
        parts = self._machine.parts
        if parts is None:
            return
        for sale in self.sales:
            actor, account_id = tenant_of(sale.truth.house.id), sale.truth.house.id
            view = await parts.app.payments.payment(actor, account_id, sale.order_id)
            if view.state.value not in sale.states:
                self.problems.append(f"{sale.key} is reported to be {view.state}, none of {sale.states}")

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()


def _body(reported: ProviderEvent) -> bytes:
    """Return a message as it is sent."""
    fields = {
        "id": reported.event_id,
        "type": reported.kind.value,
        "order": reported.order_id,
        "payment": reported.payment_id,
        "reversal": reported.reversal_id,
        "amount": None if reported.amount is None else format_amount(reported.amount, CURRENCY).split()[-1],
        "currency": reported.currency,
    }
    return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()
