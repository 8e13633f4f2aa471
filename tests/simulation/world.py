"""One simulation from its seed: a street lives for some days, faults stop, and everything must come right."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
import logging
from pathlib import Path
import random
import tempfile
from typing import Final

from meter_bridge.config.site_file import load
from meter_bridge.engine.engine import Engine
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.requests import VoucherOrder
from meter_bridge.runtime.application import Application
from meter_bridge.runtime.bridge import RunningBridge
from tests.simulation import by_the_clock, checks, lending, tenancies
from tests.simulation.alone import REWRITTEN_S, Alone, Away
from tests.simulation.bookkeeper import Bookkeeper
from tests.simulation.broker import Broker
from tests.simulation.commands import CommandWatch
from tests.simulation.devices import Devices
from tests.simulation.disk import Disk
from tests.simulation.energy_trace import EnergyTrace
from tests.simulation.events import Injector
from tests.simulation.faults import HOUR_S, Fault, plan_faults
from tests.simulation.holds import Landlord
from tests.simulation.lending import Borrower
from tests.simulation.letting import LettingAgent
from tests.simulation.local_clocks import local_clock
from tests.simulation.loop import VirtualLoop
from tests.simulation.machine import Machine, WallClock, slowed
from tests.simulation.model import Truth
from tests.simulation.people import LANDLORD, VOUCHER, Caretaker, Customer, Tenant
from tests.simulation.price_changes import PriceClerk, enter_ahead
from tests.simulation.street import build_street, site_file
from tests.simulation.telling import Telling
from tests.simulation.till import Till, write_providers
from tests.storage.template import new_database

SETTLING_S: Final = 900.0
"""After faults stopped, within this time every relay is right and every account equals the model."""
LOAD_W: Final = 200
CHECK_EVERY_S: Final = 6 * HOUR_S
CARE_EVERY_S: Final = HOUR_S
PACES: Final = (30, 60, 60, 60, 60)
"""How many times longer the daemon's pauses are; a day in which nothing waits is a day sooner over."""
MEMORY: Final = Path("/dev/shm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The parameters of a simulation."""

    seed: int
    days: float = 2.0
    meters: int = 5
    faults: tuple[Fault, ...] | None = None
    """Those of the seed that happen; None for all."""
    until_found: bool = False
    """Whether it ends at the first problem: then the books are checked every hour, not every six."""

    def all_faults(self) -> list[Fault]:
        return plan_faults(self.seed, self.days, [f"house-{n}" for n in range(1, self.meters + 1)])


@dataclass(slots=True)
class Outcome:
    """The result of a simulation."""

    problems: list[str] = field(default_factory=list)
    hash: str = ""
    top_ups: int = 0
    commits: int = 0
    starts: int = 0
    commands: int = 0
    faults: int = 0


class Problems(logging.Handler):
    """Collects every error of the bridge that it did not expect itself."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep an error with an exception."""
        if record.exc_info is not None and record.exc_info[1] is not None:
            error = record.exc_info[1]
            self.found.append(f"{record.getMessage()}: {type(error).__name__}: {error}")


class World:
    """Everything in one simulation."""

    def __init__(self, loop: VirtualLoop, plan: Plan, root: Path) -> None:
        self._plan = plan
        self._loop = loop
        local = local_clock(self._chance("time there"))
        self.clock = WallClock(loop, local.start_ms)
        self.broker = Broker(loop, self._chance("broker"))
        disk = Disk(root, self._chance("disk"))
        new_database(disk.folder)
        write_providers(disk.folder)
        pace = slowed(self._chance("pace").choice(PACES))
        self.machine = Machine(loop, self.broker, self.clock, disk, pace)
        self.houses = build_street(plan.seed, plan.meters, local)
        enter_ahead(self.houses, self._chance("versions entered ahead"), local.start_ms)
        self.truths = [Truth(house) for house in self.houses]
        self.devices = Devices(loop, self.broker, self.clock, self.houses)
        self.till = Till(self.machine, self._chance("till"))
        self.alone = Alone(self.clock, self.truths)
        self.machine.on_start = self._started
        self.machine.on_death = lambda parts: self.alone.went(Away.BRIDGE, parts)
        self.broker.on_stop = lambda: self.alone.went(Away.BROKER, self.machine.parts)
        self.broker.on_start = lambda: self.alone.came(Away.BROKER)
        self.trace = EnergyTrace(self.truths, self.machine, self.broker, self.devices, loop)
        self.injector = Injector(loop, self.broker, self.machine, self.devices, self.truths, self.till)
        self.customers = [
            Customer(truth, self.machine, self.devices, self.till, self._chance(truth.house.id))
            for truth in self.truths
        ]
        self.borrowers = [
            Borrower(truth, self.machine, self._chance(f"{truth.house.id}/emergency credit"))
            for truth in self.truths
        ]
        self.caretaker = Caretaker(self.machine, self.truths, loop.time)
        self.landlord = Landlord(self.truths, self.machine, self._chance("landlord"))
        self.bookkeeper = Bookkeeper(self.truths, self.machine, self._chance("bookkeeper"))
        self.clerk = PriceClerk(self.truths, self.machine, self._chance("price clerk"))
        self.agent = LettingAgent(self.truths, self.machine, self._chance("letting agent"))
        self.telling = Telling(
            self.machine, self.truths, self.devices, self.injector.device_faults, loop.time
        )
        self.tenant = Tenant(self.truths, self.machine)
        self.watch = CommandWatch(self.machine, self.houses)
        self.broker.on_command = self.watch.see
        self.problems: list[str] = []
        self.begin_ms = 0

    def _chance(self, name: str) -> random.Random:
        """Return a random source of its own, so that leaving something out does not shift anything else."""
        return random.Random(f"{self._plan.seed}/{name}")

    def _started(self, parts: RunningBridge) -> None:
        self.till.serve(parts)
        self.alone.came(Away.BRIDGE)
        for truth in self.truths:
            truth.began_anew()

    async def live(self) -> Outcome:
        """Run from the first start to the last check."""
        outcome = Outcome()
        try:
            await self._set_up()
        except RequestRefused as refusal:
            outcome.problems = [*self._all_problems(), f"refused before anything failed: {refusal}"]
            await self.machine.kill()
            return outcome
        faults = self._plan.all_faults() if self._plan.faults is None else self._plan.faults
        self.alone.faults = self.telling.faults = faults
        tasks = [asyncio.create_task(self.injector.carry_out(fault), name=str(fault)) for fault in faults]
        watch = [
            asyncio.create_task(self.caretaker.work(CARE_EVERY_S)),
            asyncio.create_task(self._check_now_and_then()),
            asyncio.create_task(self.trace.work()),
            asyncio.create_task(self.clerk.work()),
            asyncio.create_task(self.agent.work()),
            asyncio.create_task(self.landlord.work()),
            asyncio.create_task(self.landlord.watch()),
            asyncio.create_task(self.telling.watch()),
            *(asyncio.create_task(work) for work in self.bookkeeper.work(faults)),
        ]
        living = [asyncio.create_task(customer.use()) for customer in self.customers]
        living += [asyncio.create_task(borrower.work()) for borrower in self.borrowers]
        living += [asyncio.create_task(customer.pay()) for customer in self.customers]
        await self._days()
        if not self._enough():
            await self._heal(tasks)
            await self._settle()
        self.till.close()
        for task in (*watch, *living, *tasks):
            task.cancel()
        await asyncio.gather(*watch, *living, *tasks, return_exceptions=True)
        outcome.problems = list(self._all_problems())
        outcome.commands = self.watch.commands
        outcome.hash = checks.canonical_hash(self.machine)
        outcome.top_ups = sum(len(truth.keys) for truth in self.truths)
        outcome.commits, outcome.starts = self.machine.disk.commits, self.machine.starts
        outcome.faults = len(faults)
        await self._leave_alone(outcome)
        return outcome

    async def _days(self) -> None:
        end = self._loop.time() + self._plan.days * 24 * HOUR_S
        while (left := end - self._loop.time()) > 0 and not self._enough():  # noqa: ASYNC110 - only time passes
            await asyncio.sleep(min(left, HOUR_S) if self._plan.until_found else left)

    def _enough(self) -> bool:
        """Return whether a problem was found and no more are wanted."""
        return self._plan.until_found and any(self._all_problems())

    async def _leave_alone(self, outcome: Outcome) -> None:
        """Kill the bridge for good, and check the devices with a local cut-off."""
        cutting = any(house.cuts for house in self.houses) and not outcome.problems
        if cutting:
            await asyncio.sleep(REWRITTEN_S)
        await self.machine.kill()
        if cutting:
            self.alone.leave(self.begin_ms)
            self.alone.came(Away.BRIDGE)
            outcome.problems += self.alone.problems

    def _all_problems(self) -> Iterator[str]:
        yield from self.problems
        yield from self.machine.problems
        yield from self.injector.counters.problems
        yield from self.injector.device_faults.problems
        yield from self.watch.problems
        yield from self.alone.problems
        yield from self.landlord.problems
        yield from self.bookkeeper.problems
        yield from self.clerk.problems
        yield from self.agent.problems
        yield from self.tenant.problems
        yield from self.telling.problems
        yield from self.till.problems
        for customer in self.customers:
            yield from customer.problems
        for borrower in self.borrowers:
            yield from borrower.problems

    async def _set_up(self) -> None:
        await self.machine.start()
        assert self.machine.parts is not None, self.machine.problems
        text = site_file(self.houses)
        await self.machine.parts.app.sites.apply(LANDLORD, load(text), document=text, dry_run=False)
        self.begin_ms = self.clock.true()
        self.devices.start()
        await asyncio.sleep(2 * max(house.interval_s for house in self.houses))
        for truth in self.truths:
            truth.begin()
            truth.begun_ms = self.clock.true()
        for customer in self.customers:
            await customer.top_up("10.00")
        await self._sell_vouchers(self.machine.parts.app)

    async def _sell_vouchers(self, app: Application) -> None:
        """Sell each voucher to two customers, of whom only one can redeem it."""
        order = VoucherOrder(count=3 * len(self.customers), amount=VOUCHER)
        sold = await app.payments.vouchers.create(LANDLORD, order)
        redeemed: dict[str, str] = {}
        for customer in self.customers:
            customer.redeemed = redeemed
        for number, voucher in enumerate(sold.vouchers):
            for customer in (self.customers[0], self.customers[number % len(self.customers)]):
                customer.vouchers.append(voucher.code)

    async def _heal(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        self.injector.heal()
        await asyncio.wait(tasks, timeout=HOUR_S) if tasks else None
        self.injector.heal()
        for task in tasks:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise error

    async def _settle(self) -> None:
        """Require that everything comes right in time, first with loads on, then without changes.

        There is a load everywhere, because only energy shows that a contact that claims to be open is closed.
        """
        self._calm_people()
        await self._decide_everything()
        for customer in self.customers:
            self.devices.load(customer.house, LOAD_W)
        await asyncio.sleep(SETTLING_S)
        engine = self._engine()
        if engine is None:
            return
        self.problems += checks.relays(engine, self.truths)
        for customer in self.customers:
            self.devices.load(customer.house, 0)
        await asyncio.sleep(SETTLING_S)
        for customer in self.customers:
            if customer.waiting:
                self.problems.append(f"{customer.house.id}: {customer.waiting} top-ups were never answered")
        if self.till.waiting:
            self.problems.append(f"{self.till.waiting} messages of the till were never answered")
        await self.caretaker.look()
        await asyncio.sleep(SETTLING_S)
        engine = self._engine()
        if engine is None:
            return
        self.problems += checks.relays(engine, self.truths)
        # A clock that was ahead had been believed: days begin before the true ones until it has caught up.
        now_ms = engine.session.clock.now() if engine.session.clock.ahead_ms() else self.clock.true()
        self.problems += checks.accounts(self.machine, engine, self.truths, self.begin_ms, now_ms)
        self.problems += checks.values(engine, self.truths)
        self.problems += lending.differences(self.machine, engine, self.truths)
        self.problems += by_the_clock.differences(
            self.machine, engine, self.truths, self.trace, self.alone.faults
        )
        self.problems += tenancies.differences(
            self.machine, self.truths, self.agent.moves, self.trace, self.alone.faults, self.begin_ms
        )
        self.problems += checks.stored(self.machine, self.truths)
        # After the books, because viewing an order makes the bridge poll the till.
        await self.till.check()
        # Sets are the last to be asked: what is wrong already need not be priced.
        if not any(self._all_problems()):
            self.problems += checks.priced(self.machine, self.truths)

    def _calm_people(self) -> None:
        """Let nobody begin anything new."""
        self.landlord.working, self.till.calm = False, True
        self.bookkeeper.working = self.clerk.working = self.agent.working = False
        for borrower in self.borrowers:
            borrower.working = False
        for customer in self.customers:
            customer.using = False

    async def _decide_everything(self) -> None:
        """Let the caretaker decide every quarantine, each of which takes three readings to begin."""
        for _ in range(2):
            await self.caretaker.look()
            await asyncio.sleep(SETTLING_S)
        await self.caretaker.look()
        for truth in self.truths:
            self.devices.step(truth.house)
            truth.decided()

    def _engine(self) -> Engine | None:
        """Return the engine, which must exist and be healthy."""
        parts = self.machine.parts
        if parts is None:
            self.problems.append("the bridge does not run although faults have stopped")
            return None
        if parts.engine.session.storage_error is not None:
            self.problems.append(
                f"invariant 13: the bridge does not recover: {parts.engine.session.storage_error}"
            )
        return parts.engine

    async def _check_now_and_then(self) -> None:
        """Check the books on disk again and again."""
        while True:
            await asyncio.sleep(HOUR_S if self._plan.until_found else CHECK_EVERY_S)
            self.tenant.pry()
            if not self.machine.disk.dead:
                self.problems += checks.stored(self.machine, self.truths)
            if self.machine.parts is not None:
                self.problems += checks.values(self.machine.parts.engine, self.truths)
                self.problems += lending.differences(self.machine, self.machine.parts.engine, self.truths)


def simulate(plan: Plan) -> Outcome:
    loop = VirtualLoop(random.Random(f"{plan.seed}/loop"))
    errors: list[str] = []
    loop.set_exception_handler(lambda _loop, context: errors.append(_error_text(context)))
    with (
        tempfile.TemporaryDirectory(prefix="prepaid-simulation-", dir=_memory()) as root,
        asyncio.Runner(loop_factory=lambda: loop) as runner,
    ):
        logger, listener = logging.getLogger("meter_bridge"), Problems()
        logger.addHandler(listener)
        propagates, logger.propagate = logger.propagate, False
        try:
            outcome = runner.run(_live(loop, plan, Path(root)))
        finally:
            logger.removeHandler(listener)
            logger.propagate = propagates
        outcome.problems += listener.found + errors
        return outcome


async def _live(loop: VirtualLoop, plan: Plan, root: Path) -> Outcome:
    return await World(loop, plan, root).live()


def _error_text(context: dict[str, object]) -> str:
    """Return the text of an error that nothing awaited."""
    error = context.get("exception")
    return f"{context.get('message')}: {type(error).__name__}: {error}"


def _memory() -> Path | None:
    """Return a folder in memory, if there is one."""
    return MEMORY if MEMORY.is_dir() else None
