"""Customers move out and in: the agent who settles with one and lets the next one in."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
import random
from typing import Final, Literal

import msgspec

from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.protocol.requests import MoveIn, MoveOut
from tests.simulation.faults import HOUR_S
from tests.simulation.machine import Machine, PowerLostError
from tests.simulation.model import Truth
from tests.simulation.people import LANDLORD, RETRY_S, steps_of

STAYS_S: Final = (1 * HOUR_S, 24 * HOUR_S)
AT_ONCE: Final = 0.4
"""Share of moves in which nobody lives there in between for any length of time."""
VACANT_S: Final = (60.0, 6 * HOUR_S)
OPENING_CREDITS: Final = ("0.00", "5.00", "20.00")


@dataclass(frozen=True, slots=True)
class Move:
    """A move that was acknowledged."""

    unit: str
    asked_ms: int
    answered_ms: int
    remainder: str | None
    """What became of the credit of who moved out; None where somebody moved in."""
    opening_credit: int


class LettingAgent:
    """Moves customers out and in, repeating each request until it is answered; some units end vacant."""

    def __init__(self, truths: Sequence[Truth], machine: Machine, chance: random.Random) -> None:
        self._truths = [truth for truth in truths if truth.house.let]
        self._machine = machine
        self._chance = chance
        self._done = 0
        self.moves: list[Move] = []
        self.problems: list[str] = []
        self.working = True

    async def work(self) -> None:
        """Let every unit."""
        await asyncio.gather(*(self._let(truth) for truth in self._truths))

    async def _let(self, truth: Truth) -> None:
        unit, chance = truth.house.id, self._chance
        while True:
            await asyncio.sleep(chance.uniform(*STAYS_S))
            if not self.working:
                return
            remainder: Literal["refund", "keep"] = "refund" if chance.random() < 0.5 else "keep"
            await self._move(unit, MoveOut(reason="end of lease", remainder=remainder))
            if chance.random() >= AT_ONCE:
                await asyncio.sleep(chance.uniform(*VACANT_S))
            if not self.working:
                return
            credit = chance.choice(OPENING_CREDITS)
            await self._move(unit, MoveIn(customer=f"customer {self._done}", opening_credit=credit))

    async def _move(self, unit: str, request: MoveOut | MoveIn) -> None:
        self._done += 1
        key, asked_ms = f"move-{self._done}", self._machine.clock.true()
        again = await self._ask(unit, request, key)
        while again is not None:
            await asyncio.sleep(RETRY_S)
            again = await self._ask(unit, again, key)
        self.moves.append(
            Move(
                unit,
                asked_ms,
                self._machine.clock.true(),
                None if isinstance(request, MoveIn) else request.remainder,
                steps_of(request.opening_credit) if isinstance(request, MoveIn) else 0,
            )
        )

    async def _ask(self, unit: str, request: MoveOut | MoveIn, key: str) -> MoveOut | MoveIn | None:
        """Ask once; return what has to be asked again, or None once it is answered."""
        parts = self._machine.parts
        if parts is None:
            return request
        try:
            await self._machine.ask(parts.app.accounts.operate(LANDLORD, unit, request, key=key))
        except PowerLostError:
            return request
        except RequestRefused as refused:
            if refused.field == "unread" and isinstance(request, MoveOut):
                return msgspec.structs.replace(request, unread=True)
            # A clock that is not believed, and a day that has just begun, are waited for.
            waits = refused.code is ErrorCode.CONFLICT and "live" not in str(refused)
            if waits or refused.code is ErrorCode.STORAGE_UNAVAILABLE:
                return request
            self.problems.append(f"{key} of {unit} was refused: {refused}")
        return None
