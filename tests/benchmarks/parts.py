"""What every benchmark needs: a broker, a bridge, their processor time and memory, and the machine's name."""

import asyncio
from collections.abc import Sequence
import os
from pathlib import Path
import platform
import shutil
import sys
from typing import Final

from scripts.lib.demo.bridge import BridgeProcess
from scripts.lib.demo.process import LOOPBACK, OwnedProcess, free_port
from scripts.lib.demo.waiting import until

TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
PAGE: Final = os.sysconf("SC_PAGE_SIZE")
IDLE_S: Final = 0.06
LOOKS: Final = 25
MOSQUITTO: Final = """\
listener {port} 127.0.0.1
allow_anonymous true
max_queued_messages 0
max_inflight_messages 0
set_tcp_nodelay true
persistence false
"""


def machine() -> str:
    """Return a description of this machine, for the head of every table."""
    name = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    return f"{os.cpu_count()} x {name}, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"


async def mosquitto(folder: Path) -> tuple[OwnedProcess, int]:
    """Start mosquitto on a free loopback port; raise if it is not installed."""
    program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise FileNotFoundError("mosquitto is not installed; scripts/setup system brings it")
    port = free_port()
    configuration = folder / "mosquitto.conf"
    configuration.write_text(MOSQUITTO.format(port=port))
    broker = OwnedProcess("mosquitto", [program, "-c", str(configuration)], folder / "mosquitto.log")
    await broker.start()
    await broker.until_ready(lambda: _accepts(port), 10)
    return broker, port


async def _accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    writer.close()
    return True


async def bridge(
    folder: Path,
    data: Path,
    broker_port: int,
    *,
    settle: bool = True,
    ahead_ms: int = 0,
) -> BridgeProcess:
    """Start the bridge with its clock ahead; with ``settle``, wait until it listens and is idle."""
    log = folder / "bridge.log"
    environment = {"PREPAID_METER_BROKER": f"mqtt://{LOOPBACK}:{broker_port}"}
    process = BridgeProcess(data, free_port(), log, environment)
    if ahead_ms:
        process.command = [
            sys.executable,
            "-m",
            "tests.benchmarks.shifted",
            str(ahead_ms),
            *process.command[3:],
        ]
    started = log.stat().st_size if log.exists() else 0
    await process.start()
    if settle:
        await _listening(process, started)
    return process


async def base_line(folder: Path, data: Path, broker_port: int) -> OwnedProcess:
    """Start a process that only decodes the messages of an installation's meters; wait until it is idle."""
    log = folder / "decode-only.log"
    program = [sys.executable, "-m", "tests.benchmarks.decode_only"]
    broker = f"mqtt://{LOOPBACK}:{broker_port}"
    process = OwnedProcess("the base line", [*program, str(data), broker], log)
    await process.start()
    await _listening(process, 0)
    return process


async def _listening(process: OwnedProcess, started: int) -> None:
    """Wait until the log of a process shows its subscription and it is idle."""

    async def subscribed() -> bool:
        return process.log.exists() and b"connected to the broker" in process.log.read_bytes()[started:]

    await process.until_ready(subscribed, 60)
    await quiet(process)


def cpu_s(process: OwnedProcess) -> float:
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def resident_mb(process: OwnedProcess) -> float:
    """Return the resident memory of a process without its children, in MB."""
    return int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * PAGE / 1e6


async def quiet(process: OwnedProcess) -> None:
    """Wait until a process is idle: it sleeps, and has hardly run for a while.

    On a busy machine a process may hardly run because others do; then it does not sleep.
    """
    last = [cpu_s(process)]

    async def idle() -> bool:
        asleep = 0
        for _ in range(LOOKS):
            await asyncio.sleep(0.5 / LOOKS)
            asleep += _asleep(process)
        now = cpu_s(process)
        done, last[0] = now - last[0] < IDLE_S and asleep > LOOKS * 0.8, now
        return done

    await until(f"{process.name} is idle", idle, 300)


def _asleep(process: OwnedProcess) -> bool:
    """Return whether a process waits for something other than a processor."""
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"


async def load(
    port: int, meters: int, rounds: int, start: int, rate: float | None = None, first: int = 0
) -> None:
    """Publish ``rounds`` messages of every meter, from a register of ``start`` Wh above the first.

    With a rate in messages per second, ``first`` meters may be left out.
    """
    arguments: Sequence[object] = [port, meters, rounds, start, *([rate, first] if rate else [])]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks.publisher", *map(str, arguments)
    )
    if await process.wait() != 0:
        raise RuntimeError("the publisher failed")
