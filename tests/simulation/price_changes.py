"""New versions of price lists: some are in the first site file, others are entered while the street lives.

The naive model: a version holds from its own beginning, to the minute and not before, if it was accepted. It
is accepted unless its beginning had passed by then.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
import random
from typing import Final

from meter_bridge.config.site_file import load
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode
from tests.simulation.faults import HOUR_S
from tests.simulation.machine import Machine, PowerLostError
from tests.simulation.model import Truth
from tests.simulation.people import LANDLORD, RETRY_S
from tests.simulation.price_lists import MINUTE_MS, PriceList, draw_version
from tests.simulation.street import House, site_file

AHEAD: Final = 0.5
"""Share of price lists with a second version from the first day on."""
CHANGED: Final = 0.5
"""Share of price lists that get one more later."""
BEGINS_S: Final = (1 * HOUR_S, 40 * HOUR_S)
ENTERED_S: Final = (1 * HOUR_S, 30 * HOUR_S)
NOTICE_S: Final = (60.0, 12 * HOUR_S)
"""How long before its beginning a version is entered."""
TOO_LATE: Final = "begins in the past"


def with_version(prices: PriceList, chance: random.Random, begins_ms: int) -> PriceList:
    """Return a price list with one more version, drawn by chance."""
    at = datetime.fromtimestamp(begins_ms // MINUTE_MS * MINUTE_MS / 1000, UTC).astimezone(prices.zone)
    while at.replace(fold=0).utcoffset() != at.replace(fold=1).utcoffset():
        # A site file names no local time that happens twice.
        at = (at.astimezone(UTC) + timedelta(hours=1)).astimezone(prices.zone)
    version = draw_version(chance, at)
    return replace(prices, versions=(*prices.versions, version))


def enter_ahead(houses: Sequence[House], chance: random.Random, start_ms: int) -> None:
    """Give some price lists a second version before the street begins to live."""
    for house in houses:
        if house.prices is not None and chance.random() < AHEAD:
            begins_ms = start_ms + round(chance.uniform(*BEGINS_S) * 1000)
            house.prices = with_version(house.prices, chance, begins_ms)


class PriceClerk:
    """Enters new versions one after the other, repeating each request until it is answered."""

    def __init__(self, truths: Sequence[Truth], machine: Machine, chance: random.Random) -> None:
        self._houses = [truth.house for truth in truths]
        self._machine = machine
        self._chance = chance
        self._one_file = asyncio.Lock()
        self.problems: list[str] = []
        self.working = True

    async def work(self) -> None:
        """Enter what is new of each price list."""
        changing = [house for house in self._houses if house.prices and self._chance.random() < CHANGED]
        await asyncio.gather(*(self._change(house, self._chance.uniform(*ENTERED_S)) for house in changing))

    async def _change(self, house: House, after_s: float) -> None:
        await asyncio.sleep(after_s)
        async with self._one_file:
            if not self.working:
                return
            before = house.prices
            assert before is not None
            begins_ms = self._machine.clock.true() + round(self._chance.uniform(*NOTICE_S) * 1000)
            if begins_ms < before.begins_ms(len(before.versions) - 1) + MINUTE_MS:
                return  # the one that was entered ahead begins later
            house.prices = with_version(before, self._chance, begins_ms)
            if not await self._apply():
                house.prices = before

    async def _apply(self) -> bool:
        """Apply the street's site file; False if a version begins in the past."""
        text = site_file(self._houses)
        while True:
            parts = self._machine.parts
            try:
                if parts is not None:
                    applied = parts.app.sites.apply(LANDLORD, load(text), document=text, dry_run=False)
                    await self._machine.ask(applied)
                    return True
            except PowerLostError:
                pass
            except RequestRefused as refused:
                if refused.code is not ErrorCode.STORAGE_UNAVAILABLE:
                    if TOO_LATE not in str(refused):
                        self.problems.append(f"a new price list was refused: {refused}")
                    return False
            await asyncio.sleep(RETRY_S)
