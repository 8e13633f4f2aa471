import asyncio
from contextlib import suppress
from functools import partial
import os
from pathlib import Path
import signal
import socket
import subprocess
import sys

import pytest

from meter_bridge.devices.base.driver import Publish
from meter_bridge.devices.broker import embedded
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


def others_than(broker: EmbeddedBroker, killed: int) -> bool:
    return broker.pid not in (None, killed)


async def test_a_broker_that_was_killed_comes_back_at_its_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "FIRST_PAUSE_S", 0.05)
    async with EmbeddedBroker() as broker:
        first, url, heard = broker.pid, broker.url, list[bytes]()
        assert first is not None
        session = BrokerSession(
            parse_broker_url(url),
            filters=lambda: [("a/#", 1)],
            on_message=lambda _topic, payload, _retained: heard.append(payload),
            on_connected=lambda _connected: None,
        )
        session.start()
        await eventually(lambda: session.connected)
        for _ in range(2):
            killed = broker.pid
            assert killed is not None
            os.kill(killed, signal.SIGKILL)
            await eventually(partial(others_than, broker, killed))
            heard.clear()

            def arrived() -> bool:
                if not heard and session.connected:
                    session.send(Publish("a/b", b"again", 1))
                return bool(heard)

            await eventually(arrived)
        assert broker.url == url
        last = broker.pid
        assert last is not None
        await session.stop()
    assert not alive(last)


async def test_a_broker_that_cannot_start_again_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(embedded, "FIRST_PAUSE_S", 0.01)
    caplog.set_level("INFO")
    async with EmbeddedBroker() as broker:
        child = embedded.CHILD
        monkeypatch.setattr(embedded, "CHILD", "raise SystemExit(7)")
        assert broker.pid is not None
        os.kill(broker.pid, signal.SIGKILL)
        await eventually(lambda: "ended with code 7" in caplog.text)
        monkeypatch.setattr(embedded, "CHILD", child)
        await eventually(lambda: "runs again" in caplog.text)
