"""``meter-bridge access``."""

from argparse import Namespace
from pathlib import Path
from typing import Final

from meter_bridge.commands.client import BridgeClient, asks
from meter_bridge.commands.command import JSON, Argument, action, argument, group
from meter_bridge.commands.output import Output, Table, print_note, refuse_existing, write_pdf
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
TABLE: Final = Table[AccessView](
    {
        "ACCOUNT": lambda access: access.account_id,
        "NUMBER": lambda access: access.number,
        "CODE": lambda access: access.code,
        "LINK": lambda access: access.link or "–",
    }
)
NO_LINKS: Final = "Links require 'page:' in payments.yaml: the public address of the tenant page."


def _check_pdf(arguments: Namespace) -> None:
    refuse_existing(arguments.pdf)


async def _create(arguments: Namespace, client: BridgeClient) -> Output | None:
    listed = await client.get(Accounts, "accounts")
    created = [await client.post(AccessView, "accounts", account, "access") for account in arguments.accounts]
    if arguments.pdf is None:
        return Output(
            created, TABLE.text(created), "" if all(access.link for access in created) else NO_LINKS
        )
    sites = {account.id: account.site_name for account in listed.accounts}
    page = next((access.link.partition("#")[0] for access in created if access.link), None)
    write_pdf(arguments.pdf, cards.cards(created, sites, page, arguments.language), cards.LAYOUT)
    print_note(f"{len(created)} cards written to {arguments.pdf}; give each only to its customer")
    return Output(created, "") if arguments.json else None


async def _print_labels(arguments: Namespace, client: BridgeClient) -> None:
    listed = await client.get(Accounts, "accounts")
    chosen = [
        account for account in listed.accounts if not arguments.accounts or account.id in arguments.accounts
    ]
    labels = cards.labels(chosen, arguments.page.rstrip("/"), arguments.language)
    write_pdf(arguments.pdf, labels, cards.LAYOUT)
    print_note(f"{len(chosen)} labels written to {arguments.pdf}; they contain no secrets")


async def _revoke(arguments: Namespace, client: BridgeClient) -> Output:
    for account in arguments.accounts:
        await client.delete(type(None), "accounts", account, "access")
    return Output({"revoked": arguments.accounts}, f"Revoked: {', '.join(arguments.accounts)}")


def _language(of: str) -> Argument:
    help_text = f"language of the {of}"
    return argument("--language", default=ENGLISH, choices=LANGUAGES, metavar="CODE", help=help_text)


COMMANDS: Final = {
    "access": group(
        EPILOG,
        None,
        create=action(
            "create access codes and links",
            asks(_create, check=_check_pdf),
            argument("accounts", metavar="ACCOUNT", nargs="+", help="account id, such as flat-1"),
            argument("--pdf", type=Path, metavar="FILE", help="write printable cards, ten to a page"),
            _language("cards"),
            JSON,
        ),
        labels=action(
            "print QR code labels for meter cabinets",
            asks(_print_labels, check=_check_pdf),
            argument("accounts", metavar="ACCOUNT", nargs="*", help="account ids (default: all)"),
            argument("--page", required=True, metavar="URL", help="public address of the tenant page"),
            argument("--pdf", required=True, type=Path, metavar="FILE", help="file to write"),
            _language("labels"),
        ),
        revoke=action(
            "revoke access on all devices",
            asks(_revoke),
            argument("accounts", metavar="ACCOUNT", nargs="+", help="account id, such as flat-1"),
            JSON,
        ),
    )
}
