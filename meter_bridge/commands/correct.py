"""``meter-bridge correct``."""

import argparse
from typing import Final

from meter_bridge.commands.operation import add_account, add_amount, add_rest, carry_out

EPILOG: Final = """\
A positive amount credits the customer, a negative one charges. Money that comes in repays emergency credit
first.

examples:
  meter-bridge correct flat-1 12.50 --reason "meter of the neighbour was read"
  meter-bridge correct flat-1 -12.50 --reason "top-up of flat 2 was booked here"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    add_account(parser)
    add_amount(parser, help="what the balance changes by, such as 12.50 or -12.50")
    add_rest(parser)


def run(arguments: argparse.Namespace) -> int:
    """Correct the balance."""
    return carry_out(arguments, "corrections", f"corrected by {arguments.amount}", amount=arguments.amount)
