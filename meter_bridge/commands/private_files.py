"""New files that only their owner can read, because some contain secrets."""

import os
from pathlib import Path

from meter_bridge.commands.errors import CommandError


def refuse_existing(path: Path) -> None:
    """Raise ``CommandError`` if a file exists, before any secret is created for it."""
    if path.exists():
        raise CommandError(f"{path} already exists", "name a new file: codes are shown only once")


def create_file(path: Path, content: bytes) -> None:
    """Write a new file that only its owner can read."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(number, "wb") as file:
        file.write(content)


def write_pdf(path: Path, told: str, layout: str) -> None:
    """Typeset a document and write it."""
    # Imported here because most commands typeset nothing.
    from meter_bridge.printing.typesetter_child import typeset  # noqa: PLC0415

    create_file(path, typeset(told, layout))
