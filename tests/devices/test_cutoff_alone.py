"""A device cuts by itself with bridge and broker gone, as real processes; then everything comes back."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
import sqlite3
import subprocess
import sys
import tempfile

import pytest

from meter_bridge.cli import main
from meter_bridge.devices.base.driver import Report
from meter_bridge.devices.broker.connection import MqttConnection
from meter_bridge.devices.broker.url import parse_broker_url
from meter_bridge.devices.registry import build_drivers
from meter_bridge.engine.maintenance.verify import verify
from meter_bridge.protocol.vocabulary import RelayPosition, SupplyState
from meter_bridge.storage.database import DATABASE_NAME
from tests.devices.support import Mosquitto, reports
from tests.engine.harness import house, zar

ROOT = Path(__file__).parents[2]
ADDRESS = "tasmota:flat-1/1"
LOAD_W = 200_000
"""Hours of a household in seconds: 56 Wh each second."""
START_WH = 50_000
CREDIT = "1.20"
SITE = f"""
name: Test house
sites:
  house:
    name: Test house
    time zone: Africa/Johannesburg
    currency: ZAR
    tariffs:
      blocks:
        name: Blocks
        versions:
          - from: 2026-01-01
            blocks: [0.2 kWh]
            prices: [2.00, 3.00]
    units:
      flat-1:
        name: Flat 1
        tariff: blocks
        opening credit: {CREDIT}
        without the bridge: local cut-off
        meters: [{{address: "{ADDRESS}", rating: 250 kW}}]
"""
EXHAUSTED_WH = 200 + 266
"""0.40 of the credit buys the first block, the other 0.80 buy 266 Wh at 3.00."""
LATEST_WH = 600 + 20
"""All of it buys 600 Wh at 2.00, the cheapest price; and the slack for rounding."""
DEVICE = f"""
meters:
  - {{family: tasmota, name: flat-1, load_w: {LOAD_W}, interval_s: 0.2, register_wh: {START_WH}}}
"""


@contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the command line as a process of its own; it is killed at the end."""
    command = [sys.executable, "-m", "meter_bridge.cli", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        try:
            yield child
        finally:
            child.kill()


def bridge(data: Path, broker: Mosquitto) -> tuple[str, ...]:
    """Return the command that runs a bridge."""
    return ("run", "--data", str(data), "--broker", broker.url, "--listen", "127.0.0.1:0")


def stored(data: Path, query: str) -> tuple[object, ...]:
    """Return the first row of a query, as another process sees it."""
    with closing(sqlite3.connect(data / DATABASE_NAME)) as connection:
        found = connection.execute(query).fetchone()
        return tuple(found) if found else ()


async def within[T](seconds: float, look: Callable[[], T | None], what: str) -> T:
    """Return what is seen as soon as there is something."""
    try:
        async with asyncio.timeout(seconds):
            while not (seen := look()):  # noqa: ASYNC110 - other processes set no event
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"{what} did not come true in {seconds:.0f} s") from None
    return seen


@asynccontextmanager
async def listening(broker: Mosquitto) -> AsyncIterator[list[Report]]:
    """Listen to the device as anybody can, without commanding it."""
    heard: list[Report] = []
    connection = MqttConnection(
        parse_broker_url(broker.url),
        build_drivers([ADDRESS]),
        lambda items: heard.extend(report for report in reports(items) if not report.stale),
        lambda _: None,
    )
    connection.start()
    yield heard
    await connection.stop()


@pytest.fixture
def data() -> Iterator[Path]:
    """Return a folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="pm-") as name:
        yield Path(name)


@pytest.mark.invariant(11)
@pytest.mark.timeout(150)
async def test_without_bridge_and_broker_the_device_cuts_and_the_money_is_right(
    data: Path, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """It opens above its value and not below it; afterwards the books are those of an uninterrupted run."""
    (data / "site.yaml").write_text(SITE, encoding="utf-8")
    (data / "device.yaml").write_text(DEVICE, encoding="utf-8")
    assert (
        await asyncio.to_thread(main, ["apply", "--data", str(data), "--yes", str(data / "site.yaml")]) == 0
    )
    with process("simulate", "--url", mosquitto.url, "--file", str(data / "device.yaml")):
        with process(*bridge(data, mosquitto)):
            held = "SELECT held_wh FROM cut_off WHERE held = 'armed'"
            (limit,) = await within(20, lambda: stored(data, held), "a cut-off in force")
        mosquitto.kill()
        assert isinstance(limit, int)
        assert limit >= START_WH + EXHAUSTED_WH
        # Nobody can see the device now: this is the time in which it uses up its credit.
        await asyncio.sleep(LATEST_WH * 3600 / LOAD_W + 3)
        mosquitto.start()
        async with listening(mosquitto) as heard:

            def opened() -> int | None:
                told = [report for report in heard if report.relay is not None]
                counted = [report.register_wh for report in heard if report.register_wh is not None]
                shown_open = bool(told) and told[-1].relay is RelayPosition.OPEN
                return counted[-1] if counted and shown_open else None

            register = await within(40, opened, "an open relay")
            assert RelayPosition.CLOSED not in {report.relay for report in heard}
        assert limit <= register <= limit + 3 * LOAD_W // 3600
        with process(*bridge(data, mosquitto)):
            proven = (
                "SELECT 1 FROM relay_status WHERE requested = 'open' AND proof IN ('confirmed', 'no_load')"
            )
            await within(20, lambda: stored(data, proven), "a proven cut")
            state = "SELECT supply_state, reason FROM account_status"
            assert stored(data, state) == ("disconnected", "credit_exhausted")
    assert not verify(data / DATABASE_NAME)
    (energy_wh,) = stored(data, "SELECT energy_wh FROM supply_status")
    assert isinstance(energy_wh, int)
    assert EXHAUSTED_WH <= energy_wh <= LATEST_WH + 3 * LOAD_W // 3600
    (balance,) = stored(data, "SELECT amount FROM balance WHERE bucket = 'balance'")
    assert balance == await uninterrupted(tmp_path, energy_wh)


async def uninterrupted(folder: Path, energy_wh: int) -> int:
    """Return the balance after the same energy with a bridge that heard all of it."""
    async with house(folder, SITE, credit=None) as home:
        for wh in [*range(0, energy_wh, 7), energy_wh]:
            await home.read(wh, after=1_000, power_w=LOAD_W)
        assert home.state() is SupplyState.DISCONNECTED
        assert home.available < zar("0.00")
        return home.available
