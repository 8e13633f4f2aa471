"""``meter-bridge transfer``."""

import argparse
from typing import Final

from meter_bridge.commands.operation import add_account, add_amount, add_rest, carry_out

EPILOG: Final = """\
Both accounts are kept in the same currency. Either both ledgers change or neither does.

examples:
  meter-bridge transfer flat-1 flat-2 20.00 --reason "moved rooms"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    add_account(parser)
    parser.add_argument("to", metavar="TO", help="id of the account that gets the credit")
    add_amount(parser, help="in the accounts' currency, such as 20.00")
    add_rest(parser)


def run(arguments: argparse.Namespace) -> int:
    """Transfer credit."""
    done = f"{arguments.amount} transferred to {arguments.to}"
    return carry_out(arguments, "transfers", done, to=arguments.to, amount=arguments.amount)
