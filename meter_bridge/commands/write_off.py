"""``meter-bridge write-off``."""

import argparse
from typing import Final

from meter_bridge.commands.operation import add_account, add_rest, carry_out

EPILOG: Final = """\
What is written off need not be paid any more. Without --debt it is the arrears, without AMOUNT all of it.

examples:
  meter-bridge write-off flat-1 --reason "agreed with the tenant"
  meter-bridge write-off flat-1 20.00 --debt arrears-2025 --reason "agreed with the tenant"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    add_account(parser)
    parser.add_argument("amount", metavar="AMOUNT", nargs="?", help="in the account's currency")
    parser.add_argument("--debt", metavar="DEBT", help="id of the debt (default: the arrears)")
    add_rest(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write something off."""
    what = "arrears" if arguments.debt is None else f"debt {arguments.debt}"
    done = f"{arguments.amount or 'all'} of {what} written off"
    return carry_out(arguments, "write-offs", done, debt=arguments.debt, amount=arguments.amount)
