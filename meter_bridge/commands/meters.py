"""``meter-bridge meters``."""

import argparse
import asyncio
from types import MappingProxyType
from typing import Final
from uuid import uuid4

import msgspec

from meter_bridge.commands.client import ConnectionLostError
from meter_bridge.commands.connection import connected
from meter_bridge.commands.errors import CommandError
from meter_bridge.commands.output import NOT_KNOWN, add_json, plain, print_json, print_line, table
from meter_bridge.commands.parser import Parser, add_data, add_key
from meter_bridge.commands.settings import settings_of
from meter_bridge.config.settings import Settings
from meter_bridge.core.energy import format_kwh
from meter_bridge.protocol.answers import Meters, ReadingResult
from meter_bridge.protocol.messages import MeterView
from meter_bridge.protocol.patterns import KEY_HEADER

EXAMPLES: Final = """\
examples:
  meter-bridge meters
  meter-bridge meters read flat-1/main 12345.6
  meter-bridge meters read flat-1/main 12345.6 --at 2026-03-03T08:30:00+02:00
  meter-bridge meters replace flat-1/main --closing 12345.6 --opening 0.0 --reason "display failed"
  meter-bridge meters replace flat-1/main --closing 812 --opening 0 --address tasmota:new/1 --reason "burnt"
"""
EPILOG: Final = f"""\
Without an action, lists the meters. REGISTER is the meter's reading, CHARGED the energy charged since the
meter was assigned.

{EXAMPLES}"""
HEAD: Final = ("METER", "ADDRESS", "ACCOUNT", "REGISTER", "CHARGED", "POWER", "STATE")
RIGHT: Final = ("REGISTER", "CHARGED", "POWER")
OUTCOMES: Final = MappingProxyType(
    {
        "first": "first reading recorded; consumption is charged from here on",
        "charged": "reading recorded",
        "unchanged": "reading unchanged; nothing is charged",
        "doubted": "implausible reading, nothing is charged; after three it is quarantined for review",
    }
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    add_json(parser)
    parser.set_defaults(act=_list)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", parser_class=Parser)
    listing = actions.add_parser("list", help="list meters, including unassigned ones")
    listing.set_defaults(act=_list)
    _add_read(actions.add_parser("read", help="submit a reading", epilog=EXAMPLES))
    _add_replace(actions.add_parser("replace", help="record a meter replacement", epilog=EXAMPLES))
    for each in actions.choices.values():
        each.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
        add_data(each)


def _add_read(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("meter", metavar="METER", help="meter id, such as flat-1/main")
    parser.add_argument("register", metavar="KWH", help="register as displayed by the meter, such as 12345.6")
    _add_at(parser, "time of the reading")
    parser.set_defaults(act=_read)


def _add_replace(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("meter", metavar="METER", help="meter id, such as flat-1/main")
    parser.add_argument("--closing", metavar="KWH", required=True, help="closing register of the old meter")
    parser.add_argument("--opening", metavar="KWH", required=True, help="opening register of the new meter")
    parser.add_argument("--reason", metavar="TEXT", required=True, help="reason, kept permanently")
    parser.add_argument("--address", help="address of the new device, if it differs")
    parser.add_argument("--relay", metavar="ADDRESS", help="address of its relay, if it is a separate device")
    _add_at(parser, "time of the replacement")
    parser.add_argument(
        "--confirmed", action="store_true", help="accept a closing reading that was rejected as implausible"
    )
    add_key(parser)
    parser.set_defaults(act=_replace)


def _add_at(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--at", metavar="INSTANT", help=f"{what}, with UTC offset (default: now)")


def run(arguments: argparse.Namespace) -> int:
    """List meters, submit a reading, or replace a meter."""
    asyncio.run(arguments.act(arguments, settings_of(arguments)))
    return 0


async def _list(arguments: argparse.Namespace, settings: Settings) -> None:
    async with connected(settings) as client:
        found = await client.get(Meters, "meters")
    if arguments.json:
        print_json(msgspec.to_builtins(found))
    elif found.meters:
        print_line(table(HEAD, [row(each) for each in found.meters], RIGHT))
    else:
        print_line("There are no meters yet; 'meter-bridge apply' adds those of a site file.")


async def _read(arguments: argparse.Namespace, settings: Settings) -> None:
    body = {"register": arguments.register} | ({} if arguments.at is None else {"at": arguments.at})
    async with connected(settings) as client:
        taken = await client.post(ReadingResult, "meters", arguments.meter, "readings", body=body)
    if arguments.json:
        print_json(msgspec.to_builtins(taken))
        return
    print_line(f"{taken.meter.id}: {OUTCOMES[taken.outcome]}")
    if taken.outcome == "charged":
        print_line(f"  charged  {energy(taken.charged_wh)}")


async def _replace(arguments: argparse.Namespace, settings: Settings) -> None:
    key = arguments.key or str(uuid4())
    told = {name: getattr(arguments, name) for name in ("closing", "opening", "reason")}
    told |= {name: value for name in ("at", "address", "relay") if (value := getattr(arguments, name))}
    body = told | ({"confirmed": True} if arguments.confirmed else {})
    async with connected(settings) as client:
        try:
            meter = await client.post(
                MeterView, "meters", arguments.meter, "replacement", body=body, headers={KEY_HEADER: key}
            )
        except ConnectionLostError as error:
            remedy = f"repeat the command with '--key {key}'; it will count only once"
            raise CommandError(
                f"{error.what}; it is not known whether the meter was replaced", remedy, error.code
            ) from error
    if arguments.json:
        print_json(msgspec.to_builtins(meter))
        return
    now, charged = energy(meter.register_wh), energy(meter.energy_wh)
    print_line(f"{meter.id}: counting continues from {now}, {charged} charged in total")


def row(meter: MeterView) -> tuple[str, ...]:
    """Return a meter as a row of the table."""
    return (
        plain(meter.id),
        plain(meter.address),
        meter.account_id or "unassigned",
        energy(meter.register_wh),
        energy(meter.energy_wh),
        NOT_KNOWN if meter.power_mw is None else f"{meter.power_mw / 1000:,.0f} W",
        state(meter),
    )


def energy(wh: int | None) -> str:
    """Return a register for people."""
    return NOT_KNOWN if wh is None else format_kwh(wh)


def state(meter: MeterView) -> str:
    """Return a meter's most important status."""
    if meter.quarantined:
        return "quarantined"
    return {True: "online", False: "offline", None: "never seen"}[meter.online]
