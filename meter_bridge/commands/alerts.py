"""``meter-bridge alerts``."""

import argparse
import asyncio
from typing import Final

import msgspec

from meter_bridge.api.routes.alerts import MAX_ALERTS_PAGE, Alerts
from meter_bridge.commands.connection import connected
from meter_bridge.commands.output import NOT_KNOWN, add_json, plain, print_json, print_line, print_note, table
from meter_bridge.commands.parser import Parser, add_data
from meter_bridge.commands.settings import settings_of
from meter_bridge.config.settings import Settings
from meter_bridge.protocol.messages import AlertView

EPILOG: Final = """\
Without an action, lists open alerts, newest first. An alert closes automatically when its cause is resolved;
acknowledging it only records that somebody has seen it.

examples:
  meter-bridge alerts
  meter-bridge alerts list --all
  meter-bridge alerts acknowledge alert-12
"""
HEAD: Final = ("ALERT", "SINCE", "UNTIL", "ACCOUNT", "METER", "SEEN", "WHAT")
SECOND: Final = len("2026-03-01T10:00:00")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    add_json(parser)
    parser.set_defaults(act=_list, all=False)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", parser_class=Parser)
    listing = actions.add_parser("list", help="list alerts, newest first")
    listing.add_argument(
        "--all", action="store_true", default=argparse.SUPPRESS, help="include closed alerts"
    )
    listing.set_defaults(act=_list)
    acknowledging = actions.add_parser("acknowledge", help="acknowledge an alert")
    acknowledging.add_argument("alert", metavar="ALERT", help="alert id, such as alert-12")
    acknowledging.set_defaults(act=_acknowledge)
    for each in actions.choices.values():
        each.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
        add_data(each)


def run(arguments: argparse.Namespace) -> int:
    """List alerts, or acknowledge one."""
    asyncio.run(arguments.act(arguments, settings_of(arguments)))
    return 0


async def _list(arguments: argparse.Namespace, settings: Settings) -> None:
    query = {"open": "false" if arguments.all else "true", "limit": str(MAX_ALERTS_PAGE)}
    async with connected(settings) as client:
        found = await client.get(Alerts, "alerts", query=query)
    if arguments.json:
        print_json(msgspec.to_builtins(found))
        return
    if not found.alerts:
        print_line("There have been no alerts." if arguments.all else "There are no open alerts.")
        return
    print_line(table(HEAD, [row(each) for each in found.alerts]))
    if len(found.alerts) == MAX_ALERTS_PAGE:
        print_note(
            f"Showing the newest {MAX_ALERTS_PAGE}; see 'Alerts and relays' in the dashboard for the rest."
        )


async def _acknowledge(arguments: argparse.Namespace, settings: Settings) -> None:
    async with connected(settings) as client:
        alert = await client.post(AlertView, "alerts", arguments.alert, "acknowledge")
    if arguments.json:
        print_json(msgspec.to_builtins(alert))
        return
    print_line(f"{alert.id}: acknowledged; it closes automatically when its cause is resolved")


def row(alert: AlertView) -> tuple[str, ...]:
    """Return an alert as a row of the table."""
    return (
        alert.id,
        _instant(alert.opened_at),
        _instant(alert.closed_at),
        alert.account_id or NOT_KNOWN,
        alert.meter_id or NOT_KNOWN,
        "yes" if alert.acknowledged_at else "no",
        plain(alert.message),
    )


def _instant(text: str | None) -> str:
    return NOT_KNOWN if text is None else text[:SECOND].replace("T", " ")
