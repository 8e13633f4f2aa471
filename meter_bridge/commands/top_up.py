"""``meter-bridge top-up``."""

import argparse
import asyncio
from pathlib import Path
from typing import Final
from uuid import uuid4

import msgspec

from meter_bridge.commands.connection import connected
from meter_bridge.commands.errors import CommandError
from meter_bridge.commands.idempotent_request import post_once
from meter_bridge.commands.output import add_json, print_json, print_line, table
from meter_bridge.commands.parser import add_account, add_key
from meter_bridge.commands.private_files import create_file
from meter_bridge.commands.settings import settings_of
from meter_bridge.config.settings import Settings
from meter_bridge.core.money import format_amount
from meter_bridge.protocol.messages import AccountView, TopUpResult

EPILOG: Final = """\
An acknowledged top-up is stored permanently. If the bridge does not answer, repeat the command with the key
that it prints: a repeated key counts once.

examples:
  meter-bridge top-up flat-1 100.00
  meter-bridge top-up flat-1 100.00 --method eft --reference "bank statement 2026-03-01"
  meter-bridge top-up flat-1 100.00 --receipt receipt.pdf --language sw
  meter-bridge top-up flat-1 100.00 --key receipt-0007
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    add_account(parser)
    parser.add_argument("amount", metavar="AMOUNT", help="amount in the account's currency, such as 100.00")
    parser.add_argument("--method", default="cash", help="payment method (default: %(default)s)")
    parser.add_argument("--reference", metavar="TEXT", help="receipt or note")
    add_key(parser)
    parser.add_argument("--receipt", type=Path, metavar="FILE", help="write the customer's receipt as a PDF")
    parser.add_argument(
        "--language", default="en", metavar="CODE", help="language of the receipt, such as sw"
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Record a top-up."""
    key = arguments.key or str(uuid4())
    account, result = asyncio.run(_top_up(arguments, settings_of(arguments), key))
    if arguments.json:
        print_json(msgspec.to_builtins(result))
    else:
        _show(account, result)
    return 0


async def _top_up(
    arguments: argparse.Namespace, settings: Settings, key: str
) -> tuple[AccountView, TopUpResult]:
    body: dict[str, object] = {"amount": arguments.amount, "method": arguments.method}
    if arguments.reference is not None:
        body["reference"] = arguments.reference
    if arguments.receipt is not None and arguments.receipt.exists():
        raise CommandError(f"{arguments.receipt} already exists", "name a new file")
    async with connected(settings) as client:
        account = await client.get(AccountView, "accounts", arguments.account)
        steps = ("accounts", arguments.account, "top-ups")
        what = "the top-up was booked"
        result = await post_once(client, TopUpResult, *steps, body=body, key=key, what=what)
        if arguments.receipt is not None:
            query = {"format": "pdf", "language": arguments.language}
            paper = await client.document(*steps, result.top_up.id, "receipt", query=query)
            await asyncio.to_thread(create_file, arguments.receipt, paper)
        return account, result


def _show(account: AccountView, result: TopUpResult) -> None:
    currency = account.currency
    print_line(f"{account.id}: {format_amount(result.top_up.amount, currency)} booked as {result.top_up.id}")
    rows = [(f"to {name.replace('_', ' ')}", amount) for name, amount in result.top_up.split.items()]
    rows.append(("available now", result.available))
    texts = [(name, format_amount(amount, currency)) for name, amount in rows]
    for line in table(("", "AMOUNT"), texts, right=("AMOUNT",)).splitlines()[1:]:
        print_line(f"  {line}")
    print_line(f"  supply {result.supply.state} ({result.supply.reason.replace('_', ' ')})")
