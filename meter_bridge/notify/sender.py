"""Sending through apprise, which knows e-mail, text messages, Telegram, ntfy, webhooks and the rest."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
import logging
from typing import Final, Protocol
from urllib.parse import quote

from meter_bridge.notify.templates import Message
from meter_bridge.protocol.headers import KEY_HEADER

TIMEOUT_S: Final = 45.0
KEYED_SCHEMES: Final = frozenset({"json", "jsons", "xml", "xmls", "form", "forms"})
"""Kinds of channels that carry a message's key: web hooks, whose receivers can tell a repetition by it."""
MAX_THREADS: Final = 8
_LOGGER: Final = logging.getLogger(__name__)


class Sender(Protocol):
    """Something that takes messages to people."""

    async def send(self, channel: str, message: Message, key: str) -> bool:
        """Send a message through a channel; False where it was not taken.

        ``key`` is the message's own: web hooks carry it, so that a receiver can tell a repetition.
        """


class AppriseSender:
    """Sends on threads of its own, so that a slow mail server never keeps a meter waiting."""

    def __init__(self) -> None:
        """Start no thread before there is something to send."""
        self._threads = ThreadPoolExecutor(MAX_THREADS, "notify")

    async def send(self, channel: str, message: Message, key: str) -> bool:
        """Send a message; a channel that takes too long counts as failed."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await loop.run_in_executor(self._threads, _send, channel, message, key)
        except TimeoutError:
            _LOGGER.warning("A message to a %s channel took longer than %.0f s", scheme(channel), TIMEOUT_S)
            return False


def scheme(channel: str) -> str:
    """Return what kind of channel an address is; the rest of it is a secret."""
    return channel.partition("://")[0][:20]


def supports_key(channel: str) -> bool:
    """Return whether a channel carries the key of a message."""
    return scheme(channel) in KEYED_SCHEMES


def _send(channel: str, message: Message, key: str) -> bool:
    """Send a message and wait for the answer."""
    import apprise  # noqa: PLC0415 - it takes memory, which an installation that tells nobody does not need

    sending = apprise.Apprise()
    if not sending.add(_with_key(channel, key) if supports_key(channel) else channel):
        return False
    return bool(sending.notify(body=message.body, title=message.title, body_format=apprise.NotifyFormat.TEXT))


def _with_key(channel: str, key: str) -> str:
    """Return a web hook's address with the key as a header, in apprise's way of writing these."""
    return f"{channel}{'&' if '?' in channel else '?'}+{KEY_HEADER}={quote(key, safe='')}"
