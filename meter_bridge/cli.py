"""The ``meter-bridge`` command: picks a command and tells its outcome; the work is done in ``commands``."""

import argparse
from collections.abc import Sequence
from importlib import import_module
import os
import sys
from types import MappingProxyType
from typing import Final, Protocol, cast, override

from meter_bridge import VERSION
from meter_bridge.commands.errors import CommandError
from meter_bridge.commands.parser import EXIT_CODES, Parser, add_data

SUMMARIES: Final = MappingProxyType(
    {
        "run": "run the bridge until it is told to stop",
        "check": "say what is wrong with a site file, touching nothing",
        "tariff": "check a tariff, show its year, or price a load by it",
        "apply": "show what a site file would change, then apply it",
        "accounts": "show every account with what it has left",
        "ledger": "show every entry of an account's journal, newest first",
        "explain": "show what an entry of an account's journal was made of",
        "statement": "show what moved an account's balance in a period",
        "top-up": "book money that a customer paid",
        "voucher": "make, sell, block and redeem vouchers",
        "access": "make and revoke customers' codes for their page",
        "notify": "show messages to people, test them, check notify.yaml",
        "payments": "list payments of providers, decide on those that wait",
        "refund": "give money back to a customer",
        "reverse": "take a top-up or charge back",
        "correct": "correct a balance, either way",
        "reprice": "price a past month by another price list",
        "transfer": "transfer credit from one account to another",
        "write-off": "write off a debt or arrears",
        "debt": "open, change or close a debt",
        "emergency-credit": "select emergency credit for a customer",
        "move-out": "settle finally with a customer who moves out",
        "move-in": "let the next customer begin",
        "tenancies": "show who lived where when, and what is left with whom",
        "debts": "show what customers owe, present and former",
        "settle": "settle later with a customer who moved out",
        "meters": "show every meter, tell a reading, or replace one",
        "quarantine": "decide what a register means that fell or jumped",
        "alerts": "list alerts, and acknowledge them",
        "clock": "say whether the clock is believed, or confirm it",
        "exposure": "show what can be used beyond credit if the bridge stops",
        "supply": "switch or confirm a supply, or let credit decide",
        "hold": "place, list and lift holds on a supply",
        "token": "make, list and revoke tokens of the API",  # nosec B105 - a summary
        "broker-acl": "write the broker's users and rights, one for each device",
        "verify": "prove that the books are right",
        "backup": "copy the installation while it runs",
        "restore": "bring a backup back, or prove that it can be",
        "migrate": "move the installation to another database",
        "shards": "divide the sites among several bridges",
        "simulate": "pretend to be meters, for trying out and for tests",
    }
)
INTERRUPTED: Final = 130
INTRODUCTION: Final = """\
Turns any MQTT or local-network energy meter into a prepaid meter.

Commands that change something go through the running bridge. Where none runs, they open its data themselves,
under the same lock that a bridge takes.
"""
EXAMPLES: Final = """\
a first installation:
  meter-bridge check house.yaml
  meter-bridge apply house.yaml
  meter-bridge run --broker mqtt://localhost
  meter-bridge token create --name "Home Assistant" --role landlord --all-sites
  meter-bridge top-up flat-1 100.00 --reference "receipt 7"

'meter-bridge COMMAND --help' explains each with examples.

"""


class Command(Protocol):
    """What each module of ``commands`` offers."""

    EPILOG: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Describe the command's arguments."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it and return the exit code; raise ``CommandError`` where it cannot be done."""


class CommandParser(Parser):
    """Parser of one command, whose module is loaded only when the command is used."""

    @override
    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        module = command(self.prog.rsplit(" ", 1)[1])
        self.epilog = module.EPILOG + "\n" + EXIT_CODES
        add_data(self)
        module.add_arguments(self)
        self.set_defaults(run=module.run)
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
        # Whoever read the output has gone, as 'head' does; Python would complain once more when it closes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _main(argv: Sequence[str]) -> int:
    arguments = build_parser().parse_args(argv)
    code: int = arguments.run(arguments)
    sys.stdout.flush()
    return code


def build_parser() -> Parser:
    """Return the parser of the whole command line."""
    parser = Parser(prog="meter-bridge", description=INTRODUCTION, epilog=EXAMPLES + EXIT_CODES)
    parser.add_argument("--version", action="version", version=f"meter-bridge {VERSION}")
    add_data(parser, default=None)
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, parser_class=CommandParser
    )
    for name, summary in SUMMARIES.items():
        commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    return parser


def command(name: str) -> Command:
    """Return the module of a command."""
    return cast("Command", import_module(f"meter_bridge.commands.{name.replace('-', '_')}"))


if __name__ == "__main__":
    sys.exit(main())
