"""``meter-bridge exposure``."""

import argparse
import asyncio
from typing import Final

import msgspec

from meter_bridge.commands.connection import connected
from meter_bridge.commands.output import add_json, plain, say, say_json, table
from meter_bridge.commands.settings import settings_of
from meter_bridge.config.settings import Settings
from meter_bridge.core.energy import format_kwh
from meter_bridge.core.money import format_amount
from meter_bridge.protocol.answers import Exposures
from meter_bridge.protocol.exposure import AccountExposure

EPILOG: Final = """\
What each account can use beyond its credit if bridge or broker stop now, at full rating and dearest price.
WITHOUT THE BRIDGE is what its relays do then, CUT BY THEMSELVES how many have confirmed that they will. AT
MOST is what these can use beyond credit in all; PER HOUR and PER DAY what all others can use while it lasts.
Several meters share one credit, and each of them alone may use all of it.

examples:
  meter-bridge exposure
  meter-bridge exposure --json
"""
HEAD: Final = (
    "ACCOUNT",
    "NAME",
    "WITHOUT THE BRIDGE",
    "CUT BY THEMSELVES",
    "AT MOST",
    "PER HOUR",
    "PER DAY",
)
RIGHT: Final = ("AT MOST", "PER HOUR", "PER DAY")
HOURS: Final = 24
NOTHING: Final = "nothing"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show the exposure of every account."""
    found = asyncio.run(_exposures(settings_of(arguments)))
    if arguments.json:
        say_json(msgspec.to_builtins(found))
    elif found.accounts:
        say(table(HEAD, [row(each) for each in found.accounts], RIGHT))
    else:
        say("There are no accounts yet; 'meter-bridge apply' adds those of a site file.")
    return 0


async def _exposures(settings: Settings) -> Exposures:
    async with connected(settings) as client:
        return await client.get(Exposures, "exposure")


def row(each: AccountExposure) -> tuple[str, ...]:
    """Return an account as a row of the table."""
    policies = ", ".join({"local_cut_off": "local cut-off"}.get(policy, policy) for policy in each.policies)
    head = (each.account_id, plain(each.name), policies or "no relay", f"{each.in_force} of {each.meters}")
    if not each.limited:
        return (*head, "credit does not cut", NOTHING, NOTHING)
    return (
        *head,
        _quantity(each.once_wh, each.once_amount, each.currency),
        _quantity(each.hourly_wh, each.hourly_amount, each.currency),
        _quantity(HOURS * each.hourly_wh, HOURS * each.hourly_amount, each.currency),
    )


def _quantity(wh: int, amount: int, currency: str) -> str:
    return f"{format_kwh(wh)}, {format_amount(amount, currency)}" if wh or amount else NOTHING
