"""Emergency credit: customers who select it, and the naive model of what may be lent.

Selecting moves no money. Whatever is lent is lent below a balance of zero, up to the limit, only to somebody
who asked for it, and the next payment repays it before the balance grows.
"""

import asyncio
from collections.abc import Iterator
from contextlib import closing
import json
import random
from typing import Final

from meter_bridge.engine.engine import Engine
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.protocol.requests import SelectEmergencyCredit
from meter_bridge.storage.sqlite import connect_read_only
from tests.simulation.faults import HOUR_S
from tests.simulation.machine import Machine, PowerLostError
from tests.simulation.model import RAND, Truth
from tests.simulation.people import LANDLORD
from tests.simulation.street import EMERGENCY_LIMIT

_DOCUMENT: Final = "SELECT document FROM account_status WHERE account_id = ?"
_OTHERS: Final = (
    "SELECT count(*) FROM journal_entry WHERE account_id = ? AND kind NOT IN ('charge', 'debt_recovery')"
)
LOOKS_EVERY_S: Final = (0.25 * HOUR_S, 6 * HOUR_S)


class Borrower:
    """A customer who looks at the credit now and then, and selects emergency credit when it is offered."""

    def __init__(self, truth: Truth, machine: Machine, chance: random.Random) -> None:
        self._truth = truth
        self._machine = machine
        self._chance = chance
        self._asked = 0
        self.problems: list[str] = []
        self.working = True

    async def work(self) -> None:
        while self._truth.house.borrows:
            await asyncio.sleep(self._chance.uniform(*LOOKS_EVERY_S))
            if self.working and self._machine.parts is not None:
                self._asked += 1
                await self._select(f"emergency-{self._asked}")

    async def _select(self, key: str) -> None:
        """Ask once; who gets no answer asks again another time."""
        parts, truth = self._machine.parts, self._truth
        assert parts is not None
        request = SelectEmergencyCredit()
        before, truth.may_borrow = truth.may_borrow, True
        try:
            await self._machine.ask(parts.app.accounts.operate(LANDLORD, truth.house.id, request, key=key))
        except PowerLostError:
            return
        except RequestRefused as refused:
            if refused.code is ErrorCode.EMERGENCY_CREDIT_NOT_AVAILABLE:
                truth.may_borrow = before
            elif refused.code is not ErrorCode.STORAGE_UNAVAILABLE:
                self.problems.append(f"{truth.house.id}: emergency credit was refused: {refused}")
            return
        _, truth.entries_at_selection = _stored(self._machine, truth.house.id)


def _stored(machine: Machine, unit: str) -> tuple[bool, int]:
    """Return whether emergency credit is selected on disk, and how many entries are no charges."""
    with closing(connect_read_only(machine.disk.database)) as connection:
        (text,) = connection.execute(_DOCUMENT, (unit,)).fetchone()
        (entries,) = connection.execute(_OTHERS, (unit,)).fetchone()
    return json.loads(text).get("emergency_selected", False), entries


def differences(machine: Machine, engine: Engine, truths: list[Truth]) -> Iterator[str]:
    """Yield what is lent otherwise than the naive model allows."""
    for truth in truths:
        account = engine.session.installation.accounts[truth.house.id]
        used, unit = account.emergency_used, account.id
        if not 0 <= used <= (EMERGENCY_LIMIT if truth.house.borrows else 0):
            yield f"{unit}: {used / RAND:.6f} of emergency credit is lent"
        if account.emergency_selected and not truth.may_borrow:
            yield f"{unit}: emergency credit is selected, but nobody asked for it"
        if used and not account.emergency_selected:
            yield f"{unit}: emergency credit is lent to somebody who did not select it"
        if used and account.balance > 0:
            yield f"{unit}: emergency credit is not repaid with a balance of {account.balance / RAND:.6f}"
        selected, entries = _stored(machine, unit)
        if truth.entries_at_selection == entries and not selected:
            yield f"{unit}: emergency credit was selected, and is not any more, although nobody paid"
