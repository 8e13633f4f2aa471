"""A TCP proxy between the bridge and its broker that imitates network faults."""

import asyncio
from contextlib import suppress
from enum import StrEnum
from typing import Final

from scripts.lib.demo.process import LOOPBACK

CHUNK: Final = 65_536


class Network(StrEnum):
    """The state of the network."""

    FINE = "fine"
    DELAYED = "delayed"
    """Everything takes a while."""
    STALLED = "stalled"
    """Nothing moves, and all of it arrives later."""
    HALF_OPEN = "half open"
    """Connections seem to stand, and everything that is sent is lost."""


class Proxy:
    """Forwards connections to one port."""

    def __init__(self, port: int, target: int) -> None:
        self.port = port
        self._target = target
        self._state = Network.FINE
        self._moving = asyncio.Event()
        self._moving.set()
        self._delay_s = 0.0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, LOOPBACK, self.port)

    async def stop(self) -> None:
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def become(self, state: Network, delay_s: float = 0.0) -> None:
        """Change the state of the network; connections that were half open turn out to be closed."""
        was, self._state, self._delay_s = self._state, state, delay_s
        (self._moving.clear if state is Network.STALLED else self._moving.set)()
        if was is Network.HALF_OPEN:
            self.cut()

    def cut(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            with suppress(OSError):
                beyond, out = await asyncio.open_connection(LOOPBACK, self._target)
                self._writers.add(out)
                await self._join(reader, writer, beyond, out)
        finally:
            self._tasks.discard(task)

    async def _join(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        beyond: asyncio.StreamReader,
        out: asyncio.StreamWriter,
    ) -> None:
        ways = [asyncio.create_task(self._pass(reader, out)), asyncio.create_task(self._pass(beyond, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for task in (writer, out):
                task.transport.abort()
                self._writers.discard(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                await self._moving.wait()
                if self._state is Network.HALF_OPEN:
                    continue
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                writer.write(data)
                await writer.drain()
