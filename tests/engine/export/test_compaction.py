"""Many small exported files become one: which, that it holds the same, and what becomes of the others."""

from collections.abc import Sequence
import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from meter_bridge.engine.export import merge_child
from meter_bridge.engine.export.export_child import LEFTOVER_GRACE_S
from meter_bridge.engine.export.exporter import (
    LARGE_ROWS,
    MAX_MERGED_ROWS,
    MERGE_FROM,
    Exporter,
    files_to_merge,
    group_of,
)
from meter_bridge.engine.export.merge_child import MergeError
from meter_bridge.engine.jobs import Scheduler
from meter_bridge.engine.state.periodic import JobError
from meter_bridge.storage.segment_files import ROLLUP, SEGMENTS, ExportFile
from tests.engine.harness import HOUR, House, house

FEW = 3
EXPORTS = FEW + 1


def _files(count: int, month: str = "2026-11", rows: int = 10, kind: str = SEGMENTS) -> list[ExportFile]:
    """Return small files of a month, one after the other."""
    return [
        ExportFile(
            name=f"{kind}/{month}-{each}",
            kind=kind,
            first_seq=each * 10 + 1,
            last_seq=each * 10 + 10,
            rows=rows,
            first_day=f"{month}-01",
            last_day=f"{month}-02",
        )
        for each in range(count)
    ]


def test_the_newest_month_waits_for_many_files_and_a_month_that_is_over_for_two() -> None:
    assert files_to_merge(_files(MERGE_FROM - 1)) == ()
    assert files_to_merge(_files(MERGE_FROM)) == tuple(_files(MERGE_FROM))
    earlier = _files(2, "2026-10")
    assert files_to_merge([*_files(MERGE_FROM - 1), *earlier]) == tuple(earlier)
    assert files_to_merge([*_files(1, "2026-10"), *_files(1)]) == ()


def test_kinds_are_merged_apart_and_large_files_not_at_all() -> None:
    mixed = [*_files(MERGE_FROM - 1), *_files(MERGE_FROM, kind=ROLLUP)]
    assert {file.kind for file in files_to_merge(mixed)} == {ROLLUP}
    assert files_to_merge(_files(MERGE_FROM, rows=LARGE_ROWS)) == ()


def test_what_could_not_be_merged_is_tried_after_all_else() -> None:
    damaged, sound = _files(2, "2026-09"), _files(2, "2026-10")
    files = [*damaged, *sound, *_files(1)]
    assert files_to_merge(files) == tuple(damaged)
    assert files_to_merge(files, {group_of(damaged[0])}) == tuple(sound)
    assert files_to_merge([*damaged, *_files(1)], {group_of(damaged[0])}) == tuple(damaged)


def test_no_more_rows_are_merged_than_memory_is_meant_for() -> None:
    chosen = files_to_merge(_files(MERGE_FROM * 10, rows=MAX_MERGED_ROWS // (MERGE_FROM * 2)))
    assert len(chosen) == MERGE_FROM * 2
    assert len(files_to_merge(_files(6, rows=MAX_MERGED_ROWS // 4))) == 4


def current(flat: House, kind: str) -> list[str]:
    query = f"SELECT name FROM export_file WHERE retired_at IS NULL AND kind = '{kind}' ORDER BY name"
    return [str(name) for (name,) in flat.rows(query)]


def rows_of(folder: Path, names: Sequence[str], *keys: str) -> list[tuple[object, ...]]:
    """Return columns of files, in the order of their values."""
    found = [row for name in names for row in pq.ParquetFile(folder / name).read().to_pylist()]
    return sorted(tuple(row[key] for key in keys) for row in found)


async def test_files_of_many_exports_become_one_that_holds_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meter_bridge.engine.export.exporter.MERGE_FROM", FEW)
    folder = tmp_path / "export"
    async with house(tmp_path) as flat:
        exporter = Exporter(flat.location, folder)
        daemon = Scheduler(flat.engine, exporter, 1)
        await flat.read(10_000, power_w=500)
        written: set[str] = set()
        for hour in range(1, EXPORTS + 1):
            await flat.read(10_000 + 500 * hour, after=HOUR, power_w=500)
            await flat.tick()
            await daemon.export()
            written |= {*current(flat, SEGMENTS), *current(flat, ROLLUP)}
        assert len(current(flat, SEGMENTS)) < FEW
        assert len(current(flat, ROLLUP)) < FEW
        posted = flat.rows("SELECT entry_seq, n, wh, amount, tax FROM segment")
        assert rows_of(folder, current(flat, SEGMENTS), "entry_seq", "n", "wh", "amount", "tax") == sorted(
            posted
        )
        sums = rows_of(folder, current(flat, ROLLUP), "wh", "amount", "tax")
        assert [sum(map(int, column)) for column in zip(*sums, strict=True)] == [
            int(str(each)) for each in flat.rows("SELECT sum(wh), sum(amount), sum(tax) FROM segment")[0]
        ]
        retired = written - {*current(flat, SEGMENTS), *current(flat, ROLLUP)}
        assert retired
        assert all((folder / name).is_file() for name in written), "who read the manifest before reads on"
        _make_old(folder)
        await flat.read(10_000 + 500 * (EXPORTS + 1), after=HOUR, power_w=500)
        await flat.tick()
        await daemon.export()
        assert not any((folder / name).exists() for name in retired)
        assert all((folder / name).is_file() for name in current(flat, SEGMENTS))


async def test_a_damaged_file_is_named_and_keeps_no_other_from_being_merged(
    flat: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meter_bridge.engine.export.exporter.MERGE_FROM", FEW)
    folder = tmp_path / "export"
    daemon = Scheduler(flat.engine, Exporter(flat.location, folder), 1)
    await flat.read(10_000, power_w=500)
    damaged, told = "", ""
    for hour in range(1, FEW + 2):
        await flat.read(10_000 + 500 * hour, after=HOUR, power_w=500)
        await flat.tick()
        try:
            await daemon.export()
        except JobError as error:
            told += str(error)
        damaged = damaged or current(flat, ROLLUP)[0]
        (folder / damaged).write_bytes(b"no parquet")
    assert len(current(flat, ROLLUP)) == FEW + 1
    assert len(current(flat, SEGMENTS)) < FEW
    assert f"{damaged} cannot be read" in told


def _make_old(folder: Path) -> None:
    """Let the files be older than the time for which a retired one is kept."""
    for path in folder.rglob("*.parquet"):
        os.utime(path, (path.stat().st_mtime - 2 * LEFTOVER_GRACE_S,) * 2)


async def _two_files(flat: House, folder: Path) -> list[ExportFile]:
    """Return two exported files of one month."""
    exporter = Exporter(flat.location, folder)
    await flat.read(10_000, power_w=500)
    written: list[ExportFile] = []
    for hour in (1, 2):
        await flat.read(10_000 + 500 * hour, after=HOUR, power_w=500)
        await flat.tick()
        upto = flat.engine.session.installation.sequences.entry
        written += await exporter.run(written[-1].last_seq if written else 0, upto)
    return [file for file in written if file.kind == SEGMENTS]


async def test_a_file_that_holds_less_replaces_nothing(
    flat: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = await _two_files(flat, tmp_path)
    monkeypatch.setattr(merge_child, "_SEGMENTS", "FROM held LIMIT (SELECT count(*) - 1 FROM held)")
    with pytest.raises(MergeError, match="does not hold what 2 files hold"):
        merge_child.merge_files(tmp_path, files)
    assert sorted(path.name for path in (tmp_path / SEGMENTS).rglob("*.parquet")) == sorted(
        Path(file.name).name for file in files
    )


async def test_a_file_that_lost_rows_is_not_merged(flat: House, tmp_path: Path) -> None:
    first, second = await _two_files(flat, tmp_path)
    table = pq.ParquetFile(tmp_path / first.name).read()
    pq.write_table(table.slice(1), tmp_path / first.name)
    with pytest.raises(MergeError, match=f"has {first.rows - 1} rows, not {first.rows}"):
        merge_child.merge_files(tmp_path, [first, second])
