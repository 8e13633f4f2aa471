"""Documents as PDF, typeset in a child process.

Typesetting takes a tenth of a second of one core and tens of megabytes; the bridge spends neither. One
document at a time.
"""

import asyncio
from typing import Final

from meter_bridge.child_process import ChildError, run_module

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
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    typeset = await run_module(CHILD, layout, stdin=document)
            except TimeoutError as error:
                raise TypesettingError(f"typesetting took longer than {TIMEOUT_S} s") from error
            except ChildError as error:
                raise TypesettingError(f"typesetting {error}") from error
        if not typeset.startswith(b"%PDF-"):
            raise TypesettingError("typesetting made no PDF")
        return typeset
