"""``meter-bridge notify``."""

from argparse import Namespace
from typing import Final

from meter_bridge.commands.check import raise_problems
from meter_bridge.commands.client import BridgeClient, asks
from meter_bridge.commands.command import JSON, action, argument, group
from meter_bridge.commands.installation import settings_of
from meter_bridge.commands.output import Output, Table
from meter_bridge.commands.parser import CommandError
from meter_bridge.protocol.answers import NoticeList, NoticeView, TrialSent

EPILOG: Final = """\
notify.yaml in the data folder defines who is notified of alerts and payments; customers choose for themselves
on the tenant page. See docs/notifications.md.

examples:
  meter-bridge notify list
  meter-bridge notify test anna
  meter-bridge notify check
"""
TABLE: Final = Table[NoticeView](
    {
        "CREATED": lambda notice: notice.made_at,
        "TO": lambda notice: (
            notice.recipient if notice.account_id is None else f"{notice.recipient} ({notice.account_id})"
        ),
        "ABOUT": lambda notice: notice.topic,
        "TITLE": lambda notice: notice.title,
        "ATTEMPTS": lambda notice: str(notice.attempts),
        "OUTCOME": lambda notice: notice.outcome or f"next attempt {notice.next_at}",
    },
    right=("ATTEMPTS",),
)


async def _list(arguments: Namespace, client: BridgeClient) -> Output:
    found = await client.get(NoticeList, "notices", query={"limit": str(arguments.limit)})
    return Output(found, TABLE.text(found.notices) or "No notifications have been sent yet.")


async def _test(arguments: Namespace, client: BridgeClient) -> Output:
    result = await client.post(TrialSent, "notices", "test", body={"person": arguments.person})
    lines = [f"{attempt.channel}: {'sent' if attempt.sent else 'FAILED'}" for attempt in result.channels]
    failed = [attempt.channel for attempt in result.channels if not attempt.sent]
    remedy = "check the address in notify.yaml against the service; see the bridge's log for details"
    error = CommandError(f"{', '.join(failed)} did not accept the message", remedy) if failed else None
    return Output(result, "\n".join(lines), error=error)


def _check(arguments: Namespace) -> int:
    # Imported here because the other actions leave the file to the bridge.
    from meter_bridge.notify.people import FILE_NAME, load_people  # noqa: PLC0415

    data = settings_of(arguments).data
    people = load_people(data)
    raise_problems(data, people.problems)
    ways = [name for name, way in (("e-mail", people.email), ("telephone", people.phone)) if way is not None]
    staff = f"{data / FILE_NAME}: {len(people.staff)} people ({', '.join(people.staff) or 'nobody'})"
    answer = {"people": tuple(people.staff), "customers": ways, "problems": ()}
    Output(answer, f"{staff}\nCustomer channels: {', '.join(ways) or 'none'}").print(arguments)
    return 0


COMMANDS: Final = {
    "notify": group(
        EPILOG,
        None,
        list=action(
            "list recent notifications and their delivery status",
            asks(_list),
            argument("--limit", type=int, default=50, help="maximum number to list (default: 50)"),
            JSON,
        ),
        test=action(
            "send a test message to a person in notify.yaml",
            asks(_test),
            argument("person", metavar="PERSON", help="person id, such as anna"),
            JSON,
        ),
        check=action("validate notify.yaml", _check, JSON),
    )
}
