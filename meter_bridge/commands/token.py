"""``meter-bridge token``."""

import argparse
import asyncio
from typing import Final

import msgspec

from meter_bridge.api.routes.tokens import NewToken, Tokens, TokenView
from meter_bridge.commands.connection import connected
from meter_bridge.commands.output import add_json, plain, print_json, print_line, print_note, table
from meter_bridge.commands.parser import Parser, add_data
from meter_bridge.commands.settings import settings_of
from meter_bridge.config.settings import Settings

EXAMPLES: Final = """\
examples:
  meter-bridge token create --name "Home Assistant" --role landlord --all-sites
  meter-bridge token create --name "Flat 1" --role tenant --account flat-1 --days 365
"""
EPILOG: Final = f"""\
roles:
  landlord   full access to its sites; the only role that can top up by amount and switch a supply on
  caretaker  holds, quarantine, readings and acknowledging alerts in its sites
  tenant     its own account: view, redeem vouchers, pay, use emergency credit, confirm an armed supply
  device     submits readings of its own account's meters

A token is shown only once, when it is created; the bridge stores only its hash.

{EXAMPLES}  meter-bridge token list
  meter-bridge token revoke 4f2a9c1d
"""
HEAD: Final = ("ID", "NAME", "ROLE", "ACCESS", "CREATED", "EXPIRES", "STATE")
DAY: Final = len("2026-03-01")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True, parser_class=Parser)
    _add_create(actions.add_parser("create", help="create a token; it is shown only once", epilog=EXAMPLES))
    listing = actions.add_parser("list", help="list tokens without their secrets")
    add_json(listing)
    listing.set_defaults(act=_list)
    revoking = actions.add_parser("revoke", help="revoke a token immediately")
    revoking.add_argument("id", metavar="ID", help="token id, as shown by 'token list'")
    revoking.set_defaults(act=_revoke)
    for each in actions.choices.values():
        add_data(each)


def _add_create(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", required=True, help="who or what will use the token")
    parser.add_argument("--role", required=True, choices=("landlord", "caretaker", "tenant", "device"))
    parser.add_argument(
        "--site", action="append", default=[], metavar="ID", help="site that it can access; repeatable"
    )
    parser.add_argument("--all-sites", action="store_true", help="access to all sites, including future ones")
    parser.add_argument(
        "--account",
        action="append",
        default=[],
        metavar="ID",
        help="account of a tenant or device; repeatable",
    )
    parser.add_argument("--days", type=int, help="days until it expires (default: never)")
    add_json(parser)
    parser.set_defaults(act=_create)


def run(arguments: argparse.Namespace) -> int:
    """Create, list or revoke tokens."""
    asyncio.run(arguments.act(arguments, settings_of(arguments)))
    return 0


async def _create(arguments: argparse.Namespace, settings: Settings) -> None:
    body: dict[str, object] = {
        "name": arguments.name,
        "role": arguments.role,
        "sites": ["*"] if arguments.all_sites else arguments.site,
        "accounts": arguments.account,
    }
    if arguments.days is not None:
        body["days"] = arguments.days
    async with connected(settings, create=True) as client:
        made = await client.post(NewToken, "tokens", body=body)
    if arguments.json:
        print_json(msgspec.to_builtins(made))
        return
    print_note(f"Token {made.id}, shown only once; keep it safe:")
    print_line(made.token)


async def _list(arguments: argparse.Namespace, settings: Settings) -> None:
    async with connected(settings) as client:
        found = await client.get(Tokens, "tokens")
    if arguments.json:
        print_json(msgspec.to_builtins(found))
    elif found.tokens:
        print_line(table(HEAD, [row(each) for each in found.tokens]))
    else:
        print_line("There are no tokens yet; 'meter-bridge token create' creates one.")


async def _revoke(arguments: argparse.Namespace, settings: Settings) -> None:
    async with connected(settings) as client:
        await client.delete(type(None), "tokens", arguments.id)
    print_line(f"Token {arguments.id} revoked.")


def row(token: TokenView) -> tuple[str, ...]:
    """Return a token as a row of the table."""
    sees = "all sites" if "*" in token.sites else ", ".join(token.sites or token.accounts)
    return (
        token.id,
        plain(token.name),
        token.role,
        sees,
        token.created_at[:DAY],
        token.expires_at[:DAY] if token.expires_at else "never",
        "active" if token.revoked_at is None else f"revoked {token.revoked_at[:DAY]}",
    )
