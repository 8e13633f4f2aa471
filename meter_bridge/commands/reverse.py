"""``meter-bridge reverse``."""

import argparse
from typing import Final

from meter_bridge.commands.operation import add_account, add_rest, carry_out

EPILOG: Final = """\
A top-up gives back what its split gave, in reverse: debts are owed again, emergency credit is lent again up
to its limit, and the balance bears the rest. Unused units that it bought are returned at their price. A
charge is given back as money. Each entry is taken back once; 'meter-bridge ledger' shows their ids.

examples:
  meter-bridge reverse flat-1 entry-12 --reason "cheque bounced"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    add_account(parser)
    parser.add_argument("entry", metavar="ENTRY", help="id of a top-up or charge, such as entry-12")
    add_rest(parser)


def run(arguments: argparse.Namespace) -> int:
    """Take an entry back."""
    return carry_out(arguments, "reversals", f"{arguments.entry} taken back", entry=arguments.entry)
