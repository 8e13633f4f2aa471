"""``meter-bridge clock``."""

import argparse
import asyncio
from typing import Final

import msgspec

from meter_bridge.api.http.unix_socket import SOCKET_NAME, answers
from meter_bridge.commands.connection import connected
from meter_bridge.commands.errors import UNREACHABLE, CommandError
from meter_bridge.commands.output import add_json, plain, say, say_json
from meter_bridge.commands.parser import Parser, add_data
from meter_bridge.commands.settings import settings_of
from meter_bridge.config.settings import Settings
from meter_bridge.protocol.answers import MAX_ALERTS_PAGE, Alerts, ClockConfirmed
from meter_bridge.protocol.messages import AlertKind

EPILOG: Final = """\
Where the machine's clock jumps, charges by time and cuts wait until it agrees again, the system says that it
is synchronised, or somebody who has looked at it says that it is right.

examples:
  meter-bridge clock
  date && meter-bridge clock confirm
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    add_json(parser)
    parser.set_defaults(act=_show)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", parser_class=Parser)
    showing = actions.add_parser("show", help="say whether the bridge believes its clock")
    showing.set_defaults(act=_show)
    confirming = actions.add_parser("confirm", help="say that the machine's clock is right as it is now")
    confirming.set_defaults(act=_confirm)
    for each in actions.choices.values():
        each.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="answer as JSON")
        add_data(each)


def run(arguments: argparse.Namespace) -> int:
    """Say whether the bridge believes its clock, or confirm it."""
    settings = settings_of(arguments)
    if not answers(settings.data / SOCKET_NAME):
        raise CommandError(
            f"no bridge runs in {settings.data}, and only a running one has a clock to ask about",
            "start it with 'meter-bridge run'; it judges its clock then",
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
        say_json({"believed": not doubts, "alerts": msgspec.to_builtins(doubts)})
    elif doubts:
        say(plain(doubts[0].message))
        say("  look at 'date'; where it is right, say so with 'meter-bridge clock confirm'")
    else:
        say("The bridge believes its clock.")


async def _confirm(arguments: argparse.Namespace, settings: Settings) -> None:
    async with connected(settings) as client:
        confirmed = await client.post(ClockConfirmed, "clock", "confirm")
    if arguments.json:
        say_json(msgspec.to_builtins(confirmed))
        return
    say(f"The clock is taken as right; the bridge goes on at {confirmed.now}.")
