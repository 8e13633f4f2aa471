"""``meter-bridge exposure``."""

import argparse
from typing import Final

from meter_bridge.commands.account_table import AccountTable
from meter_bridge.commands.output import add_json, plain
from meter_bridge.core.energy import format_kwh
from meter_bridge.core.money import format_amount
from meter_bridge.protocol.answers import AccountExposure, Exposures

EPILOG: Final = """\
Shows how much each account can consume beyond its credit if the bridge or broker fails now, at full rating
and the highest price. WITHOUT THE BRIDGE is what its relays then do, CUT BY THEMSELVES how many have
confirmed a local cut-off. AT MOST is the total that those can consume beyond credit; PER HOUR and PER DAY are
what all others can consume for as long as the failure lasts. Meters that share credit may each consume all of
it.

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
    return AccountTable(Exposures, "exposure", HEAD, RIGHT, row).show(arguments)


def row(each: AccountExposure) -> tuple[str, ...]:
    """Return the row of an account."""
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
