"""How the last backups ended, kept in the data folder: who makes them each night looks at no output."""

from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from meter_bridge.engine.state.clock import wall_ms
from meter_bridge.engine.state.periodic import JobError
from meter_bridge.storage.atomic_file import temporary

FILE_NAME: Final = "backup.json"
CHECK_S: Final = 60.0
MIN_FAILURES: Final = 2
"""In a row, after which it is told; one may be a mistake of somebody who sees it."""
DAY_MS: Final = 86_400_000


class BackupRecord(msgspec.Struct, frozen=True):
    """The backups that failed since the last one that did not."""

    failures: int = 0
    since: int = 0
    """Instant of the first of them."""
    reason: str = ""
    """Of the last of them."""


def read_record(data: Path) -> BackupRecord:
    """Return what is on record; nothing if it cannot be read."""
    with suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode((data / FILE_NAME).read_bytes(), type=BackupRecord)
    return BackupRecord()


def record_outcome(data: Path, failure: str | None, now: int | None = None) -> None:
    """Record how a backup ended; a folder that cannot be written to is no reason for a backup to fail."""
    known = read_record(data)
    if failure is None and not known.failures:
        return
    now = wall_ms() if now is None else now
    since = known.since if known.failures else now
    record = BackupRecord() if failure is None else BackupRecord(known.failures + 1, since, failure)
    with suppress(OSError), temporary(data, FILE_NAME) as file:
        file.write_bytes(msgspec.json.encode(record))
        # Root may make backups: the bridge's own user is to read it, in a folder that keeps others out.
        file.chmod(0o644)
        file.replace(data / FILE_NAME)


class BackupWatch:
    """Tells that backups keep failing."""

    def __init__(self, data: Path) -> None:
        self._data = data

    async def tick(self) -> None:
        """Raise ``JobError`` if the last backups failed."""
        record = read_record(self._data)
        old = record.failures > 0 and wall_ms() - record.since > DAY_MS
        if record.failures >= MIN_FAILURES or old:
            raise JobError(record.reason, since=record.since)
