"""Child processes that book top-ups and take readings, and print what was acknowledged.

Run as ``python booking.py FOLDER``: each line on standard input is a number, for which a process begins whose
keys count from it. It prints its own id and each key that was acknowledged; once it was killed, a line says
``ended`` and its exit code. All have one parent, so that what they need is loaded once.
"""

import asyncio
import os
from pathlib import Path
import sys

from meter_bridge.actor import Actor
from meter_bridge.devices.base.driver import Report
from meter_bridge.engine.engine import Engine
from meter_bridge.engine.jobs import Scheduler
from meter_bridge.engine.metering.readings import ReportHandler
from meter_bridge.engine.state.clock import Clocks, monotonic_ms, wall_ms
from meter_bridge.protocol.messages import Role
from meter_bridge.runtime.application import Application, build_application
from meter_bridge.runtime.bridge import DeviceTransport
from meter_bridge.storage.database import DATABASE_NAME, open_reader, open_writer
from meter_bridge.storage.writer import ThreadWriter

LANDLORD = Actor("landlord", Role.LANDLORD, frozenset({"*"}))
HASTE = 600
"""Ten minutes pass each second, so that slots close and standing charges fall due."""


async def main(folder: Path, first: int) -> None:
    """Book and read until killed."""
    database = folder / DATABASE_NAME
    store = ThreadWriter(open_writer(database), asyncio.get_running_loop())
    begin = max(wall_ms(), last_instant(folder))
    clocks = Clocks(lambda: begin + (wall_ms() - begin) * HASTE, lambda: monotonic_ms() * HASTE, lambda: True)
    engine = Engine(open_reader(database), store, DeviceTransport(), clocks)
    app, intake = (
        build_application(engine, folder),
        engine.intake,
    )
    Scheduler(engine, None, 60).start()
    async with asyncio.TaskGroup() as group:
        group.create_task(_read(intake, engine))
        for lane in range(3):
            group.create_task(_book(app, first + lane))


def last_instant(folder: Path) -> int:
    """Return the newest instant stored in the installation."""
    with open_reader(folder / DATABASE_NAME).connect() as connection:
        return int(connection.exec_driver_sql("SELECT last_instant FROM installation").scalar_one())


async def _read(intake: ReportHandler, engine: Engine) -> None:
    """Report a true register that rises 100 Wh a minute, again and again."""
    while True:
        register = engine.session.clock.now() // 600
        intake.handle([Report("tasmota:flat-1/1", register_wh=register - 2_980_000_000, power_mw=6_000_000)])
        await asyncio.sleep(0.002)


async def _book(app: Application, number: int) -> None:
    """Book one top-up after another and print each that was acknowledged."""
    while True:
        key = f"key-{number}"
        await app.accounts.top_up(LANDLORD, "flat-1", amount="1.00", method="cash", reference=None, key=key)
        print(key, flush=True)  # noqa: T201 - the acknowledgement
        number += 3


def begin(folder: Path, first: int) -> None:
    """Start a process that books and reads, and report how it ended."""
    child = os.fork()
    if child == 0:
        print(os.getpid(), flush=True)  # noqa: T201 - whom to kill
        asyncio.run(main(folder, first))
    _, status = os.waitpid(child, 0)
    print(f"\nended {os.waitstatus_to_exitcode(status)}", flush=True)  # noqa: T201 - the last line of it


if __name__ == "__main__":
    for line in sys.stdin:
        begin(Path(sys.argv[1]), int(line))
