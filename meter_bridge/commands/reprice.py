"""``meter-bridge reprice``."""

import argparse
from typing import Final

from meter_bridge.commands.operation import add_account, add_rest, carry_out

EPILOG: Final = """\
The price list may have begun later or belong to another tariff. The journal stays as it is: the difference
between what the period costs by it and what was charged becomes one correction, with all its lines.

examples:
  meter-bridge reprice flat-1 2026-06-20 home@2026-07-01 --reason "published late, holds from 1 June"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    add_account(parser)
    parser.add_argument("day", metavar="DAY", help="any day of the billing period, such as 2026-06-20")
    parser.add_argument("version", metavar="VERSION", help="price list to use, such as home@2026-07-01")
    parser.add_argument("--supply", metavar="SUPPLY", help="id of the supply, where the account has several")
    add_rest(parser)


def run(arguments: argparse.Namespace) -> int:
    """Price a period anew."""
    done = f"repriced by {arguments.version}"
    body = {"day": arguments.day, "version": arguments.version, "supply": arguments.supply}
    return carry_out(arguments, "repricings", done, **body)
