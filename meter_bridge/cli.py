"""The ``meter-bridge`` command line: finds a command, runs it and reports its outcome."""

import argparse
from collections.abc import Sequence
import os
import sys
from typing import Final, override

from meter_bridge import VERSION
from meter_bridge.commands.parser import EXIT_CODES, INTERRUPTED, CommandError, Parser, add_data_folder
from meter_bridge.commands.registry import SUMMARIES, command

__all__ = ("SUMMARIES", "build_parser", "command", "main")

INTRODUCTION: Final = """\
Turns any MQTT or local-network energy meter into a prepaid meter.

Commands that change something go through the running bridge. If none is running, they open its data
directly, under the same lock that a bridge holds.
"""
EXAMPLES: Final = """\
a first installation:
  meter-bridge check house.yaml
  meter-bridge apply house.yaml
  meter-bridge run --broker mqtt://localhost
  meter-bridge token create --name "Home Assistant" --role landlord --all-sites
  meter-bridge top-up flat-1 100.00 --reference "receipt 7"

Run 'meter-bridge COMMAND --help' for details and examples.

"""


class CommandParser(Parser):
    """Parser of one command, whose module is loaded only when the command is used."""

    @override
    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        used = command(self.prog.rsplit(" ", 1)[1])
        self.epilog = f"{used.epilog}\n{EXIT_CODES}"
        add_data_folder(self)
        used.add_to(self)
        return super().parse_known_args(args, namespace)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    try:
        return _main(sys.argv[1:] if argv is None else argv)
    except CommandError as error:
        print(f"error: {error.what}\n  {error.remedy}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader, such as 'head', has closed the pipe; Python would report that again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _main(argv: Sequence[str]) -> int:
    arguments = build_parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except CommandError as error:
        if getattr(arguments, "json", False):
            print_failure(error)
        raise
    sys.stdout.flush()
    return code


def print_failure(error: CommandError) -> None:
    """Print what a program reads of a failure, unless the command has printed its answer already."""
    from meter_bridge.commands.output import print_json  # noqa: PLC0415 - help and usage errors are fast

    if not error.printed:
        print_json({"error": error.what, "remedy": error.remedy} if error.answer is None else error.answer)


def build_parser() -> Parser:
    """Return the parser of the whole command line."""
    parser = Parser(prog="meter-bridge", description=INTRODUCTION, epilog=EXAMPLES + EXIT_CODES)
    parser.add_argument("--version", action="version", version=f"meter-bridge {VERSION}")
    add_data_folder(parser, default=None)
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, parser_class=CommandParser
    )
    for name, summary in SUMMARIES.items():
        commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    return parser


if __name__ == "__main__":
    sys.exit(main())
