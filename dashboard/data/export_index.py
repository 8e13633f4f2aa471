"""Where segments are: in exported files of this folder, or in the database alone.

A bridge alone keeps its manifest in the database. Where several share the sites each folder has its own, that
is read before the database; until there is one, what was exported before the sites were divided counts.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from meter_bridge.engine.export.folder_manifest import FolderManifest
from meter_bridge.storage.shards import RANGE

LAST: Final = 1 << 62
type Range = tuple[int, int]
"""Numbers after the first one, up to the second."""


def shard_ranges(shards: Sequence[int]) -> list[Range]:
    """Return the ranges of shards, in their order; where there are none, the one of everything."""
    return [(n * RANGE, (n + 1) * RANGE) for n in shards] or [(0, LAST)]


def in_ranges(column: str, ranges: Iterable[Range]) -> str:
    """Return the condition, in SQL, that a number is in any of some ranges."""
    return f"({' OR '.join(f'{column} > {after} AND {column} <= {last}' for after, last in ranges)})"


@dataclass(frozen=True, slots=True)
class ExportIndex:
    """Names of exported files by kind, and the numbers of entries whose segments are in none of them."""

    names: Mapping[str, Sequence[str]]
    ranges_not_exported: Sequence[Range]


def export_index(
    tables: Mapping[str, pa.Table],
    mine: FolderManifest | None,
    file_exists: Callable[[str], bool],
    booked_at: Callable[[int], int | None],
) -> ExportIndex:
    """Return where segments are; ``file_exists`` and ``booked_at`` look into the folder and the journal."""
    shards = tables["shard"]["n"].to_pylist()
    listed = [(row["kind"], row["name"]) for row in tables["export_file"].to_pylist()]
    row = tables["exported"].to_pylist()[0]
    if not shards:
        return ExportIndex(_by_kind(listed), [(row["seq"], LAST)])
    ranges = shard_ranges(shards)
    if mine is not None and all(booked_at(mark.seq) == mark.at for mark in mine.watermarks.values()):
        tail = [(mine.after(n, begin), end) for n, (begin, end) in zip(shards, ranges, strict=True)]
        return ExportIndex(_by_kind((file.kind, file.name) for file in mine.files), tail)
    if row["retired"] or all(file_exists(name) for _, name in listed):
        return ExportIndex(_by_kind(listed), [(max(begin, row["seq"]), end) for begin, end in ranges])
    return ExportIndex({}, ranges)


def _by_kind(files: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for kind, name in files:
        found.setdefault(kind, []).append(name)
    return found
