"""Make a file that gets its name only when it is whole and on the disk."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
import os
from pathlib import Path
import tempfile

from meter_bridge.storage.errors import BackupError


def refuse_existing(destination: Path) -> None:
    """Raise ``BackupError`` where a file cannot be made because one is there, or no folder for it."""
    if destination.exists() or destination.is_symlink():
        raise BackupError(f"{destination} exists already", "choose a name that does not exist yet")
    if not destination.parent.is_dir():
        raise BackupError(f"{destination.parent} is not a folder", "make it first")


@contextmanager
def temporary(folder: Path, name: str) -> Iterator[Path]:
    """Offer a new file in a folder, which only its owner may read, and remove it afterwards."""
    number, path = tempfile.mkstemp(prefix=f".{name}.", suffix=".part", dir=folder)
    os.close(number)
    try:
        yield Path(path)
    finally:
        for left in (path, f"{path}-journal", f"{path}-wal", f"{path}-shm"):
            with suppress(FileNotFoundError):
                os.unlink(left)  # noqa: PTH108 - a name, not a path


def publish(file: Path, destination: Path) -> int:
    """Give a file beside its destination that name, durably; return its size in bytes."""
    _sync(file)
    _name(file, destination)
    _sync(destination.parent)
    return destination.stat().st_size


def _sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _name(copy: Path, destination: Path) -> None:
    """Give the copy its name; a file that appeared meanwhile is not overwritten."""
    try:
        os.link(copy, destination)
    except FileExistsError as error:
        raise BackupError(f"{destination} exists already", "choose a name that does not exist yet") from error
    except OSError:
        # File systems of memory sticks have no links.
        refuse_existing(destination)
        copy.rename(destination)
