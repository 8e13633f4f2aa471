"""``meter-bridge alerts``."""

from argparse import SUPPRESS, Namespace
from typing import Final

from meter_bridge.commands.client import BridgeClient, asks
from meter_bridge.commands.command import JSON, JSON_OF_ACTION, action, argument, group
from meter_bridge.commands.output import NOT_KNOWN, SECOND, Output, Table, plain, utc_time
from meter_bridge.protocol.answers import MAX_ALERTS_PAGE, Alerts
from meter_bridge.protocol.messages import AlertView

EPILOG: Final = """\
Without an action, lists open alerts, newest first. An alert closes automatically when its cause is resolved;
acknowledging it only records that somebody has seen it. Times in the text of an alert are local to its site.

examples:
  meter-bridge alerts
  meter-bridge alerts list --all
  meter-bridge alerts acknowledge alert-12
"""
MORE: Final = f"Showing the newest {MAX_ALERTS_PAGE}; see 'Alerts and relays' in the dashboard for the rest."


def _instant(text: str | None) -> str:
    return NOT_KNOWN if text is None else utc_time(text, SECOND)


TABLE: Final = Table[AlertView](
    {
        "ALERT": lambda alert: alert.id,
        "SINCE": lambda alert: _instant(alert.opened_at),
        "UNTIL": lambda alert: _instant(alert.closed_at),
        "ACCOUNT": lambda alert: alert.account_id or NOT_KNOWN,
        "METER": lambda alert: alert.meter_id or NOT_KNOWN,
        "SEEN": lambda alert: "yes" if alert.acknowledged_at else "no",
        "WHAT": lambda alert: plain(alert.message),
    }
)


async def _list(arguments: Namespace, client: BridgeClient) -> Output:
    closed_too = getattr(arguments, "all", False)
    query = {"open": "false" if closed_too else "true", "limit": str(MAX_ALERTS_PAGE)}
    found = await client.get(Alerts, "alerts", query=query)
    none = "There have been no alerts." if closed_too else "There are no open alerts."
    more = MORE if len(found.alerts) == MAX_ALERTS_PAGE else ""
    return Output(found, TABLE.text(found.alerts) or none, more)


async def _acknowledge(arguments: Namespace, client: BridgeClient) -> Output:
    alert = await client.post(AlertView, "alerts", arguments.alert, "acknowledge")
    return Output(alert, f"{alert.id}: acknowledged; it closes automatically when its cause is resolved")


COMMANDS: Final = {
    "alerts": group(
        EPILOG,
        asks(_list),
        JSON,
        list=action(
            "list alerts, newest first",
            asks(_list),
            argument("--all", action="store_true", default=SUPPRESS, help="include closed alerts"),
            JSON_OF_ACTION,
        ),
        acknowledge=action(
            "acknowledge an alert",
            asks(_acknowledge),
            argument("alert", metavar="ALERT", help="alert id, such as alert-12"),
            JSON_OF_ACTION,
        ),
    )
}
