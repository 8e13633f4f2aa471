"""The landlord's dashboard as a process."""

from collections.abc import Sequence
from pathlib import Path
import sys
from typing import Final

from scripts.lib.demo.bridge import answers
from scripts.lib.demo.process import LOOPBACK, OwnedProcess

START_S: Final = 90.0


class Dashboard(OwnedProcess):
    """``python -m dashboard`` over a bridge's data."""

    def __init__(
        self, data: Path, port: int, log: Path, options: Sequence[str] = ("--without-sign-in",)
    ) -> None:
        self.url = f"http://{LOOPBACK}:{port}"
        command = [sys.executable, "-m", "dashboard", "--data", str(data), "--port", str(port), *options]
        super().__init__("the dashboard", command, log)

    async def start(self) -> None:
        """Start it and wait until it responds."""
        await super().start()
        await self.until_ready(lambda: answers(f"{self.url}/_stcore/health"), START_S)
