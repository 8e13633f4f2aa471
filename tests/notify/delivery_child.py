"""A child process that tells people what is due, through apprise, until it is killed or done.

Run as ``python delivery_child.py FOLDER HOURS INSTANT``: the clock stands HOURS after noon. It kills itself
with SIGKILL when a message is on record and not sent (``claimed``), or when its answer came and is not on
record (``answered``).
"""

import asyncio
import os
from pathlib import Path
import signal
import sys
from typing import override

from meter_bridge.engine.access.visibility import Visibility
from meter_bridge.notify.delivery import AppriseSender
from meter_bridge.notify.people import load_people
from meter_bridge.notify.service import Notices
from meter_bridge.notify.templates import Message
from tests.engine.harness import HOUR, NOON, House, VirtualTime, opened


class Mortal(AppriseSender):
    """Sends for real, and dies at an instant that no receiver can see."""

    def __init__(self, instant: str) -> None:
        super().__init__()
        self._instant = instant

    @override
    async def send(self, channel: str, told: Message, key: str) -> bool:
        if self._instant == "claimed":
            os.kill(os.getpid(), signal.SIGKILL)
        taken = await super().send(channel, told, key)
        if self._instant == "answered":
            os.kill(os.getpid(), signal.SIGKILL)
        return taken


def due(house: House) -> bool:
    """Say whether a message waits whose time has come."""
    waiting = f"SELECT 1 FROM notice WHERE ended_at IS NULL AND next_at <= {house.time.wall}"
    return bool(house.rows(waiting))


async def main(folder: Path, hours: float, instant: str) -> None:
    """Tell what is due."""
    async with opened(folder, VirtualTime(NOON + int(hours * HOUR))) as house:
        made = Notices(
            house.engine.session,
            load_people(folder),
            None,
            Visibility(house.engine.session).account,
            Mortal(instant),
        )
        await made.tick()
        await made.tick()
        await made.stop()
        while due(house):
            await made.tick()
            await made.stop()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3]))
