"""Kill -9 at random instants: every acknowledged top-up is booked once, and the books are correct."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
import os
from pathlib import Path
import random
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from meter_bridge.engine.maintenance.verify import verify
from meter_bridge.storage.database import DATABASE_NAME
from tests.engine.harness import BLOCKS, VirtualTime, apply, opened

ROUNDS = 15
BOOKING = Path(__file__).with_name("booking.py")
ROOT = Path(__file__).parents[2]


async def set_up(folder: Path) -> None:
    """Create an installation with one unit that is charged by blocks, bands, day and tax."""
    async with opened(folder, VirtualTime()) as house:
        await apply(house, BLOCKS.replace("tariff: blocks", "tariff: blocks\n        never cut: yes"))


@contextmanager
def parent(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Start the parent of the processes that book."""
    command = [sys.executable, str(BOOKING), str(folder)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
    ) as started:
        yield started
        started.communicate()


def run_and_kill(started: subprocess.Popen[str], first: int, after_s: float) -> list[str]:
    """Start a process, kill it after a while, and return the keys that it acknowledged."""
    assert started.stdin is not None
    assert started.stdout is not None
    print(first, file=started.stdin, flush=True)
    child = int(started.stdout.readline())
    acknowledged = [started.stdout.readline()]
    time.sleep(after_s)
    os.kill(child, signal.SIGKILL)
    for line in started.stdout:
        if line.startswith("ended"):
            assert line == f"ended {-signal.SIGKILL}\n"
            break
        acknowledged.append(line)
    return [line.strip() for line in acknowledged if line.startswith("key-")]


def booked(folder: Path) -> dict[str, int]:
    """Return how often each key was booked."""
    query = (
        "SELECT o.key, count(e.seq) FROM operation o JOIN journal_entry e ON e.seq = o.entry_seq"
        " AND e.kind = 'top_up' GROUP BY o.key"
    )
    with closing(sqlite3.connect(folder / DATABASE_NAME)) as connection:
        return dict(connection.execute(query).fetchall())


@pytest.mark.crash
@pytest.mark.timeout(120)
@pytest.mark.invariant(8)
async def test_every_acknowledged_top_up_survives_kill_9_and_counts_once(tmp_path: Path) -> None:
    chance = random.Random(8)
    await set_up(tmp_path)
    acknowledged: list[str] = []
    with parent(tmp_path) as started:
        for number in range(ROUNDS):
            acknowledged += run_and_kill(started, number * 1_000_000, chance.uniform(0, 0.5))
            found = booked(tmp_path)
            assert [key for key in acknowledged if found.get(key) != 1] == []
            assert verify(tmp_path / DATABASE_NAME) == []
    assert len(acknowledged) == len(set(acknowledged)) > ROUNDS
    assert (await charged(tmp_path)) > 0


async def charged(folder: Path) -> int:
    """Return the energy charged over all lives of the process."""
    with closing(sqlite3.connect(folder / DATABASE_NAME)) as connection:
        ((wh,),) = connection.execute("SELECT energy_wh FROM supply_status").fetchall()
    assert isinstance(wh, int)
    return wh
