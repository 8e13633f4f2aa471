"""``meter-bridge migrate``."""

from argparse import Namespace
import asyncio
from collections.abc import Iterator
from dataclasses import asdict
import os
from typing import Final

from meter_bridge.commands.command import JSON, Command, argument
from meter_bridge.commands.output import Output
from meter_bridge.commands.parser import USAGE, CommandError
from meter_bridge.engine.maintenance.transfer import TransferResult, move
from meter_bridge.storage.errors import SchemaError, StorageError
from meter_bridge.storage.location import Location, LocationError, parse_location, shown

EPILOG: Final = """\
Copies an installation between SQLite and PostgreSQL databases, in either direction, and verifies the copy: a
digest of all rows of each table, and the books as 'verify' checks them. The copy is discarded unless
everything is equal.

While the bridge is running, this only makes a copy. Stop the bridge and run it again: that adds the newer
data, which takes moments, and completes the migration. A bridge starts neither on an incomplete copy nor on a
database that was migrated away.

Do not put a password on the command line: use env:NAME to read the address from an environment variable.

examples:
  meter-bridge migrate ~/.local/share/prepaid-meter/bridge.db env:PREPAID_METER_DATABASE
  meter-bridge migrate env:PREPAID_METER_DATABASE sqlite:////var/lib/prepaid-meter/bridge.db
"""
VARIABLE: Final = "env:"
DIGITS: Final = 16


def run(arguments: Namespace) -> int:
    """Migrate the installation, or copy it while its bridge is running."""
    source, target = _location(arguments.source), _location(arguments.target)
    if source == target:
        raise CommandError("source and target are the same database", "name another target", USAGE)
    try:
        moved = asyncio.run(move(source, target))
    except SchemaError as error:
        raise CommandError(str(error), error.remedy) from error
    except StorageError as error:
        raise CommandError(str(error), "the source was not changed") from error
    answer = asdict(moved) | {"source": shown(source), "target": shown(target)}
    Output(answer, "\n".join(_lines(moved, source, target))).print(arguments)
    return 0


def _location(written: str) -> Location:
    """Return what an argument names; raise ``CommandError`` for what cannot be used, or shows a password."""
    address = written
    if written.startswith(VARIABLE):
        name = written.removeprefix(VARIABLE)
        address = os.environ.get(name, "")
        if not address:
            raise CommandError(
                f"environment variable {name} is not set", "set it to the database address", USAGE
            )
    try:
        location = parse_location(address)
    except LocationError as error:
        raise CommandError(f"{error.shown}: {error.message}", error.remedy, USAGE) from error
    if written == address and not isinstance(location, os.PathLike) and location.password is not None:
        what = f"{shown(location)} exposes its password to other users of this machine"
        raise CommandError(what, "put the address into an environment variable and use env:NAME", USAGE)
    return location


def _lines(moved: TransferResult, source: Location, target: Location) -> Iterator[str]:
    for table, digest in moved.digests.items():
        yield f"  {table:<20} {digest.rows:>12} rows  {digest.sha256[:DIGITS]}"
    if moved.finished:
        yield f"Migrated to {shown(target)}: {moved.rows} rows written, all tables equal, books correct."
        yield f"{shown(source)} is retired. Start the bridge with the new database."
    else:
        yield f"Copied to {shown(target)}: {moved.rows} rows written, equal as of the start."
        yield "The bridge is still running. Stop it and run this again to complete the migration."


COMMANDS: Final = {
    "migrate": Command(
        run,
        (
            argument("source", metavar="FROM", help="file, sqlite:///FILE, postgresql://… or env:NAME"),
            argument("target", metavar="TO", help="the same; must be a new file or an empty database"),
            JSON,
        ),
        EPILOG,
    )
}
