"""``meter-bridge hold``."""

import argparse
import asyncio
from typing import Final

import msgspec

from meter_bridge.api.routes.supply import Holds
from meter_bridge.commands.connection import connected
from meter_bridge.commands.output import add_json, plain, print_json, print_line, table
from meter_bridge.commands.parser import Parser, add_account, add_data
from meter_bridge.commands.settings import settings_of
from meter_bridge.commands.supply import show_supply
from meter_bridge.config.settings import Settings
from meter_bridge.protocol.messages import HoldView, SupplyView

EXAMPLES: Final = """\
examples:
  meter-bridge hold add flat-1 off --reason "leak under the sink" --id leak
  meter-bridge hold add flat-1 on --reason "visitors until Sunday"
"""
EPILOG: Final = f"""\
A supply can have several holds at once and stays off while any of them holds it off. A hold that keeps it on
overrides exhausted credit, but neither a hold that keeps it off nor a tripped protection. A hold stays until
somebody lifts it. 'supply off' and 'supply on' place the hold with the id 'switch'.

{EXAMPLES}  meter-bridge hold list flat-1
  meter-bridge hold lift flat-1 leak --reason "repaired"
"""
HEAD: Final = ("ID", "HOLDS", "SINCE", "BY", "REASON")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True, parser_class=Parser)
    adding = actions.add_parser("add", help="place a hold on a supply", epilog=EXAMPLES)
    _add_account(adding)
    adding.add_argument("position", choices=("off", "on"), help="position in which to hold the supply")
    adding.add_argument("--reason", metavar="TEXT", required=True, help="reason, shown to the customer")
    adding.add_argument(
        "--id",
        metavar="ID",
        help="your own id; repeating it does not place a second hold (default: generated)",
    )
    adding.set_defaults(act=_add)
    listing = actions.add_parser("list", help="list the holds on a supply")
    _add_account(listing)
    listing.set_defaults(act=_list)
    lifting = actions.add_parser("lift", help="lift a hold")
    _add_account(lifting)
    lifting.add_argument("id", metavar="ID", help="hold id, as shown by 'hold list'")
    lifting.add_argument("--reason", metavar="TEXT", help="reason, kept on record")
    lifting.set_defaults(act=_lift)
    for each in actions.choices.values():
        add_json(each)
        add_data(each)


def _add_account(parser: argparse.ArgumentParser) -> None:
    add_account(parser)


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
        print_json(msgspec.to_builtins(hold))
    else:
        print_line(
            f"{arguments.account}: hold {hold.id} holds the supply {hold.position} ({plain(hold.reason)})"
        )


async def _list(arguments: argparse.Namespace, settings: Settings) -> None:
    async with connected(settings) as client:
        found = await client.get(Holds, "accounts", arguments.account, "holds")
    if arguments.json:
        print_json(msgspec.to_builtins(found))
    elif found.holds:
        print_line(table(HEAD, [_row(each) for each in found.holds]))
    else:
        print_line(f"{arguments.account}: there are no holds.")


async def _lift(arguments: argparse.Namespace, settings: Settings) -> None:
    query = {} if arguments.reason is None else {"reason": arguments.reason}
    path = ("accounts", arguments.account, "holds", arguments.id)
    async with connected(settings) as client:
        view = await client.delete(SupplyView, *path, query=query)
    if arguments.json:
        print_json(msgspec.to_builtins(view))
    else:
        show_supply(arguments.account, view)


def _row(hold: HoldView) -> tuple[str, ...]:
    return hold.id, hold.position, hold.since, plain(hold.by), plain(hold.reason)
