"""``meter-bridge supply``."""

import argparse
import asyncio
from typing import Final

import msgspec

from meter_bridge.commands.connection import connected
from meter_bridge.commands.errors import USAGE, CommandError
from meter_bridge.commands.output import add_json, plain, say, say_json
from meter_bridge.commands.settings import settings_of
from meter_bridge.config.settings import Settings
from meter_bridge.protocol.messages import SupplyAction, SupplyView

EPILOG: Final = """\
actions:
  off      hold the supply off, whatever the credit
  on       keep the supply on, whatever the credit
  auto     lift either; credit decides again
  confirm  reconnect an armed supply, as the customer would
  reset    reset a protection that has tripped

'auto' lifts what 'off' and 'on' placed; other holds stand (see 'meter-bridge hold').
'off' and 'on' want a reason, which the customer is shown.

examples:
  meter-bridge supply flat-1 off --reason "inspection on 3 March"
  meter-bridge supply flat-1 auto
"""
NEED_REASON: Final = frozenset({SupplyAction.OFF, SupplyAction.ON})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument("account", metavar="ACCOUNT", help="id of the account, such as flat-1")
    parser.add_argument("action", choices=[each.value for each in SupplyAction], help="what to do")
    parser.add_argument("--reason", metavar="TEXT", help="why; a must for 'off' and 'on'")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Hold, override, release, confirm or reset a supply."""
    action = SupplyAction(arguments.action)
    if action in NEED_REASON and not arguments.reason:
        raise CommandError(f"'{action}' wants a reason", "add --reason TEXT", USAGE)
    view = asyncio.run(_set(settings_of(arguments), arguments.account, action, arguments.reason))
    if arguments.json:
        say_json(msgspec.to_builtins(view))
    else:
        show_supply(arguments.account, view)
    return 0


async def _set(settings: Settings, account: str, action: SupplyAction, reason: str | None) -> SupplyView:
    body = {"action": action.value} | ({} if reason is None else {"reason": reason})
    async with connected(settings) as client:
        return await client.post(SupplyView, "accounts", account, "supply", body=body)


def show_supply(account: str, view: SupplyView) -> None:
    """Say how a supply is now."""
    note = f": {plain(view.note)}" if view.note else ""
    reason, proof = view.reason.replace("_", " "), view.proof.replace("_", " ")
    say(f"{account}: {view.state} ({reason}{note}), relay {proof}")
