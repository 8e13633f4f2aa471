"""``meter-bridge notify``."""

import argparse
import asyncio
from typing import Final

import msgspec

from meter_bridge.commands.connection import connected
from meter_bridge.commands.errors import CommandError
from meter_bridge.commands.output import add_json, print_json, print_line, table
from meter_bridge.commands.parser import Parser, add_data
from meter_bridge.commands.settings import settings_of
from meter_bridge.config.settings import Settings
from meter_bridge.protocol.answers import NoticeList, NoticeView, TrialSent

EPILOG: Final = """\
notify.yaml in the data folder defines who is notified of alerts and payments; customers choose for themselves
on the tenant page. See docs/notifications.md.

examples:
  meter-bridge notify list
  meter-bridge notify test anna
  meter-bridge notify check
"""
HEAD: Final = ("CREATED", "TO", "ABOUT", "TITLE", "ATTEMPTS", "OUTCOME")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True, parser_class=Parser)
    listing = actions.add_parser("list", help="list recent notifications and their delivery status")
    listing.add_argument("--limit", type=int, default=50, help="maximum number to list (default: 50)")
    add_json(listing)
    listing.set_defaults(act=_list)
    trying = actions.add_parser("test", help="send a test message to a person in notify.yaml")
    trying.add_argument("person", metavar="PERSON", help="person id, such as anna")
    trying.set_defaults(act=_test)
    checking = actions.add_parser("check", help="validate notify.yaml")
    checking.set_defaults(act=_check)
    for each in actions.choices.values():
        add_data(each)


def run(arguments: argparse.Namespace) -> int:
    """List notifications, send a test message, or validate notify.yaml."""
    asyncio.run(arguments.act(arguments, settings_of(arguments)))
    return 0


async def _list(arguments: argparse.Namespace, settings: Settings) -> None:
    async with connected(settings) as client:
        found = await client.get(NoticeList, "notices", query={"limit": str(arguments.limit)})
    if arguments.json:
        print_json(msgspec.to_builtins(found))
    elif found.notices:
        print_line(table(HEAD, [_row(each) for each in found.notices], ("ATTEMPTS",)))
    else:
        print_line("No notifications have been sent yet.")


def _row(notice: NoticeView) -> tuple[str, ...]:
    to = notice.recipient if notice.account_id is None else f"{notice.recipient} ({notice.account_id})"
    outcome = notice.outcome or f"next attempt {notice.next_at}"
    return notice.made_at, to, notice.topic, notice.title, str(notice.attempts), outcome


async def _test(arguments: argparse.Namespace, settings: Settings) -> None:
    async with connected(settings) as client:
        sent = await client.post(TrialSent, "notices", "test", body={"person": arguments.person})
    for each in sent.channels:
        print_line(f"{each.channel}: {'sent' if each.sent else 'FAILED'}")
    failed = [each.channel for each in sent.channels if not each.sent]
    if failed:
        remedy = "check the address in notify.yaml against the service; see the bridge's log for details"
        raise CommandError(f"{', '.join(failed)} did not accept the message", remedy)


async def _check(arguments: argparse.Namespace, settings: Settings) -> None:
    del arguments
    # Imported here because the other actions leave the file to the bridge.
    from meter_bridge.notify.people import FILE_NAME, NotifyFileError, load_people  # noqa: PLC0415

    try:
        people = await asyncio.to_thread(load_people, settings.data)
    except NotifyFileError as error:
        what, _, remedy = str(error).rpartition("; ")
        raise CommandError(what or str(error), remedy or "see docs/notifications.md") from error
    ways = [name for name, way in (("e-mail", people.email), ("telephone", people.phone)) if way is not None]
    print_line(
        f"{settings.data / FILE_NAME}: {len(people.staff)} people ({', '.join(people.staff) or 'nobody'})"
    )
    print_line(f"Customer channels: {', '.join(ways) or 'none'}")
