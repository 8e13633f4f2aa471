"""A broker of one's own for a first run: rumqttd from the ``iotcore`` wheel, a child process on loopback."""

import asyncio
from contextlib import suppress
from pathlib import Path
import socket
import sys
import tempfile
from types import TracebackType
from typing import Final, Self

HOST: Final = "127.0.0.1"
START_TIMEOUT_S: Final = 15.0
STOP_TIMEOUT_S: Final = 5.0
POLL_S: Final = 0.05
MAX_PAYLOAD: Final = 10 * 1024 * 1024
"""rumqttd drops what is larger; its own default of 20 kB would lose gateways' device lists."""

CHILD: Final = """\
import os, sys, threading
from iotcore import IotCoreBroker

def wait_for_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)

threading.Thread(target=wait_for_parent, daemon=True).start()
IotCoreBroker(config_path=sys.argv[1]).run_forever()
"""
"""The child ends when its standard input closes, so that a killed bridge leaves no broker behind."""

CONFIGURATION: Final = """\
id = 0

[router]
id = 0
max_connections = 10000
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10

[v4.1]
name = "v4-1"
listen = "{host}:{old_port}"
next_connection_delay_ms = 1
    [v4.1.connections]
    connection_timeout_ms = 60000
    max_payload_size = {payload}
    max_inflight_count = 100
    dynamic_filters = true

[v5.1]
name = "v5-1"
listen = "{host}:{port}"
next_connection_delay_ms = 1
    [v5.1.connections]
    connection_timeout_ms = 60000
    max_payload_size = {payload}
    max_inflight_count = 100
"""


class EmbeddedBrokerError(RuntimeError):
    """The broker could not be started; the text says why."""


class EmbeddedBroker:
    """Starts the broker and stops it, as an asynchronous context manager or by ``start`` and ``stop``."""

    def __init__(self, port: int = 0, *, mqtt3_port: int = 0) -> None:
        """Use these ports for MQTT 5 and MQTT 3.1.1; 0 stands for a free one."""
        self.port = port
        self.mqtt3_port = mqtt3_port
        self._process: asyncio.subprocess.Process | None = None
        self._directory: tempfile.TemporaryDirectory[str] | None = None

    @property
    def url(self) -> str:
        """Where MQTT 5 clients find it."""
        return f"mqtt://{HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start the child and wait until it accepts; raise ``EmbeddedBrokerError`` where it does not."""
        self.port, self.mqtt3_port = _free_port(self.port), _free_port(self.mqtt3_port)
        self._directory = tempfile.TemporaryDirectory(prefix="meter-bridge-broker-")
        path = Path(self._directory.name) / "broker.toml"
        path.write_text(
            CONFIGURATION.format(host=HOST, port=self.port, old_port=self.mqtt3_port, payload=MAX_PAYLOAD),
            encoding="utf-8",
        )
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            CHILD,
            str(path),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await self._until_accepting(self._process)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop the child and wait for its end; safe to call twice."""
        process, self._process = self._process, None
        if process is not None:
            await _terminate(process)
        directory, self._directory = self._directory, None
        if directory is not None:
            directory.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _until_accepting(self, process: asyncio.subprocess.Process) -> None:
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                while not await _accepts_connections(self.port):
                    if process.returncode is not None:
                        raise EmbeddedBrokerError(f"the embedded broker ended with code {process.returncode}")
                    await asyncio.sleep(POLL_S)
        except TimeoutError as error:
            message = f"the embedded broker did not accept on {HOST}:{self.port} in {START_TIMEOUT_S:.0f} s"
            raise EmbeddedBrokerError(message) from error


async def _terminate(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _accepts_connections(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True


def _free_port(port: int) -> int:
    """Return the port, or a free one for 0; raise ``EmbeddedBrokerError`` if another program uses it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            message = f"port {port} is taken ({error.strerror}): choose another for the embedded broker, or 0"
            raise EmbeddedBrokerError(message) from error
        return int(probe.getsockname()[1])
