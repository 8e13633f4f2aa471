"""A link to a device that speaks only when it is asked."""

from abc import ABC, abstractmethod
import asyncio
from collections.abc import Sequence
import logging
from typing import Final

from meter_bridge.devices.addresses import only_device, parse_address
from meter_bridge.devices.base.driver import Item, Report, ReportSink
from meter_bridge.devices.base.quantities import REFUSALS, rejection
from meter_bridge.protocol.vocabulary import RelayPosition

LOGGER: Final = logging.getLogger(__name__)
INTERVAL_S: Final = 5.0
"""Between two readings, from the end of one to the beginning of the next."""
TIMEOUT_S: Final = 10.0
"""For all that one reading or command takes."""
FIRST_DELAY_S: Final = 0.5
MAX_DELAY_S: Final = 30.0
MISSED: Final = 3
"""After so many readings without an answer a device is offline; over Wi-Fi one is lost now and then."""


class DeviceError(Exception):
    """What a device refuses or is wrong about, as a sentence for people."""


class PollingLink(ABC):
    """One device, asked again and again; a ``Link`` for all its channels in use."""

    def __init__(
        self,
        host: str,
        addresses: Sequence[str],
        *,
        interval_s: float = INTERVAL_S,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """All addresses name the same device."""
        self.device = only_device(host, addresses)
        self.addresses = tuple(addresses)
        self.host = host
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._turn = asyncio.Lock()
        self._asked = asyncio.Event()
        self._missed = MISSED
        self.problem: str | None = None
        """Why there is no connection, for people."""

    @property
    def connected(self) -> bool:
        """Whether it answered lately."""
        return self._missed < MISSED

    async def run(self, sink: ReportSink) -> None:
        """Ask again and again until cancelled."""
        delay = FIRST_DELAY_S
        try:
            while True:
                self._asked.clear()
                if await self._attempt(sink):
                    delay = FIRST_DELAY_S
                    await self._wait(self._interval_s)
                else:
                    await self._wait(delay)
                    delay = min(delay * 2, MAX_DELAY_S)
        finally:
            self._missed = MISSED
            await self.close()

    async def switch(self, address: str, position: RelayPosition) -> None:
        """Ask the relay to move, and read it back; raise ``ConnectionError`` where that fails."""
        if not self.connected:
            raise ConnectionError(self.problem or f"no connection to {self.host}")
        try:
            async with self._turn, asyncio.timeout(self._timeout_s):
                await self.move(parse_address(address).channel, position)
        except DeviceError as error:
            self._explain(str(error))
            raise ConnectionError(str(error)) from error
        finally:
            self._asked.set()

    async def query(self, address: str) -> None:
        """Read the device at once; raise ``ConnectionError`` while not connected."""
        parse_address(address)
        if not self.connected:
            raise ConnectionError(self.problem or f"no connection to {self.host}")
        self._asked.set()

    @abstractmethod
    async def read(self) -> Sequence[Item]:
        """Read all channels in use; raise ``OSError``, ``TimeoutError`` or ``DeviceError``."""

    @abstractmethod
    async def move(self, channel: str, position: RelayPosition) -> None:
        """Ask a relay to move; raise as ``read``."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of the connection, if there is one; the next reading makes a new one."""

    async def _attempt(self, sink: ReportSink) -> bool:
        try:
            async with self._turn, asyncio.timeout(self._timeout_s):
                items = await self.read()
        except REFUSALS as error:
            sink(rejection(self.host, error))
            return True
        except DeviceError as error:
            self._explain(str(error))
        except TimeoutError:
            self._explain(f"no answer within {self._timeout_s:g} s")
        except OSError as error:
            self._explain(str(error) or type(error).__name__)
        else:
            self._answered(sink, items)
            return True
        await self.close()
        self._missed += 1
        if self._missed == MISSED:
            sink([Report(address, online=False) for address in self.addresses])
        return False

    def _answered(self, sink: ReportSink, items: Sequence[Item]) -> None:
        was_away, self._missed = not self.connected, 0
        if was_away or self.problem is not None:
            self.problem = None
            LOGGER.info("%s at %s answers", self.device, self.host)
        online = [Report(address, online=True) for address in self.addresses] if was_away else []
        sink([*online, *items])

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._asked.wait()
        except TimeoutError:
            return

    def _explain(self, reason: str) -> None:
        problem = f"{self.device} at {self.host}: {reason}"
        if problem != self.problem:
            LOGGER.warning("%s; trying again", problem)
        self.problem = problem
