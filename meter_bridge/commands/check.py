"""``meter-bridge check``."""

import argparse
from pathlib import Path
from typing import Final

from meter_bridge.commands.output import add_json, say, say_json
from meter_bridge.commands.site_file import plan_of, read
from meter_bridge.config.plan import InstallationPlan

EPILOG: Final = """\
Needs no bridge. Everything that is wrong is listed at once, with line, field and the way to mend it.

examples:
  meter-bridge check house.yaml
  meter-bridge check house.yaml --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="site file, in YAML")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Say what is in a site file, or all that is wrong with it."""
    found = counts(plan_of(arguments.file, read(arguments.file)))
    if arguments.json:
        say_json(found)
    else:
        say(f"{arguments.file} is right: " + ", ".join(counted(*each) for each in found.items()))
    return 0


def counts(plan: InstallationPlan) -> dict[str, int]:
    """Return how much of each a plan has."""
    accounts = [account for site in plan.sites for account in site.accounts]
    supplies = [supply for account in accounts for supply in account.supplies]
    return {
        "sites": len(plan.sites),
        "tariffs": sum(len(site.tariffs) for site in plan.sites),
        "accounts": len(accounts),
        "meters": sum(len(supply.meters) for supply in supplies),
    }


def counted(name: str, count: int) -> str:
    """Return a count with its noun, which is given in the plural."""
    return f"{count} {name.removesuffix('s') if count == 1 else name}"
