"""Waiting for a condition instead of a fixed time."""

import asyncio
from collections.abc import Awaitable, Callable
import time
from typing import Final

PAUSE_S: Final = 0.1


class NotObservedError(Exception):
    """An expected condition did not become true in time."""


async def until[T](
    what: str, look: Callable[[], Awaitable[T | None]], within_s: float, *, pause_s: float = PAUSE_S
) -> T:
    """Repeat ``look`` until it returns something; raise ``NotObservedError`` if it never does."""
    deadline = time.monotonic() + within_s
    while True:
        result = await look()
        if result is not None and result is not False:
            return result
        if time.monotonic() > deadline:
            raise NotObservedError(f"{what}: not observed within {within_s:.0f} s")
        await asyncio.sleep(pause_s)
