"""Writing a file that appears under its name only once it is complete and on disk."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
import os
from pathlib import Path
import tempfile

from meter_bridge.storage.errors import BackupError, DestinationExistsError


def refuse_existing(destination: Path) -> None:
    """Raise ``BackupError`` if the destination exists or its folder does not."""
    if destination.exists() or destination.is_symlink():
        raise DestinationExistsError(destination)
    if not destination.parent.is_dir():
        raise BackupError(f"{destination.parent} is not a folder", "make it first")


@contextmanager
def temporary(folder: Path, name: str) -> Iterator[Path]:
    """Provide a new file in a folder that only its owner may read, and remove it afterwards."""
    number, path = tempfile.mkstemp(prefix=f".{name}.", suffix=".part", dir=folder)
    os.close(number)
    try:
        yield Path(path)
    finally:
        for left in (path, f"{path}-journal", f"{path}-wal", f"{path}-shm"):
            with suppress(FileNotFoundError):
                os.unlink(left)  # noqa: PTH108 - a name, not a path


def publish(file: Path, destination: Path) -> int:
    """Rename a file to its destination in the same folder, durably; return its size in bytes."""
    sync(file)
    _name(file, destination)
    sync(destination.parent)
    return destination.stat().st_size


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _name(copy: Path, destination: Path) -> None:
    try:
        os.link(copy, destination)
    except FileExistsError as error:
        raise DestinationExistsError(destination) from error
    except OSError:
        # File systems of memory sticks have no links.
        refuse_existing(destination)
        copy.rename(destination)
