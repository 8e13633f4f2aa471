import asyncio
from contextlib import suppress
import os
from pathlib import Path
import socket
import subprocess
import sys

import pytest

from meter_bridge.devices.base.driver import Publish
from meter_bridge.devices.broker.embedded import EmbeddedBroker, EmbeddedBrokerError
from meter_bridge.devices.broker.session import BrokerSession
from meter_bridge.devices.broker.url import parse_broker_url
from tests.devices.support import eventually


def alive(pid: int) -> bool:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    return False


async def test_it_carries_messages_and_leaves_nothing_behind() -> None:
    async with EmbeddedBroker() as broker:
        pid = broker.pid
        assert pid is not None
        heard: list[bytes] = []
        session = BrokerSession(
            parse_broker_url(broker.url),
            filters=lambda: [("a/#", 1)],
            on_message=lambda _topic, payload, _retained: heard.append(payload),
            on_connected=lambda _connected: None,
        )
        session.start()
        await eventually(lambda: session.connected)

        def arrived() -> bool:
            if not heard:
                session.send(Publish("a/b", b"x" * 200_000, 1))
            return bool(heard)

        await eventually(arrived)
        assert len(heard[0]) == 200_000
        await session.stop()
    assert not alive(pid)
    assert broker.pid is None


async def test_a_taken_port_is_told_with_its_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(EmbeddedBrokerError, match=f"port {port} is taken"):
            await EmbeddedBroker(port).start()


async def test_it_can_be_stopped_twice_and_started_again() -> None:
    broker = EmbeddedBroker()
    await broker.stop()
    await broker.start()
    port = broker.port
    await broker.stop()
    await broker.stop()
    await broker.start()
    assert broker.port == port
    await broker.stop()


async def test_a_killed_bridge_leaves_no_broker_behind() -> None:
    script = (
        "import asyncio\n"
        "from meter_bridge.devices.broker.embedded import EmbeddedBroker\n"
        "async def main():\n"
        "    broker = EmbeddedBroker()\n"
        "    await broker.start()\n"
        "    print(broker.pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:  # noqa: ASYNC220
        assert parent.stdout is not None
        pid = int(await asyncio.to_thread(parent.stdout.readline))
        assert alive(pid)
        parent.kill()
    await eventually(lambda: not alive(pid), "end of the broker")
