"""``meter-bridge token``."""

from argparse import Namespace
from typing import Final

from meter_bridge.commands.client import BridgeClient, asks, lists
from meter_bridge.commands.command import JSON, action, argument, given, group
from meter_bridge.commands.output import DAY, Output, Table, plain, print_note
from meter_bridge.protocol.answers import NewToken, Tokens, TokenView

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
TABLE: Final = Table[TokenView](
    {
        "ID": lambda token: token.id,
        "NAME": lambda token: plain(token.name),
        "ROLE": lambda token: token.role,
        "ACCESS": lambda token: (
            "all sites" if "*" in token.sites else ", ".join(token.sites or token.accounts)
        ),
        "CREATED": lambda token: token.created_at[:DAY],
        "EXPIRES": lambda token: token.expires_at[:DAY] if token.expires_at else "never",
        "STATE": lambda token: "active" if token.revoked_at is None else f"revoked {token.revoked_at[:DAY]}",
    }
)


async def _create(arguments: Namespace, client: BridgeClient) -> Output:
    body = given(arguments, "name", "role", "days") | {
        "sites": ["*"] if arguments.all_sites else arguments.site,
        "accounts": arguments.account,
    }
    created = await client.post(NewToken, "tokens", body=body)
    if not arguments.json:
        print_note(f"Token {created.id}, shown only once; keep it safe:")
    return Output(created, created.token)


async def _revoke(arguments: Namespace, client: BridgeClient) -> Output:
    await client.delete(type(None), "tokens", arguments.id)
    return Output({"revoked": arguments.id}, f"Token {arguments.id} revoked.")


COMMANDS: Final = {
    "token": group(
        EPILOG,
        None,
        create=action(
            "create a token; it is shown only once",
            asks(_create, create=True),
            argument("--name", required=True, help="who or what will use the token"),
            argument("--role", required=True, choices=("landlord", "caretaker", "tenant", "device")),
            argument(
                "--site",
                action="append",
                default=[],
                metavar="ID",
                help="site that it can access; repeatable",
            ),
            argument("--all-sites", action="store_true", help="access to all sites, including future ones"),
            argument(
                "--account",
                action="append",
                default=[],
                metavar="ID",
                help="account of a tenant or device; repeatable",
            ),
            argument("--days", type=int, help="days until it expires (default: never)"),
            JSON,
            epilog=EXAMPLES,
        ),
        list=action(
            "list tokens without their secrets",
            lists(
                Tokens,
                "tokens",
                lambda answer: answer.tokens,
                TABLE,
                "There are no tokens yet; 'meter-bridge token create' creates one.",
            ),
            JSON,
        ),
        revoke=action(
            "revoke a token immediately",
            asks(_revoke),
            argument("id", metavar="ID", help="token id, as shown by 'token list'"),
            JSON,
        ),
    )
}
