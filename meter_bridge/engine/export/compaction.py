"""Which exported files become one, so that a year is hundreds of files and not tens of thousands.

An export writes a small file every quarter of an hour. Small files of a kind and month are merged once there
are many of them, or as many rows as are merged at once; of a month that is over, once there are two. A merged
file that has grown large is left alone.
"""

from collections.abc import Collection, Sequence
from typing import Final

from meter_bridge.storage.segment_files import ExportFile

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
    """Return the first files whose rows can be merged at once."""
    rows = 0
    for count, file in enumerate(files):
        rows += file.rows
        if rows > MAX_MERGED_ROWS:
            return tuple(files[:count])
    return tuple(files)
