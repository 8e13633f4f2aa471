"""``meter-bridge migrate``."""

import argparse
import asyncio
from dataclasses import asdict
import os
from typing import Final

from meter_bridge.commands.errors import USAGE, CommandError
from meter_bridge.commands.output import add_json, say, say_json
from meter_bridge.engine.maintenance.transfer import Moved, move
from meter_bridge.storage.errors import StorageError
from meter_bridge.storage.location import Location, LocationError, parse_location, shown

EPILOG: Final = """\
Copies an installation from one database to another, SQLite or PostgreSQL, either way, and proves that both
hold the same: a digest of every row, table by table, and the books as 'verify' folds them. Nothing is kept
unless all of it is equal.

While the bridge runs, this makes a copy and says so. End the bridge and run it again: that adds what has come
since, which takes moments, and finishes. No bridge starts on half a copy, nor on what was moved away.

A password has no place on a command line: write env:NAME for an address in a variable of that name.

examples:
  meter-bridge migrate ~/.local/share/prepaid-meter/bridge.db env:PREPAID_METER_DATABASE
  meter-bridge migrate env:PREPAID_METER_DATABASE sqlite:////var/lib/prepaid-meter/bridge.db
"""
VARIABLE: Final = "env:"
DIGITS: Final = 16


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument("source", metavar="FROM", help="file, sqlite:///FILE, postgresql://… or env:NAME")
    parser.add_argument("target", metavar="TO", help="the same; a new file, or an empty database")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Move the installation, or as much of it as can be while its bridge runs."""
    source, target = _location(arguments.source), _location(arguments.target)
    if source == target:
        raise CommandError("both are the same database", "name another one to move to", USAGE)
    try:
        moved = asyncio.run(move(source, target))
    except StorageError as error:
        raise CommandError(str(error), "nothing was changed at the source") from error
    if arguments.json:
        say_json({**asdict(moved), "source": shown(source), "target": shown(target)})
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
            raise CommandError(f"the variable {name} is not set", "set it to the database's address", USAGE)
    try:
        location = parse_location(address)
    except LocationError as error:
        raise CommandError(f"{error.shown}: {error.message}", error.remedy, USAGE) from error
    if given == address and not isinstance(location, os.PathLike) and location.password is not None:
        what = f"{shown(location)} shows its password to everyone on this machine"
        raise CommandError(what, "put it into a variable and write env:NAME", USAGE)
    return location


def _tell(moved: Moved, source: Location, target: Location) -> None:
    for table, digest in moved.equal.items():
        say(f"  {table:<20} {digest.rows:>12} rows  {digest.sha256[:DIGITS]}")
    if moved.finished:
        say(f"Moved to {shown(target)}: {moved.rows} rows written, all tables equal, the books are right.")
        say(f"No bridge starts on {shown(source)} any more. Start it with the new database.")
    else:
        say(f"Copied to {shown(target)}: {moved.rows} rows written, equal as of when it began.")
        say("The bridge still runs. End it and run this again: that adds the rest and finishes the move.")
