"""``meter-bridge supply``."""

import argparse
import asyncio
from typing import Final

import msgspec

from meter_bridge.commands.connection import connected
from meter_bridge.commands.errors import USAGE, CommandError
from meter_bridge.commands.output import add_json, plain, print_json, print_line
from meter_bridge.commands.parser import add_account
from meter_bridge.commands.settings import settings_of
from meter_bridge.config.settings import Settings
from meter_bridge.protocol.messages import SupplyAction, SupplyView

EPILOG: Final = """\
actions:
  off      hold the supply off regardless of credit
  on       hold the supply on regardless of credit
  auto     return the supply to credit control
  confirm  reconnect an armed supply, as the customer would
  reset    reset a tripped protection

'auto' lifts the hold placed by 'off' or 'on'; other holds remain (see 'meter-bridge hold').
'off' and 'on' require a reason, which is shown to the customer.

examples:
  meter-bridge supply flat-1 off --reason "inspection on 3 March"
  meter-bridge supply flat-1 auto
"""
NEED_REASON: Final = frozenset({SupplyAction.OFF, SupplyAction.ON})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    add_account(parser)
    parser.add_argument("action", choices=[each.value for each in SupplyAction], help="action to take")
    parser.add_argument("--reason", metavar="TEXT", help="reason; required for 'off' and 'on'")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Hold, override, release, confirm or reset a supply."""
    action = SupplyAction(arguments.action)
    if action in NEED_REASON and not arguments.reason:
        raise CommandError(f"'{action}' requires a reason", "add --reason TEXT", USAGE)
    view = asyncio.run(_set(settings_of(arguments), arguments.account, action, arguments.reason))
    if arguments.json:
        print_json(msgspec.to_builtins(view))
    else:
        show_supply(arguments.account, view)
    return 0


async def _set(settings: Settings, account: str, action: SupplyAction, reason: str | None) -> SupplyView:
    body = {"action": action.value} | ({} if reason is None else {"reason": reason})
    async with connected(settings) as client:
        return await client.post(SupplyView, "accounts", account, "supply", body=body)


def show_supply(account: str, view: SupplyView) -> None:
    """Print the state of a supply."""
    note = f": {plain(view.note)}" if view.note else ""
    reason, proof = view.reason.replace("_", " "), view.proof.replace("_", " ")
    print_line(f"{account}: {view.state} ({reason}{note}), relay {proof}")
