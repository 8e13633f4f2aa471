"""Files that are printed: written once, their owner's alone, because some hold secrets."""

import os
from pathlib import Path

from meter_bridge.commands.errors import CommandError


def refuse_existing(path: Path) -> None:
    """Raise ``CommandError`` where a file is there already, before anything secret is made for it."""
    if path.exists():
        raise CommandError(f"{path} exists already", "name a file that does not: codes are shown once")


def create_file(path: Path, content: bytes) -> None:
    """Write a new file that nobody else may read."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(number, "wb") as file:
        file.write(content)


def write_pdf(path: Path, told: str, layout: str) -> None:
    """Typeset what is told and write it."""
    # Imported here because most commands do without typesetting.
    from meter_bridge.printing.typesetter_child import typeset  # noqa: PLC0415

    create_file(path, typeset(told, layout))
