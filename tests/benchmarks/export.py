"""Export of a closed day beside running commits: how long it takes, and how it delays the commits.

A day of 10,000 meters is 960,000 segments. During the export a client commits one row at a time, each synced
like a top-up.
"""

import asyncio
from pathlib import Path
import resource
import tempfile
import time
from typing import Final

from sqlalchemy import create_engine, insert

from meter_bridge.core.calendar import SLOT_MS
from meter_bridge.engine.export.exporter import Exporter
from meter_bridge.runtime.bridge import prepare
from meter_bridge.storage import changeset as ops, tables
from meter_bridge.storage.changeset import Changeset
from meter_bridge.storage.database import open_writer
from meter_bridge.storage.writer import ThreadWriter

METERS: Final = 10_000
SLOTS: Final = 96
GOAL_S: Final = 2
GOAL_P99_MS: Final = 10
PAUSE_S: Final = 0.002
START: Final = 1_793_484_000_000
"""2026-11-01 00:00 in Johannesburg."""


def fill(database: Path) -> None:
    """Write a day of segments, with one entry for each quarter of an hour of a unit."""
    writer = create_engine(f"sqlite:///{database}")  # as it is, so that no entries are needed
    with writer.begin() as connection:
        for slot in range(SLOTS):
            rows = [_segment(meter, slot) for meter in range(METERS)]
            connection.execute(insert(tables.segment), rows)
    writer.dispose()


def _segment(meter: int, slot: int) -> dict[str, object]:
    name = f"unit-{meter:05d}"
    return {
        "entry_seq": slot * METERS + meter + 1,
        "n": 0,
        "kind": "consumption",
        "account_id": name,
        "supply_id": name,
        "meter_id": name,
        "start_ms": START + slot * SLOT_MS,
        "end_ms": START + (slot + 1) * SLOT_MS,
        "wh": 20 + (meter * 7 + slot * 13) % 300,
        "register_wh": None,
        "local_day": "2026-11-01",
        "local_slot": slot,
        "band": "peak" if 68 <= slot < 76 else "rest",
        "block": 1 + slot // 48,
        "version_id": "v1",
        "amount": 1_000 + slot,
        "tax": 150,
        "estimated": False,
    }


async def commits(store: ThreadWriter, over: asyncio.Event) -> list[float]:
    """Commit until ``over``; return the durations in ms."""
    took: list[float] = []
    while not over.is_set():
        work = Changeset()
        work.add(ops.UPSERT_WATERMARK, {"id": 1, "seq": len(took)})
        started = time.perf_counter()
        await store.commit(work)
        took.append((time.perf_counter() - started) * 1000)
        await asyncio.sleep(PAUSE_S)
    return took


def _print_durations(what: str, took: list[float]) -> None:
    ordered = sorted(took)
    p50, p99 = (ordered[min(len(ordered) * share // 100, len(ordered) - 1)] for share in (50, 99))
    print(f"  {what}: {len(took)} commits, p50 {p50:.2f} ms, p99 {p99:.2f} ms", flush=True)


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = folder / "bridge.db"
        await asyncio.to_thread(prepare, folder)
        await asyncio.to_thread(fill, database)
        store = ThreadWriter(open_writer(database), asyncio.get_running_loop())
        over = asyncio.Event()
        asyncio.get_running_loop().call_later(2, over.set)
        _print_durations("alone", await commits(store, over))
        over.clear()
        beside = asyncio.create_task(commits(store, over))
        exporter = Exporter(database, folder / "export")
        started, cpu = time.perf_counter(), _children_cpu()
        files = await exporter.run(0, METERS * SLOTS)
        seconds, cpu = time.perf_counter() - started, _children_cpu() - cpu
        over.set()
        rows = sum(file.rows for file in files if file.kind == "segments")
        print(
            f"  a day of {METERS:,} meters, {rows:,} segments: {seconds:.2f} s (goal: under {GOAL_S}),"
            f" {cpu:.2f} s of the child's processor time,"
            f" peak {(exporter.peak_bytes or 0) / 1e6:,.0f} MB"
        )
        _print_durations(f"beside it (goal: p99 under {GOAL_P99_MS} ms)", await beside)
        store.close()
