"""An export waits until entries are on disk: those that it does not find there would never be exported."""

import asyncio
from pathlib import Path
from typing import override

import pytest

from meter_bridge.engine.export.exporter import Exporter
from meter_bridge.engine.jobs import Scheduler
from meter_bridge.storage.changeset import Changeset
from meter_bridge.storage.segment_files import ExportFile
from tests.engine.harness import House


class Watched(Exporter):
    """Notes what is on disk when an export begins."""

    def __init__(self, house: House, folder: Path) -> None:
        """Watch the database of a house."""
        super().__init__(house.location, folder)
        self._house = house
        self.begun: list[tuple[object, int]] = []
        """The newest entry on disk, and up to which is exported."""

    @override
    async def run(self, after: int, upto: int) -> list[ExportFile]:
        ((newest,),) = self._house.rows("SELECT max(seq) FROM journal_entry")
        self.begun.append((newest, upto))
        return await super().run(after, upto)


async def test_an_export_waits_for_what_is_not_on_disk_yet(
    flat: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter = Watched(flat, tmp_path / "export")
    daemon = Scheduler(flat.engine, exporter, 1)
    await daemon.export()
    at_once, disk, tasks = flat.store.commit, asyncio.Event(), set[asyncio.Task[None]]()

    def later(work: Changeset) -> asyncio.Future[None]:
        """Commit once the disk gets to it, as a writer on a thread does."""
        done = asyncio.get_running_loop().create_future()

        async def commit() -> None:
            await disk.wait()
            await at_once(work)
            done.set_result(None)

        tasks.add(asyncio.create_task(commit()))
        return done

    monkeypatch.setattr(flat.store, "commit", later)
    topping_up = asyncio.create_task(flat.top_up("5.00"))
    while not tasks:  # noqa: ASYNC110 - nothing tells that a unit was handed over
        await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(0.01, disk.set)
    await daemon.export()
    await topping_up
    assert [newest for newest, _ in exporter.begun] == [upto for _, upto in exporter.begun]
    assert len(exporter.begun) == 2
