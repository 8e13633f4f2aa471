"""``meter-bridge ledger``."""

import argparse
import asyncio
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from meter_bridge.commands.connection import connected
from meter_bridge.commands.output import NOT_KNOWN, add_json, plain, print_json, print_line, print_note, table
from meter_bridge.commands.parser import add_account
from meter_bridge.commands.settings import settings_of
from meter_bridge.core.money import format_amount
from meter_bridge.engine.statement import labels
from meter_bridge.protocol.messages import AccountView, LedgerPage

EPILOG: Final = """\
BY is who requested an entry: a token name, or the bridge itself. AMOUNT is the change of the balance, BALANCE
the balance after the entry. 'meter-bridge explain' shows the calculation behind an entry, 'meter-bridge
reverse' reverses a top-up or charge.

examples:
  meter-bridge ledger flat-1
  meter-bridge ledger flat-1 --limit 100
  meter-bridge ledger flat-1 --before 4711
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    add_account(parser)
    parser.add_argument(
        "--limit", type=int, default=20, metavar="NUMBER", help="number of entries (default: %(default)s)"
    )
    parser.add_argument("--before", type=int, metavar="NUMBER", help="only entries before this number")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show the newest entries, newest first."""
    account, page = asyncio.run(_page(arguments))
    if arguments.json:
        print_json(msgspec.to_builtins(page))
        return 0
    zone = ZoneInfo(account.time_zone)
    rows = [
        (
            f"{labels.local_time_text(entry.at, zone):%Y-%m-%d %H:%M}",
            entry.id,
            plain(labels.TERMINAL.with_reason(entry)),
            plain(entry.by or NOT_KNOWN),
            format_amount(entry.amount, account.currency),
            format_amount(entry.balance_after, account.currency),
        )
        for entry in page.entries
    ]
    print_line(
        table(("BOOKED", "ENTRY", "WHAT", "BY", "AMOUNT", "BALANCE"), rows, right=("AMOUNT", "BALANCE"))
    )
    if page.next_before is not None:
        print_note(f"For older entries, add --before {page.next_before}")
    return 0


async def _page(arguments: argparse.Namespace) -> tuple[AccountView, LedgerPage]:
    query = {"limit": str(arguments.limit)}
    if arguments.before is not None:
        query["before"] = str(arguments.before)
    async with connected(settings_of(arguments)) as client:
        account = await client.get(AccountView, "accounts", arguments.account)
        return account, await client.get(LedgerPage, "accounts", arguments.account, "ledger", query=query)
