"""Running a job again and again."""

import asyncio
from collections.abc import Awaitable, Callable
import logging
from typing import Final

_LOGGER: Final = logging.getLogger(__name__)


async def run_periodically(
    name: str, pause: float, job: Callable[[], Awaitable[None]], *, first: float | None = None
) -> None:
    """Run a job again and again, the first after its own pause; one that fails is told and tried again."""
    await asyncio.sleep(pause if first is None else first)
    while True:
        try:
            await job()
        except Exception:
            _LOGGER.exception("The job %r failed; it is tried again", name)
        await asyncio.sleep(pause)
