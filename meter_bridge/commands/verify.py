"""``meter-bridge verify``."""

import argparse
from typing import Final

from sqlalchemy.exc import DatabaseError

from meter_bridge.commands.errors import REFUSED, CommandError
from meter_bridge.commands.installation import database_of
from meter_bridge.commands.output import add_json, print_json, print_line
from meter_bridge.commands.settings import settings_of
from meter_bridge.engine.maintenance.verify import verify
from meter_bridge.storage.location import shown

EPILOG: Final = """\
Recalculates all balances from the ledger, and checks that every entry sums to zero, that nothing was charged
twice, and that the database is intact. Read-only; safe while the bridge is running. Exit code 1 means that
problems were found.

examples:
  meter-bridge verify
  meter-bridge verify --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Verify the installation's books."""
    location = database_of(settings_of(arguments))
    path = shown(location)
    try:
        problems = tuple(verify(location))
    except DatabaseError as error:
        raise CommandError(f"{path} cannot be read: {error.orig}", "restore the newest backup") from error
    if arguments.json:
        print_json({"problems": problems})
    else:
        for problem in problems:
            print_line(problem)
        print_line(f"{path}: " + (f"{len(problems)} problems" if problems else "the books are correct"))
    return REFUSED if problems else 0
