"""The parser of the command line, and the error that ends a command."""

import argparse
from typing import Final, NoReturn, override

REFUSED: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 3
INTERRUPTED: Final = 130
EXIT_CODES: Final = f"""\
exit codes:
  0  done
  {REFUSED}  refused or not confirmed, and nothing was changed; or a check found problems
  {USAGE}  usage: an argument or a setting is invalid, or a file cannot be read
  {UNREACHABLE}  the bridge or its installation cannot be reached or used, or cannot start
  {INTERRUPTED}  interrupted with Ctrl+C
"""


class CommandError(Exception):
    """A command that failed: one line names the problem, one the remedy."""

    def __init__(self, what: str, remedy: str, code: int = REFUSED, *, answer: object = None) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy
        self.code = code
        self.answer = answer
        """What ``--json`` prints; None for the error and the remedy."""
        self.printed = False
        """Whether the command has printed its answer."""


class Parser(argparse.ArgumentParser):
    """A parser that raises ``CommandError``, keeps its epilog's line breaks and rejects abbreviations."""

    def __init__(self, **options: object) -> None:
        shared = {"formatter_class": argparse.RawDescriptionHelpFormatter, "allow_abbrev": False}
        super().__init__(**(options | shared))  # type: ignore[arg-type]

    @override
    def error(self, message: str) -> NoReturn:
        raise CommandError(message, f"see '{self.prog} --help'", USAGE)


def add_data_folder(parser: argparse.ArgumentParser, default: str | None = argparse.SUPPRESS) -> None:
    """Add the option that every command accepts, before or after its name."""
    parser.add_argument(
        "--data",
        metavar="DIR",
        default=default,
        help="installation folder (default: $PREPAID_METER_DATA, else ~/.local/share/prepaid-meter)",
    )
