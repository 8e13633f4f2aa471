"""The bookkeeper of the street: takes back payments that were entered by mistake, opens and closes debts."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import closing
import random
from typing import Final

from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.protocol.requests import CloseDebt, OpenDebt, OperationRequest, Reversal
from meter_bridge.runtime.application import Application
from meter_bridge.storage.sqlite import connect_read_only
from tests.simulation.debts import DEBT, TERMS
from tests.simulation.faults import HOUR_S, Fault
from tests.simulation.machine import Machine, PowerLostError
from tests.simulation.model import Truth
from tests.simulation.people import AGAIN, LANDLORD, RETRY_S

MISTAKEN: Final = 0.4
"""Share of streets in which payments are taken back."""
INDEBTED: Final = 0.4
"""Share of streets in which units have debts."""
MISTAKE_PAUSE_H: Final = 5.0
BEGINS_S: Final = 12 * HOUR_S
ENDS_S: Final = (6 * HOUR_S, 30 * HOUR_S)
_ENTRY: Final = (
    "SELECT e.id FROM operation o JOIN journal_entry e ON e.seq = o.entry_seq"
    " WHERE o.account_id = ? AND o.key = ?"
)


class Bookkeeper:
    """Corrects the books, repeating each request until it is answered."""

    def __init__(self, truths: Sequence[Truth], machine: Machine, chance: random.Random) -> None:
        self._truths = truths
        self._machine = machine
        self._chance = chance
        self._reverses = chance.random() < MISTAKEN
        self._debtors = [
            each for each in truths if not each.house.cuts and not each.house.let and chance.random() < 0.5
        ]
        if chance.random() >= INDEBTED:
            self._debtors = []
        self._closes = chance.random() < 0.5
        self._done = 0
        self.problems: list[str] = []
        self.working = True

    def work(self, faults: Iterable[Fault]) -> list[Coroutine[object, object, None]]:
        """Return what is done at the same time.

        No debt is closed where the bridge may not know what day it is: whether the instalment of a midnight
        was due before is open then.
        """
        closes = self._closes and not any(fault.kind == "clock jump" for fault in faults)
        return [self._reverse(), *(self._lend(truth, closes=closes) for truth in self._debtors)]

    async def _reverse(self) -> None:
        while True:
            await asyncio.sleep(self._chance.expovariate(1 / (MISTAKE_PAUSE_H * HOUR_S)))
            left = [truth for truth in self._truths if truth.cash and not truth.house.let]
            if self._reverses and self.working and left:
                await self._take_back(self._chance.choice(left))

    async def _take_back(self, truth: Truth) -> None:
        paid = truth.cash.pop(self._chance.randrange(len(truth.cash)))
        with closing(connect_read_only(self._machine.disk.database)) as connection:
            (entry,) = connection.execute(_ENTRY, (truth.house.id, paid)).fetchone()
        request = Reversal(entry=entry, reason="entered twice")
        await self._operate(truth, request)
        truth.paid -= truth.keys[paid]
        if self._chance.random() < AGAIN and await self._operate(
            truth, request, but=ErrorCode.ALREADY_REVERSED
        ):
            self.problems.append(f"invariant 4: {paid} of {truth.house.id} was reversed twice")

    async def _lend(self, truth: Truth, *, closes: bool) -> None:
        await asyncio.sleep(self._chance.uniform(0, BEGINS_S))
        if not self.working:
            return
        request = OpenDebt(debt=DEBT, description="Fridge", reason="agreed", **TERMS)  # type: ignore[arg-type]
        await self._operate(truth, request)
        await asyncio.sleep(self._chance.uniform(*ENDS_S))
        if closes and self.working:
            await self._operate(truth, CloseDebt(debt=DEBT, reason="forgiven"))

    async def _operate(
        self, truth: Truth, request: OperationRequest, *, but: ErrorCode | None = None
    ) -> bool:
        """Send a request under a key of its own until it is answered; False where it must be refused."""
        self._done += 1
        key = f"books-{self._done}"
        return await self._until_answered(
            lambda app: app.accounts.operate(LANDLORD, truth.house.id, request, key=key), but
        )

    async def _until_answered(
        self, request: Callable[[Application], Coroutine[object, object, object]], but: ErrorCode | None
    ) -> bool:
        while True:
            parts = self._machine.parts
            try:
                if parts is not None:
                    await self._machine.ask(request(parts.app))
                    return True
            except PowerLostError:
                pass
            except RequestRefused as refused:
                if refused.code is but:
                    return False
                if refused.code is not ErrorCode.STORAGE_UNAVAILABLE:
                    self.problems.append(f"a correction of the books was refused: {refused}")
                    return False
            await asyncio.sleep(RETRY_S)
