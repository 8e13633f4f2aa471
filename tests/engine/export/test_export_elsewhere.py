"""Exported files belong to a folder; a bridge that takes over in another exports everything anew, once."""

from pathlib import Path
import shutil

from meter_bridge.engine.export.exporter import Exporter
from meter_bridge.engine.jobs import Scheduler
from tests.engine.harness import HOUR, House, house, opened


async def use(flat: House) -> None:
    """Let some hours of use be posted."""
    await flat.read(10_000, power_w=500)
    for hour in range(1, 5):
        await flat.read(10_000 + 500 * hour, after=HOUR, power_w=500)
    await flat.tick()


def current(flat: House) -> list[tuple[object, ...]]:
    return flat.rows("SELECT name, rows FROM export_file WHERE retired_at IS NULL AND kind = 'segments'")


async def test_what_was_exported_elsewhere_is_exported_again(tmp_path: Path) -> None:
    async with house(tmp_path) as flat:
        await use(flat)
        await Scheduler(flat.engine, Exporter(flat.location, tmp_path / "export"), 1).export()
        before = current(flat)
    shutil.move(tmp_path / "export", tmp_path / "of the first machine")
    async with opened(tmp_path, flat.time) as second:
        daemon = Scheduler(second.engine, Exporter(second.location, tmp_path / "export"), 1)
        await daemon.export()
        again = current(second)
        ((posted,),) = second.rows("SELECT count(*) FROM segment")
        assert sum(int(str(rows)) for _, rows in again) == posted
        assert all((tmp_path / "export" / str(name)).is_file() for name, _ in again)
        assert len(again) == len(before)
        await daemon.export()
        assert current(second) == again


async def test_files_that_are_there_are_kept(tmp_path: Path) -> None:
    async with house(tmp_path) as flat:
        await use(flat)
        exporter = Exporter(flat.location, tmp_path / "export")
        await Scheduler(flat.engine, exporter, 1).export()
        before = current(flat)
        await Scheduler(flat.engine, exporter, 1).export()
        assert current(flat) == before
        assert before
