"""``meter-bridge tenancies``."""

import argparse
import asyncio
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from meter_bridge.commands.connection import connected
from meter_bridge.commands.output import NOT_KNOWN, add_json, plain, print_json, print_line, table
from meter_bridge.commands.settings import settings_of
from meter_bridge.core.money import format_amount
from meter_bridge.engine.statement import labels
from meter_bridge.protocol.answers import Tenancies
from meter_bridge.protocol.messages import TenancyView

EPILOG: Final = """\
OUTSTANDING is the amount still to be settled with a customer who has moved out: credit kept on record, or if
negative, an amount still owed. 'meter-bridge settle' records how it is settled, 'meter-bridge statement
ACCOUNT --tenancy N' shows its origin.

examples:
  meter-bridge tenancies
  meter-bridge tenancies flat-1
  meter-bridge tenancies --outstanding
"""
HEAD: Final = ("ACCOUNT", "N", "CUSTOMER", "FROM", "UNTIL", "OUTSTANDING")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument("account", metavar="ACCOUNT", nargs="?", help="account id (default: all)")
    parser.add_argument(
        "--outstanding", action="store_true", help="only tenancies with an outstanding amount"
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """List tenancies."""
    found = asyncio.run(_tenancies(arguments))
    if arguments.json:
        print_json(msgspec.to_builtins(found))
    elif found:
        print_line(table(HEAD, [_row(each) for each in found], right=("N", "OUTSTANDING")))
    else:
        print_line(
            "There are no outstanding amounts." if arguments.outstanding else "There are no tenancies yet."
        )
    return 0


async def _tenancies(arguments: argparse.Namespace) -> tuple[TenancyView, ...]:
    path = ("tenancies",) if arguments.account is None else ("accounts", arguments.account, "tenancies")
    async with connected(settings_of(arguments)) as client:
        found = await client.get(Tenancies, *path)
    return tuple(each for each in found.tenancies if each.outstanding or not arguments.outstanding)


def _row(tenancy: TenancyView) -> tuple[str, ...]:
    zone = ZoneInfo(tenancy.time_zone or "UTC")
    until = "current" if tenancy.end is None else f"{labels.local_time_text(tenancy.end, zone):%Y-%m-%d}"
    left = format_amount(tenancy.outstanding, tenancy.currency or "") if tenancy.outstanding else ""
    return (
        f"{tenancy.account_id}{' (closed)' if tenancy.closed else ''}",
        str(tenancy.n),
        NOT_KNOWN if tenancy.customer is None else plain(tenancy.customer),
        f"{labels.local_time_text(tenancy.start, zone):%Y-%m-%d}",
        "" if tenancy.closed and tenancy.end is None else until,
        left,
    )
