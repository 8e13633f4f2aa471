"""Holds of supplies: the landlord places and lifts them, and each acknowledgement is held against the disk.

The naive model: from the acknowledgement of a hold until somebody asks to lift it, it is on disk, whatever
failed, died or was asked again meanwhile; from the acknowledgement of its end on, it is not.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import closing
from functools import partial
import json
import random
from typing import Final

from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.protocol.vocabulary import HoldPosition
from meter_bridge.runtime.application import Application
from meter_bridge.storage.sqlite import connect_read_only
from tests.simulation.faults import HOUR_S
from tests.simulation.machine import Machine, PowerLostError
from tests.simulation.model import Truth
from tests.simulation.people import LANDLORD, RETRY_S
from tests.simulation.street import Kind

HOLD_PAUSE_H: Final = 8.0
LOOK_EVERY_S: Final = 600.0
_STORED: Final = "SELECT account_id, document FROM account_status"


class Landlord:
    """Holds supplies off now and then, and lifts the holds."""

    def __init__(self, truths: Sequence[Truth], machine: Machine, chance: random.Random) -> None:
        self._truths = [truth for truth in truths if truth.house.kind is not Kind.NEVER_CUT]
        self._machine = machine
        self._chance = chance
        self.problems: list[str] = []
        self.working = True
        self._holds = 0
        self._standing: dict[tuple[str, str], bool] = {}
        """Whether a hold, named by unit and id, stands, as was acknowledged last; not while that changes."""

    async def work(self) -> None:
        """Place and lift holds one after the other."""
        while True:
            await asyncio.sleep(self._chance.expovariate(1 / (HOLD_PAUSE_H * HOUR_S)))
            if self.working and self._truths:
                await self._hold(self._chance.choice(self._truths), self._chance.uniform(60, 2 * HOUR_S))

    async def watch(self) -> None:
        """Look again and again whether what was acknowledged is on disk."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.look()

    async def _hold(self, truth: Truth, seconds: float) -> None:
        self._holds += 1
        unit, hold_id = truth.house.id, f"hold-{self._holds}"
        truth.held_off = True
        await self._until_done(
            lambda app: app.supply.place_hold(
                LANDLORD, unit, HoldPosition.OFF, reason="works", hold_id=hold_id
            )
        )
        self._acknowledged(unit, hold_id, stands=True)
        await asyncio.sleep(seconds)
        self.look()
        del self._standing[unit, hold_id]
        await self._until_done(
            lambda app: app.supply.lift_hold(LANDLORD, unit, hold_id, reason="works are over")
        )
        self._acknowledged(unit, hold_id, stands=False)
        truth.held_off = False

    def _acknowledged(self, unit: str, hold_id: str, *, stands: bool) -> None:
        self._standing[unit, hold_id] = stands
        self.look()

    def look(self) -> None:
        """Compare what was acknowledged with the disk now."""
        if not self._machine.disk.dead:
            self.problems += self._differences()

    def _differences(self) -> Iterator[str]:
        with closing(connect_read_only(self._machine.disk.database)) as connection:
            rows = connection.execute(_STORED).fetchall()
        stored = {unit: {hold["id"] for hold in json.loads(text).get("holds", ())} for unit, text in rows}
        for (unit, hold_id), stands in self._standing.items():
            if (hold_id in stored.get(unit, ())) is not stands:
                said, found = ("placed", "not on disk") if stands else ("lifted", "still on disk")
                yield f"invariant 8: {hold_id} of {unit} was acknowledged as {said}, and is {found}"

    async def _until_done(self, request: Callable[[Application], Coroutine[object, object, object]]) -> None:
        """Repeat the request until done; a missing hold was lifted before the response was lost."""
        while True:
            parts = self._machine.parts
            try:
                if parts is not None:
                    await self._machine.ask(parts.app.answers.changing(partial(request, parts.app)))
                    return
            except PowerLostError:
                pass
            except RequestRefused as refused:
                if refused.code is ErrorCode.NOT_FOUND:
                    return
                if refused.code is not ErrorCode.STORAGE_UNAVAILABLE:
                    self.problems.append(f"a hold was refused: {refused}")
                    return
            await asyncio.sleep(RETRY_S)
