"""``meter-bridge meters`` and ``quarantine``."""

from argparse import Namespace
from functools import partial
from types import MappingProxyType
from typing import Final

from meter_bridge.commands.client import BridgeClient, asks, lists, post_once
from meter_bridge.commands.command import (
    JSON,
    JSON_OF_ACTION,
    KEY,
    METER,
    Argument,
    action,
    argument,
    given,
    group,
)
from meter_bridge.commands.output import NOT_KNOWN, Output, Table, plain, utc_time
from meter_bridge.core.energy import format_kwh
from meter_bridge.protocol.answers import Meters, ReadingResult
from meter_bridge.protocol.messages import MeterView, QuarantineView

EXAMPLES: Final = """\
examples:
  meter-bridge meters
  meter-bridge meters read flat-1/main 12345.6
  meter-bridge meters read flat-1/main 12345.6 --at 2026-03-03T08:30:00+02:00
  meter-bridge meters replace flat-1/main --closing 12345.6 --opening 0.0 --reason "display failed"
  meter-bridge meters replace flat-1/main --closing 812 --opening 0 --address tasmota:new/1 --reason "burnt"
"""
METERS_EPILOG: Final = f"""\
Without an action, lists the meters. REGISTER is the meter's reading, CHARGED the energy charged since the
meter was assigned.

{EXAMPLES}"""
OUTCOMES: Final = MappingProxyType(
    {
        "first": "first reading recorded; consumption is charged from here on",
        "charged": "reading recorded",
        "unchanged": "reading unchanged; nothing is charged",
        "doubted": "implausible reading, nothing is charged; after three it is quarantined for review",
    }
)
QUARANTINE_EPILOG: Final = """\
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


def _energy(wh: int | None) -> str:
    return NOT_KNOWN if wh is None else format_kwh(wh)


def _state(meter: MeterView) -> str:
    if meter.quarantined:
        return "quarantined"
    return {True: "online", False: "offline", None: "never seen"}[meter.online]


METERS: Final = Table[MeterView](
    {
        "METER": lambda meter: plain(meter.id),
        "ADDRESS": lambda meter: plain(meter.address),
        "ACCOUNT": lambda meter: meter.account_id or "unassigned",
        "REGISTER": lambda meter: _energy(meter.register_wh),
        "CHARGED": lambda meter: _energy(meter.energy_wh),
        "POWER": lambda meter: NOT_KNOWN if meter.power_mw is None else f"{meter.power_mw / 1000:,.0f} W",
        "STATE": _state,
    },
    right=("REGISTER", "CHARGED", "POWER"),
)


def _since(quarantine: QuarantineView | None) -> str:
    if quarantine is None or not quarantine.opened_at:
        return NOT_KNOWN
    return utc_time(quarantine.opened_at)


QUARANTINED: Final = Table[MeterView](
    {
        "METER": lambda meter: meter.id,
        "ACCOUNT": lambda meter: meter.account_id or NOT_KNOWN,
        "SINCE": lambda meter: _since(meter.quarantine),
        "WHAT": lambda meter: meter.quarantine.cause if meter.quarantine else NOT_KNOWN,
        "CHARGED UP TO": lambda meter: _energy(meter.register_wh),
        "SHOWS NOW": lambda meter: _energy(meter.quarantine.register_wh if meter.quarantine else None),
    },
    right=("CHARGED UP TO", "SHOWS NOW"),
)


async def _read(arguments: Namespace, client: BridgeClient) -> Output:
    body = given(arguments, "register", "at")
    result = await client.post(ReadingResult, "meters", arguments.meter, "readings", body=body)
    charged = f"\n  charged  {_energy(result.charged_wh)}" if result.outcome == "charged" else ""
    return Output(result, f"{result.meter.id}: {OUTCOMES[result.outcome]}{charged}")


async def _replace(arguments: Namespace, client: BridgeClient) -> Output:
    options = given(arguments, "at", "address", "relay", "confirmed")
    body = given(arguments, "closing", "opening", "reason") | {k: v for k, v in options.items() if v}
    path = ("meters", arguments.meter, "replacement")
    what = "the meter was replaced"
    meter = await post_once(client, MeterView, *path, body=body, key=arguments.key, what=what)
    return Output(meter, f"{meter.id}: {_continues(meter)}")


async def _list_quarantined(_arguments: Namespace, client: BridgeClient) -> Output:
    found = await client.get(Meters, "meters")
    quarantined = [meter for meter in found.meters if meter.quarantined]
    return Output(quarantined, QUARANTINED.text(quarantined) or "No registers are quarantined.")


async def _decide(decision: str, arguments: Namespace, client: BridgeClient) -> Output:
    body = {"decision": decision.replace("-", "_"), "reason": arguments.reason}
    meter = await client.post(MeterView, "meters", arguments.meter, "quarantine", body=body)
    _, done = DECISIONS[decision]
    return Output(meter, f"{meter.id}: {done}; {_continues(meter)}")


def _continues(meter: MeterView) -> str:
    return (
        f"counting continues from {_energy(meter.register_wh)}, {_energy(meter.energy_wh)} charged in total"
    )


def _at(what: str) -> Argument:
    return argument("--at", metavar="INSTANT", help=f"{what}, with UTC offset (default: now)")


_LISTING: Final = lists(
    Meters,
    "meters",
    lambda answer: answer.meters,
    METERS,
    "There are no meters yet; 'meter-bridge apply' adds those of a site file.",
)
COMMANDS: Final = {
    "meters": group(
        METERS_EPILOG,
        _LISTING,
        JSON,
        list=action("list meters, including unassigned ones", _LISTING, JSON_OF_ACTION),
        read=action(
            "submit a reading",
            asks(_read),
            METER,
            argument("register", metavar="KWH", help="register as displayed by the meter, such as 12345.6"),
            _at("time of the reading"),
            JSON_OF_ACTION,
            epilog=EXAMPLES,
        ),
        replace=action(
            "record a meter replacement",
            asks(_replace),
            METER,
            argument("--closing", metavar="KWH", required=True, help="closing register of the old meter"),
            argument("--opening", metavar="KWH", required=True, help="opening register of the new meter"),
            argument("--reason", metavar="TEXT", required=True, help="reason, kept permanently"),
            argument("--address", help="address of the new device, if it differs"),
            argument("--relay", metavar="ADDRESS", help="address of its relay, if it is a separate device"),
            _at("time of the replacement"),
            argument(
                "--confirmed",
                action="store_true",
                help="accept a closing reading that was rejected as implausible",
            ),
            KEY,
            JSON_OF_ACTION,
            epilog=EXAMPLES,
        ),
    ),
    "quarantine": group(
        QUARANTINE_EPILOG,
        None,
        list=action("list quarantined registers", asks(_list_quarantined), JSON),
        **{
            name: action(
                meaning,
                asks(partial(_decide, name)),
                METER,
                argument("--reason", metavar="TEXT", required=True, help="reason, kept permanently"),
                JSON,
            )
            for name, (meaning, _) in DECISIONS.items()
        },
    ),
}
