"""Kill -9 while old readings are exported, merged and deleted: every quarter hour exists exactly once."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
import random
import signal
import sqlite3
import subprocess
import sys
import time
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from meter_bridge.devices.base.driver import Report
from meter_bridge.engine.export.exporter import Exporter
from meter_bridge.engine.export.retention import DAY_MS, Retention
from meter_bridge.engine.jobs import Scheduler
from meter_bridge.engine.maintenance.verify import verify
from meter_bridge.protocol.messages import HistoryPage
from meter_bridge.storage import changeset as ops
from meter_bridge.storage.database import DATABASE_NAME
from meter_bridge.storage.segment_archive import EXPORT_NAME, Archive
from meter_bridge.storage.segment_files import ROLLUP, SEGMENTS
from meter_bridge.storage.sqlite import connect_read_only
from tests.crash.booking import last_instant
from tests.crash.deletion_child import COMPARING, EXPORTING, KEPT_DAYS, MERGING, STORED, done, register
from tests.engine.harness import BLOCKS, HOUR, LANDLORD, House, VirtualTime, apply, opened
from tests.exported import SEGMENT_SCHEMA

CHILD: Final = Path(__file__).with_name("deletion_child.py")
ROOT: Final = Path(__file__).parents[2]
HISTORY_DAYS: Final = 20
LETTING_GO: Final = STORED[ops.DELETE_SEGMENTS]
STEPS: Final = (
    *(step for stored in STORED.values() for step in (stored, done(stored))),
    EXPORTING,
    MERGING,
    COMPARING,
)
"""At each of them a life ends in its turn, at what deletes first."""
MANY_TIMES: Final = 40
"""How often a life comes to what it does most, letting go, before it is killed there, at most."""
MOST_STEPS: Final = 300
"""Steps after which a life is killed that does not come to the one that was meant."""
SOON_S: Final = 0.02
SECOND: Final = """      flat-2:
        tariff: blocks
        never cut: yes
        meters: [{address: "tasmota:flat-2/1", rating: 10 kW}]
"""
_FILES: Final = "SELECT name FROM export_file WHERE retired_at IS NULL AND kind = '{}'"
_MEASURED: Final = ("wh", "amount", "tax")

type Row = tuple[object, ...]
"""A quarter hour as the files have it: its entry first, then its number there."""


async def set_up(folder: Path) -> None:
    """Create an installation of two units with a long history that is not exported yet."""
    time = VirtualTime()
    async with opened(folder, time) as house:
        await apply(
            house, BLOCKS.replace("tariff: blocks", "tariff: blocks\n        never cut: yes") + SECOND
        )
        addresses = list(house.engine.session.installation.by_energy_address)
        for _ in range(HISTORY_DAYS * 4):
            wh = register(time.wall + 6 * HOUR)
            await house.report(*(Report(each, register_wh=wh) for each in addresses), after=6 * HOUR)
            await house.tick(0)
        assert house.problems() == []


@dataclass
class Kept:
    """What must not be lost: every quarter hour that the database ever contained."""

    folder: Path
    rows: dict[Row, Row] = field(default_factory=dict)

    def look(self) -> None:
        """Raise ``AssertionError`` unless each quarter hour exists exactly once, where it should be."""
        with closing(connect_read_only(self.folder / DATABASE_NAME)) as connection:
            query = f"SELECT {', '.join(SEGMENT_SCHEMA.names)} FROM segment"
            held = in_order(connection.execute(query).fetchall())
            exported = number(connection, "SELECT max(seq) FROM export_watermark")
            gone = number(connection, "SELECT max(seq) FROM retention")
            files = self._files(connection, SEGMENTS)
            rollups = self._files(connection, ROLLUP)
        assert gone <= exported
        self.rows |= {row[:2]: row for row in held}
        every = in_order(self.rows.values())
        assert held == [row for row in every if entry_of(row) > gone], "in the database"
        in_files = [row for row in every if entry_of(row) <= exported]
        assert in_order(row for table in files for row in rows_of(table)) == in_files, "in the files"
        assert sums_of(rollups) == sums_of(files), "in the daily sums"
        assert verify(self.folder / DATABASE_NAME) == []

    def _files(self, connection: sqlite3.Connection, kind: str) -> list[pa.Table]:
        """Return the content of the files of a kind that are in force."""
        names = connection.execute(_FILES.format(kind)).fetchall()
        return [pq.ParquetFile(self.folder / EXPORT_NAME / name).read() for (name,) in names]

    def charged(self) -> list[int]:
        """Return energy and amount of all quarter hours."""
        wh, amount, tax = (SEGMENT_SCHEMA.names.index(name) for name in _MEASURED)
        rows = [tuple(int(str(row[place])) for place in (wh, amount, tax)) for row in self.rows.values()]
        return [sum(row[0] for row in rows), sum(row[1] + row[2] for row in rows)]


def in_order(rows: Iterable[Row]) -> list[Row]:
    """Return quarter hours in the order in which they were booked, including duplicates."""
    return sorted(rows, key=lambda row: (entry_of(row), row[1]))


def entry_of(row: Row) -> int:
    assert isinstance(row[0], int)
    return row[0]


def rows_of(table: pa.Table) -> Iterable[Row]:
    """Yield the quarter hours of a file as the database had them."""
    for row in table.to_pylist():
        yield tuple((row | {"local_day": row["local_day"].isoformat()}).values())


def sums_of(files: Sequence[pa.Table]) -> list[int]:
    """Return the sums of all measured columns."""
    return [sum(sum(table[name].to_pylist()) for table in files) for name in _MEASURED]


def number(connection: sqlite3.Connection, query: str) -> int:
    """Return a number, or 0 if there is none."""
    ((found,),) = connection.execute(query).fetchall()
    return found or 0


def run_and_kill(folder: Path, step: str, chance: random.Random) -> str:
    """Start the child, kill it around a step, and return the last step that it printed."""
    times = chance.randint(1, MANY_TIMES) if step.startswith(LETTING_GO) else 1
    last_step: list[str] = []
    command = [sys.executable, str(CHILD), str(folder)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            last_step.append(line.strip())
            if last_step.count(step) == times or len(last_step) == MOST_STEPS:
                break
        time.sleep(chance.choice((0, chance.uniform(0, SOON_S))))  # the instant is what is drawn
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    return last_step[-1]


async def finish(kept: Kept) -> None:
    """Let all old readings be deleted: none above the age limit is left, and the history is unchanged."""
    time = VirtualTime(wall=last_instant(kept.folder), synchronised=True)
    async with opened(kept.folder, time) as house:
        archive = Archive(kept.folder / EXPORT_NAME)
        await Scheduler(house.engine, Exporter(house.location, archive.export_dir), 1).export()
        kept.look()
        await Retention(house.engine.session, archive, KEPT_DAYS).tick()
        oldest = "SELECT min(e.at) FROM segment s JOIN journal_entry e ON e.seq = s.entry_seq"
        assert int(str(house.rows(oldest)[0][0])) >= house.engine.session.clock.now() - KEPT_DAYS * DAY_MS
        kept.look()
        hours = [
            hour
            for account_id in house.engine.session.installation.accounts
            for account in (await _history(house, account_id)).accounts
            for hour in account.hours
        ]
        assert [sum(hour.wh for hour in hours), sum(hour.amount for hour in hours)] == kept.charged()


async def _history(house: House, account_id: str) -> HistoryPage:
    """Return all hours of an account, including those in files."""
    return await house.app.ledger.history(
        LANDLORD, after=0, upto=None, account_id=account_id, from_account=None
    )


async def run_kills(folder: Path, seed: int, rounds: int, report: Callable[[str], None]) -> Counter[str]:
    """Kill this many lives of a bridge; raise ``AssertionError`` if a quarter hour is lost or duplicated."""
    chance, killed = random.Random(seed), Counter[str]()
    await set_up(folder)
    kept = Kept(folder)
    kept.look()
    for life in range(rounds):
        step = run_and_kill(folder, STEPS[life % len(STEPS)], chance)
        killed[step] += 1
        kept.look()
        report(f"{life + 1:4}  {step:32} {len(kept.rows)} quarter hours, each there once")
    await finish(kept)
    report(f"{len(kept.rows)} quarter hours after {rounds} kills: each is there once, the books are right")
    return killed
