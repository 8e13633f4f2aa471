"""``meter-bridge move-in``."""

import argparse
from typing import Final

from meter_bridge.commands.operation import add_account, add_rest, carry_out

EPILOG: Final = """\
The next customer begins with a ledger of the own: nothing of who lived there before is seen with a tenant's
token. The one before moves out first.

examples:
  meter-bridge move-in flat-1 "N. Dlamini" --opening-credit 20.00
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    add_account(parser)
    parser.add_argument("customer", metavar="CUSTOMER", help="name of the customer")
    parser.add_argument(
        "--opening-credit", metavar="AMOUNT", default="0", help="with which the customer begins"
    )
    add_rest(parser, reason=False)


def run(arguments: argparse.Namespace) -> int:
    """Begin a tenancy."""
    body = {"customer": arguments.customer, "opening_credit": arguments.opening_credit}
    return carry_out(arguments, "move-in", "moved in", **body)
