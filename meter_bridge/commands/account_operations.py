"""The commands that change an account's books: a table of operations, and how one is requested and shown."""

import argparse
import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final
from uuid import uuid4

import msgspec

from meter_bridge.commands.connection import connected
from meter_bridge.commands.idempotent_request import post_once
from meter_bridge.commands.output import add_json, plain, print_json, print_line, table
from meter_bridge.commands.parser import add_account, add_key
from meter_bridge.commands.settings import settings_of
from meter_bridge.core.money import format_amount
from meter_bridge.protocol.messages import AccountView, OperationResult


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of an operation; its value becomes the field of that name in the request."""

    name: str
    options: Mapping[str, Any]
    sent: bool = True

    @property
    def field(self) -> str:
        """Return the field of the request."""
        return self.name.removeprefix("--").replace("-", "_")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountOperation:
    """A command that requests one operation on an account."""

    EPILOG: str
    path: str
    """Route below the account."""
    arguments: tuple[Argument, ...] = ()
    done: Callable[[argparse.Namespace], str]
    """What happened, for the first line of the answer."""
    reason: bool = True
    """Whether the ledger keeps a reason, which is then required."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Describe the command's arguments."""
        for each in self.arguments:
            if not each.sent:
                parser.add_argument(each.name, **each.options)
        add_account(parser)
        for each in self.arguments:
            if each.sent:
                parser.add_argument(each.name, **each.options)
        add_common(parser, reason=self.reason)

    def run(self, arguments: argparse.Namespace) -> int:
        """Request the operation and print the account's new position."""
        body = {each.field: getattr(arguments, each.field) for each in self.arguments if each.sent}
        given = {name: value for name, value in body.items() if value is not False}
        return carry_out(arguments, self.path, self.done(arguments), **given)


def argument(name: str, **options: object) -> Argument:
    """Return an argument whose value is sent with the request."""
    return Argument(name, options)


AMOUNT_OR_ALL: Final = argument(
    "amount", metavar="AMOUNT", nargs="?", help="amount in the account's currency (default: all of it)"
)
REMAINDERS: Final = ("refund", "transfer", "keep")
SETTLED: Final = MappingProxyType(
    {"paid": "paid", "paid_out": "paid out", "written_off": "written off", "charged": "charged"}
)
OPERATIONS: Final[Mapping[str, AccountOperation]] = MappingProxyType(
    {
        "refund": AccountOperation(
            EPILOG="""\
Refunds no more than the balance. Consumption up to now is charged first.

examples:
  meter-bridge refund flat-1 50.00 --reason "moves away" --reference "eft 7"
""",
            path="refunds",
            arguments=(
                argument("amount", metavar="AMOUNT", help="amount in the account's currency, such as 50.00"),
                argument("--reference", metavar="TEXT", help="payment reference of the refund"),
            ),
            done=lambda given: f"{given.amount} refunded",
        ),
        "reverse": AccountOperation(
            EPILOG="""\
Reversing a top-up undoes its allocation: debts are owed again, emergency credit is drawn again up to its
limit, and the balance bears the rest. Unused units bought with it are returned at their purchase price.
Reversing a charge credits its amount. An entry can be reversed once; 'meter-bridge ledger' shows the ids.

examples:
  meter-bridge reverse flat-1 entry-12 --reason "cheque bounced"
""",
            path="reversals",
            arguments=(
                argument("entry", metavar="ENTRY", help="id of a top-up or charge, such as entry-12"),
            ),
            done=lambda given: f"{given.entry} reversed",
        ),
        "correct": AccountOperation(
            EPILOG="""\
A positive amount credits the customer, a negative one charges the customer. A credit first repays emergency
credit that has been used.

examples:
  meter-bridge correct flat-1 12.50 --reason "neighbour's meter was read by mistake"
  meter-bridge correct flat-1 -12.50 --reason "top-up of flat 2 was booked here"
""",
            path="corrections",
            arguments=(
                argument("amount", metavar="AMOUNT", help="change of the balance, such as 12.50 or -12.50"),
            ),
            done=lambda given: f"corrected by {given.amount}",
        ),
        "reprice": AccountOperation(
            EPILOG="""\
The tariff version may start later or belong to another tariff. The journal is not rewritten: the difference
between the cost under that version and what was charged is booked as one itemised correction.

examples:
  meter-bridge reprice flat-1 2026-06-20 home@2026-07-01 --reason "published late, valid from 1 June"
""",
            path="repricings",
            arguments=(
                argument("day", metavar="DAY", help="any day of the billing period, such as 2026-06-20"),
                argument("version", metavar="VERSION", help="tariff version, such as home@2026-07-01"),
                argument("--supply", metavar="SUPPLY", help="supply id, if the account has more than one"),
            ),
            done=lambda given: f"repriced by {given.version}",
        ),
        "transfer": AccountOperation(
            EPILOG="""\
Both accounts must use the same currency. Either both ledgers change or neither does.

examples:
  meter-bridge transfer flat-1 flat-2 20.00 --reason "moved rooms"
""",
            path="transfers",
            arguments=(
                argument("to", metavar="TO", help="id of the account that receives the credit"),
                argument("amount", metavar="AMOUNT", help="amount in the accounts' currency, such as 20.00"),
            ),
            done=lambda given: f"{given.amount} transferred to {given.to}",
        ),
        "write-off": AccountOperation(
            EPILOG="""\
An amount written off no longer has to be paid. Without --debt the arrears are written off, without AMOUNT
the whole sum.

examples:
  meter-bridge write-off flat-1 --reason "agreed with the tenant"
  meter-bridge write-off flat-1 20.00 --debt arrears-2025 --reason "agreed with the tenant"
""",
            path="write-offs",
            arguments=(
                AMOUNT_OR_ALL,
                argument("--debt", metavar="DEBT", help="id of the debt (default: the arrears)"),
            ),
            done=lambda given: (
                f"{given.amount or 'all'} of {f'debt {given.debt}' if given.debt else 'arrears'} written off"
            ),
        ),
        "emergency-credit": AccountOperation(
            EPILOG="""\
Emergency credit is drawn only after somebody has selected it. Customers do so with a tenant token; this
command does it on a customer's behalf.

examples:
  meter-bridge emergency-credit select flat-1
""",
            path="emergency-credit",
            arguments=(Argument("action", {"choices": ["select"], "help": "action to take"}, sent=False),),
            done=lambda _: "emergency credit selected",
            reason=False,
        ),
        "move-out": AccountOperation(
            EPILOG="""\
All consumption is charged, unused units are refunded at their purchase price, and emergency credit, arrears
and debts are deducted from the balance. Any remaining credit is refunded, transferred or kept on record for
the customer; an amount still owed always stays on record. Tenant tokens lose access to the account. If a
meter is offline, read it first ('meter-bridge meters read'): consumption that it has not reported would be
charged to nobody.

examples:
  meter-bridge move-out flat-1 --remainder refund --reason "end of lease"
  meter-bridge move-out flat-1 --remainder transfer --to flat-2 --reason "moved to flat 2"
""",
            path="move-out",
            arguments=(
                argument(
                    "--remainder",
                    choices=REMAINDERS,
                    default="keep",
                    help="what to do with remaining credit (default: %(default)s)",
                ),
                argument("--to", metavar="ACCOUNT", help="account that receives a transfer"),
                argument(
                    "--unread",
                    action="store_true",
                    help="settle on the latest readings even if a meter is offline",
                ),
            ),
            done=lambda _: "moved out",
        ),
        "move-in": AccountOperation(
            EPILOG="""\
The next customer starts with a new ledger; a tenant token shows nothing of earlier customers. The previous
customer must have moved out.

examples:
  meter-bridge move-in flat-1 "N. Dlamini" --opening-credit 20.00
""",
            path="move-in",
            arguments=(
                argument("customer", metavar="CUSTOMER", help="the customer's name"),
                argument(
                    "--opening-credit", metavar="AMOUNT", default="0", help="the customer's opening credit"
                ),
            ),
            done=lambda _: "moved in",
            reason=False,
        ),
        "settle": AccountOperation(
            EPILOG="""\
The outstanding amount of a customer who has moved out stays on record until it is settled: the customer pays
what is owed (paid), is paid the credit kept on record (paid_out), no longer has to pay (written_off), or owes
more, for example after a bounced cheque (charged). The current customer is not affected. 'meter-bridge
tenancies' lists outstanding amounts.

examples:
  meter-bridge settle flat-1 1 --how paid --reason "paid by instalments" --reference "eft 12"
  meter-bridge settle flat-1 1 25.00 --how paid --reason "first instalment"
  meter-bridge settle flat-1 1 --how written_off --reason "cannot be found"
""",
            path="settlements",
            arguments=(
                argument("tenancy", metavar="N", type=int, help="number of the tenancy, starting at 1"),
                AMOUNT_OR_ALL,
                argument("--how", choices=tuple(SETTLED), required=True, help="how it was settled"),
                argument("--reference", metavar="TEXT", help="receipt or note"),
            ),
            done=lambda given: f"{given.amount or 'all'} of tenancy {given.tenancy} {SETTLED[given.how]}",
        ),
    }
)
"""The commands by name."""


def add_common(parser: argparse.ArgumentParser, *, reason: bool = True) -> None:
    """Add the options of every operation: reason, idempotency key and output format."""
    if reason:
        parser.add_argument("--reason", metavar="TEXT", required=True, help="reason, kept in the ledger")
    add_key(parser)
    add_json(parser)


def carry_out(arguments: argparse.Namespace, path: str, done: str, **body: object) -> int:
    """Request an operation, print the account's new position, and return the exit code.

    ``done`` says what happened; fields of the body that are None are left out.
    """
    given = {name: value for name, value in body.items() if value is not None}
    if getattr(arguments, "reason", None) is not None:
        given["reason"] = arguments.reason
    account, result = asyncio.run(_request(arguments, path, given))
    if arguments.json:
        print_json(msgspec.to_builtins(result))
    else:
        _show(account, result, done)
    return 0


async def _request(
    arguments: argparse.Namespace, path: str, body: dict[str, object]
) -> tuple[AccountView, OperationResult]:
    key = arguments.key or str(uuid4())
    async with connected(settings_of(arguments)) as client:
        account = await client.get(AccountView, "accounts", arguments.account)
        steps = ("accounts", arguments.account, *path.split("/"))
        what = "the operation was carried out"
        return account, await post_once(client, OperationResult, *steps, body=body, key=key, what=what)


def _show(account: AccountView, result: OperationResult, done: str) -> None:
    entry = "" if result.id is None else f", booked as {result.id}"
    print_line(f"{account.id}: {done}{entry}")
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
        print_line(f"  {line}")
    print_line(f"  supply {result.supply.state} ({result.supply.reason.replace('_', ' ')})")
    unread = result.detail.get("unread")
    for meter, at in (unread if isinstance(unread, dict) else {}).items():
        print_line(f"  meter {meter} was last read at {at}: its consumption since then")
        print_line("  is estimated at the next reading and charged to nobody")


_REMAINS: Final = MappingProxyType(
    {
        "refund": "to be paid out",
        "transfer": "transferred",
        "keep": "kept on record for the customer",
        "owed": "still owed, kept on record",
    }
)


def _settlement(detail: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Return the final settlement, line by line."""
    had = [
        ("balance at the end", detail["balance"]),
        ("unused units", detail["units"]),
        ("emergency credit used", -detail["emergency_credit"]),
        ("arrears at the end", -detail["arrears"]),
        *((f"debt {plain(name)} at the end", -owed) for name, owed in detail["debts"].items()),
    ]
    remains = _REMAINS.get(detail["remainder"], "nothing remains")
    return [had[0], *(row for row in had[1:] if row[1]), (remains, detail["amount"])]
