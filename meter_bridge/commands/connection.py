"""Connects to the running bridge, or to one in this process if none is running."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from aiohttp import ClientSession, UnixConnector

from meter_bridge.api.http.listener import SOCKET_NAME, is_listening
from meter_bridge.commands.client import BridgeClient
from meter_bridge.commands.errors import UNREACHABLE, CommandError
from meter_bridge.config.settings import Settings


@asynccontextmanager
async def connected(settings: Settings, *, create: bool = False) -> AsyncGenerator[BridgeClient]:
    """Provide a client of the installation's bridge; ``create`` allows a new installation."""
    path = settings.data / SOCKET_NAME
    async with AsyncExitStack() as stack:
        try:
            if not is_listening(path):
                # Imported here because commands for a running bridge do not need the engine.
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
