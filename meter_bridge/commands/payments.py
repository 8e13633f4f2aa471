"""``meter-bridge payments``."""

import argparse
import asyncio
from pathlib import Path
from typing import Final

import msgspec

from meter_bridge.commands.connection import connected
from meter_bridge.commands.errors import CommandError
from meter_bridge.commands.output import add_json, plain, print_json, print_line, table
from meter_bridge.commands.parser import Parser, add_account, add_data
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
A payment reported by a provider is credited automatically if it matches a customer's order. Everything else
waits here for review: nothing is credited without an order, and no payment is lost.

examples:
  meter-bridge payments list flat-1
  meter-bridge payments waiting
  meter-bridge payments credit mpesa QK12345678 --account flat-1 --reason "wrong room number entered"
  meter-bridge payments dismiss card pi_123 --reason "paid twice, returned"
  meter-bridge payments reconcile mpesa statement.csv --column payment="Receipt No."
"""
WAITING: Final = ("PROVIDER", "PAYMENT", "AMOUNT", "ACCOUNT", "WHY")
PAYMENTS: Final = ("PAYMENT", "STARTED", "WITH", "AMOUNT", "STATE", "TOP-UP")
DIFFERENCES: Final = ("PAYMENT", "WHAT", "STATED", "BOOKED", "ACCOUNT", "DAY")
COLUMNS: Final = {"payment": "payment", "amount": "amount", "currency": "currency_column", "date": "date"}
MINUTE: Final = len("2026-03-01T10:00")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True, parser_class=Parser)
    listing = actions.add_parser("list", help="list an account's payments")
    add_account(listing)
    add_json(listing)
    listing.set_defaults(act=_list)
    waiting = actions.add_parser("waiting", help="list payments awaiting review")
    add_json(waiting)
    waiting.set_defaults(act=_waiting)
    for decision, what in (("credit", "credit a payment"), ("dismiss", "record that a payment was returned")):
        deciding = actions.add_parser(decision, help=what)
        deciding.add_argument("provider", metavar="PROVIDER", help="as shown by 'payments waiting'")
        deciding.add_argument("payment", metavar="PAYMENT", help="as shown by 'payments waiting'")
        if decision == "credit":
            deciding.add_argument(
                "--account", metavar="ID", help="account to credit (default: that of the order)"
            )
        deciding.add_argument("--reason", required=True, metavar="TEXT", help="reason, kept on record")
        deciding.set_defaults(act=_decide, decision=decision)
    reconciling = actions.add_parser("reconcile", help="compare a provider's statement with the ledger")
    reconciling.add_argument("provider", metavar="PROVIDER", help="provider id in payments.yaml")
    reconciling.add_argument("file", metavar="FILE", type=Path, help="statement as CSV")
    reconciling.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="WHAT=NAME",
        help="name of the column for payment, amount, currency or date",
    )
    reconciling.add_argument("--currency", metavar="CODE", help="currency, if there is no such column")
    reconciling.add_argument(
        "--from", dest="first", metavar="DAY", help="first day (default: first in the file)"
    )
    reconciling.add_argument("--to", dest="last", metavar="DAY", help="last day (default: last in the file)")
    add_json(reconciling)
    reconciling.set_defaults(act=_reconcile)
    for each in actions.choices.values():
        add_data(each)


def run(arguments: argparse.Namespace) -> int:
    """List payments, decide one that awaits review, or reconcile a statement."""
    asyncio.run(arguments.act(arguments, settings_of(arguments)))
    return 0


async def _list(arguments: argparse.Namespace, settings: Settings) -> None:
    async with connected(settings) as client:
        found = await client.get(PaymentList, "accounts", arguments.account, "payments")
    if arguments.json:
        print_json(msgspec.to_builtins(found))
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
        print_line(table(PAYMENTS, rows, right=("AMOUNT",)))
    else:
        print_line(f"{arguments.account} has no provider payments.")


async def _waiting(arguments: argparse.Namespace, settings: Settings) -> None:
    async with connected(settings) as client:
        found = await client.get(WaitingPayments, "payments", "waiting")
    if arguments.json:
        print_json(msgspec.to_builtins(found))
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
        print_line(table(WAITING, rows, right=("AMOUNT",)))
    else:
        print_line("No payments await review.")


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
    print_line(
        f"{done.payment}: {'booked as ' + done.top_up if done.top_up else 'dismissed, nothing credited'}"
    )


async def _reconcile(arguments: argparse.Namespace, settings: Settings) -> None:
    query = {"currency": arguments.currency, "from": arguments.first, "to": arguments.last}
    for each in arguments.column:
        what, equals, name = each.partition("=")
        if not equals or what not in COLUMNS:
            raise CommandError(
                f"--column {each!r} is not WHAT=NAME", f"WHAT must be one of {', '.join(COLUMNS)}"
            )
        query[COLUMNS[what]] = name
    raw = await asyncio.to_thread(_read, arguments.file)
    given = {name: value for name, value in query.items() if value is not None}
    async with connected(settings) as client:
        steps = ("payments", "reconciliation", arguments.provider)
        found = await client.post(Reconciliation, *steps, document=raw, query=given)
    if arguments.json:
        print_json(msgspec.to_builtins(found))
        return
    print_line(f"{found.matched} payments match, {len(found.differences)} do not.")
    if found.differences:
        rows = [_difference_row(each) for each in found.differences]
        print_line(table(DIFFERENCES, rows, right=("STATED", "BOOKED")))
    for line in found.unreadable:
        print_line(f"line {line.line} could not be read: {line.reason}")


def _read(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise CommandError(
            f"{path} cannot be read: {error.strerror}", "name an existing statement file"
        ) from error
    # Imported here because listing payments does not read statements.
    from meter_bridge.payments.orders.statement_file import decode_text  # noqa: PLC0415

    return decode_text(raw)


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
