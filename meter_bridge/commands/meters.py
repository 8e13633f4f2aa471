"""``meter-bridge meters``."""

import argparse
import asyncio
from typing import Final

import msgspec

from meter_bridge.api.meters import Meters
from meter_bridge.commands.connection import connected
from meter_bridge.commands.output import NOT_KNOWN, add_json, plain, say, say_json, table
from meter_bridge.commands.parser import Parser, add_data
from meter_bridge.commands.settings import settings_of
from meter_bridge.config.settings import Settings
from meter_bridge.core.energy import format_kwh
from meter_bridge.protocol.messages import MeterView

EPILOG: Final = """\
Without an action the meters are listed. REGISTER is what the meter's counter shows, CHARGED the energy
charged since it was assigned.

examples:
  meter-bridge meters
  meter-bridge meters list --json
"""
HEAD: Final = ("METER", "ADDRESS", "ACCOUNT", "REGISTER", "CHARGED", "POWER", "STATE")
RIGHT: Final = ("REGISTER", "CHARGED", "POWER")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    add_json(parser)
    parser.set_defaults(act=_list)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", parser_class=Parser)
    listing = actions.add_parser("list", help="list the meters, also those that nobody has assigned")
    listing.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="answer as JSON")
    for each in actions.choices.values():
        add_data(each)


def run(arguments: argparse.Namespace) -> int:
    """Show every meter, or do something with one."""
    asyncio.run(arguments.act(arguments, settings_of(arguments)))
    return 0


async def _list(arguments: argparse.Namespace, settings: Settings) -> None:
    async with connected(settings) as client:
        found = await client.get(Meters, "meters")
    if arguments.json:
        say_json(msgspec.to_builtins(found))
    elif found.meters:
        say(table(HEAD, [row(each) for each in found.meters], RIGHT))
    else:
        say("There are no meters yet; 'meter-bridge apply' adds those of a site file.")


def row(meter: MeterView) -> tuple[str, ...]:
    """Return a meter as a row of the table."""
    return (
        plain(meter.id),
        plain(meter.address),
        meter.account_id or "nobody's",
        energy(meter.register_wh),
        energy(meter.energy_wh),
        NOT_KNOWN if meter.power_mw is None else f"{meter.power_mw / 1000:,.0f} W",
        state(meter),
    )


def energy(wh: int | None) -> str:
    """Return a register for people."""
    return NOT_KNOWN if wh is None else format_kwh(wh)


def state(meter: MeterView) -> str:
    """Return what is to be known of a meter first."""
    if meter.quarantined:
        return "quarantined"
    return {True: "online", False: "offline", None: "not heard of yet"}[meter.online]
