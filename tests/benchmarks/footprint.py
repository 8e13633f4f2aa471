"""Memory with many meters, and the time from start to serving with many meters and a long ledger."""

import asyncio
from pathlib import Path
import sqlite3
import tempfile
import time
from typing import Final

from meter_bridge.engine.export.exporter import Exporter
from tests.benchmarks.installation import install
from tests.benchmarks.parts import bridge, load, mosquitto, quiet, resident_mb

LEDGER_ROWS: Final = 1_000_000
ROUNDS: Final = 10


async def memory(meters: int, goal_mb: int) -> None:
    """Print the resident memory after ten readings of every meter, and that of the export's child."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "data"
        await asyncio.to_thread(asyncio.run, install(data, meters))
        broker, port = await mosquitto(folder)
        process = await bridge(folder, data, port)
        await load(port, meters, ROUNDS, start=0)
        await quiet(process)
        print(
            f"  {meters:>6} meters: {resident_mb(process):.0f} MB resident (goal: under {goal_mb})",
            flush=True,
        )
        await process.stop()
        await broker.stop()
        exporter = Exporter(data / "bridge.db", folder / "export")
        await exporter.run(0, 1 << 40)
        print(f"          export child: {(exporter.peak_bytes or 0) / 1e6:.0f} MB peak", flush=True)


def lengthen(database: Path, rows: int) -> None:
    """Add journal rows to an installation, each a balanced entry, spread over its accounts."""
    connection = sqlite3.connect(database)
    accounts = [row[0] for row in connection.execute("SELECT id FROM account")]
    first = connection.execute("SELECT coalesce(max(seq), 0) FROM journal_entry").fetchone()[0] + 1
    entries = rows // 3
    numbers = range(first, first + entries)
    connection.executemany(
        "INSERT INTO journal_entry VALUES"
        " (?, ?, ?, 1790000000000, 'charge', 'Electricity used', 'bridge', NULL, 0, '{}')",
        ((seq, f"entry-{seq}", accounts[seq % len(accounts)]) for seq in numbers),
    )
    for n, (bucket, sign) in enumerate((("balance", -1), ("consumption", 1))):
        connection.executemany(
            "INSERT INTO posting VALUES (?, ?, ?, ?, 'ZAR', ?)",
            ((seq, n, accounts[seq % len(accounts)], bucket, sign * 1000) for seq in numbers),
        )
    connection.commit()
    connection.close()


async def start(meters: int, rows: int) -> None:
    """Print the time from starting the process until the API responds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "data"
        await asyncio.to_thread(asyncio.run, install(data, meters))
        await asyncio.to_thread(lengthen, data / "bridge.db", rows)
        broker, port = await mosquitto(folder)
        times = []
        for _ in range(3):
            started = time.monotonic()
            process = await bridge(folder, data, port, settle=False)
            times.append(time.monotonic() - started)
            await process.stop()
        await broker.stop()
    shown = ", ".join(f"{each:.2f}" for each in times)
    print(f"  {meters:>6} meters, {rows:,} ledger rows: serving after {shown} s (goal: under 3)", flush=True)


async def main() -> None:
    await memory(1_000, 120)
    await memory(10_000, 250)
    await start(10_000, LEDGER_ROWS)
