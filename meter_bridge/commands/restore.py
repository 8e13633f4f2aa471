"""``meter-bridge restore``."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
import tempfile
from typing import Final

from meter_bridge.commands.errors import UNREACHABLE, CommandError
from meter_bridge.commands.output import print_line
from meter_bridge.commands.settings import settings_of
from meter_bridge.engine.maintenance.encryption import read_identities
from meter_bridge.engine.maintenance.restore import restore
from meter_bridge.storage.database import DATABASE_NAME, InstallationLock
from meter_bridge.storage.errors import BackupError, LockedError

EPILOG: Final = """\
Restores a backup into the data folder, which must contain no database and no running bridge, and verifies it
as 'verify' does before giving it its final name. An encrypted backup requires its secret key file. --check
tests a backup by restoring it into a temporary folder (TMPDIR) and deleting it again. For an installation on
PostgreSQL, restore to a file with --to, then use 'meter-bridge migrate'.

examples:
  meter-bridge restore /media/usb/bridge-2026-03-01.db
  meter-bridge restore /media/usb/bridge-2026-03-01.db.age --identity key.txt
  meter-bridge restore /media/usb/bridge-2026-03-01.db.age --identity key.txt --check
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument("source", type=Path, metavar="BACKUP", help="backup file")
    parser.add_argument(
        "--identity", type=Path, metavar="FILE", help="secret key file of an encrypted backup"
    )
    place = parser.add_mutually_exclusive_group()
    place.add_argument(
        "--to", type=Path, metavar="FILE", help="restore to this file instead of the data folder"
    )
    place.add_argument("--check", action="store_true", help="only test that it can be restored")


def run(arguments: argparse.Namespace) -> int:
    """Restore a backup."""
    try:
        identities = () if arguments.identity is None else read_identities(arguments.identity)
        with _destination(arguments) as destination:
            size = restore(arguments.source, destination, identities)
    except BackupError as error:
        raise CommandError(str(error), error.remedy) from error
    where = "can be restored" if arguments.check else f"restored to {destination}"
    print_line(f"{arguments.source}: {where}, {size / 1_000_000:.1f} MB, the books are correct")
    return 0


@contextmanager
def _destination(arguments: argparse.Namespace) -> Iterator[Path]:
    """Provide the destination: a temporary folder, a named file, or the data folder under its lock."""
    if arguments.check:
        with tempfile.TemporaryDirectory(prefix="meter-bridge-") as folder:
            yield Path(folder) / DATABASE_NAME
    elif arguments.to is not None:
        yield arguments.to
    else:
        with _locked(arguments) as data:
            yield data / DATABASE_NAME


@contextmanager
def _locked(arguments: argparse.Namespace) -> Iterator[Path]:
    settings = settings_of(arguments)
    if not isinstance(settings.location, Path):
        raise CommandError(
            "this installation is on PostgreSQL",
            "restore to a file with --to, then see 'meter-bridge migrate --help'",
        )
    lock = InstallationLock(settings.data)
    try:
        lock.acquire()
    except LockedError as error:
        raise CommandError(str(error), "stop the bridge first", UNREACHABLE) from error
    try:
        yield settings.data
    finally:
        lock.release()
