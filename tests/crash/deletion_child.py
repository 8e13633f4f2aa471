"""A child process whose bridge reads meters, exports, merges files and lets old readings go, all the time.

Run as ``python deletion_child.py FOLDER``; it prints each step as it begins, and what is stored once it is.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
import sys
from typing import override

from sqlalchemy import Connection

from meter_bridge.devices.base.driver import Report
from meter_bridge.engine.engine import Engine
from meter_bridge.engine.export import exporter, retention
from meter_bridge.engine.export.exporter import Exporter
from meter_bridge.engine.jobs import Scheduler
from meter_bridge.engine.metering.readings import ReportHandler
from meter_bridge.engine.state.clock import Clocks, monotonic_ms
from meter_bridge.runtime.application import build_application
from meter_bridge.runtime.bridge import DeviceTransport
from meter_bridge.storage import changeset as ops
from meter_bridge.storage.changeset import Changeset
from meter_bridge.storage.database import DATABASE_NAME, open_reader, open_writer
from meter_bridge.storage.segment_archive import EXPORT_NAME, Archive, Sums
from meter_bridge.storage.segment_files import ExportFile
from meter_bridge.storage.writer import ThreadWriter
from tests.crash.booking import last_instant

KEPT_DAYS = 5
FEW_ENTRIES = 2
"""Entries that are deleted in one transaction."""
FEW_FILES = 2
"""Files of the newest month that are merged."""
EXPORT_EVERY_S = 1
LET_GO_EVERY_S = 0.3
HASTE = 1_000
"""A quarter of an hour passes each second."""
AWAY_MS = 86_400_000
"""Time without a bridge before each life, so that there is always something that has become old."""
EXPORTING, MERGING, COMPARING = "exporting", "merging", "comparing"
STORED = {
    ops.DELETE_SEGMENTS: "letting go",
    ops.UPSERT_WATERMARK: "storing an export",
    ops.UPSERT_EXPORT_FILE: "storing a merged file",
}
"""What is printed for a transaction by its content; the first match counts."""


def register(instant: int) -> int:
    """Return the register of every meter at an instant: always 6 kW."""
    return instant // 600 - 2_980_000_000


def done(step: str) -> str:
    """Return what is printed once a step is stored."""
    return f"{step}: done"


def _print_step(step: str) -> None:
    print(step, flush=True)  # noqa: T201 - the parent chooses by it when to kill


class _Exporter(Exporter):
    @override
    async def run(self, after: int, upto: int) -> list[ExportFile]:
        _print_step(EXPORTING)
        return await super().run(after, upto)

    @override
    async def merge(self, files: Sequence[ExportFile]) -> ExportFile:
        _print_step(MERGING)
        return await super().merge(files)


class _Archive(Archive):
    @override
    def sums(self, connection: Connection, first: int, last: int) -> Sums:
        _print_step(COMPARING)
        return super().sums(connection, first, last)


class _Writer(ThreadWriter):
    @override
    def commit(self, work: Changeset) -> asyncio.Future[None]:
        step = next((step for op, step in STORED.items() if op in work.rows), None)
        if step is None:
            return super().commit(work)
        _print_step(step)
        ended = super().commit(work)
        ended.add_done_callback(lambda _: _print_step(done(step)))
        return ended


async def main(folder: Path) -> None:
    """Run until killed."""
    vars(retention)["DELETE_BATCH"] = FEW_ENTRIES
    vars(exporter)["MERGE_FROM"] = FEW_FILES
    database, export_dir = folder / DATABASE_NAME, folder / EXPORT_NAME
    begin, started = last_instant(folder) + AWAY_MS, monotonic_ms()
    clocks = Clocks(
        lambda: begin + (monotonic_ms() - started) * HASTE, lambda: monotonic_ms() * HASTE, lambda: True
    )
    store = _Writer(open_writer(database), asyncio.get_running_loop())
    engine = Engine(open_reader(database), store, DeviceTransport(), clocks)
    build_application(engine, folder)
    deletion = retention.Retention(engine.session, _Archive(export_dir), KEPT_DAYS)
    job = ("retention", LET_GO_EVERY_S, deletion.tick)
    Scheduler(engine, _Exporter(database, export_dir), EXPORT_EVERY_S, job).start()
    await _read(engine.intake, engine)


async def _read(intake: ReportHandler, engine: Engine) -> None:
    while True:
        wh = register(engine.session.clock.now())
        addresses = engine.session.installation.by_energy_address
        intake.handle([Report(address, register_wh=wh, power_mw=6_000_000) for address in addresses])
        await asyncio.sleep(0.05)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
