"""Reach the bridge: the one that runs, or one in this process where none does."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from aiohttp import ClientSession, UnixConnector

from meter_bridge.api.http.unix_socket import SOCKET_NAME, answers
from meter_bridge.commands.client import BridgeClient
from meter_bridge.commands.errors import UNREACHABLE, CommandError
from meter_bridge.config.settings import Settings


@asynccontextmanager
async def connected(settings: Settings, *, create: bool = False) -> AsyncGenerator[BridgeClient]:
    """Offer a client of the installation's bridge; ``create`` makes an installation where there is none."""
    path = settings.data / SOCKET_NAME
    async with AsyncExitStack() as stack:
        try:
            if not answers(path):
                # Imported here because a command of a running bridge does without the engine.
                from meter_bridge.commands.offline import served_here  # noqa: PLC0415

                path = await stack.enter_async_context(served_here(settings, create=create))
        except PermissionError as error:
            raise CommandError(
                f"the installation in {settings.data} belongs to another user",
                "run the command as that user",
                UNREACHABLE,
            ) from error
        session = ClientSession(connector=UnixConnector(str(path)))
        yield BridgeClient(await stack.enter_async_context(session))
