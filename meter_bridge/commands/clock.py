"""``meter-bridge clock``."""

import argparse
import asyncio
from typing import Final

import msgspec

from meter_bridge.api.http.listener import SOCKET_NAME, is_listening
from meter_bridge.commands.connection import connected
from meter_bridge.commands.errors import UNREACHABLE, CommandError
from meter_bridge.commands.output import add_json, plain, print_json, print_line
from meter_bridge.commands.parser import Parser, add_data
from meter_bridge.commands.settings import settings_of
from meter_bridge.config.settings import Settings
from meter_bridge.protocol.answers import MAX_ALERTS_PAGE, Alerts, ClockConfirmed
from meter_bridge.protocol.vocabulary import AlertKind

EPILOG: Final = """\
If the machine's clock jumps, time-based charges and disconnections are suspended until the clock agrees
again, the system reports it as synchronised, or somebody checks it and confirms it here.

examples:
  meter-bridge clock
  date && meter-bridge clock confirm
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    add_json(parser)
    parser.set_defaults(act=_show)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", parser_class=Parser)
    showing = actions.add_parser("show", help="show whether the bridge trusts its clock")
    showing.set_defaults(act=_show)
    confirming = actions.add_parser("confirm", help="confirm that the machine's clock is correct now")
    confirming.set_defaults(act=_confirm)
    for each in actions.choices.values():
        each.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
        add_data(each)


def run(arguments: argparse.Namespace) -> int:
    """Show whether the bridge trusts its clock, or confirm the clock."""
    settings = settings_of(arguments)
    if not is_listening(settings.data / SOCKET_NAME):
        raise CommandError(
            f"no bridge is running in {settings.data}, and only a running bridge has a clock to check",
            "start it with 'meter-bridge run'",
            UNREACHABLE,
        )
    asyncio.run(arguments.act(arguments, settings))
    return 0


async def _show(arguments: argparse.Namespace, settings: Settings) -> None:
    query = {"open": "true", "limit": str(MAX_ALERTS_PAGE)}
    async with connected(settings) as client:
        found = await client.get(Alerts, "alerts", query=query)
    doubts = [each for each in found.alerts if each.kind is AlertKind.CLOCK_WRONG]
    if arguments.json:
        print_json({"believed": not doubts, "alerts": msgspec.to_builtins(doubts)})
    elif doubts:
        print_line(plain(doubts[0].message))
        print_line("  check 'date'; if it is correct, run 'meter-bridge clock confirm'")
    else:
        print_line("The bridge trusts its clock.")


async def _confirm(arguments: argparse.Namespace, settings: Settings) -> None:
    async with connected(settings) as client:
        confirmed = await client.post(ClockConfirmed, "clock", "confirm")
    if arguments.json:
        print_json(msgspec.to_builtins(confirmed))
        return
    print_line(f"Clock confirmed; the bridge continues at {confirmed.now}.")
