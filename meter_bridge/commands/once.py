"""Asking for something that must happen once, also where the connection breaks before the answer."""

from typing import Final

from meter_bridge.commands.client import BridgeClient, ConnectionLostError
from meter_bridge.protocol.answers import KEY_HEADER

ATTEMPTS: Final = 2


async def post_once[T](
    client: BridgeClient, answer: type[T], *path: str, body: dict[str, object], key: str, what: str
) -> T:
    """Ask until answered, with the same key, so that it counts once; ``what`` is what is not known else."""
    for left in reversed(range(ATTEMPTS)):
        try:
            return await client.post(answer, *path, body=body, headers={KEY_HEADER: key})
        except ConnectionLostError as error:
            if not left:
                error.what += f"; it is not known whether {what}"
                error.remedy = f"repeat the command with '--key {key}': it counts once"
                raise
    raise AssertionError
