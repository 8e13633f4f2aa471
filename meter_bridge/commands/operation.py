"""What the commands have in common that change an account's books."""

import argparse
import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final
from uuid import uuid4

import msgspec

from meter_bridge.commands.connection import connected
from meter_bridge.commands.once import post_once
from meter_bridge.commands.output import add_json, plain, say, say_json, table
from meter_bridge.commands.settings import settings_of
from meter_bridge.core.money import format_amount
from meter_bridge.protocol.messages import AccountView, OperationResult


def add_account(parser: argparse.ArgumentParser) -> None:
    """Add the account that an operation concerns."""
    parser.add_argument("account", metavar="ACCOUNT", help="id of the account, such as flat-1")


def add_amount(parser: argparse.ArgumentParser, **options: str) -> None:
    """Add an amount of money."""
    parser.add_argument("amount", metavar="AMOUNT", **options)  # type: ignore[arg-type]


def add_rest(parser: argparse.ArgumentParser, *, reason: bool = True) -> None:
    """Add the reason, which stands in the ledger, the key and the way to answer."""
    if reason:
        parser.add_argument("--reason", metavar="TEXT", required=True, help="why; kept in the ledger")
    parser.add_argument("--key", help="idempotency key: the same key counts once (default: a new one)")
    add_json(parser)


def carry_out(arguments: argparse.Namespace, path: str, done: str, **body: object) -> int:
    """Ask for an operation, say what the books are then, and return the exit code.

    ``done`` says what happened; parts of the body that are None are left out.
    """
    given = {name: value for name, value in body.items() if value is not None}
    if getattr(arguments, "reason", None) is not None:
        given["reason"] = arguments.reason
    account, result = asyncio.run(_ask(arguments, path, given))
    if arguments.json:
        say_json(msgspec.to_builtins(result))
    else:
        _show(account, result, done)
    return 0


async def _ask(
    arguments: argparse.Namespace, path: str, body: dict[str, object]
) -> tuple[AccountView, OperationResult]:
    key = arguments.key or str(uuid4())
    async with connected(settings_of(arguments)) as client:
        account = await client.get(AccountView, "accounts", arguments.account)
        steps = ("accounts", arguments.account, *path.split("/"))
        what = "anything was done"
        return account, await post_once(client, OperationResult, *steps, body=body, key=key, what=what)


def _show(account: AccountView, result: OperationResult, done: str) -> None:
    """Say what was done and what the account has and owes now."""
    entry = "" if result.id is None else f", booked as {result.id}"
    say(f"{account.id}: {done}{entry}")
    rows = _settlement(result.detail) if "remainder" in result.detail else []
    rows += [("balance", result.balance), ("available now", result.available)]
    if result.emergency_credit is not None:
        state = result.emergency_credit.state.replace("_", " ")
        rows.append((f"emergency credit left, {state}", result.emergency_credit.left))
    if result.arrears:
        rows.append(("arrears", -result.arrears))
    rows += [(f"debt {plain(debt.id)}", -debt.owed) for debt in result.debts]
    texts = [(name, format_amount(amount, account.currency)) for name, amount in rows]
    for line in table(("", "AMOUNT"), texts, right=("AMOUNT",)).splitlines()[1:]:
        say(f"  {line}")
    say(f"  supply {result.supply.state} ({result.supply.reason.replace('_', ' ')})")
    unread = result.detail.get("unread")
    for meter, at in (unread if isinstance(unread, dict) else {}).items():
        say(f"  meter {meter} was last read at {at}: what it counted until now")
        say("  is estimated when it is read again, and charged to nobody")


_REMAINS: Final = MappingProxyType(
    {
        "refund": "to be paid out",
        "transfer": "transferred",
        "keep": "kept on record as the customer's",
        "owed": "still owed, kept on record",
    }
)


def _settlement(detail: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Return what a customer who moves out had and owed, and what becomes of the rest."""
    had = [
        ("balance at the end", detail["balance"]),
        ("unused units", detail["units"]),
        ("emergency credit used", -detail["emergency_credit"]),
        ("arrears at the end", -detail["arrears"]),
        *((f"debt {plain(name)} at the end", -owed) for name, owed in detail["debts"].items()),
    ]
    remains = _REMAINS.get(detail["remainder"], "nothing remains")
    return [had[0], *(row for row in had[1:] if row[1]), (remains, detail["amount"])]
