"""What exported files are and what is asked of them, for the bridge and for its children."""

from dataclasses import dataclass
from typing import Final, TypedDict

MANIFEST_NAME: Final = "manifest.json"
"""What a folder holds where bridges share the sites (``folder_manifest``)."""
COMPARED: Final = ("local_day", "kind", "band", "block", "version_id")
"""What sums of files and of the database are compared by, before the database lets go of segments."""
MEASURED: Final = ("start_ms", "end_ms", "wh", "amount", "tax")
ROLLUP: Final = "rollup"
SEGMENTS: Final = "segments"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFile:
    """One immutable Parquet file, named relative to the export folder."""

    name: str
    kind: str
    first_seq: int
    """First journal ``seq`` that the run looked at, not the first that it found."""
    last_seq: int
    rows: int
    first_day: str | None
    last_day: str | None


class Asked(TypedDict):
    """What is asked of exported segments: an account's, or the sums of all where none is named."""

    export_dir: str
    files: list[str]
    first: int
    last: int
    account: str | None
