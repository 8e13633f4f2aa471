"""``meter-bridge emergency-credit``."""

import argparse
from typing import Final

from meter_bridge.commands.operation import add_account, add_rest, carry_out

EPILOG: Final = """\
Emergency credit is used only after somebody chose it. The customer does so with a tenant's token; this does
it on the customer's behalf.

examples:
  meter-bridge emergency-credit select flat-1
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument("action", choices=["select"], help="what to do")
    add_account(parser)
    add_rest(parser, reason=False)


def run(arguments: argparse.Namespace) -> int:
    """Select emergency credit."""
    return carry_out(arguments, "emergency-credit", "emergency credit selected")
