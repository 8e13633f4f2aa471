"""``meter-bridge top-up``."""

from argparse import Namespace
import asyncio
from pathlib import Path
from typing import Final

from meter_bridge.commands.client import BridgeClient, asks, post_once
from meter_bridge.commands.command import ACCOUNT, JSON, KEY, YES, Command, argument, given
from meter_bridge.commands.output import Output, create_file, position
from meter_bridge.commands.parser import CommandError
from meter_bridge.core.energy import format_kwh
from meter_bridge.core.money import format_amount
from meter_bridge.protocol.messages import AccountView, TopUpResult

EPILOG: Final = """\
An acknowledged top-up is stored permanently. If the bridge does not answer, repeat the command with the key
that it prints: a repeated key counts once. An amount far beyond what is usual has to be confirmed.

examples:
  meter-bridge top-up flat-1 100.00
  meter-bridge top-up flat-1 100.00 --method eft --reference "bank statement 2026-03-01"
  meter-bridge top-up flat-1 100.00 --receipt receipt.pdf --language sw
  meter-bridge top-up flat-1 100.00 --key receipt-0007
"""


def _refuse_existing_receipt(arguments: Namespace) -> None:
    if arguments.receipt is not None and arguments.receipt.exists():
        raise CommandError(f"{arguments.receipt} already exists", "name a new file")


async def _top_up(arguments: Namespace, client: BridgeClient) -> Output:
    account = await client.get(AccountView, "accounts", arguments.account)
    path = ("accounts", arguments.account, "top-ups")
    body = given(arguments, "amount", "method", "reference")
    what = "the top-up was booked"
    result = await post_once(
        client, TopUpResult, *path, body=body, key=arguments.key, what=what, confirmed=arguments.yes
    )
    top_up = result.top_up
    if arguments.receipt is not None:
        query = {"format": "pdf", "language": arguments.language}
        receipt = await client.document(*path, top_up.id, "receipt", query=query)
        await asyncio.to_thread(create_file, arguments.receipt, receipt)
    return Output(result, as_text(account, result))


def as_text(account: AccountView, result: TopUpResult) -> str:
    """Return what a top-up came to, for a terminal."""
    top_up = result.top_up
    rows = [(f"to {name.replace('_', ' ')}", amount) for name, amount in top_up.split.items() if amount]
    # Where units are sold, they are what is available: what the balance keeps is too little for one more.
    if not top_up.units_wh:
        rows.append(("available now", result.available))
    elif result.available:
        rows.append(("left as money", result.available))
    booked = f"{account.id}: {format_amount(top_up.amount, account.currency)} booked as {top_up.id}"
    bought = [f"  bought {format_kwh(top_up.units_wh)}"] if top_up.units_wh else []
    return "\n".join((booked, *bought, *position(rows, account.currency, result.supply)))


COMMANDS: Final = {
    "top-up": Command(
        asks(_top_up, check=_refuse_existing_receipt),
        (
            ACCOUNT,
            argument("amount", metavar="AMOUNT", help="amount in the account's currency, such as 100.00"),
            argument("--method", default="cash", help="payment method (default: %(default)s)"),
            argument("--reference", metavar="TEXT", help="receipt or note"),
            KEY,
            YES,
            argument("--receipt", type=Path, metavar="FILE", help="write the customer's receipt as a PDF"),
            argument("--language", default="en", metavar="CODE", help="language of the receipt, such as sw"),
            JSON,
        ),
        EPILOG,
    )
}
