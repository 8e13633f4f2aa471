"""``meter-bridge migrate``."""

import argparse
import asyncio
from dataclasses import asdict
import os
from typing import Final

from meter_bridge.commands.errors import USAGE, CommandError
from meter_bridge.commands.output import add_json, print_json, print_line
from meter_bridge.engine.maintenance.transfer import TransferResult, move
from meter_bridge.storage.errors import StorageError
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument("source", metavar="FROM", help="file, sqlite:///FILE, postgresql://… or env:NAME")
    parser.add_argument("target", metavar="TO", help="the same; must be a new file or an empty database")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Migrate the installation, or copy it while its bridge is running."""
    source, target = _location(arguments.source), _location(arguments.target)
    if source == target:
        raise CommandError("source and target are the same database", "name another target", USAGE)
    try:
        moved = asyncio.run(move(source, target))
    except StorageError as error:
        raise CommandError(str(error), "the source was not changed") from error
    if arguments.json:
        print_json({**asdict(moved), "source": shown(source), "target": shown(target)})
    else:
        _tell(moved, source, target)
    return 0


def _location(given: str) -> Location:
    """Return what an argument names; raise ``CommandError`` for what cannot be used, or shows a password."""
    address = given
    if given.startswith(VARIABLE):
        name = given.removeprefix(VARIABLE)
        address = os.environ.get(name, "")
        if not address:
            raise CommandError(
                f"environment variable {name} is not set", "set it to the database address", USAGE
            )
    try:
        location = parse_location(address)
    except LocationError as error:
        raise CommandError(f"{error.shown}: {error.message}", error.remedy, USAGE) from error
    if given == address and not isinstance(location, os.PathLike) and location.password is not None:
        what = f"{shown(location)} exposes its password to other users of this machine"
        raise CommandError(what, "put the address into an environment variable and use env:NAME", USAGE)
    return location


def _tell(moved: TransferResult, source: Location, target: Location) -> None:
    for table, digest in moved.digests.items():
        print_line(f"  {table:<20} {digest.rows:>12} rows  {digest.sha256[:DIGITS]}")
    if moved.finished:
        print_line(
            f"Migrated to {shown(target)}: {moved.rows} rows written, all tables equal, books correct."
        )
        print_line(f"{shown(source)} is retired. Start the bridge with the new database.")
    else:
        print_line(f"Copied to {shown(target)}: {moved.rows} rows written, equal as of the start.")
        print_line("The bridge is still running. Stop it and run this again to complete the migration.")
