"""Export where bridges share the sites: each exports the segments of all shards into its own folder."""

import asyncio
from collections.abc import Callable
import logging
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, select

from meter_bridge.engine.export.exporter import Exporter, ExportError, Group, files_to_merge, group_of
from meter_bridge.engine.export.folder_manifest import (
    FolderManifest,
    Watermark,
    read_manifest,
    write_manifest,
)
from meter_bridge.engine.state.clock import wall_ms
from meter_bridge.engine.state.periodic import JobError
from meter_bridge.storage import tables
from meter_bridge.storage.segment_archive import retired_upto
from meter_bridge.storage.segment_files import ExportFile
from meter_bridge.storage.shards import Shard

_LOGGER: Final = logging.getLogger(__name__)
_ENTRY: Final = tables.journal_entry.c


class ClusterExport:
    """Keeps the export folder of a worker; what it reads is never changed by anybody."""

    def __init__(
        self,
        reader: Engine,
        exporter: Exporter,
        export_dir: Path,
        count: int,
        now: Callable[[], int] = wall_ms,
    ) -> None:
        """Keep how to ask, and where files go; ``now`` is in milliseconds."""
        self._reader = reader
        self._exporter = exporter
        self._folder = export_dir
        self._shards = [Shard(n, count) for n in range(count)]
        self._now = now
        self._unmerged: set[Group] = set()
        """What could not be merged when it was tried last."""

    async def export(self) -> None:
        """Export what every shard posted since the last time, in child processes.

        Raises ``JobError`` and ``OSError``.
        """
        manifest = await asyncio.to_thread(self._read_manifest)
        try:
            for shard in self._shards:
                manifest = await self._export(shard, manifest)
            await self._merge(manifest)
        except ExportError as error:
            raise JobError(str(error)) from error

    async def _export(self, shard: Shard, manifest: FolderManifest) -> FolderManifest:
        """Export what a shard posted; raises ``ExportError``."""
        newest = await asyncio.to_thread(self._newest, shard)
        after = manifest.after(shard.n, shard.first)
        if newest is None or newest.seq <= after:
            return manifest
        files = await self._exporter.run(after, newest.seq)
        manifest = manifest.exported(shard.n, newest, files)
        await asyncio.to_thread(write_manifest, self._folder, manifest)
        return manifest

    async def _merge(self, manifest: FolderManifest) -> None:
        """Let many small files become one; raises ``ExportError``."""
        chosen = files_to_merge(manifest.files, self._unmerged)
        if chosen:
            group = group_of(chosen[0])
            self._unmerged.add(group)
            merged = manifest.merged(chosen, await self._exporter.merge(chosen), self._now())
            self._unmerged.discard(group)
            await asyncio.to_thread(write_manifest, self._folder, merged)

    def _newest(self, shard: Shard) -> Watermark | None:
        """Return the newest entry of a shard; its owner commits them in the order of their numbers."""
        query = select(_ENTRY.seq, _ENTRY.at).where(shard.numbers(_ENTRY.seq))
        with self._reader.connect() as connection:
            found = connection.execute(query.order_by(_ENTRY.seq.desc()).limit(1)).first()
        return None if found is None else Watermark(*found)

    def _read_manifest(self) -> FolderManifest:
        """Return what is in the folder; raises ``JobError`` where it lacks what is in files alone.

        The folder itself says so, or the database, of before the sites were divided; or all begins anew.
        """
        found = read_manifest(self._folder)
        with self._reader.connect() as connection:
            if (
                found is not None
                and not self._exporter.any_missing(found.names)
                and _matches_database(connection, found)
            ):
                return found
            stored = _files_before_sharding(connection)
            if not self._exporter.any_missing(stored.names):
                return stored
            if retired_upto(connection):
                raise JobError(
                    f"exported files are missing in {self._folder}, and older readings are in them alone:"
                    " copy the folder from the bridge that was there first; nothing is exported until then"
                )
        _LOGGER.warning("Exported files are missing in %s; everything is exported again", self._folder)
        return FolderManifest()


def _matches_database(connection: Connection, manifest: FolderManifest) -> bool:
    """Return whether the files are of this database, and not of one that went on from an older backup."""
    marks = manifest.watermarks.values()
    return all(_booked_at(connection, mark.seq) == mark.at for mark in marks)


def _booked_at(connection: Connection, seq: int) -> int | None:
    """Return when an entry was booked, None where there is none of that number."""
    return connection.execute(select(_ENTRY.at).where(_ENTRY.seq == seq)).scalar()


def _files_before_sharding(connection: Connection) -> FolderManifest:
    """Return the files that were exported before the sites were divided."""
    file = tables.export_file
    fields = [file.c[name] for name in ExportFile.__dataclass_fields__]
    rows = connection.execute(select(*fields).where(file.c.retired_at.is_(None))).mappings()
    files = tuple(ExportFile(**row) for row in rows)
    upto = connection.execute(select(tables.export_watermark.c.seq)).scalar()
    at = None if upto is None else _booked_at(connection, upto)
    if upto is None or at is None:
        return FolderManifest()
    return FolderManifest(watermarks={0: Watermark(upto, at)}, files=files)
