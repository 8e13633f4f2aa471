"""Child process that typesets: JSON on standard input, PDF on standard output.

Its one argument is the layout, by its path within this package.
"""

import os
from pathlib import Path
import sys
from typing import Final

import typst

PACKAGE: Final = Path(__file__).parents[1]
NICENESS: Final = 10


def typeset(data: str, layout: str) -> bytes:
    """Return the PDF of what is told; the layout may read nothing but itself."""
    document = typst.compile((PACKAGE / layout).read_bytes(), sys_inputs={"told": data}, format="pdf")
    assert isinstance(document, bytes)
    return document


def main() -> int:
    """Typeset one document at low priority."""
    os.nice(NICENESS)
    source = sys.stdin.buffer.read().decode(errors="replace")
    sys.stdout.buffer.write(typeset(source, sys.argv[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
