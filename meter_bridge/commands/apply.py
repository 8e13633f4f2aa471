"""``meter-bridge apply``."""

from argparse import Namespace
import asyncio
import sys
from typing import Final

from meter_bridge.commands.check import SITE_FILE, plan_of, read
from meter_bridge.commands.client import BridgeClient, connected
from meter_bridge.commands.command import JSON, Command, argument, choice_of
from meter_bridge.commands.installation import settings_of
from meter_bridge.commands.output import agreed, plain, print_json, print_line
from meter_bridge.commands.parser import REFUSED, USAGE, CommandError
from meter_bridge.protocol.answers import ApplyResult

EPILOG: Final = """\
The changes are shown first. Either all of them are applied or none. If no bridge is running, the installation
is created when it does not exist yet.

examples:
  meter-bridge apply house.yaml              show the changes and ask for confirmation
  meter-bridge apply house.yaml --dry-run    show the changes only
  meter-bridge apply house.yaml --yes        apply without confirmation, for scripts

Changes made through the running bridge (warning thresholds, load limits, replaced meters) are not undone by a
file that still contains the old value: update the file, or name the unit or meter with --undo.
"""


def run(arguments: Namespace) -> int:
    """Show the difference and apply it."""
    document = read(arguments.file)
    plan_of(arguments.file, document)
    return asyncio.run(_apply(arguments, document))


async def _apply(arguments: Namespace, document: str) -> int:
    async with connected(settings_of(arguments), create=True) as client:
        undo = tuple(arguments.undo)
        result = await _post(client, document, dry_run=True, undo=undo)
        if not arguments.json:
            _show(result)
        applies = bool(result.changes) and not arguments.dry_run
        if applies and not arguments.yes and not await asyncio.to_thread(_agreed):
            print_line("Nothing was applied.")
            return REFUSED
        if applies:
            result = await _post(client, document, dry_run=False, undo=undo)
    if arguments.json:
        print_json(result)
    elif result.applied:
        print_line("Applied.")
        for pending in result.pending:
            print_line(f"  ! {plain(pending)}")
    return 0


async def _post(client: BridgeClient, document: str, *, dry_run: bool, undo: tuple[str, ...]) -> ApplyResult:
    query = {"dry_run": str(dry_run).lower()} | ({"undo": ",".join(undo)} if undo else {})
    return await client.post(ApplyResult, "site", document=document, query=query)


def _show(result: ApplyResult) -> None:
    if not result.changes:
        print_line("No changes: the installation matches the file.")
    for change in result.changes:
        print_line(f"  {plain(change)}")


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise CommandError(
            "cannot ask for confirmation: standard input is not a terminal",
            "add --yes to apply without confirmation",
            USAGE,
        )
    return agreed("Apply?")


COMMANDS: Final = {
    "apply": Command(
        run,
        (
            SITE_FILE,
            choice_of(
                argument("--yes", action="store_true", help="apply without confirmation"),
                argument("--dry-run", action="store_true", help="show the changes only"),
            ),
            argument(
                "--undo",
                action="append",
                default=[],
                metavar="ID",
                help="unit or meter whose later changes the file may undo (repeatable)",
            ),
            JSON,
        ),
        EPILOG,
    )
}
