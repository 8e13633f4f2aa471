"""``meter-bridge shards``."""

from argparse import Namespace
import asyncio
from pathlib import Path
from typing import Final

from meter_bridge.commands.command import JSON, Command, argument
from meter_bridge.commands.installation import database_of, settings_of
from meter_bridge.commands.output import Output
from meter_bridge.commands.parser import REFUSED, UNREACHABLE, USAGE, CommandError
from meter_bridge.config.settings import Settings
from meter_bridge.storage.database import reading
from meter_bridge.storage.errors import LockedError, StorageError
from meter_bridge.storage.migrate import migrate
from meter_bridge.storage.owning import owned
from meter_bridge.storage.shards import MOST, divide, shares

EPILOG: Final = f"""\
Divides the sites of an installation on PostgreSQL among 2 to {MOST} shards, so that several bridges can share
them: each 'meter-bridge run' on that database takes an equal share of the shards. Stop all bridges first. A
single bridge takes all shards. The number can be increased later but not reduced; 1 permanently merges all
sites again, as for a SQLite file.

Without a number, shows the current shards.

examples:
  meter-bridge shards
  meter-bridge shards 8
  meter-bridge shards 1
"""


def run(arguments: Namespace) -> int:
    """Divide the installation, or show its shards."""
    settings = settings_of(arguments)
    location = database_of(settings)
    if arguments.count is not None:
        if isinstance(location, Path) and arguments.count != 1:
            what = f"{location} is a SQLite file, which only one bridge can serve"
            raise CommandError(
                what, "migrate the installation to PostgreSQL with 'meter-bridge migrate'", USAGE
            )
        asyncio.run(_divide(settings, arguments.count))
    with reading(location) as reader, reader.connect() as connection:
        found = shares(connection)
    answer = [{"shard": n, "sites": sites, "accounts": accounts} for n, sites, accounts in found]
    lines = [f"shard {n}: {sites} sites, {accounts} accounts" for n, sites, accounts in found]
    Output({"shards": answer}, "\n".join(lines)).print(arguments)
    return 0


async def _divide(settings: Settings, count: int) -> None:
    try:
        async with owned(settings.data, settings.location) as ownership:
            await asyncio.to_thread(migrate, settings.location)
            with ownership.writer().begin() as connection:
                divide(connection, count)
    except LockedError as error:
        raise CommandError(str(error), "stop all bridges on this database first", UNREACHABLE) from error
    except StorageError as error:
        raise CommandError(str(error), "nothing was changed", UNREACHABLE) from error
    except ValueError as error:
        raise CommandError(str(error), "choose another number", REFUSED) from error


COMMANDS: Final = {
    "shards": Command(
        run,
        (argument("count", metavar="NUMBER", type=int, nargs="?", help="number of shards"), JSON),
        EPILOG,
    )
}
