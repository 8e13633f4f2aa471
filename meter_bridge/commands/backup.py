"""``meter-bridge backup``."""

import argparse
from pathlib import Path
from typing import Final

from meter_bridge.commands.errors import CommandError
from meter_bridge.commands.installation import database_of
from meter_bridge.commands.output import print_line
from meter_bridge.commands.settings import settings_of
from meter_bridge.engine.maintenance.backup import BackupEncryption, BackupError, backup
from meter_bridge.engine.maintenance.encryption import parse_recipient

EPILOG: Final = """\
Takes a consistent copy of the database while the bridge is running, and verifies the copy before giving it
its final name. Existing files are never overwritten. 'meter-bridge restore' restores it. A backup of a
PostgreSQL database is a SQLite file too: 'meter-bridge migrate' copies it into an empty database.

With --encrypt-to, only the holder of the secret key can read the backup (age, https://age-encryption.org). An
unencrypted copy exists temporarily in the data folder and is then deleted. Generate the key pair on another
machine with 'age-keygen -o key.txt' and keep it there.

examples:
  meter-bridge backup /media/usb/bridge-2026-03-01.db
  meter-bridge backup "$HOME/backups/bridge-$(date +%F).db"
  meter-bridge backup /media/usb/bridge.db.age \\
    --encrypt-to age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument("destination", type=Path, metavar="DEST", help="file to write; must not exist yet")
    parser.add_argument(
        "--encrypt-to",
        action="append",
        default=[],
        metavar="AGE1…",
        help="public key of a recipient; repeatable",
    )


def run(arguments: argparse.Namespace) -> int:
    """Copy the database."""
    settings = settings_of(arguments)
    location = database_of(settings)
    try:
        recipients = [parse_recipient(each) for each in arguments.encrypt_to]
        sealing = BackupEncryption(recipients, settings.data) if recipients else None
        size = backup(location, arguments.destination, sealing)
    except BackupError as error:
        raise CommandError(str(error), error.remedy) from error
    print_line(
        f"{arguments.destination}: {size / 1_000_000:.1f} MB, verified{', encrypted' if sealing else ''}"
    )
    return 0
