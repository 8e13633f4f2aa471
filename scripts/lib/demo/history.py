"""Seeds a demo with the past: the engine itself is driven through weeks under a virtual clock.

Nothing is written around the engine, so the books that the demo starts with are books that ``meter-bridge
verify`` accepts.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
import random
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Engine as SqlEngine

from meter_bridge.actor import Actor
from meter_bridge.config.site_file import load
from meter_bridge.core.money import amount_digits
from meter_bridge.core.rating.rating import wh_for_amount
from meter_bridge.core.supply.decision import PaymentMode
from meter_bridge.core.supply.local_cutoff import CutOffRequest
from meter_bridge.devices.base.driver import Report
from meter_bridge.engine.engine import Engine
from meter_bridge.engine.export.exporter import Exporter
from meter_bridge.engine.forecasting.daily_use import close_day
from meter_bridge.engine.jobs import Scheduler
from meter_bridge.engine.ledger.credit import credit_now
from meter_bridge.engine.state.clock import Clocks
from meter_bridge.engine.state.model import Account, CutOffSlot, Meter
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.protocol.messages import Role
from meter_bridge.protocol.vocabulary import RelayPosition, SupplyState
from meter_bridge.runtime.application import Application, build_application
from meter_bridge.runtime.bridge import prepare
from meter_bridge.storage.changeset import Changeset
from meter_bridge.storage.database import DATABASE_NAME, open_reader, open_writer
from meter_bridge.storage.segment_archive import EXPORT_NAME
from meter_bridge.storage.writer import execute
from scripts.lib.demo.cast import HOUSEHOLD, RESIDENTS
from scripts.lib.demo.routine import QUARTER_MS

DAYS: Final = 40
DAY_MS: Final = 86_400_000
LANDING_MS: Final = 2 * DAY_MS
"""How long before the present the household's use is steered to the balance at which the story begins."""
FIRST_PAYMENT: Final = 150
CHANCE_TO_PAY: Final = 0.3
QUARTER_MINUTES: Final = 15
WAKING_HOURS: Final = range(7, 22)
QUARTERS_PER_DAY: Final = 96
LANDLORD: Final = Actor("landlord", Role.LANDLORD, frozenset({"*"}))


@dataclass(slots=True)
class VirtualTime:
    """Clocks that the seeding moves."""

    now: int

    def clocks(self) -> Clocks:
        """Return the clocks for an engine; a virtual clock is always right."""
        return Clocks(lambda: self.now, lambda: self.now, lambda: True)


class GatheringWriter:
    """Commits units a day at a time: a past that failed is thrown away and needs no sync for each."""

    def __init__(self, engine: SqlEngine) -> None:
        """Take the database."""
        self._engine = engine
        self._waiting: list[Changeset] = []
        self.gathering = False

    def commit(self, work: Changeset) -> asyncio.Future[None]:
        """Keep a unit, or write it at once before gathering begins."""
        self._waiting.append(work)
        if not self.gathering:
            self.store()
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    def store(self) -> None:
        """Write what was kept in one transaction."""
        works, self._waiting = self._waiting, []
        with self._engine.begin() as connection:
            execute(connection, works)

    def check_disk_space(self) -> None:
        """Do nothing, as below."""

    def recover(self) -> None:
        """Do nothing: seeding does not go on after a failure."""

    def close(self) -> None:
        """Write the rest."""
        self.store()


class Obedient:
    """The devices of the past: they do what they are told, and nobody hears of it before the next reading."""

    def switch(self, meter: Meter, position: RelayPosition) -> bool:
        """Take a command."""
        del meter, position
        return True

    def query(self, meter: Meter) -> bool:
        """Answer with the next reading."""
        del meter
        return True

    def cut_off(
        self, place: CutOffSlot, step: CutOffRequest, relay_address: str, limit_wh: int | None
    ) -> bool:
        """Take what a device is to hold."""
        del place, step, relay_address, limit_wh
        return True


class Past:
    """One engine under a virtual clock with the meters of the residents."""

    def __init__(
        self,
        engine: Engine,
        app: Application,
        store: GatheringWriter,
        time: VirtualTime,
        until: int,
        landing: int,
    ) -> None:
        """Take the bridge, its time, the present and the balance to land at, in the currency's amounts."""
        self.engine = engine
        self._store = store
        self._time = time
        self._until = until
        self._landing = landing
        self._app = app
        self._intake = engine.intake
        self._chance = random.Random(2)  # noqa: S311 - the same past every time
        self._registers = {
            address: self._chance.randrange(400_000, 4_000_000)
            for resident in RESIDENTS.values()
            for address in resident.meters
        }
        self._payments = 0

    async def apply(self, document: str) -> None:
        """Apply a site file."""
        await self._app.sites.apply(LANDLORD, load(document), document=document, dry_run=False)

    async def live(self) -> dict[str, int]:
        """Let the time until the present pass; return the registers by address."""
        await self._pay(self._account(HOUSEHOLD), FIRST_PAYMENT)
        for account in self.engine.session.installation.accounts.values():
            if account.id != HOUSEHOLD and account.policy.payment_mode is PaymentMode.PREPAYMENT:
                await self._pay(account, FIRST_PAYMENT)
        self._store.gathering = True
        step = 0
        while self._time.now < self._until:
            await self._quarter(min(self._time.now + QUARTER_MS, self._until))
            await asyncio.sleep(0)
            step += 1
            if step % QUARTERS_PER_DAY == 0:
                self.engine.session.flush(everything=True)
                self._close_days()
                self._store.store()
        self.engine.session.flush(everything=True)
        await self.engine.session.drain()
        self._store.store()
        return self._registers

    def _close_days(self) -> None:
        """Keep what each supply used on the day that is over: the forecast learns from it."""
        unit = Transaction(self._time.now)
        for account in self.engine.session.installation.accounts.values():
            for supply in account.supplies:
                close_day(supply, unit)
        self.engine.session.submit(unit)

    def _account(self, account_id: str) -> Account:
        return self.engine.session.installation.accounts[account_id]

    async def _quarter(self, end: int) -> None:
        """Let everybody use electricity until an instant, hear their meters, and let some pay."""
        began, self._time.now = self._time.now, end
        await self.engine.run_due_accounts()
        for account in self.engine.session.installation.accounts.values():
            local = datetime.fromtimestamp(began / 1000, UTC).astimezone(ZoneInfo(account.site.time_zone))
            self._hear(account, self._used(account, local, began))
            await self.engine.run_deferred_postings(everything=True)
            self.engine.relays.tick()
            await self._maybe_pay(account, local)

    def _used(self, account: Account, local: datetime, began: int) -> int:
        """Return the energy of a quarter hour; a cut unit uses none."""
        natural = RESIDENTS[account.id].habit.quarter_wh(local, self._chance)
        if account.state is not SupplyState.CONNECTED:
            return 0
        return self._landing_wh(account, natural, began) if account.id == HOUSEHOLD else natural

    def _landing_wh(self, account: Account, natural: int, began: int) -> int:
        """Return the energy that leads the household to the balance at which the story begins."""
        left = self._until - began
        if left > LANDING_MS:
            return natural
        spare = _affordable(account, credit_now(account).balance - self._landing, began)
        if left <= QUARTER_MS:
            return spare
        return round(natural * min(2.0, spare / (RESIDENTS[account.id].habit.daily_wh * left / DAY_MS)))

    def _hear(self, account: Account, used_wh: int) -> None:
        """Report the meters of an account."""
        closed = account.state is SupplyState.CONNECTED
        position = RelayPosition.CLOSED if closed else RelayPosition.OPEN
        for address, metered in RESIDENTS[account.id].meters.items():
            wh = round(used_wh * metered.share)
            self._registers[address] += wh
            watts = wh * 4000
            report = Report(address, self._registers[address], power_mw=watts, relay=position, online=True)
            self._intake.handle([report])

    async def _maybe_pay(self, account: Account, local: datetime) -> None:
        """Let a customer pay whose credit runs low, at an hour at which people are awake."""
        habit = RESIDENTS[account.id].habit
        if account.id == HOUSEHOLD and self._lands_now():
            await self._pay(account, self._last_payment(account))
            return
        left = self._until - self._time.now
        silent = left < (LANDING_MS if account.id == HOUSEHOLD else habit.stops_paying_days * DAY_MS)
        asleep = local.minute >= QUARTER_MINUTES or local.hour not in WAKING_HOURS or silent
        enough = habit.pays_at * 10 ** amount_digits(account.site.currency)
        if asleep or credit_now(account).balance >= enough:
            return
        if self._chance.random() < CHANCE_TO_PAY:
            await self._pay(account, self._chance.choice(habit.pays))

    def _lands_now(self) -> bool:
        """Say whether the last days begin with this quarter hour."""
        return 0 <= self._until - self._time.now - LANDING_MS < QUARTER_MS

    def _last_payment(self, account: Account) -> int:
        """Return the whole amount that lasts for the last days."""
        daily = RESIDENTS[account.id].habit.daily_wh
        missing_wh = daily * LANDING_MS // DAY_MS - _affordable(
            account, credit_now(account).balance, self._time.now
        )
        return max(10, missing_wh * 34 // 10_000)

    async def _pay(self, account: Account, amount: int) -> None:
        """Book a payment."""
        self._payments += 1
        await self._app.accounts.top_up(
            LANDLORD,
            account.id,
            amount=f"{amount}.00",
            method=self._chance.choice(RESIDENTS[account.id].habit.methods),
            reference=f"receipt {self._payments:04}",
            key=f"history-{self._payments}",
        )


def _affordable(account: Account, amount: int, at: int) -> int:
    """Return the energy that an amount buys now."""
    supply = account.supplies[0]
    return wh_for_amount(supply.rating, supply.timeline.interval_at(at), max(0, amount)) or 0


@asynccontextmanager
async def _past(data: Path, until: int, landing: int) -> AsyncIterator[Past]:
    """Open an engine on a new data folder, some weeks ago."""
    time = VirtualTime(until - DAYS * DAY_MS)  # whole quarter hours, the last one as well
    database = prepare(data, time.now)
    store = GatheringWriter(open_writer(database))
    engine = Engine(open_reader(database), store, Obedient(), time.clocks())
    yield Past(engine, build_application(engine, data), store, time, until, landing)
    store.close()


async def seed(data: Path, document: str, *, until: int, landing: int) -> dict[str, int]:
    """Make an installation with a past that ends at an instant; return the meters' registers by address."""
    async with _past(data, until, landing) as past:
        await past.apply(document)
        registers = await past.live()
        await Scheduler(past.engine, Exporter(data / DATABASE_NAME, data / EXPORT_NAME), 1).export()
        await past.engine.session.drain()
    return registers
