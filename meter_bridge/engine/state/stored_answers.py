"""Answers that rest on what is on disk alone: one that was made from anything else is never given.

A change is in memory before its commit ends. While storage fails, an answer from memory could tell of money
or of a hold that nobody will ever find again, so every answer waits until what it was made from is stored.
"""

from collections.abc import Awaitable, Callable

from meter_bridge.engine.state.session import Session, storage_unavailable
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.storage.errors import StorageError


class StoredAnswers:
    """Gives the answers of a session's services."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def reading[T](self, work: Callable[[], Awaitable[T]]) -> T:
        """Return the answer of something that changes nothing, or its refusal.

        Raises ``RequestRefused`` with ``STORAGE_UNAVAILABLE`` where the state was not stored and cannot be
        read again.
        """
        losses = self._session.losses
        answer = await self.changing(work)
        await self._check_stored(losses)
        return answer

    async def changing[T](self, work: Callable[[], Awaitable[T]]) -> T:
        """Return the answer of a change, which waited for its own commit; its refusal holds on disk."""
        losses = self._session.losses
        try:
            return await work()
        except RequestRefused as refused:
            if refused.code is not ErrorCode.STORAGE_UNAVAILABLE:  # which already says what may be booked
                await self._check_stored(losses)
            raise

    async def _check_stored(self, losses: int) -> None:
        try:
            await self._session.wait_until_stored(losses)
        except StorageError as error:
            raise storage_unavailable() from error
