"""``meter-bridge backup``."""

import argparse
from pathlib import Path
from typing import Final

from meter_bridge.commands.errors import CommandError
from meter_bridge.commands.installation import database_of
from meter_bridge.commands.output import say
from meter_bridge.commands.settings import settings_of
from meter_bridge.engine.maintenance.backup import BackupError, Sealing, backup
from meter_bridge.engine.maintenance.encryption import recipient_of

EPILOG: Final = """\
Copies the database while the bridge runs, as of one instant, and proves the copy before it gets its name. An
existing file is never overwritten. 'meter-bridge restore' brings it back. The copy of a database on
PostgreSQL is a file of SQLite too: 'meter-bridge migrate' brings it to an empty one.

With --encrypt-to only who holds the secret key can read it (age, https://age-encryption.org). The plain text
stays in the data folder meanwhile, and is removed. Make the pair on another machine with 'age-keygen -o
key.txt' and keep it there.

examples:
  meter-bridge backup /media/usb/bridge-2026-03-01.db
  meter-bridge backup "$HOME/backups/bridge-$(date +%F).db"
  meter-bridge backup /media/usb/bridge.db.age \\
    --encrypt-to age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument("destination", type=Path, metavar="DEST", help="file to write; must not exist")
    parser.add_argument(
        "--encrypt-to",
        action="append",
        default=[],
        metavar="AGE1…",
        help="public key of who may read it; may be given several times",
    )


def run(arguments: argparse.Namespace) -> int:
    """Copy the database."""
    settings = settings_of(arguments)
    location = database_of(settings)
    try:
        recipients = [recipient_of(each) for each in arguments.encrypt_to]
        sealing = Sealing(recipients, settings.data) if recipients else None
        size = backup(location, arguments.destination, sealing)
    except BackupError as error:
        raise CommandError(str(error), error.remedy) from error
    say(f"{arguments.destination}: {size / 1_000_000:.1f} MB, proven{', encrypted' if sealing else ''}")
    return 0
