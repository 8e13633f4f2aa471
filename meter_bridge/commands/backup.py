"""``meter-bridge backup``, ``restore`` and ``verify``."""

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
import tempfile
from typing import Final

from sqlalchemy.exc import DatabaseError

from meter_bridge.actor import EVERYTHING
from meter_bridge.commands.command import JSON, Command, argument, choice_of
from meter_bridge.commands.installation import database_of, settings_of
from meter_bridge.commands.output import Output
from meter_bridge.commands.parser import REFUSED, UNREACHABLE, CommandError
from meter_bridge.engine.maintenance.backup import BackupEncryption, backup
from meter_bridge.engine.maintenance.backup_record import record_outcome
from meter_bridge.engine.maintenance.encryption import parse_recipient, read_identities
from meter_bridge.engine.maintenance.restore import restore, valid_tokens
from meter_bridge.engine.maintenance.verify import verify
from meter_bridge.storage.database import DATABASE_NAME, InstallationLock
from meter_bridge.storage.errors import (
    BackupError,
    DestinationExistsError,
    LockedError,
    SchemaError,
    StorageError,
)
from meter_bridge.storage.location import shown
from meter_bridge.storage.migrate import HEAD, schema_of

BACKUP_EPILOG: Final = """\
Takes a consistent copy of the database while the bridge is running, and verifies the copy before giving it
its final name. Existing files are never overwritten. 'meter-bridge restore' restores it. A backup of a
PostgreSQL database is a SQLite file too: 'meter-bridge migrate' copies it into an empty database.

With --encrypt-to, only the holder of the secret key can read the backup (age, https://age-encryption.org). An
unencrypted copy exists temporarily in the data folder and is then deleted. Generate the key pair on another
machine with 'age-keygen -o key.txt' and keep it there.

If backups keep failing, the running bridge raises the alert maintenance_failing until one succeeds.

Of a service, run this as the service's user, who must be able to write to the destination's folder.

examples:
  meter-bridge backup /media/usb/bridge-2026-03-01.db
  sudo -u prepaid-meter meter-bridge --data /var/lib/prepaid-meter \\
    backup "/var/backups/prepaid-meter/bridge-$(date +%F).db"
  meter-bridge backup /media/usb/bridge.db.age \\
    --encrypt-to age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p
"""
RESTORE_EPILOG: Final = """\
Restores a backup into the data folder, which must contain no database and no running bridge, and verifies it
as 'verify' does before giving it its final name. An encrypted backup requires its secret key file. --check
tests a backup by restoring it into a temporary folder (TMPDIR) and deleting it again. For an installation on
PostgreSQL, restore to a file with --to, then use 'meter-bridge migrate'.

examples:
  meter-bridge restore /media/usb/bridge-2026-03-01.db
  meter-bridge restore /media/usb/bridge-2026-03-01.db.age --identity key.txt
  meter-bridge restore /media/usb/bridge-2026-03-01.db.age --identity key.txt --check
"""
VERIFY_EPILOG: Final = """\
Recalculates all balances from the ledger, and checks that every entry sums to zero, that nothing was charged
twice, and that the database is intact. Read-only; safe while the bridge is running. Exit code 1 means that
problems were found.

examples:
  meter-bridge verify
  meter-bridge verify --json
"""


def _back_up(arguments: Namespace) -> int:
    settings = settings_of(arguments)
    location = database_of(settings)
    try:
        recipients = [parse_recipient(key) for key in arguments.encrypt_to]
        encryption = BackupEncryption(recipients, settings.data) if recipients else None
        size = backup(location, arguments.destination, encryption)
    except BackupError as error:
        if not isinstance(error, DestinationExistsError):
            record_outcome(settings.data, str(error))
        raise CommandError(str(error), error.remedy) from error
    record_outcome(settings.data, None)
    encrypted = ", encrypted" if encryption else ""
    schema = schema_of(location)
    note = f"The database is not migrated yet: it and the backup have schema {schema}, not {HEAD}."
    answer = {"file": str(arguments.destination), "bytes": size, "schema": schema}
    text = f"{arguments.destination}: {size / 1_000_000:.1f} MB, verified{encrypted}"
    Output(answer, text, "" if schema == HEAD else note).print(arguments)
    return 0


def _restore(arguments: Namespace) -> int:
    try:
        identities = () if arguments.identity is None else read_identities(arguments.identity)
        with _destination(arguments) as destination:
            size = restore(arguments.source, destination, identities)
            tokens = valid_tokens(destination)
    except BackupError as error:
        raise CommandError(str(error), error.remedy) from error
    where = "can be restored" if arguments.check else f"restored to {destination}"
    lines = [f"{arguments.source}: {where}, {size / 1_000_000:.1f} MB, the books are correct"]
    for token in tokens:
        scope = ", ".join(sorted(token.accounts or token.sites)).replace(EVERYTHING, "all sites")
        lines.append(f"  token {token.id} {token.name!r}: {token.role} of {scope}")
    if tokens:
        lines.append("These tokens open it, which no backup can prove: revoke what you did not make.")
    answer = {
        "file": None if arguments.check else str(destination),
        "bytes": size,
        "tokens": [{"id": token.id, "name": token.name, "role": token.role} for token in tokens],
    }
    Output(answer, "\n".join(lines)).print(arguments)
    return 0


@contextmanager
def _destination(arguments: Namespace) -> Iterator[Path]:
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
def _locked(arguments: Namespace) -> Iterator[Path]:
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


def _verify(arguments: Namespace) -> int:
    location = database_of(settings_of(arguments))
    path = shown(location)
    try:
        problems = tuple(verify(location))
    except SchemaError as error:
        raise CommandError(str(error), error.remedy, UNREACHABLE) from error
    except StorageError as error:
        raise CommandError(str(error), "restore the newest backup") from error
    except DatabaseError as error:
        raise CommandError(f"{path} cannot be read: {error.orig}", "restore the newest backup") from error
    count = f"{len(problems)} problem{'' if len(problems) == 1 else 's'}"
    result = f"{path}: {count if problems else 'the books are correct'}"
    Output({"problems": problems}, "\n".join((*problems, result))).print(arguments)
    return REFUSED if problems else 0


COMMANDS: Final = {
    "backup": Command(
        _back_up,
        (
            argument("destination", type=Path, metavar="DEST", help="file to write; must not exist yet"),
            argument(
                "--encrypt-to",
                action="append",
                default=[],
                metavar="AGE1…",
                help="public key of a recipient; repeatable",
            ),
            JSON,
        ),
        BACKUP_EPILOG,
    ),
    "restore": Command(
        _restore,
        (
            argument("source", type=Path, metavar="BACKUP", help="backup file"),
            argument("--identity", type=Path, metavar="FILE", help="secret key file of an encrypted backup"),
            choice_of(
                argument(
                    "--to", type=Path, metavar="FILE", help="restore to this file instead of the data folder"
                ),
                argument("--check", action="store_true", help="only test that it can be restored"),
            ),
            JSON,
        ),
        RESTORE_EPILOG,
    ),
    "verify": Command(_verify, (JSON,), VERIFY_EPILOG),
}
