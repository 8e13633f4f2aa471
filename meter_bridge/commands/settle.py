"""``meter-bridge settle``."""

import argparse
from typing import Final

from meter_bridge.commands.operation import add_account, add_rest, carry_out

EPILOG: Final = """\
What is left with a customer who moved out stays on record until it is settled: the customer pays what is owed
(paid), gets what was kept (paid_out), need not pay it (written_off), or owes more, as for a cheque that
bounced (charged). Nothing of the customer who lives there now moves. 'meter-bridge tenancies' lists what is
left with whom.

examples:
  meter-bridge settle flat-1 1 --how paid --reason "paid by instalments" --reference "eft 12"
  meter-bridge settle flat-1 1 25.00 --how paid --reason "first instalment"
  meter-bridge settle flat-1 1 --how written_off --reason "cannot be found"
"""
_DONE: Final = {
    "paid": "paid",
    "paid_out": "paid out",
    "written_off": "written off",
    "charged": "charged",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    add_account(parser)
    parser.add_argument("tenancy", metavar="N", type=int, help="number of the tenancy, from 1")
    parser.add_argument(
        "amount", metavar="AMOUNT", nargs="?", help="in the account's currency (default: all that is left)"
    )
    parser.add_argument("--how", choices=list(_DONE), required=True, help="what became of it")
    parser.add_argument("--reference", metavar="TEXT", help="receipt or note")
    add_rest(parser)


def run(arguments: argparse.Namespace) -> int:
    """Settle with a customer who moved out."""
    done = f"{arguments.amount or 'all'} of tenancy {arguments.tenancy} {_DONE[arguments.how]}"
    body = {
        "tenancy": arguments.tenancy,
        "how": arguments.how,
        "amount": arguments.amount,
        "reference": arguments.reference,
    }
    return carry_out(arguments, "settlements", done, **body)
