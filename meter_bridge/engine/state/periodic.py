"""Running a job again and again."""

import asyncio
from collections.abc import Awaitable, Callable
import logging
from typing import Final

_LOGGER: Final = logging.getLogger(__name__)


class JobError(RuntimeError):
    """A job that could not do its work, for a reason that can be named; it is tried again."""

    def __init__(self, reason: str, *, since: int | None = None) -> None:
        super().__init__(reason)
        self.since = since
        """Instant since which it fails, where the job knows; else since the first time that it is told."""


type NoteOutcome = Callable[[str, Exception | None], None]
"""Takes a job's name and why it failed, None where it did not."""


def ignore_outcome(_name: str, _error: Exception | None) -> None:
    """Take no note."""


async def run_periodically(
    name: str,
    pause: float,
    job: Callable[[], Awaitable[None]],
    *,
    first: float | None = None,
    note: NoteOutcome = ignore_outcome,
) -> None:
    """Run a job again and again, the first after its own pause; one that fails is told and tried again.

    What fails in the same way time after time is logged once.
    """
    logged = ""
    await asyncio.sleep(pause if first is None else first)
    while True:
        failure: Exception | None = None
        try:
            await job()
        except JobError as error:
            failure = error
            if str(error) != logged:
                _LOGGER.error("The job %r failed and is tried again: %s", name, error)  # noqa: TRY400 - named
        except Exception as error:
            failure = error
            if repr(error) != logged:
                _LOGGER.exception("The job %r failed; it is tried again", name)
        logged = "" if failure is None else str(failure) if isinstance(failure, JobError) else repr(failure)
        note(name, failure)
        await asyncio.sleep(pause)
