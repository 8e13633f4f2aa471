"""``meter-bridge quarantine``."""

import argparse
import asyncio
from types import MappingProxyType
from typing import Final

import msgspec

from meter_bridge.api.routes.meters import Meters
from meter_bridge.commands.connection import connected
from meter_bridge.commands.meters import energy
from meter_bridge.commands.output import NOT_KNOWN, add_json, print_json, print_line, table
from meter_bridge.commands.parser import Parser, add_data
from meter_bridge.commands.settings import settings_of
from meter_bridge.config.settings import Settings
from meter_bridge.protocol.messages import MeterView

EPILOG: Final = """\
A register that fell, or rose faster than the meter's rating allows, is quarantined: its consumption is not
charged until somebody reviews it.

examples:
  meter-bridge quarantine list
  meter-bridge quarantine accept flat-1/main --reason "rating was too low until today"
  meter-bridge quarantine discard flat-1/main --reason "counter jumped after the outage of 3 March"
  meter-bridge quarantine new-epoch flat-1/main --reason "counter was reset on 3 March"
"""
DECISIONS: Final = MappingProxyType(
    {
        "accept": ("charge the difference as real consumption", "the difference is charged"),
        "discard": (
            "discard the difference without charging it",
            "the difference is not charged",
        ),
        "new-epoch": ("start from the current register after a reset or replacement", "a new epoch starts"),
    }
)
"""Help text and result of each decision."""
HEAD: Final = ("METER", "ACCOUNT", "SINCE", "WHAT", "CHARGED UP TO", "SHOWS NOW")
RIGHT: Final = ("CHARGED UP TO", "SHOWS NOW")
MINUTE: Final = len("2026-03-01T10:00")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True, parser_class=Parser)
    listing = actions.add_parser("list", help="list quarantined registers")
    listing.set_defaults(act=_list)
    for name, (meaning, _) in DECISIONS.items():
        deciding = actions.add_parser(name, help=meaning)
        deciding.add_argument("meter", metavar="METER", help="meter id, such as flat-1/main")
        deciding.add_argument("--reason", metavar="TEXT", required=True, help="reason, kept permanently")
        deciding.set_defaults(act=_decide, decision=name)
    for each in actions.choices.values():
        add_json(each)
        add_data(each)


def run(arguments: argparse.Namespace) -> int:
    """List quarantined registers, or decide one."""
    asyncio.run(arguments.act(arguments, settings_of(arguments)))
    return 0


async def _list(arguments: argparse.Namespace, settings: Settings) -> None:
    async with connected(settings) as client:
        found = await client.get(Meters, "meters")
    held = [each for each in found.meters if each.quarantined]
    if arguments.json:
        print_json(msgspec.to_builtins(held))
    elif held:
        print_line(table(HEAD, [row(each) for each in held], RIGHT))
    else:
        print_line("No registers are quarantined.")


async def _decide(arguments: argparse.Namespace, settings: Settings) -> None:
    body = {"decision": arguments.decision.replace("-", "_"), "reason": arguments.reason}
    async with connected(settings) as client:
        meter = await client.post(MeterView, "meters", arguments.meter, "quarantine", body=body)
    if arguments.json:
        print_json(msgspec.to_builtins(meter))
        return
    _, done = DECISIONS[arguments.decision]
    now, charged = energy(meter.register_wh), energy(meter.energy_wh)
    print_line(f"{meter.id}: {done}; counting continues from {now}, {charged} charged in total")


def row(meter: MeterView) -> tuple[str, ...]:
    """Return a quarantined register as a row of the table."""
    held = meter.quarantine
    return (
        meter.id,
        meter.account_id or NOT_KNOWN,
        held.opened_at[:MINUTE].replace("T", " ") if held and held.opened_at else NOT_KNOWN,
        held.cause if held else NOT_KNOWN,
        energy(meter.register_wh),
        energy(held.register_wh if held else None),
    )
