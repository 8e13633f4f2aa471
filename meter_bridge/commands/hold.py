"""``meter-bridge hold``."""

import argparse
import asyncio
from typing import Final

import msgspec

from meter_bridge.commands.connection import connected
from meter_bridge.commands.output import add_json, plain, say, say_json, table
from meter_bridge.commands.parser import Parser, add_data
from meter_bridge.commands.settings import settings_of
from meter_bridge.commands.supply import show_supply
from meter_bridge.config.settings import Settings
from meter_bridge.protocol.answers import Holds
from meter_bridge.protocol.messages import HoldView, SupplyView

EXAMPLES: Final = """\
examples:
  meter-bridge hold add flat-1 off --reason "leak under the sink" --id leak
  meter-bridge hold add flat-1 on --reason "visitors until Sunday"
"""
EPILOG: Final = f"""\
A supply may have several holds at once. It is off while any of them keeps it off. One that keeps it on stands
against used-up credit, not against one that keeps it off, nor against a protection that has tripped. Nothing
lifts a hold but a person. The hold 'switch' is the one that 'supply off' and 'supply on' place.

{EXAMPLES}  meter-bridge hold list flat-1
  meter-bridge hold lift flat-1 leak --reason "mended"
"""
HEAD: Final = ("ID", "KEEPS", "SINCE", "BY", "REASON")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True, parser_class=Parser)
    adding = actions.add_parser("add", help="place a hold on a supply", epilog=EXAMPLES)
    _add_account(adding)
    adding.add_argument("position", choices=("off", "on"), help="where it keeps the supply")
    adding.add_argument("--reason", metavar="TEXT", required=True, help="why; the customer is shown it")
    adding.add_argument(
        "--id", metavar="ID", help="name of your own; the same again places nothing twice (default: made up)"
    )
    adding.set_defaults(act=_add)
    listing = actions.add_parser("list", help="list the holds on a supply")
    _add_account(listing)
    listing.set_defaults(act=_list)
    lifting = actions.add_parser("lift", help="lift a hold")
    _add_account(lifting)
    lifting.add_argument("id", metavar="ID", help="as 'hold list' shows it")
    lifting.add_argument("--reason", metavar="TEXT", help="why; kept with the decision")
    lifting.set_defaults(act=_lift)
    for each in actions.choices.values():
        add_json(each)
        add_data(each)


def _add_account(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("account", metavar="ACCOUNT", help="id of the account, such as flat-1")


def run(arguments: argparse.Namespace) -> int:
    """Place, list or lift holds."""
    asyncio.run(arguments.act(arguments, settings_of(arguments)))
    return 0


async def _add(arguments: argparse.Namespace, settings: Settings) -> None:
    body: dict[str, object] = {"position": arguments.position, "reason": arguments.reason}
    if arguments.id is not None:
        body["id"] = arguments.id
    async with connected(settings) as client:
        hold = await client.post(HoldView, "accounts", arguments.account, "holds", body=body)
    if arguments.json:
        say_json(msgspec.to_builtins(hold))
    else:
        say(f"{arguments.account}: hold {hold.id} keeps the supply {hold.position} ({plain(hold.reason)})")


async def _list(arguments: argparse.Namespace, settings: Settings) -> None:
    async with connected(settings) as client:
        found = await client.get(Holds, "accounts", arguments.account, "holds")
    if arguments.json:
        say_json(msgspec.to_builtins(found))
    elif found.holds:
        say(table(HEAD, [_row(each) for each in found.holds]))
    else:
        say(f"{arguments.account}: no hold stands.")


async def _lift(arguments: argparse.Namespace, settings: Settings) -> None:
    query = {} if arguments.reason is None else {"reason": arguments.reason}
    path = ("accounts", arguments.account, "holds", arguments.id)
    async with connected(settings) as client:
        view = await client.delete(SupplyView, *path, query=query)
    if arguments.json:
        say_json(msgspec.to_builtins(view))
    else:
        show_supply(arguments.account, view)


def _row(hold: HoldView) -> tuple[str, ...]:
    """Return a hold as a row of the table."""
    return hold.id, hold.position, hold.since, plain(hold.by), plain(hold.reason)
