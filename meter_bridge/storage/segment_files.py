"""Exported files and queries for them, shared by the bridge and its child processes."""

from dataclasses import dataclass
from typing import Final, TypedDict

MANIFEST_NAME: Final = "manifest.json"
"""Manifest of a folder if several bridges share the sites (``folder_manifest``)."""
COMPARED: Final = ("local_day", "kind", "band", "block", "version_id")
"""Keys by which sums of files and database are compared before segments are deleted there."""
MEASURED: Final = ("start_ms", "end_ms", "wh", "amount", "tax")
ROLLUP: Final = "rollup"
SEGMENTS: Final = "segments"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFile:
    """One immutable Parquet file, named relative to the export folder."""

    name: str
    kind: str
    first_seq: int
    """First journal ``seq`` that the run examined, not the first that it found."""
    last_seq: int
    rows: int
    first_day: str | None
    last_day: str | None


class SegmentQuery(TypedDict):
    """A query for exported segments: those of an account, or without one the sums of all."""

    export_dir: str
    files: list[str]
    first: int
    last: int
    account: str | None
