"""What the bridge does by itself: storing, clock work, relays, silence, export."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, fields
import logging
from typing import Final

from sqlalchemy import RowMapping, select

from meter_bridge.engine.engine import Engine
from meter_bridge.engine.export.exporter import (
    Exporter,
    ExportError,
    Group,
    files_to_merge,
    group_of,
    manifest_rows,
    watermark_row,
)
from meter_bridge.engine.maintenance.job_health import JobHealth
from meter_bridge.engine.metering.depletion_polling import DepletionPolling
from meter_bridge.engine.state.periodic import JobError, run_periodically
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.storage import changeset as ops, tables
from meter_bridge.storage.segment_archive import retired_upto
from meter_bridge.storage.segment_files import ExportFile

_LOGGER: Final = logging.getLogger(__name__)

type Job = tuple[str, float, Callable[[], Awaitable[None]]]
"""Its name, the pause in seconds after each time, and what it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """Pauses between two rounds of each job, in seconds; simulations of many days take longer ones."""

    flush: float = 0.1
    relays: float = 0.2
    cut_offs: float = 1.0
    clock: float = 1.0
    silence: float = 5.0
    recovery: float = 1.0
    others: float = 1.0
    """By how much the pauses of further jobs are longer."""


class Scheduler:
    """The tasks of a running bridge."""

    def __init__(
        self,
        engine: Engine,
        exporter: Exporter | None,
        export_every_s: int,
        *further_jobs: Job,
        intervals: Intervals = Intervals(),
    ) -> None:
        self._intervals = intervals
        self._further_jobs = further_jobs
        self._engine = engine
        self._exporter = exporter
        self._files_known = False
        self._unmerged_exports: set[Group] = set()
        """What could not be merged when it was tried last."""
        self._export_every_s = export_every_s
        self._depletion_polling = DepletionPolling(engine.transport)
        self._health = JobHealth(engine.session)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start the tasks."""
        pace, engine, job = self._intervals, self._engine, self._while_accepting
        jobs: list[Job] = [
            ("flush", pace.flush, job(engine.session.flush)),
            ("postings", pace.flush, engine.run_deferred_postings),
            ("relays", pace.relays, self._relays),
            ("cut-offs", pace.cut_offs, job(engine.cut_offs.tick)),
            # A job of its own, so that timers advance also while much clock work takes a while.
            ("protections", pace.clock, job(engine.advance_protections)),
            ("clock", pace.clock, self._clock),
            ("silence", pace.silence, job(engine.check_offline_meters)),
            ("attention", pace.clock, job(self._poll_depletion)),
            ("recovery", pace.recovery, self._recover),
            *((name, pause * pace.others, job) for name, pause, job in self._further_jobs),
        ]
        if self._exporter is not None:
            jobs.append(("export", float(self._export_every_s), self.export))
        self._health.keep_only(name for name, _pause, _job in jobs)
        self._tasks = [
            asyncio.create_task(run_periodically(name, pause, job, note=self._health.note), name=name)
            for name, pause, job in jobs
        ]

    async def stop(self) -> None:
        """End the tasks and store what is not yet stored."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._engine.session.storage_error is None:
            self._engine.session.flush(everything=True)
        await self._engine.session.drain()

    def _while_accepting(self, work: Callable[[], None]) -> Callable[[], Awaitable[None]]:
        """Return a job that does its work while changes can be stored and no site file is being applied."""

        async def job() -> None:
            if self._engine.session.can_change:
                work()

        return job

    async def _relays(self) -> None:
        if self._engine.session.storage_error is None:
            self._engine.relays.tick()

    async def _clock(self) -> None:
        self._engine.check_clock()
        await self._engine.run_due_accounts()

    def _poll_depletion(self) -> None:
        session = self._engine.session
        self._depletion_polling.tick(session.installation, session.clock.now())

    async def _recover(self) -> None:
        if self._engine.session.storage_error is not None:
            await self._engine.try_recover()

    async def export(self) -> None:
        """Export what was posted since the last time, in a child process; raises ``JobError``."""
        engine = self._engine
        if not self._files_known:
            await self._reexport_if_files_missing()
        if not self._files_known:
            return
        await engine.session.drain()
        after, upto = engine.session.installation.exported, engine.session.installation.sequences.entry
        if self._exporter is None or engine.session.storage_error is not None or upto <= after:
            return
        try:
            files = await self._exporter.run(after, upto)
        except ExportError as error:
            raise JobError(str(error)) from error
        tx = Transaction(engine.session.clock.now())
        tx.changeset.extend(ops.UPSERT_EXPORT_FILE, manifest_rows(files, tx.at))
        tx.changeset.add(ops.UPSERT_WATERMARK, watermark_row(upto))
        await self._store(tx)
        engine.session.installation.exported = upto
        await self._merge()

    async def _store(self, tx: Transaction) -> None:
        done = self._engine.session.submit(tx)
        if done is not None:
            await asyncio.shield(done)

    async def _merge(self) -> None:
        """Merge many small exported files into one; those it replaces are kept for who still reads them."""
        engine = self._engine
        manifest = {row["name"]: row for row in self._manifest()}
        chosen = files_to_merge([_export_file(row) for row in manifest.values()], self._unmerged_exports)
        if self._exporter is None or engine.session.storage_error is not None or not chosen:
            return
        try:
            file = await self._exporter.merge(chosen)
        except ExportError as error:
            self._unmerged_exports.add(group_of(chosen[0]))
            raise JobError(f"exported files could not be merged: {error}") from error
        self._unmerged_exports.discard(group_of(chosen[0]))
        tx = Transaction(engine.session.clock.now())
        retired = [{**manifest[merged_file.name], "retired_at": tx.at} for merged_file in chosen]
        tx.changeset.extend(ops.UPSERT_EXPORT_FILE, [*manifest_rows([file], tx.at), *retired])
        await self._store(tx)

    def _manifest(self) -> Sequence[RowMapping]:
        table = tables.export_file
        with self._engine.session.reader.connect() as connection:
            return connection.execute(select(table).where(table.c.retired_at.is_(None))).mappings().all()

    def _has_retired_segments(self) -> bool:
        with self._engine.session.reader.connect() as connection:
            return retired_upto(connection) > 0

    async def _reexport_if_files_missing(self) -> None:
        """Retire the manifest and export everything again where its files are not in this folder."""
        engine = self._engine
        if self._exporter is None or engine.session.storage_error is not None:
            return
        manifest = self._manifest()
        missing = self._exporter.any_missing(row["name"] for row in manifest)
        if missing and self._has_retired_segments():
            raise JobError(
                "exported files are missing here, and older readings are in them alone: copy the folder"
                " 'export' back from the newest backup; nothing is exported until then"
            )
        self._exporter.discard_folder_manifest()
        if missing:
            _LOGGER.warning("Exported files are missing here; everything is exported again")
            tx = Transaction(engine.session.clock.now())
            tx.changeset.extend(ops.UPSERT_EXPORT_FILE, [{**row, "retired_at": tx.at} for row in manifest])
            tx.changeset.add(ops.UPSERT_WATERMARK, watermark_row(0))
            await self._store(tx)
            engine.session.installation.exported = 0
        self._files_known = True


def _export_file(row: RowMapping) -> ExportFile:
    names = (field.name for field in fields(ExportFile))
    return ExportFile(**{name: row[name] for name in names})
