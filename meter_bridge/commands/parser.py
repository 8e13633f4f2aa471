"""Argument parsers whose errors name the problem and the remedy, and arguments that commands share."""

import argparse
from typing import Final, NoReturn, override

from meter_bridge.commands.errors import REFUSED, UNREACHABLE, USAGE, CommandError

EXIT_CODES: Final = f"""\
exit codes:
  0  done
  {REFUSED}  refused: the request cannot be carried out, and nothing was changed
  {USAGE}  usage: a command-line argument, a setting or a file is invalid
  {UNREACHABLE}  the bridge is unreachable, or its installation is in use
"""


class Parser(argparse.ArgumentParser):
    """A parser that raises ``CommandError``, keeps its epilog's line breaks and rejects abbreviations."""

    def __init__(self, **options: object) -> None:
        """Set the options that all parsers share."""
        shared = {"formatter_class": argparse.RawDescriptionHelpFormatter, "allow_abbrev": False}
        super().__init__(**(options | shared))  # type: ignore[arg-type]

    @override
    def error(self, message: str) -> NoReturn:
        raise CommandError(message, f"see '{self.prog} --help'", USAGE)


def add_data(parser: argparse.ArgumentParser, default: str | None = argparse.SUPPRESS) -> None:
    """Add the option that every command accepts, before or after its name."""
    parser.add_argument(
        "--data",
        metavar="DIR",
        default=default,
        help="installation folder (default: $PREPAID_METER_DATA, else ~/.local/share/prepaid-meter)",
    )


def add_account(parser: argparse.ArgumentParser) -> None:
    """Add the id of the account."""
    parser.add_argument("account", metavar="ACCOUNT", help="account id, such as flat-1")


def add_key(parser: argparse.ArgumentParser) -> None:
    """Add the idempotency key."""
    parser.add_argument("--key", help="idempotency key; a repeated key counts once (default: a new one)")
