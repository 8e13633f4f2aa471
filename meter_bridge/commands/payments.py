"""``meter-bridge payments``."""

import argparse
import asyncio
from pathlib import Path
from typing import Final

import msgspec

from meter_bridge.commands.connection import connected
from meter_bridge.commands.errors import CommandError
from meter_bridge.commands.output import add_json, plain, say, say_json, table
from meter_bridge.commands.parser import Parser, add_data
from meter_bridge.commands.settings import settings_of
from meter_bridge.config.settings import Settings
from meter_bridge.core.money import format_amount
from meter_bridge.protocol.payments import (
    Difference,
    PaymentDecided,
    PaymentList,
    Reconciliation,
    WaitingPayments,
)

EPILOG: Final = """\
What a provider tells is credited by itself where it is what a customer ordered. All else waits here: nothing
is credited that nobody ordered, and nothing that was paid is lost.

examples:
  meter-bridge payments list flat-1
  meter-bridge payments waiting
  meter-bridge payments credit mpesa QK12345678 --account flat-1 --reason "typed the room wrong"
  meter-bridge payments dismiss card pi_123 --reason "paid twice, returned"
  meter-bridge payments reconcile mpesa statement.csv --column payment="Receipt No."
"""
WAITING: Final = ("PROVIDER", "PAYMENT", "AMOUNT", "ACCOUNT", "WHY")
PAYMENTS: Final = ("PAYMENT", "BEGUN", "WITH", "AMOUNT", "STATE", "TOP-UP")
DIFFERENCES: Final = ("PAYMENT", "WHAT", "STATED", "BOOKED", "ACCOUNT", "DAY")
COLUMNS: Final = {"payment": "payment", "amount": "amount", "currency": "currency_column", "date": "date"}
MINUTE: Final = len("2026-03-01T10:00")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True, parser_class=Parser)
    listing = actions.add_parser("list", help="list what a customer set out to pay")
    listing.add_argument("account", metavar="ACCOUNT", help="id of the account, such as flat-1")
    add_json(listing)
    listing.set_defaults(act=_list)
    waiting = actions.add_parser("waiting", help="list what waits for a decision")
    add_json(waiting)
    waiting.set_defaults(act=_waiting)
    for decision, what in (("credit", "credit what was paid"), ("dismiss", "note that it was returned")):
        deciding = actions.add_parser(decision, help=what)
        deciding.add_argument("provider", metavar="PROVIDER", help="as 'payments waiting' shows it")
        deciding.add_argument("payment", metavar="PAYMENT", help="as 'payments waiting' shows it")
        if decision == "credit":
            deciding.add_argument("--account", metavar="ID", help="where it goes (default: its order's)")
        deciding.add_argument("--reason", required=True, metavar="TEXT", help="why; kept on record")
        deciding.set_defaults(act=_decide, decision=decision)
    reconciling = actions.add_parser("reconcile", help="hold a provider's statement against the journal")
    reconciling.add_argument("provider", metavar="PROVIDER", help="id of the provider in payments.yaml")
    reconciling.add_argument("file", metavar="FILE", type=Path, help="its statement as CSV")
    reconciling.add_argument(
        "--column", action="append", default=[], metavar="WHAT=NAME", help="payment, amount, currency or date"
    )
    reconciling.add_argument("--currency", metavar="CODE", help="where no column says it")
    reconciling.add_argument("--from", dest="first", metavar="DAY", help="first day (default: the file's)")
    reconciling.add_argument("--to", dest="last", metavar="DAY", help="last day (default: the file's)")
    add_json(reconciling)
    reconciling.set_defaults(act=_reconcile)
    for each in actions.choices.values():
        add_data(each)


def run(arguments: argparse.Namespace) -> int:
    """List payments, or decide on one that waits."""
    asyncio.run(arguments.act(arguments, settings_of(arguments)))
    return 0


async def _list(arguments: argparse.Namespace, settings: Settings) -> None:
    async with connected(settings) as client:
        found = await client.get(PaymentList, "accounts", arguments.account, "payments")
    if arguments.json:
        say_json(msgspec.to_builtins(found))
    elif found.payments:
        rows = [
            (
                each.id,
                each.created_at[:MINUTE],
                plain(each.provider_name),
                format_amount(each.amount, each.currency),
                each.state.value.replace("_", " "),
                each.top_up or "",
            )
            for each in found.payments
        ]
        say(table(PAYMENTS, rows, right=("AMOUNT",)))
    else:
        say(f"{arguments.account} never set out to pay through a provider.")


async def _waiting(arguments: argparse.Namespace, settings: Settings) -> None:
    async with connected(settings) as client:
        found = await client.get(WaitingPayments, "payments", "waiting")
    if arguments.json:
        say_json(msgspec.to_builtins(found))
    elif found.waiting:
        rows = [
            (
                each.provider,
                plain(each.payment),
                _amount(each.amount, each.currency),
                each.account_id or "–",
                plain(each.message),
            )
            for each in found.waiting
        ]
        say(table(WAITING, rows, right=("AMOUNT",)))
    else:
        say("No payment waits for a decision.")


def _amount(amount: int | None, currency: str | None) -> str:
    return "–" if amount is None or currency is None else format_amount(amount, currency)


async def _decide(arguments: argparse.Namespace, settings: Settings) -> None:
    body: dict[str, object] = {
        "provider": arguments.provider,
        "payment": arguments.payment,
        "decision": arguments.decision,
        "reason": arguments.reason,
    }
    if getattr(arguments, "account", None) is not None:
        body["account"] = arguments.account
    async with connected(settings) as client:
        done = await client.post(PaymentDecided, "payments", "decide", body=body)
    say(f"{done.payment}: {'booked as ' + done.top_up if done.top_up else 'dismissed, nothing was credited'}")


async def _reconcile(arguments: argparse.Namespace, settings: Settings) -> None:
    query = {"currency": arguments.currency, "from": arguments.first, "to": arguments.last}
    for each in arguments.column:
        what, equals, name = each.partition("=")
        if not equals or what not in COLUMNS:
            raise CommandError(f"--column {each!r} is not WHAT=NAME", f"WHAT is one of {', '.join(COLUMNS)}")
        query[COLUMNS[what]] = name
    raw = await asyncio.to_thread(_read, arguments.file)
    given = {name: value for name, value in query.items() if value is not None}
    async with connected(settings) as client:
        steps = ("payments", "reconciliation", arguments.provider)
        found = await client.post(Reconciliation, *steps, document=raw, query=given)
    if arguments.json:
        say_json(msgspec.to_builtins(found))
        return
    say(f"{found.matched} payments agree, {len(found.differences)} do not.")
    if found.differences:
        rows = [_difference_row(each) for each in found.differences]
        say(table(DIFFERENCES, rows, right=("STATED", "BOOKED")))
    for line in found.unreadable:
        say(f"line {line.line} could not be read: {line.reason}")


def _read(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}", "name the statement's file") from error
    # Imported here because listing payments does without reading statements.
    from meter_bridge.payments.orders.statement_file import decoded  # noqa: PLC0415

    return decoded(raw)


def _difference_row(one: Difference) -> tuple[str, ...]:
    reason = "" if one.reason == "missing" else f": {one.reason.replace('_', ' ')}"
    return (
        plain(one.payment),
        one.kind.replace("_", " ") + reason,
        _amount(one.stated, one.currency),
        _amount(one.booked, one.currency),
        one.account_id or "–",
        one.day or "–",
    )
