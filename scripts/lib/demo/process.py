"""A child process: started with a log file, awaited by a condition, stopped by its id."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
import os
from pathlib import Path
import shutil
import signal
import socket
from typing import Final

from meter_bridge.config.settings import PREFIX
from scripts.lib.demo.waiting import NotObservedError, until

STOP_S: Final = 20.0
TAIL_LINES: Final = 15


class EndedError(NotObservedError):
    """A process exited before it was ready."""


class OwnedProcess:
    """One process with a log file; it never outlives us, and Ctrl+C in our terminal does not reach it."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self.command = list(command)
        self.environment = dict(environment or {})
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self.running and self._process else None

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *_dying_with_us(),
                *self.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
                env=_clean_environment() | self.environment,
                cwd=self._folder,
                start_new_session=True,
            )

    async def until_ready(self, look: Callable[[], Awaitable[object]], within_s: float) -> None:
        """Wait until it serves; raise if it exits or takes too long."""

        async def ready() -> object:
            if not self.running:
                raise EndedError(f"{self.name} exited before it was ready; see its log:\n{self.tail()}")
            return await look()

        await until(f"{self.name} is ready", ready, within_s)

    async def stop(self) -> None:
        """Ask it to exit, and kill it if it does not in time. Safe to call twice."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """Kill it at once, like a power cut."""
        await self._end(signal.SIGKILL)

    async def _end(self, first: signal.Signals) -> None:
        process = self._process
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(first)
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            process.kill()
            await process.wait()
        self._process = None

    def tail(self, lines: int = TAIL_LINES) -> str:
        """Return the last lines of its log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def _dying_with_us() -> Sequence[str]:
    """Return a command prefix with which the kernel ends the child when we die, where there is one."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []


def _clean_environment() -> dict[str, str]:
    """Return our environment without the settings of a bridge that the user runs."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}


async def output_of(command: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """Run a command and return its output; raise ``NotObservedError`` if it fails."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=_clean_environment() | dict(environment or {}),
    )
    output, errors = await process.communicate()
    if process.returncode:
        message = (errors or output).decode(errors="replace").strip()
        raise NotObservedError(f"{' '.join(command[1:4])} exited with {process.returncode}: {message}")
    return output.decode()


LOOPBACK: Final = "127.0.0.1"


def free_port(preferred: int = 0) -> int:
    """Return the preferred port, or any free one if it is in use."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("this machine has no free port")
