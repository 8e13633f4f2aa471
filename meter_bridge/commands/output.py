"""Output of commands: aligned tables for people, JSON for programs."""

import argparse
from collections.abc import Sequence
import json
import sys
from typing import Final

NOT_KNOWN: Final = "–"
GAP: Final = "  "
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
    print_line(json.dumps(value, indent=2, ensure_ascii=False))


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the option for machine-readable output."""
    parser.add_argument("--json", action="store_true", help="print JSON as returned by the API")


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
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
