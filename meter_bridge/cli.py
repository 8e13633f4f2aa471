"""The ``meter-bridge`` command line: finds a command, runs it and reports its outcome."""

import argparse
from collections.abc import Sequence
from importlib import import_module
import os
import sys
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, cast, override

from meter_bridge import VERSION
from meter_bridge.commands.parser import EXIT_CODES, INTERRUPTED, CommandError, Parser, add_data_folder

if TYPE_CHECKING:
    from meter_bridge.commands.command import Command

SUMMARIES: Final = MappingProxyType(
    {
        "run": "run the bridge until it is stopped",
        "check": "validate a site file without changing anything",
        "tariff": "validate or show a tariff, or price a load profile",
        "apply": "show what a site file would change, then apply it",
        "accounts": "list accounts with their available credit",
        "ledger": "list an account's ledger entries, newest first",
        "explain": "show the calculation behind a ledger entry",
        "statement": "show or export an account statement for a period",
        "top-up": "record a payment received from a customer",
        "voucher": "create, sell, void and redeem vouchers",
        "access": "create and revoke customers' access to the tenant page",
        "notify": "list notifications, send a test, or validate notify.yaml",
        "payments": "list, decide and reconcile provider payments",
        "refund": "refund money to a customer",
        "reverse": "reverse a top-up or a charge",
        "correct": "adjust a balance up or down",
        "reprice": "reprice a past billing period under another tariff",
        "transfer": "transfer credit between accounts",
        "write-off": "write off a debt or arrears",
        "debt": "open, change or close a debt",
        "emergency-credit": "select emergency credit for a customer",
        "move-out": "move a customer out with a final settlement",
        "move-in": "move a customer in",
        "tenancies": "list tenancies and their outstanding amounts",
        "debts": "list what current and former customers owe",
        "settle": "settle the outstanding amount of a former customer",
        "meters": "list meters, submit a reading, or replace a meter",
        "quarantine": "review registers that fell or jumped",
        "alerts": "list and acknowledge alerts",
        "clock": "show or confirm whether the clock can be trusted",
        "exposure": "show possible use beyond credit if the bridge fails",
        "supply": "switch, confirm or release a supply",
        "hold": "place, list and release holds on a supply",
        "token": "create, list and revoke API tokens",  # nosec B105 - a summary
        "broker-acl": "generate MQTT users and access rights for all devices",
        "verify": "verify the integrity of the books",
        "backup": "back up the installation while it is running",
        "restore": "restore a backup, or test that it can be restored",
        "migrate": "migrate the installation to another database",
        "shards": "divide the sites between several bridges",
        "simulate": "simulate meters for evaluation and testing",
    }
)
MODULES: Final = MappingProxyType(
    {
        "accounts": ("debts", "exposure", "tenancies"),
        "account_operations": (
            "correct",
            "debt",
            "emergency-credit",
            "move-in",
            "move-out",
            "refund",
            "reprice",
            "reverse",
            "settle",
            "transfer",
            "write-off",
        ),
        "backup": ("restore", "verify"),
        "ledger": ("explain",),
        "meters": ("quarantine",),
        "supply": ("hold",),
    }
)
"""Commands that share a module with others; every other command has one of its own name."""
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


def command(name: str) -> Command:
    """Return a command; loads the module that describes it."""
    module = next((module for module, names in MODULES.items() if name in names), name.replace("-", "_"))
    return cast("Command", import_module(f"meter_bridge.commands.{module}").COMMANDS[name])


if __name__ == "__main__":
    sys.exit(main())
