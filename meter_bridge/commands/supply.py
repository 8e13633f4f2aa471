"""``meter-bridge supply`` and ``hold``."""

from argparse import Namespace
from typing import Final

from meter_bridge.commands.client import BridgeClient, asks, lists
from meter_bridge.commands.command import ACCOUNT, JSON, Command, action, argument, given, group
from meter_bridge.commands.output import Output, Table, plain
from meter_bridge.commands.parser import USAGE, CommandError
from meter_bridge.protocol.answers import Holds
from meter_bridge.protocol.messages import HoldView, SupplyAction, SupplyView

SUPPLY_EPILOG: Final = """\
actions:
  off      hold the supply off regardless of credit
  on       hold the supply on regardless of credit
  auto     return the supply to credit control
  confirm  reconnect an armed supply, as the customer would
  reset    reset a tripped protection

'auto' lifts the hold placed by 'off' or 'on'; other holds remain (see 'meter-bridge hold').
'off' and 'on' require a reason, which is shown to the customer.

examples:
  meter-bridge supply flat-1 off --reason "inspection on 3 March"
  meter-bridge supply flat-1 auto
"""
NEED_REASON: Final = frozenset({SupplyAction.OFF, SupplyAction.ON})
HOLD_EXAMPLES: Final = """\
examples:
  meter-bridge hold add flat-1 off --reason "leak under the sink" --id leak
  meter-bridge hold add flat-1 on --reason "visitors until Sunday"
"""
HOLD_EPILOG: Final = f"""\
A supply can have several holds at once and stays off while any of them holds it off. A hold that keeps it on
overrides exhausted credit, but neither a hold that keeps it off nor a tripped protection. A hold stays until
somebody lifts it. 'supply off' and 'supply on' place the hold with the id 'switch'.

{HOLD_EXAMPLES}  meter-bridge hold list flat-1
  meter-bridge hold lift flat-1 leak --reason "repaired"
"""
HOLDS: Final = Table[HoldView](
    {
        "ID": lambda hold: hold.id,
        "HOLDS": lambda hold: hold.position,
        "SINCE": lambda hold: hold.since,
        "BY": lambda hold: plain(hold.by),
        "REASON": lambda hold: plain(hold.reason),
    }
)


def _check_reason(arguments: Namespace) -> None:
    if arguments.action in NEED_REASON and not arguments.reason:
        raise CommandError(f"'{arguments.action}' requires a reason", "add --reason TEXT", USAGE)


async def _set_supply(arguments: Namespace, client: BridgeClient) -> Output:
    body = given(arguments, "action", "reason")
    view = await client.post(SupplyView, "accounts", arguments.account, "supply", body=body)
    return Output(view, _state(arguments.account, view))


async def _add_hold(arguments: Namespace, client: BridgeClient) -> Output:
    body = given(arguments, "position", "reason", "id")
    hold = await client.post(HoldView, "accounts", arguments.account, "holds", body=body)
    reason = plain(hold.reason)
    text = f"{arguments.account}: hold {hold.id} holds the supply {hold.position} ({reason})"
    return Output(hold, text)


async def _lift_hold(arguments: Namespace, client: BridgeClient) -> Output:
    query = {} if arguments.reason is None else {"reason": arguments.reason}
    path = ("accounts", arguments.account, "holds", arguments.id)
    view = await client.delete(SupplyView, *path, query=query)
    return Output(view, _state(arguments.account, view))


def _state(account: str, view: SupplyView) -> str:
    note = f": {plain(view.note)}" if view.note else ""
    reason, proof = view.reason.replace("_", " "), view.proof.replace("_", " ")
    return f"{account}: {view.state} ({reason}{note}), relay {proof}"


COMMANDS: Final = {
    "supply": Command(
        asks(_set_supply, check=_check_reason),
        (
            ACCOUNT,
            argument("action", choices=[choice.value for choice in SupplyAction], help="action to take"),
            argument("--reason", metavar="TEXT", help="reason; required for 'off' and 'on'"),
            JSON,
        ),
        SUPPLY_EPILOG,
    ),
    "hold": group(
        HOLD_EPILOG,
        None,
        add=action(
            "place a hold on a supply",
            asks(_add_hold),
            ACCOUNT,
            argument("position", choices=("off", "on"), help="position in which to hold the supply"),
            argument("--reason", metavar="TEXT", required=True, help="reason, shown to the customer"),
            argument(
                "--id",
                metavar="ID",
                help="your own id; repeating it does not place a second hold (default: generated)",
            ),
            JSON,
            epilog=HOLD_EXAMPLES,
        ),
        list=action(
            "list the holds on a supply",
            lists(
                Holds,
                "accounts/{account}/holds",
                lambda answer: answer.holds,
                HOLDS,
                "{account}: there are no holds.",
            ),
            ACCOUNT,
            JSON,
        ),
        lift=action(
            "lift a hold",
            asks(_lift_hold),
            ACCOUNT,
            argument("id", metavar="ID", help="hold id, as shown by 'hold list'"),
            argument("--reason", metavar="TEXT", help="reason, kept on record"),
            JSON,
        ),
    ),
}
