"""Taking turns: of many tries at once by the same person, each waits for what came of the one before."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary


class KeyedLock:
    """Lets one at a time go on under each name; keeps only the names under which somebody is or waits."""

    def __init__(self) -> None:
        """Start with nobody."""
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def hold(self, names: Iterable[str]) -> AsyncIterator[None]:
        """Wait for one's turn under all of some names, which are taken in order so that none blocks."""
        async with AsyncExitStack() as held:
            for name in sorted(set(names)):
                lock = self._locks.setdefault(name, asyncio.Lock())
                await held.enter_async_context(lock)
            yield
