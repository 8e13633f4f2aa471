"""``meter-bridge access``."""

import argparse
import asyncio
from pathlib import Path
from typing import Final

import msgspec

from meter_bridge.commands.connection import connected
from meter_bridge.commands.output import add_json, hint, say, say_json, table
from meter_bridge.commands.paper import refuse_existing, write_pdf
from meter_bridge.commands.parser import Parser, add_data
from meter_bridge.commands.settings import settings_of
from meter_bridge.config.settings import Settings
from meter_bridge.protocol.answers import Accounts
from meter_bridge.protocol.payments import AccessView
from meter_bridge.tenant_page import cards

EPILOG: Final = """\
A customer opens the tenant's page with the number of the room or meter and a code, or with a link. Both are
shown once. A new card ends the old one, and every session that began with it.

examples:
  meter-bridge access create flat-1
  meter-bridge access create flat-1 flat-2 --pdf cards.pdf
  meter-bridge access labels --page https://pay.example.org --pdf labels.pdf
  meter-bridge access revoke flat-1
"""
HEAD: Final = ("ACCOUNT", "NUMBER", "CODE", "LINK")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True, parser_class=Parser)
    creating = actions.add_parser("create", help="make a customer's code and link")
    creating.add_argument("accounts", metavar="ACCOUNT", nargs="+", help="id of the account, such as flat-1")
    creating.add_argument("--pdf", type=Path, metavar="FILE", help="write cards to be printed, ten on a page")
    add_json(creating)
    creating.set_defaults(act=_create)
    labelling = actions.add_parser("labels", help="write labels with QR codes for meter cupboards")
    labelling.add_argument("accounts", metavar="ACCOUNT", nargs="*", help="of which units (default: all)")
    labelling.add_argument("--page", required=True, metavar="URL", help="address at which customers reach it")
    labelling.add_argument("--pdf", required=True, type=Path, metavar="FILE", help="where to write them")
    labelling.set_defaults(act=_labels)
    revoking = actions.add_parser("revoke", help="end a customer's access on every device")
    revoking.add_argument("accounts", metavar="ACCOUNT", nargs="+", help="id of the account, such as flat-1")
    revoking.set_defaults(act=_revoke)
    for each in actions.choices.values():
        add_data(each)


def run(arguments: argparse.Namespace) -> int:
    """Make or revoke accesses."""
    asyncio.run(arguments.act(arguments, settings_of(arguments)))
    return 0


async def _create(arguments: argparse.Namespace, settings: Settings) -> None:
    if arguments.pdf is not None:
        refuse_existing(arguments.pdf)
    async with connected(settings) as client:
        listed = await client.get(Accounts, "accounts")
        made = [await client.post(AccessView, "accounts", each, "access") for each in arguments.accounts]
    if arguments.pdf is not None:
        places = {each.id: each.site_name for each in listed.accounts}
        page = next((each.link.partition("#")[0] for each in made if each.link), None)
        write_pdf(arguments.pdf, cards.cards(made, places, page), cards.LAYOUT)
        hint(f"{len(made)} cards are in {arguments.pdf}; each is its customer's alone")
        return
    if arguments.json:
        say_json(msgspec.to_builtins(made))
        return
    rows = [(each.account_id, each.number, each.code, each.link or "–") for each in made]
    say(table(HEAD, rows))
    if not all(each.link for each in made):
        hint("Links need 'page:' in payments.yaml: the address at which customers reach the bridge.")


async def _labels(arguments: argparse.Namespace, settings: Settings) -> None:
    refuse_existing(arguments.pdf)
    async with connected(settings) as client:
        listed = await client.get(Accounts, "accounts")
    wanted = [each for each in listed.accounts if not arguments.accounts or each.id in arguments.accounts]
    write_pdf(arguments.pdf, cards.labels(wanted, arguments.page.rstrip("/")), cards.LAYOUT)
    hint(f"{len(wanted)} labels are in {arguments.pdf}; they hold no secret")


async def _revoke(arguments: argparse.Namespace, settings: Settings) -> None:
    async with connected(settings) as client:
        for each in arguments.accounts:
            await client.delete(type(None), "accounts", each, "access")
    say(f"Revoked: {', '.join(arguments.accounts)}")
