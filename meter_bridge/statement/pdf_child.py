"""Child process that typesets a printed statement: JSON on standard input, PDF on standard output."""

import os
from pathlib import Path
import sys
from typing import Final

import typst

LAYOUT: Final = Path(__file__).with_name("statement.typ")
NICENESS: Final = 10


def typeset(told: str) -> bytes:
    """Return the PDF of a printed statement; the layout may read nothing but itself."""
    document = typst.compile(LAYOUT.read_bytes(), sys_inputs={"told": told}, format="pdf")
    assert isinstance(document, bytes)
    return document


def main() -> int:
    """Typeset one statement at low priority."""
    os.nice(NICENESS)
    sys.stdout.buffer.write(typeset(sys.stdin.buffer.read().decode(errors="replace")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
