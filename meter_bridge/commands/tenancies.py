"""``meter-bridge tenancies``."""

import argparse
import asyncio
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from meter_bridge.commands.connection import connected
from meter_bridge.commands.output import NOT_KNOWN, add_json, plain, say, say_json, table
from meter_bridge.commands.settings import settings_of
from meter_bridge.core.money import format_amount
from meter_bridge.engine.statement import labels
from meter_bridge.protocol.answers import Tenancies
from meter_bridge.protocol.messages import TenancyView

EPILOG: Final = """\
LEFT is what is left between you and a customer who moved out: kept as the customer's, or still owed where it
is negative. 'meter-bridge settle' books what becomes of it, 'meter-bridge statement ACCOUNT --tenancy N'
shows how it came about.

examples:
  meter-bridge tenancies
  meter-bridge tenancies flat-1
  meter-bridge tenancies --outstanding
"""
HEAD: Final = ("ACCOUNT", "N", "CUSTOMER", "FROM", "UNTIL", "LEFT")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument("account", metavar="ACCOUNT", nargs="?", help="id of an account (default: all)")
    parser.add_argument(
        "--outstanding", action="store_true", help="only those with whom something is left to settle"
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show who lived where when."""
    found = asyncio.run(_tenancies(arguments))
    if arguments.json:
        say_json(msgspec.to_builtins(found))
    elif found:
        say(table(HEAD, [_row(each) for each in found], right=("N", "LEFT")))
    else:
        say("There is nothing left to settle." if arguments.outstanding else "Nobody has lived anywhere yet.")
    return 0


async def _tenancies(arguments: argparse.Namespace) -> tuple[TenancyView, ...]:
    path = ("tenancies",) if arguments.account is None else ("accounts", arguments.account, "tenancies")
    async with connected(settings_of(arguments)) as client:
        found = await client.get(Tenancies, *path)
    return tuple(each for each in found.tenancies if each.outstanding or not arguments.outstanding)


def _row(tenancy: TenancyView) -> tuple[str, ...]:
    """Return a tenancy as a row of the table."""
    zone = ZoneInfo(tenancy.time_zone or "UTC")
    until = "lives there" if tenancy.end is None else f"{labels.local(tenancy.end, zone):%Y-%m-%d}"
    left = format_amount(tenancy.outstanding, tenancy.currency or "") if tenancy.outstanding else ""
    return (
        f"{tenancy.account_id}{' (closed)' if tenancy.closed else ''}",
        str(tenancy.n),
        NOT_KNOWN if tenancy.customer is None else plain(tenancy.customer),
        f"{labels.local(tenancy.start, zone):%Y-%m-%d}",
        "" if tenancy.closed and tenancy.end is None else until,
        left,
    )
