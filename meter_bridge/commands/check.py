"""``meter-bridge check``."""

import argparse
from pathlib import Path
from typing import Final

from meter_bridge.commands.output import add_json, print_json, print_line
from meter_bridge.commands.site_file import plan_of, read
from meter_bridge.config.plan import InstallationPlan

EPILOG: Final = """\
Needs no bridge. Lists all problems at once, each with its line, field and remedy.

examples:
  meter-bridge check house.yaml
  meter-bridge check house.yaml --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="site file, in YAML")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print a summary of a site file, or all of its problems."""
    found = counts(plan_of(arguments.file, read(arguments.file)))
    if arguments.json:
        print_json(found)
    else:
        print_line(f"{arguments.file} is valid: " + ", ".join(counted(*each) for each in found.items()))
    return 0


def counts(plan: InstallationPlan) -> dict[str, int]:
    """Return how many of each a plan has."""
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
