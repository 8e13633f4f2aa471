"""Requests that must take effect once, even if the connection breaks before the answer."""

from typing import Final

from meter_bridge.commands.client import BridgeClient, ConnectionLostError
from meter_bridge.protocol.patterns import KEY_HEADER

ATTEMPTS: Final = 2


async def post_once[T](
    client: BridgeClient, answer: type[T], *path: str, body: dict[str, object], key: str, what: str
) -> T:
    """Send a request, and once more with the same key if the connection is lost.

    ``what`` says what remains unknown without an answer, such as ``the top-up was booked``.
    """
    for left in reversed(range(ATTEMPTS)):
        try:
            return await client.post(answer, *path, body=body, headers={KEY_HEADER: key})
        except ConnectionLostError as error:
            if not left:
                error.what += f"; it is not known whether {what}"
                error.remedy = f"repeat the command with '--key {key}'; it will count only once"
                raise
    raise AssertionError
