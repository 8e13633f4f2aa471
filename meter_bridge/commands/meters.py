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
from meter_bridge.commands.output import NOT_KNOWN, add_json, plain, say, say_json, table
from meter_bridge.commands.parser import Parser, add_data
from meter_bridge.commands.settings import settings_of
from meter_bridge.config.settings import Settings
from meter_bridge.core.energy import format_kwh
from meter_bridge.protocol.answers import KEY_HEADER, Meters, ReadingResult
from meter_bridge.protocol.messages import MeterView

EXAMPLES: Final = """\
examples:
  meter-bridge meters
  meter-bridge meters read flat-1/main 12345.6
  meter-bridge meters read flat-1/main 12345.6 --at 2026-03-03T08:30:00+02:00
  meter-bridge meters replace flat-1/main --closing 12345.6 --opening 0.0 --reason "display was dark"
  meter-bridge meters replace flat-1/main --closing 812 --opening 0 --address tasmota:new/1 --reason "burnt"
"""
EPILOG: Final = f"""\
Without an action the meters are listed. REGISTER is what the meter's counter shows, CHARGED the energy
charged since it was assigned.

{EXAMPLES}"""
HEAD: Final = ("METER", "ADDRESS", "ACCOUNT", "REGISTER", "CHARGED", "POWER", "STATE")
RIGHT: Final = ("REGISTER", "CHARGED", "POWER")
OUTCOMES: Final = MappingProxyType(
    {
        "first": "its first reading; what is used from here on is charged",
        "charged": "the reading was taken",
        "unchanged": "the reading tells nothing new; nothing is charged",
        "doubted": "the reading contradicts what is known, nothing is charged; after three a person decides",
    }
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    add_json(parser)
    parser.set_defaults(act=_list)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", parser_class=Parser)
    listing = actions.add_parser("list", help="list the meters, also those that nobody has assigned")
    listing.set_defaults(act=_list)
    _add_read(actions.add_parser("read", help="tell what a register shows", epilog=EXAMPLES))
    _add_replace(actions.add_parser("replace", help="say that a meter was replaced", epilog=EXAMPLES))
    for each in actions.choices.values():
        each.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="answer as JSON")
        add_data(each)


def _add_read(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("meter", metavar="METER", help="id of the meter, such as flat-1/main")
    parser.add_argument("register", metavar="KWH", help="as the meter shows it, such as 12345.6")
    _add_at(parser, "when it was read")
    parser.set_defaults(act=_read)


def _add_replace(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("meter", metavar="METER", help="id of the meter, such as flat-1/main")
    parser.add_argument("--closing", metavar="KWH", required=True, help="what the old one showed at last")
    parser.add_argument("--opening", metavar="KWH", required=True, help="what the new one showed at first")
    parser.add_argument("--reason", metavar="TEXT", required=True, help="why; it is kept for good")
    parser.add_argument("--address", help="address of the new device, where it has another")
    parser.add_argument("--relay", metavar="ADDRESS", help="address of its relay, where that is another's")
    _add_at(parser, "when it was replaced")
    parser.add_argument(
        "--confirmed", action="store_true", help="take a closing reading that was refused as implausible"
    )
    parser.add_argument("--key", help="idempotency key: the same key counts once (default: a new one)")
    parser.set_defaults(act=_replace)


def _add_at(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--at", metavar="INSTANT", help=f"{what}, with its offset (default: now)")


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


async def _read(arguments: argparse.Namespace, settings: Settings) -> None:
    body = {"register": arguments.register} | ({} if arguments.at is None else {"at": arguments.at})
    async with connected(settings) as client:
        taken = await client.post(ReadingResult, "meters", arguments.meter, "readings", body=body)
    if arguments.json:
        say_json(msgspec.to_builtins(taken))
        return
    say(f"{taken.meter.id}: {OUTCOMES[taken.outcome]}")
    if taken.outcome == "charged":
        say(f"  charged  {energy(taken.charged_wh)}")


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
            remedy = f"repeat the command with '--key {key}': it counts once"
            raise CommandError(
                f"{error.what}; it is not known whether it was done", remedy, error.code
            ) from error
    if arguments.json:
        say_json(msgspec.to_builtins(meter))
        return
    now, charged = energy(meter.register_wh), energy(meter.energy_wh)
    say(f"{meter.id}: counting goes on from {now}, {charged} charged in all")


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
