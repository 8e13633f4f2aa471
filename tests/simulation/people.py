"""The people of the street: customers who pay and use electricity, and staff of the installation."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
import random
from typing import Final

from meter_bridge.actor import Actor
from meter_bridge.core.register.register import Cause
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode, Role, SupplyAction
from meter_bridge.runtime.application import Application
from meter_bridge.runtime.bridge import RunningBridge
from tests.simulation.devices import LARGEST_LOAD_W, Devices
from tests.simulation.faults import HOUR_S
from tests.simulation.machine import Machine, PowerLostError
from tests.simulation.model import Truth
from tests.simulation.street import CENT, House, Kind
from tests.simulation.till import Till

LANDLORD: Final = Actor("landlord", Role.LANDLORD, frozenset({"*"}))
RETRY_S: Final = 30.0
AMOUNTS: Final = ("5.00", "10.00", "20.00", "50.00")
PAUSE_H: Final = 14.0
"""Mean pause between payments: about as much is paid as is used, so that credit runs out again and again."""
LOAD_PAUSE_S: Final = (300.0, 3 * HOUR_S)
VOUCHER: Final = "15.00"
FIRST_ORDER_S: Final = 3 * HOUR_S
AT_TILL: Final = 0.5
"""Share of payments that are made at the till and not in cash."""
LATER: Final = (ErrorCode.STORAGE_UNAVAILABLE, ErrorCode.PROVIDER_UNAVAILABLE)
AGAIN: Final = 0.3
"""Share of requests that are sent once more, although they were answered."""


def steps_of(amount: str) -> int:
    whole, cents = amount.split(".")
    return (int(whole) * 100 + int(cents)) * CENT


async def until_answered(
    machine: Machine, request: Callable[[Application], Coroutine[object, object, object]], problems: list[str]
) -> None:
    """Repeat a request until it is answered; record a refusal without a reason."""
    while True:
        parts = machine.parts
        try:
            if parts is not None:
                await machine.ask(request(parts.app))
                return
        except PowerLostError:
            pass
        except RequestRefused as refused:
            if refused.code not in LATER:
                problems.append(f"an order was refused: {refused}")
                return
        await asyncio.sleep(RETRY_S)


class Customer:
    """Uses electricity, and pays now and then, until the payment is known to be booked."""

    def __init__(
        self, truth: Truth, machine: Machine, devices: Devices, till: Till, chance: random.Random
    ) -> None:
        self.truth = truth
        self._till = till
        self._machine = machine
        self._devices = devices
        self._chance = chance
        self._payments = 0
        self.vouchers: list[str] = []
        """Codes that were bought; a fraudster sold each to somebody else as well."""
        self.redeemed: dict[str, str] = {}
        """By the code of a voucher, under which key it became credit; all customers share it."""
        self.problems: list[str] = []
        self.using = True
        self.waiting = 0
        """Payments that are not known to be booked yet."""

    @property
    def house(self) -> House:
        return self.truth.house

    async def use(self) -> None:
        """Change the load again and again."""
        while self.using:
            watts = 0 if self._chance.random() < 0.2 else round(self._chance.random() ** 2 * LARGEST_LOAD_W)
            self._devices.load(self.house, watts)
            await asyncio.sleep(self._chance.uniform(*LOAD_PAUSE_S))

    async def pay(self) -> None:
        """Top up again and again, the first time soon and at the till."""
        await asyncio.sleep(self._chance.uniform(0, FIRST_ORDER_S))
        await self._order(AMOUNTS[0])
        while self.using:
            await asyncio.sleep(self._chance.expovariate(1 / (PAUSE_H * HOUR_S)))
            if self.using:
                await self._pay_once()

    async def _pay_once(self) -> None:
        if self.vouchers and self._chance.random() < AGAIN:
            await self._redeem(self.vouchers.pop())
        elif self._chance.random() < AT_TILL:
            await self._order(self._chance.choice(AMOUNTS))
        else:
            await self.top_up(self._chance.choice(AMOUNTS))

    async def _redeem(self, code: str) -> None:
        """Enter the code of a voucher until it is answered; another customer may have redeemed it before."""
        self._payments += 1
        key = f"{self.house.id}-{self._payments}"
        self.waiting += 1
        for _ in range(1 + (self._chance.random() < AGAIN)):
            await self._until_answered(
                key,
                VOUCHER,
                lambda app: app.payments.redeem_voucher(LANDLORD, self.house.id, code, key=key),
            )
        self.waiting -= 1
        if key in self.truth.keys and self.redeemed.setdefault(code, key) != key:
            self.problems.append(f"invariant 4: a voucher was good under {key} and {self.redeemed[code]}")

    async def top_up(self, amount: str) -> None:
        """Pay, repeating the request under the same key until it is answered."""
        self._payments += 1
        key = f"{self.house.id}-{self._payments}"
        self.waiting += 1
        times = 1 + (self._chance.random() < AGAIN) + (self._chance.random() < AGAIN)
        for _ in range(times):
            await self._until_answered(key, amount, lambda app: self._request(app, key, amount))
        self.waiting -= 1
        if key in self.truth.keys:
            self.truth.cash.append(key)
        if self._chance.random() < AGAIN:
            await self._other_content(key, amount)

    async def _order(self, amount: str) -> None:
        """Start a payment at the till, repeating the request under the same key until it is answered.

        Who may have moved out before the till reports it pays in cash: the bridge would hold it for a person.
        """
        if self.house.let:
            await self.top_up(amount)
            return
        self._payments += 1
        key, ids = f"order-{self._payments}", set[str]()

        async def order(app: Application) -> None:
            ids.add(await self._till.order(app, self.house.id, amount, key))

        self.waiting += 1
        for _ in range(1 + (self._chance.random() < AGAIN)):
            await until_answered(self._machine, order, self.problems)
        self.waiting -= 1
        if len(ids) != 1:
            self.problems.append(f"invariant 4: {key} of {self.house.id} became the orders {sorted(ids)}")
        for order_id in ids:
            self._till.sell(self.truth, order_id, steps_of(amount))

    async def _until_answered(
        self, key: str, amount: str, request: Callable[[Application], Coroutine[object, object, object]]
    ) -> None:
        while True:
            parts = self._machine.parts
            try:
                if parts is not None:
                    await self._machine.ask(request(parts.app))
                    self._acknowledged(key, amount)
                    return
            except PowerLostError:
                pass
            except RequestRefused as refused:
                if refused.code is ErrorCode.VOUCHER_USED and key not in self.truth.keys:
                    return
                if refused.code is not ErrorCode.STORAGE_UNAVAILABLE:
                    self.problems.append(f"the top-up {key} was refused: {refused}")
                    return
            await asyncio.sleep(RETRY_S)

    async def _request(self, app: Application, key: str, amount: str) -> None:
        await app.accounts.top_up(
            LANDLORD, self.house.id, amount=amount, method="cash", reference=None, key=key
        )

    def _acknowledged(self, key: str, amount: str) -> None:
        if key not in self.truth.keys:
            self.truth.keys[key] = steps_of(amount)
            self.truth.paid += steps_of(amount)

    async def _other_content(self, key: str, amount: str) -> None:
        """Use a key for another amount, which must be refused (promise 4)."""
        parts = self._machine.parts
        other = next(each for each in AMOUNTS if each != amount)
        if parts is None:
            return
        try:
            await self._machine.ask(self._request(parts.app, key, other))
        except PowerLostError:
            return
        except RequestRefused as refused:
            if refused.code in (ErrorCode.IDEMPOTENCY_CONFLICT, ErrorCode.STORAGE_UNAVAILABLE):
                return
            self.problems.append(f"invariant 4: the key {key} with other content got {refused.code}")
            return
        self.problems.append(f"invariant 4: the key {key} was accepted again with another amount")


class Tenant:
    """Tries to see the accounts of others."""

    def __init__(self, truths: Sequence[Truth], machine: Machine) -> None:
        self._ids = [truth.house.id for truth in truths]
        self._let = {truth.house.id for truth in truths if truth.house.let}
        self._machine = machine
        self.problems: list[str] = []

    def pry(self) -> None:
        """Try to see every account with the token of another (promise 15)."""
        parts = self._machine.parts
        if parts is None:
            return
        for own in self._ids:
            actor = Actor("tenant", Role.TENANT, frozenset(), frozenset({own}))
            seen = [account.id for account in parts.app.accounts.views(actor)]
            moved_out = not seen and own in self._let
            if seen != [own] and not moved_out:
                self.problems.append(f"invariant 15: a tenant of {own} sees {seen}")


class Caretaker:
    """Looks after the bridge: confirms its clock, decides quarantines, confirms armed supplies."""

    def __init__(self, machine: Machine, truths: Sequence[Truth], now_s: Callable[[], float]) -> None:
        self._machine = machine
        self._truths = {truth.house.id: truth for truth in truths}
        self._now_s = now_s

    async def work(self, every_s: float) -> None:
        """Look again and again."""
        while True:
            await asyncio.sleep(every_s)
            await self.look()

    async def look(self) -> None:
        parts = self._machine.parts
        if parts is None:
            return
        try:
            await self._machine.ask(self._look(parts, parts.engine.session.clock.sure))
        except PowerLostError, RequestRefused:
            return

    async def _decide(self, parts: RunningBridge, truth: Truth) -> None:
        """Decide on a register in quarantine, like somebody who looks at the meter."""
        register = parts.engine.session.installation.meters[truth.house.meter_id].register
        if register is None or not register.quarantined or register.doubt is None:
            return
        if truth.house.meter.faults.wrong_unit and not truth.house.believed:
            return  # whoever looks at the meter sees that its unit has to be corrected first
        if register.doubt.cause is Cause.FELL and truth.house.reported_wh() >= register.watermark_wh:
            return  # late messages, as the meter itself shows; the next ones explain it
        # Messages that a gateway kept and sent at once look like a jump as well; the meter itself shows it.
        rose = "discard" if truth.undecided else "accept"
        jumped = register.doubt.cause is Cause.JUMPED
        if jumped and rose == "accept" and truth.house.reported_wh() < register.doubt.register_wh:
            return  # the meter itself shows less than what is doubted; its next message does too
        decision = rose if jumped else "new_epoch"
        if truth.house.believed:
            truth.misled()
        await parts.app.meters.decide_quarantine(
            LANDLORD, truth.house.meter_id, decision, reason="looked at the meter"
        )

    async def _look(self, parts: RunningBridge, clock_sure: bool) -> None:  # noqa: FBT001
        for truth in self._truths.values():
            await self._decide(parts, truth)
        if not clock_sure and self._machine.clock.off_ms == 0:
            await parts.app.status.confirm_clock(LANDLORD)
        for account in parts.app.accounts.views(LANDLORD):
            truth = self._truths[account.id]
            if truth.house.kind is Kind.ARMED and account.supply.state == "armed":
                await parts.app.supply.switch(LANDLORD, account.id, SupplyAction.CONFIRM, reason=None)
