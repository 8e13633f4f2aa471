"""Reach the bridge: the one that runs, or one in this process where none does."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
import tempfile

from aiohttp import ClientSession, UnixConnector

from meter_bridge.api.unix_socket import SOCKET_NAME, answers
from meter_bridge.commands.client import BridgeClient
from meter_bridge.commands.errors import UNREACHABLE, CommandError
from meter_bridge.commands.installation import database_of
from meter_bridge.config.settings import Settings
from meter_bridge.storage.database import StorageError


@asynccontextmanager
async def connected(settings: Settings, *, create: bool = False) -> AsyncGenerator[BridgeClient]:
    """Offer a client of the installation's bridge; ``create`` makes an installation where there is none."""
    path = settings.data / SOCKET_NAME
    async with AsyncExitStack() as stack:
        try:
            running = answers(path)
            if not running:
                path = await stack.enter_async_context(_served_here(settings, create=create))
        except PermissionError as error:
            raise _another_users(settings.data) from error
        except StorageError as error:
            raise CommandError(
                str(error), "wait until the bridge has started, or stop it", UNREACHABLE
            ) from error
        session = ClientSession(connector=UnixConnector(str(path)))
        yield BridgeClient(await stack.enter_async_context(session))


@asynccontextmanager
async def _served_here(settings: Settings, *, create: bool) -> AsyncGenerator[Path]:
    """Serve the engine without devices to this process alone; return the socket's path."""
    if not create:
        database_of(settings)
    # Imported here because a command of a running bridge does without the engine.
    from meter_bridge.api.server import ApiServer, Listen  # noqa: PLC0415
    from meter_bridge.app import offline  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="meter-bridge-") as folder:
        path = Path(folder) / SOCKET_NAME
        async with offline(settings) as bridge:
            server = ApiServer(bridge, Listen(socket=path))
            await server.start()
            try:
                yield path
            finally:
                await server.stop()


def _another_users(data: Path) -> CommandError:
    return CommandError(
        f"the installation in {data} belongs to another user",
        "run the command as that user",
        UNREACHABLE,
    )
