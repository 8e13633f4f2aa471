"""``meter-bridge clock``."""

from argparse import Namespace
from typing import Final

from meter_bridge.api.http.listener import SOCKET_NAME, is_listening
from meter_bridge.commands.client import BridgeClient, asks
from meter_bridge.commands.command import JSON, JSON_OF_ACTION, action, group
from meter_bridge.commands.installation import settings_of
from meter_bridge.commands.output import Output, plain
from meter_bridge.commands.parser import UNREACHABLE, CommandError
from meter_bridge.protocol.answers import MAX_ALERTS_PAGE, Alerts, ClockConfirmed
from meter_bridge.protocol.vocabulary import AlertKind

EPILOG: Final = """\
If the machine's clock jumps, time-based charges and disconnections are suspended until the clock agrees
again, the system reports it as synchronised, or somebody checks it and confirms it here.

examples:
  meter-bridge clock
  date && meter-bridge clock confirm
"""


def _require_running_bridge(arguments: Namespace) -> None:
    data = settings_of(arguments).data
    if not is_listening(data / SOCKET_NAME):
        raise CommandError(
            f"no bridge is running in {data}, and only a running bridge has a clock to check",
            "start it with 'meter-bridge run'",
            UNREACHABLE,
        )


async def _show(_arguments: Namespace, client: BridgeClient) -> Output:
    query = {"open": "true", "limit": str(MAX_ALERTS_PAGE)}
    found = await client.get(Alerts, "alerts", query=query)
    doubts = [alert for alert in found.alerts if alert.kind is AlertKind.CLOCK_WRONG]
    text = "The bridge trusts its clock."
    if doubts:
        remedy = "check 'date'; if it is correct, run 'meter-bridge clock confirm'"
        text = f"{plain(doubts[0].message)}\n  {remedy}"
    return Output({"believed": not doubts, "alerts": doubts}, text)


async def _confirm(_arguments: Namespace, client: BridgeClient) -> Output:
    confirmed = await client.post(ClockConfirmed, "clock", "confirm")
    return Output(confirmed, f"Clock confirmed; the bridge continues at {confirmed.now}.")


_SHOWING: Final = asks(_show, check=_require_running_bridge)
_CONFIRMING: Final = asks(_confirm, check=_require_running_bridge)
COMMANDS: Final = {
    "clock": group(
        EPILOG,
        _SHOWING,
        JSON,
        show=action("show whether the bridge trusts its clock", _SHOWING, JSON_OF_ACTION),
        confirm=action("confirm that the machine's clock is correct now", _CONFIRMING, JSON_OF_ACTION),
    )
}
