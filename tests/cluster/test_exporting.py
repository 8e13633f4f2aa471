"""Each of several bridges exports all sites into its own folder; the dashboard beside any shows all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
import os
from pathlib import Path
import shutil
import time

import pytest
from sqlalchemy import URL

from dashboard.data.snapshot import read_snapshot
from dashboard.data.snapshot_sql import Scope
from dashboard.data.warehouse import Warehouse
from dashboard.pricing.audit import audit
from meter_bridge.cluster.exporting import ClusterExport
from meter_bridge.cluster.worker import Worker
from meter_bridge.config.settings import Settings
from meter_bridge.devices.broker.url import parse_broker_url
from meter_bridge.engine.export import exporter
from meter_bridge.engine.export.exporter import Exporter
from meter_bridge.engine.export.folder_manifest import read_manifest
from meter_bridge.engine.jobs import Scheduler
from meter_bridge.engine.state.periodic import JobError
from meter_bridge.storage import tables
from meter_bridge.storage.database import DATABASE_NAME, open_reader, open_writer
from meter_bridge.storage.location import written
from meter_bridge.storage.segment_archive import EXPORT_NAME
from meter_bridge.storage.segment_files import MANIFEST_NAME
from meter_bridge.storage.shards import WHOLE, Shard
from tests.engine.harness import HOUR, LANDLORD, VirtualTime
from tests.engine.test_shards import TWO, Owner, Street, street
from tests.storage.conftest import server_database
from tests.storage.template import ON_POSTGRESQL, forget, new_location

__all__ = ("server_database",)
SEGMENTS = """
    SELECT account_id, sum(wh)::BIGINT AS wh, count(*) AS n, count(DISTINCT (entry_seq, n)) AS different
    FROM segment WHERE wh > 0 GROUP BY account_id ORDER BY account_id"""
ROLLUP = "SELECT account_id, sum(wh)::BIGINT AS wh FROM rollup GROUP BY account_id ORDER BY account_id"


async def use(owners: dict[str, Owner], found: Street, *registers: int) -> None:
    """Let units come to registers, hour by hour, and post that."""
    for wh in registers:
        found.time.forward(HOUR)
        for unit, owner in owners.items():
            await owner.read(unit, wh)
            await owner.engine.run_deferred_postings(everything=True)
            await owner.engine.session.drain()


async def go_on(found: Street, *registers: int) -> None:
    """Let the owners of both shards charge."""
    async with found.owner(Shard(0, 2)) as first, found.owner(Shard(1, 2)) as second:
        await use({"n1": first, "s1": second}, found, *registers)


async def export(found: Street, data: Path) -> None:
    """Export as the worker with a data folder does."""
    reader, folder = open_reader(found.location), data / EXPORT_NAME
    try:
        await ClusterExport(reader, Exporter(found.location, folder), folder, 2).export()
    finally:
        reader.dispose()


async def made(folder: Path) -> Street:
    """Make an installation that a bridge alone exported, and then, divided, the second of two."""
    found = Street(new_location(folder / "a"), folder / "a", VirtualTime())
    async with found.owner(WHOLE) as owner:
        await owner.apply(street(TWO))
        await use({"n1": owner, "s1": owner}, found, 0, 1_000, 2_000)
        await Scheduler(owner.engine, Exporter(found.location, found.data / EXPORT_NAME), 1).export()
    found.divide(2)
    await go_on(found, 3_000, 4_000)
    second = folder / "b"
    second.mkdir()
    if isinstance(found.location, Path):
        (second / DATABASE_NAME).symlink_to(Path("..", "a", DATABASE_NAME))
    await export(found, second)
    return found


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Street | None:
    """Return an installation to copy; None where its database is no file."""
    return None if ON_POSTGRESQL else asyncio.run(made(tmp_path_factory.mktemp("street")))


@pytest.fixture
async def both(tmp_path: Path, original: Street | None) -> AsyncIterator[Street]:
    """Return an installation that a bridge alone exported; once it was divided and went on, a second did."""
    if original is None:
        yield await made(tmp_path)
    else:
        shutil.copytree(original.data.parent, tmp_path, symlinks=True, dirs_exist_ok=True)
        yield Street(tmp_path / "a" / DATABASE_NAME, tmp_path / "a", replace(original.time))
    forget()


@pytest.fixture
def exported(both: Street) -> Street:
    """Return an installation that a bridge alone exported, and that was divided afterwards and went on."""
    shutil.rmtree(both.data.parent / "b" / EXPORT_NAME)
    return both


def database(found: Street) -> str | None:
    return None if isinstance(found.location, Path) else written(found.location)


def shown(found: Street, data: Path) -> tuple[dict[str, int], int]:
    """Return the energy of each unit on the dashboard beside a folder, and how many rows are in no file."""
    snapshot = read_snapshot(data, Scope(kind="portfolio"), database(found))
    opened = Warehouse(snapshot)
    rows = opened.rows(SEGMENTS, {})
    assert all(row["n"] == row["different"] for row in rows)
    assert opened.rows(ROLLUP, {}) == [{"account_id": row["account_id"], "wh": row["wh"]} for row in rows]
    return {row["account_id"]: row["wh"] for row in rows}, snapshot.tables["tail"].num_rows


async def test_the_dashboard_beside_either_bridge_shows_every_site_before_and_after_each_export(
    exported: Street,
) -> None:
    folders = [exported.data, exported.data.parent / "b"]
    for wh in (4_000, 6_000):
        for data in folders:
            assert shown(exported, data)[0] == {"n1": wh, "s1": wh}
            await export(exported, data)
            assert shown(exported, data) == ({"n1": wh, "s1": wh}, 0)
        await go_on(exported, wh + 1_000, wh + 2_000)
    assert [shown(exported, data)[0] for data in folders] == [{"n1": 8_000, "s1": 8_000}] * 2


async def test_what_a_bridge_alone_had_exported_is_kept_in_its_folder(exported: Street) -> None:
    before = {path.name for path in (exported.data / EXPORT_NAME).glob("segments/*/*")}
    await export(exported, exported.data)
    manifest = read_manifest(exported.data / EXPORT_NAME)
    assert manifest is not None
    assert before
    assert before < {Path(name).name for name in manifest.names}


@pytest.mark.parametrize("lost", ["a file", "everything"])
async def test_a_folder_that_lost_files_is_filled_anew(both: Street, lost: str) -> None:
    data = both.data.parent / "b"
    if lost == "everything":
        shutil.rmtree(data / EXPORT_NAME)
    else:
        next((data / EXPORT_NAME).glob("segments/*/*")).unlink()
    await export(both, data)
    assert shown(both, data) == ({"n1": 4_000, "s1": 4_000}, 0)


@pytest.mark.both_databases
async def test_files_of_a_database_that_went_another_way_are_not_shown(both: Street) -> None:
    """As after an older backup was restored: entries of the same numbers are others."""
    data = both.data.parent / "b"
    manifest = read_manifest(data / EXPORT_NAME)
    assert manifest is not None
    text = (data / EXPORT_NAME / MANIFEST_NAME).read_text()
    mark = manifest.watermarks[1]
    (data / EXPORT_NAME / MANIFEST_NAME).write_text(text.replace(str(mark.at), str(mark.at + 1)))
    energy, waiting = shown(both, data)
    assert energy == {"n1": 4_000, "s1": 4_000}
    assert waiting
    await export(both, data)
    assert shown(both, data) == ({"n1": 4_000, "s1": 4_000}, 0)


async def test_old_files_of_the_folder_are_not_taken_for_leftovers(both: Street) -> None:
    data = both.data.parent / "b"
    for path in (data / EXPORT_NAME).rglob("*.parquet"):
        os.utime(path, (time.time() - 7_200,) * 2)
    await go_on(both, 5_000)
    await export(both, data)
    assert shown(both, data) == ({"n1": 5_000, "s1": 5_000}, 0)


async def test_small_files_of_both_shards_become_one(
    exported: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "MERGE_FROM", 5)
    for wh in (5_000, 6_000):
        await export(exported, exported.data)
        await go_on(exported, wh)
    await export(exported, exported.data)
    manifest = read_manifest(exported.data / EXPORT_NAME)
    assert manifest is not None
    assert len(manifest.retired) >= 5
    assert shown(exported, exported.data) == ({"n1": 6_000, "s1": 6_000}, 0)


async def test_a_damaged_file_keeps_no_other_of_a_worker_s_from_being_merged(
    exported: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "MERGE_FROM", 3)
    reader, folder = open_reader(exported.location), exported.data / EXPORT_NAME
    exporting = ClusterExport(reader, Exporter(exported.location, folder), folder, 2)
    damaged = min(path for path in folder.rglob("*.parquet") if "rollup" in path.parts)
    for wh in (5_000, 6_000, 7_000):
        damaged.write_bytes(b"no parquet")
        with suppress(JobError):
            await exporting.export()
        await go_on(exported, wh)
    reader.dispose()
    manifest = read_manifest(folder)
    assert manifest is not None
    retired = {Path(name).parts[0] for name in map(str, manifest.retired)}
    assert retired == {"segments"}


async def test_a_bridge_that_is_alone_again_goes_on_from_what_the_database_says(exported: Street) -> None:
    await export(exported, exported.data)
    exported.divide(1)
    assert shown(exported, exported.data)[0] == {"n1": 4_000, "s1": 4_000}
    async with exported.owner(WHOLE) as owner:
        await use({"n1": owner, "s1": owner}, exported, 5_000)
        await Scheduler(owner.engine, Exporter(exported.location, exported.data / EXPORT_NAME), 1).export()
    assert read_manifest(exported.data / EXPORT_NAME) is None
    assert shown(exported, exported.data) == ({"n1": 5_000, "s1": 5_000}, 0)


async def test_readings_that_are_in_files_alone_are_never_exported_without_them(exported: Street) -> None:
    with open_writer(exported.location).begin() as connection:
        connection.execute(tables.retention.insert(), [{"id": 1, "seq": 1}])
    data = exported.data.parent / "b"
    with pytest.raises(JobError, match="nothing is exported until then"):
        await export(exported, data)
    assert read_manifest(data / EXPORT_NAME) is None


@pytest.mark.invariant(16)
async def test_each_bridge_audits_the_accounts_of_its_shard_whatever_folder_it_has(both: Street) -> None:
    data = both.data.parent / "b"
    every = [audit(data, database(both), shard) for shard in (None, 0, 1)]
    assert [each.supplies for each in every] == [3, 2, 1]
    assert [each.differences for each in every] == [[], [], []]


async def test_payments_of_every_shard_are_shown_the_newest_first(exported: Street) -> None:
    async with exported.owner(Shard(0, 2)) as first, exported.owner(Shard(1, 2)) as second:
        for n in range(40):
            exported.time.forward(24 * HOUR)
            owner, account = ((first, "n1"), (second, "s1"))[n % 2]
            await owner.app.accounts.top_up(
                LANDLORD, account, amount="1.00", method="cash", reference=None, key=str(n)
            )
            for each in (first, second):
                each.engine.check_clock()
                await each.engine.run_due_accounts()
                each.engine.session.flush(everything=True)
                await each.engine.session.drain()
    since = exported.time.wall - 9 * 24 * HOUR
    for scope, least in ((Scope(kind="top_ups", since=since), 9), (Scope(kind="portfolio"), 14)):
        found = read_snapshot(exported.data, scope, database(exported)).tables["top_up"].to_pylist()
        newest = [row for row in found if row["at"] >= since]
        assert sorted(row["account_id"] for row in newest) == ["n1"] * 5 + ["s1"] * 5
        assert least <= len(found) < 40


@pytest.mark.both_databases
@pytest.mark.postgresql
async def test_a_worker_exports_for_its_machine_what_it_does_not_own(
    tmp_path: Path, server_database: URL
) -> None:
    found = Street(server_database, tmp_path, VirtualTime())
    async with found.owner(WHOLE) as owner:
        await owner.apply(street(TWO))
        await use({"n1": owner, "s1": owner}, found, 0, 1_000)
    found.divide(2)
    with open_writer(server_database).begin() as connection:
        for n in range(2):  # another bridge owns both
            row = {"name": Shard(n, 2).lease, "holder": "worker-other", "token": 1, "expires_at": 1 << 60}
            connection.execute(tables.lease.insert(), [row])
    stop, data = asyncio.Event(), tmp_path / "w"
    data.mkdir()
    settings = Settings(data=data, listen="127.0.0.1:0")
    worker = Worker(settings, server_database, parse_broker_url("mqtt://127.0.0.1:1"), 2)
    running = asyncio.create_task(worker.run(stop))
    try:
        async with asyncio.timeout(120):
            while read_manifest(data / EXPORT_NAME) is None and not running.done():  # noqa: ASYNC110 - a file
                await asyncio.sleep(0.1)
    finally:
        stop.set()
        await running
    assert shown(found, data) == ({"n1": 1_000, "s1": 1_000}, 0)
