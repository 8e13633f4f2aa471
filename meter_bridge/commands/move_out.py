"""``meter-bridge move-out``."""

import argparse
from typing import Final

from meter_bridge.commands.operation import add_account, add_rest, carry_out

EPILOG: Final = """\
Everything used is charged, unused units are returned at their price, and emergency credit, arrears and debts
are set off against the balance. Credit that remains is refunded, transferred, or kept on record as the
customer's; what is still owed is always kept on record. No token of a tenant sees the account any more.
A meter that has been silent is to be read first ('meter-bridge meters read'): what it counted and did not
tell would be nobody's.

examples:
  meter-bridge move-out flat-1 --remainder refund --reason "end of lease"
  meter-bridge move-out flat-1 --remainder transfer --to flat-2 --reason "moved to flat 2"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    add_account(parser)
    parser.add_argument(
        "--remainder",
        choices=["refund", "transfer", "keep"],
        default="keep",
        help="what becomes of credit that remains (default: %(default)s)",
    )
    parser.add_argument("--to", metavar="ACCOUNT", help="the account to which it is transferred")
    parser.add_argument(
        "--unread",
        action="store_true",
        help="settle by the newest reading, even where a meter has been silent since",
    )
    add_rest(parser)


def run(arguments: argparse.Namespace) -> int:
    """End a tenancy."""
    body = {"remainder": arguments.remainder, "to": arguments.to, "unread": arguments.unread or None}
    return carry_out(arguments, "move-out", "moved out", **body)
