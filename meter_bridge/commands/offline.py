"""A bridge in this process, for commands while none is running; apart, because it loads the engine."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
import tempfile

from meter_bridge.api.http.listener import SOCKET_NAME
from meter_bridge.api.server import ApiServer, ListenSettings
from meter_bridge.commands.installation import database_of
from meter_bridge.commands.parser import UNREACHABLE, CommandError
from meter_bridge.config.settings import Settings
from meter_bridge.runtime.bridge import offline
from meter_bridge.storage.errors import LockedError, SchemaError, StorageError


@asynccontextmanager
async def served_here(settings: Settings, *, create: bool) -> AsyncGenerator[Path]:
    """Serve the engine without devices to this process only; provide the path of its Unix socket."""
    if not create:
        database_of(settings)
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="meter-bridge-"))
        path = Path(folder) / SOCKET_NAME
        try:
            application = await stack.enter_async_context(offline(settings))
        except StorageError as error:
            remedy = "see 'meter-bridge verify', or restore the newest backup"
            if isinstance(error, LockedError):
                remedy = "wait until the bridge has started, or stop it"
            if isinstance(error, SchemaError):
                remedy = error.remedy
            raise CommandError(str(error), remedy, UNREACHABLE) from error
        server = ApiServer(application, ListenSettings(socket=path))
        await server.start()
        stack.push_async_callback(server.stop)
        yield path
