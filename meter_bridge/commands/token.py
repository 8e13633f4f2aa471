"""``meter-bridge token``."""

import argparse
import asyncio
from typing import Final

import msgspec

from meter_bridge.commands.connection import connected
from meter_bridge.commands.output import add_json, hint, plain, say, say_json, table
from meter_bridge.commands.parser import Parser, add_data
from meter_bridge.commands.settings import settings_of
from meter_bridge.config.settings import Settings
from meter_bridge.protocol.answers import NewToken, Tokens, TokenView

EXAMPLES: Final = """\
examples:
  meter-bridge token create --name "Home Assistant" --role landlord --all-sites
  meter-bridge token create --name "Flat 1" --role tenant --account flat-1 --days 365
"""
EPILOG: Final = f"""\
roles:
  landlord   everything of its sites; alone may top up by amount and switch a supply on
  caretaker  holds, quarantines, readings and acknowledging in its sites
  tenant     the own account: read, redeem vouchers, pay, use emergency credit, confirm an armed supply
  device     submits readings of the own account's meters

A token is shown once, when it is made; the bridge keeps only its hash.

{EXAMPLES}  meter-bridge token list
  meter-bridge token revoke 4f2a9c1d
"""
HEAD: Final = ("ID", "NAME", "ROLE", "SEES", "MADE", "EXPIRES", "STATE")
DAY: Final = len("2026-03-01")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True, parser_class=Parser)
    _add_create(actions.add_parser("create", help="make a token and show it this once", epilog=EXAMPLES))
    listing = actions.add_parser("list", help="list the tokens, without their secrets")
    add_json(listing)
    listing.set_defaults(act=_list)
    revoking = actions.add_parser("revoke", help="revoke a token at once")
    revoking.add_argument("id", metavar="ID", help="as 'token list' shows it")
    revoking.set_defaults(act=_revoke)
    for each in actions.choices.values():
        add_data(each)


def _add_create(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", required=True, help="who or what will use it")
    parser.add_argument("--role", required=True, choices=("landlord", "caretaker", "tenant", "device"))
    parser.add_argument(
        "--site", action="append", default=[], metavar="ID", help="site that it sees; may be repeated"
    )
    parser.add_argument("--all-sites", action="store_true", help="it sees every site, also later ones")
    parser.add_argument(
        "--account",
        action="append",
        default=[],
        metavar="ID",
        help="account of a tenant or device; may be repeated",
    )
    parser.add_argument("--days", type=int, help="how long it is good for (default: until revoked)")
    add_json(parser)
    parser.set_defaults(act=_create)


def run(arguments: argparse.Namespace) -> int:
    """Make, list or revoke tokens."""
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
        say_json(msgspec.to_builtins(made))
        return
    hint(f"Token {made.id}, shown this once; keep it safe:")
    say(made.token)


async def _list(arguments: argparse.Namespace, settings: Settings) -> None:
    async with connected(settings) as client:
        found = await client.get(Tokens, "tokens")
    if arguments.json:
        say_json(msgspec.to_builtins(found))
    elif found.tokens:
        say(table(HEAD, [row(each) for each in found.tokens]))
    else:
        say("There are no tokens yet; 'meter-bridge token create' makes one.")


async def _revoke(arguments: argparse.Namespace, settings: Settings) -> None:
    async with connected(settings) as client:
        await client.delete(type(None), "tokens", arguments.id)
    say(f"Token {arguments.id} is revoked.")


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
        "in force" if token.revoked_at is None else f"revoked {token.revoked_at[:DAY]}",
    )
