"""A broker of one's own for a first run: rumqttd from the ``iotcore`` wheel, a child process on loopback."""

import asyncio
from contextlib import suppress
import logging
from pathlib import Path
import socket
import sys
import tempfile
import time
from types import TracebackType
from typing import Final, Self

HOST: Final = "127.0.0.1"
START_TIMEOUT_S: Final = 15.0
STOP_TIMEOUT_S: Final = 5.0
POLL_S: Final = 0.05
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0
"""Before a broker that ended is started again; twice as long after each time that it ends at once."""
STEADY_S: Final = 300.0
"""A broker that ran for so long is started again without delay."""
_LOGGER: Final = logging.getLogger(__name__)
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
    """Starts the broker, again whenever it ends, and stops it; a context manager as well.

    The bridge and its meters connect again by themselves, so it comes back at the same ports.
    """

    def __init__(self, port: int = 0, *, mqtt3_port: int = 0) -> None:
        """Use these ports for MQTT 5 and MQTT 3.1.1; 0 stands for a free one."""
        self.port = port
        self.mqtt3_port = mqtt3_port
        self._process: asyncio.subprocess.Process | None = None
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._supervision: asyncio.Task[None] | None = None

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
        try:
            await self._start_child(path)
        except BaseException:
            await self.stop()
            raise
        self._supervision = asyncio.create_task(self._supervise(path), name="embedded broker")

    async def _start_child(self, configuration: Path) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            CHILD,
            str(configuration),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await self._until_accepting(self._process)

    async def _supervise(self, configuration: Path) -> None:
        """Start the child again whenever it ends."""
        pause, started = FIRST_PAUSE_S, time.monotonic()
        while self._process is not None:
            code = await self._process.wait()
            pause = FIRST_PAUSE_S if time.monotonic() - started >= STEADY_S else pause
            _LOGGER.error("The built-in MQTT broker ended with code %s; it starts again in %d s", code, pause)
            await asyncio.sleep(pause)
            pause, started = min(2 * pause, LONGEST_PAUSE_S), time.monotonic()
            try:
                await self._start_child(configuration)
                _LOGGER.info("The built-in MQTT broker runs again")
            except (EmbeddedBrokerError, OSError) as error:
                _LOGGER.error("The built-in MQTT broker cannot start: %s", error)  # noqa: TRY400 - no traceback
                await _terminate(self._process)

    async def stop(self) -> None:
        """Stop the child and wait for its end; safe to call twice."""
        supervision, self._supervision = self._supervision, None
        if supervision is not None:
            supervision.cancel()
            await asyncio.wait([supervision])
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
