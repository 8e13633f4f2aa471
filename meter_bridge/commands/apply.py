"""``meter-bridge apply``."""

import argparse
import asyncio
from dataclasses import asdict
from pathlib import Path
import sys
from typing import Final

from meter_bridge.commands.client import BridgeClient
from meter_bridge.commands.connection import connected
from meter_bridge.commands.errors import REFUSED, USAGE, CommandError
from meter_bridge.commands.output import add_json, plain, say, say_json
from meter_bridge.commands.settings import settings_of
from meter_bridge.commands.site_file import plan_of, read
from meter_bridge.config.settings import Settings
from meter_bridge.protocol.answers import ApplyResult

EPILOG: Final = """\
The difference to what is in force is shown first. All of it is applied, or nothing. Without a running bridge
the installation is made where there is none yet.

examples:
  meter-bridge apply house.yaml              shows what would change and asks
  meter-bridge apply house.yaml --dry-run    only shows it
  meter-bridge apply house.yaml --yes        does not ask, for scripts

What was changed while the bridge ran (warning thresholds, load limits, replaced meters) is not undone by a
file that still says the old: put the new value into the file, or name the unit or meter with --undo.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="site file, in YAML")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--yes", action="store_true", help="apply without asking")
    choice.add_argument("--dry-run", action="store_true", help="only show what would change")
    parser.add_argument(
        "--undo",
        action="append",
        default=[],
        metavar="ID",
        help="unit or meter of which the file may undo what was changed since the last one (repeatable)",
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show the difference and apply it."""
    document = read(arguments.file)
    plan_of(arguments.file, document)
    return asyncio.run(_apply(arguments, settings_of(arguments), document))


async def _apply(arguments: argparse.Namespace, settings: Settings, document: str) -> int:
    async with connected(settings, create=True) as client:
        undo = tuple(arguments.undo)
        result = await _post(client, document, dry_run=True, undo=undo)
        if not arguments.json:
            _show(result)
        wanted = bool(result.changes) and not arguments.dry_run
        if wanted and not arguments.yes and not await asyncio.to_thread(_agreed):
            say("Nothing was applied.")
            return REFUSED
        if wanted:
            result = await _post(client, document, dry_run=False, undo=undo)
    if arguments.json:
        say_json(asdict(result))
    elif result.applied:
        say("Applied.")
        for each in result.pending:
            say(f"  ! {plain(each)}")
    return 0


async def _post(client: BridgeClient, document: str, *, dry_run: bool, undo: tuple[str, ...]) -> ApplyResult:
    query = {"dry_run": str(dry_run).lower()} | ({"undo": ",".join(undo)} if undo else {})
    return await client.post(ApplyResult, "site", document=document, query=query)


def _show(result: ApplyResult) -> None:
    if not result.changes:
        say("The installation is as the file says; nothing changes.")
    for change in result.changes:
        say(f"  {plain(change)}")


def _agreed() -> bool:
    """Ask whether to apply."""
    if not sys.stdin.isatty():
        raise CommandError("nobody is there to be asked", "add --yes to apply without asking", USAGE)
    sys.stderr.write("Apply? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
