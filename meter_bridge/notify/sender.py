"""Sending through apprise, which knows e-mail, text messages, Telegram, ntfy, webhooks and the rest."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
import logging
from typing import Final, Protocol

from meter_bridge.notify.wording import Message

TIMEOUT_S: Final = 45.0
AT_ONCE: Final = 8
_LOGGER: Final = logging.getLogger(__name__)


class Sender(Protocol):
    """Something that takes messages to people."""

    async def send(self, channel: str, told: Message) -> bool:
        """Send a message through a channel; False where it was not taken."""


class AppriseSender:
    """Sends on threads of its own, so that a slow mail server never keeps a meter waiting."""

    def __init__(self) -> None:
        """Start no thread before there is something to send."""
        self._threads = ThreadPoolExecutor(AT_ONCE, "notify")

    async def send(self, channel: str, told: Message) -> bool:
        """Send a message; a channel that takes too long counts as failed."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await loop.run_in_executor(self._threads, _send, channel, told)
        except TimeoutError:
            _LOGGER.warning("A message to a %s channel took longer than %.0f s", scheme(channel), TIMEOUT_S)
            return False


def scheme(channel: str) -> str:
    """Return what kind of channel an address is; the rest of it is a secret."""
    return channel.partition("://")[0][:20]


def _send(channel: str, told: Message) -> bool:
    """Send a message and wait for the answer."""
    import apprise  # noqa: PLC0415 - it takes memory, which an installation that tells nobody does not need

    sending = apprise.Apprise()
    if not sending.add(channel):
        return False
    return bool(sending.notify(body=told.body, title=told.title, body_format=apprise.NotifyFormat.TEXT))
