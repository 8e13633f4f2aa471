"""``meter-bridge backup``."""

import argparse
from pathlib import Path
from typing import Final

from meter_bridge.commands.errors import CommandError
from meter_bridge.commands.installation import database_of
from meter_bridge.commands.output import say
from meter_bridge.commands.settings import settings_of
from meter_bridge.storage.backup import BackupError, backup

EPILOG: Final = """\
Copies the database while the bridge runs, as of one instant, and proves the copy before it gets its name. An
existing file is never overwritten. To restore, end the bridge and put the copy in the place of bridge.db. The
copy of a database on PostgreSQL is a file of SQLite too: 'meter-bridge migrate' brings it to an empty one.

examples:
  meter-bridge backup /media/usb/bridge-2026-03-01.db
  meter-bridge backup "$HOME/backups/bridge-$(date +%F).db"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument("destination", type=Path, metavar="DEST", help="file to write; must not exist")


def run(arguments: argparse.Namespace) -> int:
    """Copy the database."""
    location = database_of(settings_of(arguments))
    try:
        size = backup(location, arguments.destination)
    except BackupError as error:
        raise CommandError(str(error), error.remedy) from error
    say(f"{arguments.destination}: {size / 1_000_000:.1f} MB, proven")
    return 0
