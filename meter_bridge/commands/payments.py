"""``meter-bridge payments``."""

from argparse import Namespace
from functools import partial
from pathlib import Path
from typing import Final

from meter_bridge.commands.check import raise_problems
from meter_bridge.commands.client import BridgeClient, asks, lists
from meter_bridge.commands.command import ACCOUNT, JSON, action, argument, given, group
from meter_bridge.commands.installation import settings_of
from meter_bridge.commands.output import MINUTE, NOT_KNOWN, Output, Table, plain
from meter_bridge.commands.parser import USAGE, CommandError
from meter_bridge.core.money import format_amount
from meter_bridge.protocol.payments import (
    Difference,
    PaymentDecided,
    PaymentList,
    PaymentView,
    Reconciliation,
    WaitingPayment,
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
  meter-bridge payments check

'reconcile' ends with exit code 1 if anything differs or could not be read.
"""
COLUMNS: Final = {"payment": "payment", "amount": "amount", "currency": "currency_column", "date": "date"}
"""The query parameter of each column that ``--column`` can name."""


def _amount(amount: int | None, currency: str | None) -> str:
    return NOT_KNOWN if amount is None or currency is None else format_amount(amount, currency)


def _kind(difference: Difference) -> str:
    reason = "" if difference.reason == "missing" else f": {difference.reason.replace('_', ' ')}"
    return difference.kind.replace("_", " ") + reason


PAYMENTS: Final = Table[PaymentView](
    {
        "PAYMENT": lambda payment: payment.id,
        "STARTED": lambda payment: payment.created_at[:MINUTE],
        "WITH": lambda payment: plain(payment.provider_name),
        "AMOUNT": lambda payment: format_amount(payment.amount, payment.currency),
        "STATE": lambda payment: payment.state.value.replace("_", " "),
        "TOP-UP": lambda payment: payment.top_up or "",
    },
    right=("AMOUNT",),
)
WAITING: Final = Table[WaitingPayment](
    {
        "PROVIDER": lambda payment: payment.provider,
        "PAYMENT": lambda payment: plain(payment.payment),
        "AMOUNT": lambda payment: _amount(payment.amount, payment.currency),
        "ACCOUNT": lambda payment: payment.account_id or NOT_KNOWN,
        "WHY": lambda payment: plain(payment.message),
    },
    right=("AMOUNT",),
)
DIFFERENCES: Final = Table[Difference](
    {
        "PAYMENT": lambda difference: plain(difference.payment),
        "WHAT": _kind,
        "STATED": lambda difference: _amount(difference.stated, difference.currency),
        "BOOKED": lambda difference: _amount(difference.booked, difference.currency),
        "ACCOUNT": lambda difference: difference.account_id or NOT_KNOWN,
        "DAY": lambda difference: difference.day or NOT_KNOWN,
    },
    right=("STATED", "BOOKED"),
)


async def _decide(decision: str, arguments: Namespace, client: BridgeClient) -> Output:
    body = given(arguments, "provider", "payment", "reason", *(("account",) if decision == "credit" else ()))
    done = await client.post(PaymentDecided, "payments", "decide", body=body | {"decision": decision})
    result = f"booked as {done.top_up}" if done.top_up else "dismissed, nothing credited"
    return Output(done, f"{done.payment}: {result}")


def _reconcile(arguments: Namespace) -> int:
    query = _query(arguments)
    statement = _read(arguments.file)

    async def compare(arguments: Namespace, client: BridgeClient) -> Output:
        path = ("payments", "reconciliation", arguments.provider)
        found = await client.post(Reconciliation, *path, document=statement, query=query)
        lines = [f"{found.matched} payments match, {len(found.differences)} do not."]
        lines += [DIFFERENCES.text(found.differences)] if found.differences else []
        lines += [f"line {line.line} could not be read: {line.reason}" for line in found.unreadable]
        return Output(found, "\n".join(lines), error=_unresolved(found))

    return asks(compare)(arguments)


def _unresolved(found: Reconciliation) -> CommandError | None:
    if not found.differences and not found.unreadable:
        return None
    what = f"{len(found.differences)} differences, {len(found.unreadable)} unreadable lines"
    return CommandError(what, "see 'Reconciliation' in docs/payments.md for what each of them means")


def _check(arguments: Namespace) -> int:
    # Imported here because the other actions leave the file to the bridge.
    from meter_bridge.payments.settings_file import FILE_NAME, load_providers  # noqa: PLC0415

    data = settings_of(arguments).data
    file = load_providers(data)
    raise_problems(data, file.problems)
    lines = [f"{data / FILE_NAME}: {len(file.providers)} providers ({', '.join(file.providers) or 'none'})"]
    if file.keypads:
        lines.append(f"Keypad meters: {', '.join(file.keypads)}")
    answer = {"providers": tuple(file.providers), "keypads": tuple(file.keypads), "problems": ()}
    Output(answer, "\n".join(lines)).print(arguments)
    return 0


def _query(arguments: Namespace) -> dict[str, str]:
    query = {"currency": arguments.currency, "from": arguments.first, "to": arguments.last}
    for column in arguments.column:
        what, equals, name = column.partition("=")
        if not equals or what not in COLUMNS:
            raise CommandError(
                f"--column {column!r} is not WHAT=NAME", f"WHAT must be one of {', '.join(COLUMNS)}"
            )
        query[COLUMNS[what]] = name
    return {name: value for name, value in query.items() if value is not None}


def _read(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise CommandError(
            f"{path} cannot be read: {error.strerror}", "name an existing statement file", USAGE
        ) from error
    # Imported here because listing payments does not read statements.
    from meter_bridge.payments.orders.statement_file import decode_text  # noqa: PLC0415

    return decode_text(raw)


PROVIDER: Final = argument("provider", metavar="PROVIDER", help="as shown by 'payments waiting'")
PAYMENT: Final = argument("payment", metavar="PAYMENT", help="as shown by 'payments waiting'")
REASON: Final = argument("--reason", required=True, metavar="TEXT", help="reason, kept on record")
COMMANDS: Final = {
    "payments": group(
        EPILOG,
        None,
        list=action(
            "list an account's payments",
            lists(
                PaymentList,
                "accounts/{account}/payments",
                lambda answer: answer.payments,
                PAYMENTS,
                "{account} has no provider payments.",
            ),
            ACCOUNT,
            JSON,
        ),
        waiting=action(
            "list payments awaiting review",
            lists(
                WaitingPayments,
                "payments/waiting",
                lambda answer: answer.waiting,
                WAITING,
                "No payments await review.",
            ),
            JSON,
        ),
        credit=action(
            "credit a payment",
            asks(partial(_decide, "credit")),
            PROVIDER,
            PAYMENT,
            argument("--account", metavar="ID", help="account to credit (default: that of the order)"),
            REASON,
            JSON,
        ),
        dismiss=action(
            "record that a payment was returned",
            asks(partial(_decide, "dismiss")),
            PROVIDER,
            PAYMENT,
            REASON,
            JSON,
        ),
        reconcile=action(
            "compare a provider's statement with the ledger",
            _reconcile,
            argument("provider", metavar="PROVIDER", help="provider id in payments.yaml"),
            argument("file", metavar="FILE", type=Path, help="statement as CSV"),
            argument(
                "--column",
                action="append",
                default=[],
                metavar="WHAT=NAME",
                help="name of the column for payment, amount, currency or date",
            ),
            argument("--currency", metavar="CODE", help="currency, if there is no such column"),
            argument("--from", dest="first", metavar="DAY", help="first day (default: first in the file)"),
            argument("--to", dest="last", metavar="DAY", help="last day (default: last in the file)"),
            JSON,
        ),
        check=action("validate payments.yaml", _check, JSON),
    )
}
