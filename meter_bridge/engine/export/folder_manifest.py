"""What the export folder of one of several bridges holds, in a file beside the exported ones.

Where bridges share the sites each exports the segments of all into its own folder, so that none needs what
another has, and nothing depends on who owns what. Segments are only ever appended: those up to the watermarks
are in the files, whoever reads the manifest first finds all others in the database.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import msgspec

from meter_bridge.storage.atomic_file import sync
from meter_bridge.storage.segment_files import MANIFEST_NAME, ExportFile

RETIRED_KEPT_MS: Final = 3_600_000
"""Who read the manifest before a file was retired may still read the file for so long."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """The last journal entry of a shard whose segments are in files."""

    seq: int
    at: int
    """When it was booked: entries of that number in another database were not booked then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderManifest:
    """The files of a folder, and up to where they hold the segments of each shard."""

    watermarks: Mapping[int, Watermark] = field(default_factory=dict)
    files: Sequence[ExportFile] = ()
    retired: Mapping[str, int] = field(default_factory=dict)
    """Files that were merged into others, with the instant of it."""

    @property
    def names(self) -> list[str]:
        """Return the names of the files in force."""
        return [file.name for file in self.files]

    def after(self, shard: int, begin: int) -> int:
        """Return the last entry of a shard that is in the files, or ``begin``, before its first."""
        mark = self.watermarks.get(shard)
        return begin if mark is None else mark.seq

    def exported(self, shard: int, upto: Watermark, files: Iterable[ExportFile]) -> FolderManifest:
        """Return the manifest after a run for a shard."""
        return replace(self, watermarks={**self.watermarks, shard: upto}, files=(*self.files, *files))

    def merged(self, chosen: Sequence[ExportFile], into: ExportFile, at: int) -> FolderManifest:
        """Return the manifest after some files became one, without those that nobody reads any more."""
        kept = {name: since for name, since in self.retired.items() if since > at - RETIRED_KEPT_MS}
        rest = [file for file in self.files if file not in chosen]
        return replace(
            self, files=(*rest, into), retired=kept | dict.fromkeys((file.name for file in chosen), at)
        )


def read_manifest(export_dir: Path) -> FolderManifest | None:
    """Return the manifest of a folder, None where there is none that can be read."""
    try:
        return msgspec.json.decode((export_dir / MANIFEST_NAME).read_bytes(), type=FolderManifest)
    except OSError, msgspec.MsgspecError:
        return None


def write_manifest(export_dir: Path, manifest: FolderManifest) -> None:
    """Put a manifest in place of the one there was, whole or not at all; raises ``OSError``."""
    export_dir.mkdir(parents=True, exist_ok=True)
    temporary = export_dir / f".{MANIFEST_NAME}.tmp"
    temporary.write_bytes(msgspec.json.encode(manifest))
    sync(temporary)
    temporary.rename(export_dir / MANIFEST_NAME)
    sync(export_dir)
