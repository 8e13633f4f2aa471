"""A statement as PDF, typeset in a child process.

Typesetting takes a tenth of a second of one core and tens of megabytes; the bridge spends neither. One
statement at a time.
"""

import asyncio
import sys
from typing import Final

import msgspec

from meter_bridge.engine.statement.document import printed
from meter_bridge.protocol.statements import Statement
from meter_bridge.text.languages import ENGLISH

STATEMENT: Final = "engine/statement/statement.typ"
CHILD: Final = "meter_bridge.printing.typesetter_child"
SECONDS: Final = 60
"""A statement of ten thousand rows takes a few seconds; a child that takes longer is ended."""


class TypesettingError(Exception):
    """A statement that could not be typeset."""


class Typesetter:
    """Typesets one statement at a time."""

    def __init__(self) -> None:
        """Nothing is being typeset."""
        self._one_at_a_time = asyncio.Lock()

    async def as_pdf(self, statement: Statement, language: str = ENGLISH) -> bytes:
        """Return the statement as PDF; raises ``TypesettingError``."""
        paper = await asyncio.to_thread(printed, statement, language=language)
        return await self.set(msgspec.json.encode(paper), STATEMENT)

    async def set(self, told: bytes, layout: str) -> bytes:
        """Return what is told, set by a layout within this package; raises ``TypesettingError``."""
        async with self._one_at_a_time:
            return await _typeset(told, layout)


async def _typeset(told: bytes, layout: str) -> bytes:
    """Return what the child makes of a printed statement."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", CHILD, layout),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(SECONDS):
            document, complaint = await process.communicate(told)
    except TimeoutError as error:
        msg = f"typesetting took longer than {SECONDS} s"
        raise TypesettingError(msg) from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0 or not document.startswith(b"%PDF-"):
        said = complaint.decode(errors="replace").strip().rsplit("\n", 1)[-1]
        msg = f"typesetting ended with status {process.returncode}: {said or 'no message'}"
        raise TypesettingError(msg)
    return document
