"""Typesets: a layout of this folder and what it is told become a PDF."""

import json
from pathlib import Path
from typing import Final

import typst

FOLDER: Final = Path(__file__).parent
MEDIA: Final = "application/pdf"


def typeset(layout: str, data: object) -> bytes:
    """Return a PDF; the layout reads nothing but itself and what it is told, and no text as markup."""
    source = (FOLDER / layout).read_bytes()
    document = typst.compile(source, sys_inputs={"told": json.dumps(data)}, format="pdf")
    assert isinstance(document, bytes)
    return document
