"""Room for the database: seen before work goes on after a commit failed."""

import os
from pathlib import Path
import tempfile
from typing import Final

from sqlalchemy import Engine

from meter_bridge.storage.errors import StorageError

ROOM_BYTES: Final = 4 * 1024 * 1024
"""What SQLite's write-ahead log grows to before it is emptied: 1,000 pages of 4,096 bytes."""


def see_room(engine: Engine) -> None:
    """Raise ``StorageError`` where the disk of a SQLite file has no room; a server's disk is its own matter.

    On a full disk a small unit still fits into what a larger one that failed left in the write-ahead log. To
    go on because of it would be to fail again at the next, and to be well and broken in turns. The room is
    taken for a moment and not written to, so that no flash wears while the disk is full.
    """
    path = engine.url.database
    if engine.dialect.name != "sqlite" or not path:
        return
    try:
        with tempfile.TemporaryFile(dir=Path(path).absolute().parent, prefix="room-") as file:
            os.posix_fallocate(file.fileno(), 0, ROOM_BYTES)
    except OSError as error:
        msg = f"the disk has no room for {ROOM_BYTES // 1024**2} MiB ({error.strerror or error})"
        raise StorageError(msg) from error
