"""Documents as PDF, typeset in a child process.

Typesetting takes a tenth of a second of one core and tens of megabytes; the bridge spends neither. One
document at a time.
"""

import asyncio
import sys
from typing import Final

CHILD: Final = "meter_bridge.printing.typesetter_child"
TIMEOUT_S: Final = 60
"""A statement of ten thousand rows takes a few seconds; a child that takes longer is ended."""


class TypesettingError(Exception):
    """A document that could not be typeset."""


class Typesetter:
    """Typesets one document at a time."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def typeset(self, document: bytes, layout: str) -> bytes:
        """Return a document (JSON) as PDF, by a layout within this package; raises ``TypesettingError``."""
        async with self._lock:
            return await _run_child(document, layout)


async def _run_child(source: bytes, layout: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", CHILD, layout),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            document, complaint = await process.communicate(source)
    except TimeoutError as error:
        msg = f"typesetting took longer than {TIMEOUT_S} s"
        raise TypesettingError(msg) from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0 or not document.startswith(b"%PDF-"):
        output = complaint.decode(errors="replace").strip().rsplit("\n", 1)[-1]
        msg = f"typesetting ended with status {process.returncode}: {output or 'no message'}"
        raise TypesettingError(msg)
    return document
