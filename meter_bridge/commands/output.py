"""What commands print and write: aligned tables for people, JSON for programs, files for their owner only."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
import json
import os
from pathlib import Path
import sys
from typing import Final

import msgspec

from meter_bridge.commands.parser import USAGE, CommandError
from meter_bridge.core.money import format_amount
from meter_bridge.protocol.messages import SupplyView

NOT_KNOWN: Final = "–"
GAP: Final = "  "
DAY: Final = len("2026-03-01")
MINUTE: Final = len("2026-03-01T10:00")
SECOND: Final = len("2026-03-01T10:00:00")
_SECONDS_PER_MINUTE: Final = 60
_SECONDS_PER_HOUR: Final = 3600
_SECONDS_PER_DAY: Final = 86_400


def print_line(text: str = "") -> None:
    """Write a line to standard output."""
    sys.stdout.write(f"{text}\n")


def print_note(text: str) -> None:
    """Write a line to standard error, so that it does not mix with output that programs read."""
    sys.stderr.write(f"{text}\n")


def print_json(value: object) -> None:
    """Write a value as JSON."""
    print_line(json.dumps(msgspec.to_builtins(value), indent=2, ensure_ascii=False))


@dataclass(frozen=True, slots=True)
class Output:
    """What a command prints at its end."""

    answer: object
    """Printed with ``--json``."""
    text: str
    """Printed without."""
    note: str = ""
    """Printed after the text, to standard error."""
    error: CommandError | None = None
    """Raised after all is printed."""

    def print(self, arguments: argparse.Namespace) -> None:
        """Print the answer or the text, as the arguments ask."""
        if getattr(arguments, "json", False):
            print_json(self.answer)
        else:
            if self.text:
                print_line(self.text)
            if self.note:
                print_note(self.note)
        if self.error is not None:
            self.error.printed = True
            raise self.error


def table(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> str:
    """Return rows under their heads, columns aligned; those named in ``right`` to the right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return "\n".join(
        GAP.join(
            cell.rjust(width) if name in right else cell.ljust(width)
            for cell, width, name in zip(row, widths, head, strict=True)
        ).rstrip()
        for row in (head, *rows)
    )


@dataclass(frozen=True, slots=True)
class Table[T]:
    """A table with a row for each item: its heads, each with what makes an item's cell."""

    columns: Mapping[str, Callable[[T], str]]
    right: tuple[str, ...] = ()
    """Columns aligned to the right."""

    def text(self, items: Sequence[T]) -> str:
        """Return the table, or an empty text without items."""
        rows = [[cell(item) for cell in self.columns.values()] for item in items]
        return table(tuple(self.columns), rows, self.right) if rows else ""


def amounts(rows: Sequence[tuple[str, int]], currency: str) -> list[str]:
    """Return a line for each name with its amount, aligned."""
    texts = [(name, format_amount(amount, currency)) for name, amount in rows]
    return table(("", "AMOUNT"), texts, right=("AMOUNT",)).splitlines()[1:]


def position(rows: Sequence[tuple[str, int]], currency: str, supply: SupplyView) -> list[str]:
    """Return indented lines of an account's amounts, then of its supply."""
    state = f"supply {supply.state} ({supply.reason.replace('_', ' ')})"
    return [f"  {line}" for line in (*amounts(rows, currency), state)]


def duration(seconds: int | None) -> str:
    """Return a duration in its two largest units, such as ``2 d 4 h``."""
    if seconds is None:
        return NOT_KNOWN
    if seconds >= _SECONDS_PER_DAY:
        return f"{seconds // _SECONDS_PER_DAY} d {seconds % _SECONDS_PER_DAY // _SECONDS_PER_HOUR} h"
    minutes = seconds % _SECONDS_PER_HOUR // _SECONDS_PER_MINUTE
    return f"{seconds // _SECONDS_PER_HOUR} h {minutes:02d} min"


def plain(text: str) -> str:
    """Return a text without control characters, which could move a terminal's cursor."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def read_text(path: Path, remedy: str, encoding: str = "utf-8") -> str:
    """Return the text of a file; raise ``CommandError`` with ``remedy`` if there is none."""
    try:
        return path.read_bytes().decode(encoding)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}", remedy, USAGE) from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{path} is not text in UTF-8", "save it as UTF-8", USAGE) from error


def refuse_existing(path: Path | None) -> None:
    """Raise ``CommandError`` if a file exists, before any secret is created for it."""
    if path is not None and path.exists():
        raise CommandError(f"{path} already exists", "name a new file: codes are shown only once")


def create_file(path: Path, content: bytes) -> None:
    """Write a new file that only its owner can read."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(number, "wb") as file:
        file.write(content)


def write_pdf(path: Path, printed: str, layout: str) -> None:
    """Typeset a document and write it."""
    # Imported here because most commands typeset nothing.
    from meter_bridge.printing.typesetter_child import typeset  # noqa: PLC0415

    create_file(path, typeset(printed, layout))
