"""Export of segments to Parquet: the bridge's side of it.

A child process writes the files, so that neither its memory nor its time is the bridge's, and because ADBC
brings a SQLite of its own: two copies of SQLite in one process drop each other's file locks. The files count
only once the engine has committed their manifest rows together with the watermark; until then they are
invisible.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
import json
from pathlib import Path
from typing import Final

import msgspec

from meter_bridge.child_process import ChildError, run_module
from meter_bridge.storage.location import Location, written
from meter_bridge.storage.segment_files import MANIFEST_NAME, ExportFile

MERGE_MODULE: Final = "meter_bridge.engine.export.merge_child"
EXPORT_MODULE: Final = "meter_bridge.engine.export.export_child"
WATERMARK_ID: Final = 1
"""Key of the single row of ``export_watermark``."""


class ExportError(RuntimeError):
    """An export run that failed; nothing of it is visible and it may be repeated."""


class _ChildResult(msgspec.Struct):
    files: list[ExportFile]
    peak_bytes: int


def manifest_rows(files: Sequence[ExportFile], created_at: int) -> list[dict[str, str | int | bool | None]]:
    """Return the rows of ``export_file`` for a run; commit them together with ``watermark_row``."""
    return [
        {**asdict(file), "created_at": created_at, "retired_at": None, "checked": False} for file in files
    ]


def watermark_row(upto: int) -> dict[str, int]:
    """Return the row of ``export_watermark`` after a run up to a journal ``seq``, files or not."""
    return {"id": WATERMARK_ID, "seq": upto}


class Exporter:
    """Runs one export child at a time."""

    def __init__(self, database: Location, export_dir: Path) -> None:
        self._database = database
        self._export_dir = export_dir
        self._lock = asyncio.Lock()
        self.peak_bytes: int | None = None
        """Peak resident memory of the last child."""

    def any_missing(self, names: Iterable[str]) -> bool:
        """Return whether a file of the manifest is not in this folder, as after a takeover elsewhere."""
        return not all((self._export_dir / name).is_file() for name in names)

    def discard_folder_manifest(self) -> None:
        """Forget the folder's own manifest: where one bridge serves all sites the database has it."""
        (self._export_dir / MANIFEST_NAME).unlink(missing_ok=True)

    async def run(self, after: int, upto: int) -> list[ExportFile]:
        """Write segments of journal entries after < seq <= upto and return the new files.

        Raises ``ExportError``. A cancelled run ends its child.
        """
        async with self._lock:
            # Not on the command line, where everyone on the machine can read a password.
            stdin = written(self._database).encode()
            answer = await self._run_child(stdin, EXPORT_MODULE, "--after", str(after), "--upto", str(upto))
        self.peak_bytes = answer.peak_bytes
        return answer.files

    async def merge(self, files: Sequence[ExportFile]) -> ExportFile:
        """Write one file of what some files of a kind and month hold, and return it; they stay.

        Raises ``ExportError``.
        """
        async with self._lock:
            answer = await self._run_child(
                json.dumps([asdict(file) for file in files]).encode(), MERGE_MODULE
            )
        (merged,) = answer.files
        return merged

    async def _run_child(self, stdin: bytes, module: str, *more: str) -> _ChildResult:
        folder = "--export-dir", str(self._export_dir)
        try:
            printed = await run_module(module, *folder, *more, stdin=stdin)
        except ChildError as error:
            raise ExportError(f"export child {error}") from error
        return msgspec.json.decode(printed, type=_ChildResult)


MERGE_FROM: Final = 24
"""Small files of the newest month that are merged: six hours of exports."""
LARGE_ROWS: Final = 262_144
"""A file of so many rows is not merged any more."""
MAX_MERGED_ROWS: Final = 524_288
"""Rows that are merged at once, which bounds the memory of it."""

type Group = tuple[str, str]
"""Kind and month of files."""


def group_of(file: ExportFile) -> Group:
    """Return with which other files one may be merged."""
    return file.kind, (file.first_day or "")[:7]


def files_to_merge(files: Sequence[ExportFile], last: Collection[Group] = ()) -> tuple[ExportFile, ...]:
    """Return files in force of one kind and month that should become one; none where all is well.

    ``last`` are those that could not be merged before: a damaged file keeps no other month from its turn.
    """
    groups: dict[Group, list[ExportFile]] = {}
    for file in sorted(files, key=lambda each: (each.first_seq, each.name)):
        if file.rows < LARGE_ROWS and file.first_day is not None:
            groups.setdefault(group_of(file), []).append(file)
    newest = max((month for _, month in groups), default="")
    for group in sorted(groups, key=lambda each: (each in last, each)):
        small, (_, month) = groups[group], group
        chosen = _limit_rows(small)
        waits = month == newest and len(chosen) == len(small)
        if len(chosen) >= (MERGE_FROM if waits else 2):
            return chosen
    return ()


def _limit_rows(files: Sequence[ExportFile]) -> tuple[ExportFile, ...]:
    rows = 0
    for count, file in enumerate(files):
        rows += file.rows
        if rows > MAX_MERGED_ROWS:
            return tuple(files[:count])
    return tuple(files)
