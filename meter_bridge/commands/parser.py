"""Parsers that answer a slip with one line of what and one of what to do."""

import argparse
from typing import Final, NoReturn, override

from meter_bridge.commands.errors import REFUSED, UNREACHABLE, USAGE, CommandError

EXIT_CODES: Final = f"""\
exit codes:
  0  done
  {REFUSED}  refused: what was asked cannot be done, and nothing of it was
  {USAGE}  usage: the command line, a setting or a file cannot be read
  {UNREACHABLE}  the bridge cannot be reached, or its installation is in use
"""


class Parser(argparse.ArgumentParser):
    """A parser that raises ``CommandError``, keeps the lines of its epilog and never guesses an option."""

    def __init__(self, **options: object) -> None:
        """Set what all parsers share."""
        shared = {"formatter_class": argparse.RawDescriptionHelpFormatter, "allow_abbrev": False}
        super().__init__(**(options | shared))  # type: ignore[arg-type]

    @override
    def error(self, message: str) -> NoReturn:
        raise CommandError(message, f"see '{self.prog} --help'", USAGE)


def add_data(parser: argparse.ArgumentParser, default: str | None = argparse.SUPPRESS) -> None:
    """Add the option that every command has, before or after its name."""
    parser.add_argument(
        "--data",
        metavar="DIR",
        default=default,
        help="folder of the installation (default: $PREPAID_METER_DATA, else ~/.local/share/prepaid-meter)",
    )
