"""``meter-bridge access``."""

import argparse
import asyncio
from pathlib import Path
from typing import Final

import msgspec

from meter_bridge.commands.connection import connected
from meter_bridge.commands.output import add_json, print_json, print_line, print_note, table
from meter_bridge.commands.parser import Parser, add_data
from meter_bridge.commands.private_files import refuse_existing, write_pdf
from meter_bridge.commands.settings import settings_of
from meter_bridge.config.settings import Settings
from meter_bridge.protocol.answers import Accounts
from meter_bridge.protocol.payments import AccessView
from meter_bridge.tenant_page import cards
from meter_bridge.text.catalogue import ENGLISH, LANGUAGES

EPILOG: Final = """\
Customers sign in to the tenant page with a room or meter number and a code, or with a link. Both are shown
only once. Creating a new card revokes the previous one and ends its sessions.

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
    creating = actions.add_parser("create", help="create access codes and links")
    creating.add_argument("accounts", metavar="ACCOUNT", nargs="+", help="account id, such as flat-1")
    creating.add_argument("--pdf", type=Path, metavar="FILE", help="write printable cards, ten to a page")
    creating.add_argument(
        "--language", default=ENGLISH, choices=LANGUAGES, metavar="CODE", help="language of the cards"
    )
    add_json(creating)
    creating.set_defaults(act=_create)
    labelling = actions.add_parser("labels", help="print QR code labels for meter cabinets")
    labelling.add_argument("accounts", metavar="ACCOUNT", nargs="*", help="account ids (default: all)")
    labelling.add_argument("--page", required=True, metavar="URL", help="public address of the tenant page")
    labelling.add_argument("--pdf", required=True, type=Path, metavar="FILE", help="file to write")
    labelling.add_argument(
        "--language", default=ENGLISH, choices=LANGUAGES, metavar="CODE", help="language of the labels"
    )
    labelling.set_defaults(act=_labels)
    revoking = actions.add_parser("revoke", help="revoke access on all devices")
    revoking.add_argument("accounts", metavar="ACCOUNT", nargs="+", help="account id, such as flat-1")
    revoking.set_defaults(act=_revoke)
    for each in actions.choices.values():
        add_data(each)


def run(arguments: argparse.Namespace) -> int:
    """Create or revoke access."""
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
        write_pdf(arguments.pdf, cards.cards(made, places, page, arguments.language), cards.LAYOUT)
        print_note(f"{len(made)} cards written to {arguments.pdf}; give each only to its customer")
        return
    if arguments.json:
        print_json(msgspec.to_builtins(made))
        return
    rows = [(each.account_id, each.number, each.code, each.link or "–") for each in made]
    print_line(table(HEAD, rows))
    if not all(each.link for each in made):
        print_note("Links require 'page:' in payments.yaml: the public address of the tenant page.")


async def _labels(arguments: argparse.Namespace, settings: Settings) -> None:
    refuse_existing(arguments.pdf)
    async with connected(settings) as client:
        listed = await client.get(Accounts, "accounts")
    wanted = [each for each in listed.accounts if not arguments.accounts or each.id in arguments.accounts]
    write_pdf(
        arguments.pdf, cards.labels(wanted, arguments.page.rstrip("/"), arguments.language), cards.LAYOUT
    )
    print_note(f"{len(wanted)} labels written to {arguments.pdf}; they contain no secrets")


async def _revoke(arguments: argparse.Namespace, settings: Settings) -> None:
    async with connected(settings) as client:
        for each in arguments.accounts:
            await client.delete(type(None), "accounts", each, "access")
    print_line(f"Revoked: {', '.join(arguments.accounts)}")
