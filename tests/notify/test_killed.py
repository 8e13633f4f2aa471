"""Kill -9 at every instant of sending: what can wait is never told twice, darkness never kept quiet.

A real process sends through apprise to a real receiver, is killed, and starts again.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
import json
from pathlib import Path
import signal
import sys

import pytest

from meter_bridge.notify.people import FILE_NAME, load_people
from meter_bridge.notify.service import Notices
from tests.engine.harness import HOUR, LANDLORD, NOON, VirtualTime, house, opened

pytestmark = pytest.mark.sqlite("a process of its own finds the database in its folder")
TELLING = Path(__file__).with_name("delivery_child.py")
ROOT = Path(__file__).parents[2]
MAY_HAVE_COME = "You may have received this message already."
INSTANTS = ("claimed", "connected", "heard", "answered")
"""On record, not yet connected; connected; the whole message received; its answer come, not on record."""


@dataclass
class Receiver:
    """A web hook and an ntfy server, which may kill who sends to them."""

    instant: str = ""
    port: int = 0
    heard: list[tuple[str, str, str]] = field(default_factory=list)
    """Path, key and text of each message that was received as a whole."""
    sender: asyncio.subprocess.Process | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one message."""
        if self._kills("connected"):
            writer.close()
            return
        path, key, body = await _request(reader)
        self.heard.append((path, key, body))
        if not self._kills("heard"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
            await writer.drain()
        writer.close()

    def _kills(self, instant: str) -> bool:
        """Kill the sender if this is the instant; say so."""
        if self.instant != instant or self.sender is None:
            return False
        if self.sender.returncode is None:
            self.sender.send_signal(signal.SIGKILL)
        return True


async def _request(reader: asyncio.StreamReader) -> tuple[str, str, str]:
    """Return path, key and body of a request."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = (await reader.readexactly(int(headers["content-length"]))).decode()
    return first.split()[1], headers.get("idempotency-key", ""), body


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    """Offer a receiver on a free loopback port."""
    made = Receiver()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made


async def happened(folder: Path, port: int) -> None:
    """Let a payment be received and a supply be cut, with somebody to hear of it in two ways."""
    channels = f"['json://127.0.0.1:{port}/hook', 'ntfy://127.0.0.1:{port}/topic']"
    async with house(folder) as flat:
        file = folder / FILE_NAME
        file.write_text(f"people:\n  anna: {{channels: {channels}, about: [top_up, supply_cut]}}\n")
        file.chmod(0o600)
        await Notices(flat.engine.session, load_people(folder), None, flat.bridge.look.account).tick()
        await flat.top_up("20.00")
        await flat.read(10_000, power_w=500)
        await flat.read(71_000, after=20 * HOUR, power_w=500)


async def tells(folder: Path, hours: float, heard: Receiver, instant: str = "") -> int:
    """Run a process that tells what is due; return how it ended."""
    command = (sys.executable, str(TELLING), str(folder), str(hours), instant)
    child = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})
    heard.instant, heard.sender = instant, child
    return await child.wait()


async def afterwards(folder: Path, hours: float) -> dict[str, str | None]:
    """Start once more, and return what became of each message as the landlord sees it."""
    async with opened(folder, VirtualTime(NOON + int(hours * HOUR))) as flat:
        made = Notices(flat.engine.session, load_people(folder), None, flat.bridge.look.account)
        for _ in range(3):
            await made.tick()
            await made.stop()
        return {each.topic: each.outcome for each in (await made.notices(LANDLORD, 10)).notices}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("instant", INSTANTS)
async def test_a_bridge_killed_while_it_sends_repeats_only_what_must_be_heard(
    tmp_path: Path, instant: str
) -> None:
    async with receiver() as heard:
        await happened(tmp_path, heard.port)
        assert await tells(tmp_path, 21.0, heard, instant) == -signal.SIGKILL
        assert await tells(tmp_path, 21.1, heard) == 0
        became = await afterwards(tmp_path, 21.2)
        told = {
            (what, path): [(key, text) for at, key, text in heard.heard if at == path and title in text]
            for what, title in (("top_up", "Payment received"), ("supply_cut", "Power is off"))
            for path in ("/hook", "/")
        }

        assert len(told["top_up", "/"]) <= 1, "what can wait came twice"
        assert became["top_up"] == "uncertain" or told["top_up", "/"], "it was lost and nobody can see it"
        first, *more = (text for _, text in told["supply_cut", "/"])
        assert all(MAY_HAVE_COME in text for text in more), "a repetition did not say so"
        assert became["supply_cut"] == "sent"
        for what in ("top_up", "supply_cut"):
            keys = {key for key, _ in told[what, "/hook"]}
            assert len(keys) == 1, "a web hook heard of it under two keys, or never"
            assert all(json.loads(text)["title"] for _, text in told[what, "/hook"])
        assert instant in {"heard", "answered"} or first


async def test_a_bridge_that_is_left_alone_tells_everything_once(tmp_path: Path) -> None:
    async with receiver() as heard:
        await happened(tmp_path, heard.port)
        assert await tells(tmp_path, 21.0, heard) == 0
        assert await afterwards(tmp_path, 21.2) == {"top_up": "sent", "supply_cut": "sent"}
        assert len(heard.heard) == 4
        assert not any(MAY_HAVE_COME in text for _, _, text in heard.heard)
