"""Disk space of the database, checked before commits resume after a failure."""

import os
from pathlib import Path
import tempfile
from typing import Final

from sqlalchemy import Engine

from meter_bridge.storage.errors import StorageError

NEEDED_BYTES: Final = 4 * 1024 * 1024
"""Size at which SQLite's write-ahead log is checkpointed: 1,000 pages of 4,096 bytes."""


def check_disk_space(engine: Engine) -> None:
    """Raise ``StorageError`` if the disk of a SQLite file is full; a server watches its own disk.

    On a full disk a small changeset still fits into the space that a larger one, which failed, left in the
    write-ahead log. Resuming because of that would fail again at the next one, so that the bridge would keep
    alternating. The space is allocated briefly without being written, so as not to wear flash memory.
    """
    path = engine.url.database
    if engine.dialect.name != "sqlite" or not path:
        return
    try:
        with tempfile.TemporaryFile(dir=Path(path).absolute().parent, prefix="room-") as file:
            os.posix_fallocate(file.fileno(), 0, NEEDED_BYTES)
    except OSError as error:
        msg = f"the disk has no room for {NEEDED_BYTES // 1024**2} MiB ({error.strerror or error})"
        raise StorageError(msg) from error
