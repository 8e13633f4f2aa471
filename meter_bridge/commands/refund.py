"""``meter-bridge refund``."""

import argparse
from typing import Final

from meter_bridge.commands.operation import add_account, add_amount, add_rest, carry_out

EPILOG: Final = """\
At most the balance is given back. What was used so far is charged first.

examples:
  meter-bridge refund flat-1 50.00 --reason "moves away" --reference "eft 7"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    add_account(parser)
    add_amount(parser, help="in the account's currency, such as 50.00")
    parser.add_argument("--reference", metavar="TEXT", help="how it was paid out")
    add_rest(parser)


def run(arguments: argparse.Namespace) -> int:
    """Give money back."""
    body = {"amount": arguments.amount, "reference": arguments.reference}
    return carry_out(arguments, "refunds", f"{arguments.amount} given back", **body)
