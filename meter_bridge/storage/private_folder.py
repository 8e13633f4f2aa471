"""The data folder is its owner's alone: whoever else can read it has the books, and every token's hash."""

import logging
from pathlib import Path
import stat
from typing import Final

from meter_bridge.storage.errors import StorageError

MODE: Final = 0o700
_OTHERS: Final = stat.S_IRWXO
_LOGGER: Final = logging.getLogger(__name__)


class OpenFolderError(StorageError):
    """A data folder that others may enter, and whose mode cannot be changed; the message has the remedy."""


def make_private(folder: Path) -> None:
    """Make the data folder if it is not there, and close it to everybody but its owner.

    A folder of somebody else, such as a volume of a container, may be left open to its group, with a warning,
    but not to everybody: then raises ``OpenFolderError``.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=MODE)
    mode = stat.S_IMODE(folder.stat().st_mode)
    if not mode & ~MODE & 0o777:
        return
    try:
        folder.chmod(MODE)
    except OSError as error:
        if mode & _OTHERS:
            msg = f"others may enter the data folder {folder} (mode {mode:04o}); run chmod 700 as its owner"
            raise OpenFolderError(msg) from error
        _LOGGER.warning("The group of the data folder %s may enter it (mode %04o)", folder, mode)
    else:
        _LOGGER.warning(
            "The data folder %s was open to others (mode %04o); it has mode 0700 now", folder, mode
        )
