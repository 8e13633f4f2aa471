"""Child process that typesets: JSON on standard input, PDF on standard output.

Its one argument is the layout, by its path within the package ``meter_bridge``.
"""

import os
from pathlib import Path
import sys
from typing import Final

import typst

PACKAGE: Final = Path(__file__).parents[1]
PRELUDE: Final = Path(__file__).with_name("document.typ")
NICENESS: Final = 10


def layout_source(layout: str | Path) -> bytes:
    """Return a layout of this package, or at an absolute path, with what all layouts begin with."""
    return PRELUDE.read_bytes() + (PACKAGE / layout).read_bytes()


def typeset(data: str, layout: str | Path) -> bytes:
    """Return the PDF of a document as JSON; the layout can read no file and no text as markup."""
    document = typst.compile(layout_source(layout), sys_inputs={"told": data}, format="pdf")
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
