"""The commands that change an account's books: a table of operations, and how one is requested and shown."""

from argparse import Namespace
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from meter_bridge.commands.accounts import sells_units
from meter_bridge.commands.client import BridgeClient, asks, post_once
from meter_bridge.commands.command import ACCOUNT, JSON, KEY, YES, Argument, Command, argument, given
from meter_bridge.commands.output import Output, plain, position
from meter_bridge.commands.parser import USAGE, CommandError
from meter_bridge.protocol.messages import AccountView, OperationResult

REASON: Final = argument("--reason", metavar="TEXT", required=True, help="reason, kept in the ledger")
AMOUNT_OR_ALL: Final = argument(
    "amount", metavar="AMOUNT", nargs="?", help="amount in the account's currency (default: all of it)"
)
REMAINDERS: Final = MappingProxyType(
    {
        "refund": "to be paid out",
        "transfer": "transferred",
        "keep": "kept on record for the customer",
        "owed": "still owed, kept on record",
    }
)
"""What becomes of the credit of a customer who moves out; ``owed`` is where there is none."""


def _operation(
    path: str,
    done: Callable[[Namespace], str],
    epilog: str,
    *sent: Argument,
    before: tuple[Argument, ...] = (),
    reason: bool = True,
) -> Command:
    """Return the command of the operation at a route below the account.

    The arguments ``sent`` become the fields of those names in the request, those ``before`` the account do
    not. ``done`` says what happened. The ledger keeps a ``reason``, which is then required.
    """
    fields = [option.field for option in sent]
    common = (REASON, KEY, YES, JSON) if reason else (KEY, YES, JSON)

    async def act(arguments: Namespace, client: BridgeClient) -> Output:
        body = given(arguments, *fields, *(("reason",) if reason else ()))
        return await _carry_out(client, arguments, path, done(arguments), body)

    return Command(asks(act), (*before, ACCOUNT, *sent, *common), epilog)


async def _carry_out(
    client: BridgeClient, arguments: Namespace, path: str, done: str, body: Mapping[str, object]
) -> Output:
    account = await client.get(AccountView, "accounts", arguments.account)
    result = await post_once(
        client,
        OperationResult,
        "accounts",
        arguments.account,
        *path.split("/"),
        body=body,
        key=arguments.key,
        what="the operation was carried out",
        confirmed=arguments.yes,
    )
    return Output(result, "\n".join(_lines(account, result, done)))


def _lines(account: AccountView, result: OperationResult, done: str) -> list[str]:
    rows = _settlement(result.detail) if "remainder" in result.detail else []
    if not sells_units(account):
        rows += [("balance", result.balance), ("available now", result.available)]
    elif result.balance:
        rows.append(("left as money", result.balance))
    if result.emergency_credit is not None:
        state = result.emergency_credit.state.replace("_", " ")
        rows.append((f"emergency credit left, {state}", result.emergency_credit.left))
    if result.arrears:
        rows.append(("arrears", -result.arrears))
    rows += [(f"debt {plain(debt.id)}", -debt.owed) for debt in result.debts]
    booked = "" if result.id is None else f", booked as {result.id}"
    lines = [f"{account.id}: {done}{booked}", *position(rows, account.currency, result.supply)]
    unread = result.detail.get("unread")
    for meter, at in (unread if isinstance(unread, dict) else {}).items():
        lines.append(f"  meter {meter} was last read at {at}: its consumption since then")
        lines.append("  is estimated at the next reading and charged to nobody")
    return lines


def _settlement(detail: Mapping[str, Any]) -> list[tuple[str, int]]:
    parts = [
        ("unused units", detail["units"]),
        ("emergency credit used", -detail["emergency_credit"]),
        ("arrears at the end", -detail["arrears"]),
        *((f"debt {plain(name)} at the end", -owed) for name, owed in detail["debts"].items()),
    ]
    remains = REMAINDERS.get(detail["remainder"], "nothing remains")
    return [
        ("balance at the end", detail["balance"]),
        *(part for part in parts if part[1]),
        (remains, detail["amount"]),
    ]


DEBT_EPILOG: Final = """\
A debt is recovered at a fixed rate (--rate, at the start of each local day, week or month), as a percentage
of top-ups (--percent, with a --cap per period), or both. Debts with a lower --priority are recovered first.
'close' writes off the remaining amount.

examples:
  meter-bridge debt open flat-1 arrears-2025 350.00 --rate 3.50 --reason agreed
  meter-bridge debt change flat-1 arrears-2025 --rate 0 --percent 10 --cap 5.00 --reason agreed
  meter-bridge debt close flat-1 arrears-2025 --reason forgiven
"""
PERIODS: Final = ("day", "week", "month")
TERMS: Final = (
    argument("--description", metavar="TEXT", help="description shown to the customer"),
    argument("--rate", metavar="AMOUNT", help="amount recovered per period"),
    argument("--every", choices=PERIODS, help="recovery period (default: week)"),
    argument("--percent", metavar="PERCENT", help="percentage of each top-up"),
    argument("--cap", metavar="AMOUNT", help="maximum recovered from top-ups per cap period, or 'none'"),
    argument("--cap-every", choices=PERIODS, help="cap period (default: week)"),
    argument("--priority", type=int, metavar="NUMBER", help="lowest is recovered first (default: 1)"),
)


async def _change_debt(arguments: Namespace, client: BridgeClient) -> Output:
    body = _terms(arguments) | {"debt": arguments.debt, "reason": arguments.reason}
    if arguments.action == "open":
        body |= {"amount": arguments.amount, "description": arguments.description or arguments.debt}
    path, done = {
        "open": ("debts", "debt opened"),
        "change": ("debts/change", "terms changed"),
        "close": ("debts/close", "debt closed"),
    }[arguments.action]
    return await _carry_out(client, arguments, path, done, body)


def _terms(arguments: Namespace) -> dict[str, object]:
    return given(arguments, *(term.field for term in TERMS))


def _check_terms(arguments: Namespace) -> None:
    """Reject arguments that the action would ignore."""
    action, amount, terms = arguments.action, arguments.amount, _terms(arguments)
    if action == "open" and amount is None:
        raise CommandError("'open' requires the amount owed", "add AMOUNT after the debt id", USAGE)
    if action != "open" and amount is not None:
        raise CommandError(
            f"'{action}' takes no AMOUNT ({amount}); it does not change the amount owed",
            "omit it; use 'write-off' to reduce a debt, or open another one to add to it",
            USAGE,
        )
    if action == "close" and terms:
        option = f"--{next(iter(terms)).replace('_', '-')}"
        raise CommandError(f"'close' takes no {option}", f"omit {option}", USAGE)
    if action == "change" and not terms:
        raise CommandError("'change' requires something to change", "add --rate, --percent or --cap", USAGE)


COMMANDS: Final = {
    "refund": _operation(
        "refunds",
        lambda args: f"{args.amount} refunded",
        """\
Refunds no more than the balance. Consumption up to now is charged first.

examples:
  meter-bridge refund flat-1 50.00 --reason "moves away" --reference "eft 7"
""",
        argument("amount", metavar="AMOUNT", help="amount in the account's currency, such as 50.00"),
        argument("--reference", metavar="TEXT", help="payment reference of the refund"),
    ),
    "reverse": _operation(
        "reversals",
        lambda args: f"{args.entry} reversed",
        """\
Reversing a top-up undoes its allocation: debts are owed again, emergency credit is drawn again up to its
limit, and the balance bears the rest. Unused units bought with it are returned at their purchase price.
Reversing a charge credits its amount. An entry can be reversed once; 'meter-bridge ledger' shows the ids.

examples:
  meter-bridge reverse flat-1 entry-12 --reason "cheque bounced"
""",
        argument("entry", metavar="ENTRY", help="id of a top-up or charge, such as entry-12"),
    ),
    "correct": _operation(
        "corrections",
        lambda args: f"corrected by {args.amount}",
        """\
A positive amount credits the customer, a negative one charges the customer. A credit first repays emergency
credit that has been used.

examples:
  meter-bridge correct flat-1 12.50 --reason "neighbour's meter was read by mistake"
  meter-bridge correct flat-1 -12.50 --reason "top-up of flat 2 was booked here"
""",
        argument("amount", metavar="AMOUNT", help="change of the balance, such as 12.50 or -12.50"),
    ),
    "reprice": _operation(
        "repricings",
        lambda args: f"repriced by {args.version}",
        """\
The tariff version may start later or belong to another tariff. The journal is not rewritten: the difference
between the cost under that version and what was charged is booked as one itemised correction.

examples:
  meter-bridge reprice flat-1 2026-06-20 home@2026-07-01 --reason "published late, valid from 1 June"
""",
        argument("day", metavar="DAY", help="any day of the billing period, such as 2026-06-20"),
        argument("version", metavar="VERSION", help="tariff version, such as home@2026-07-01"),
        argument("--supply", metavar="SUPPLY", help="supply id, if the account has more than one"),
    ),
    "transfer": _operation(
        "transfers",
        lambda args: f"{args.amount} transferred to {args.to}",
        """\
Both accounts must use the same currency. Either both ledgers change or neither does.

examples:
  meter-bridge transfer flat-1 flat-2 20.00 --reason "moved rooms"
""",
        argument("to", metavar="TO", help="id of the account that receives the credit"),
        argument("amount", metavar="AMOUNT", help="amount in the accounts' currency, such as 20.00"),
    ),
    "write-off": _operation(
        "write-offs",
        lambda args: (
            f"{args.amount or 'all'} of {f'debt {args.debt}' if args.debt else 'arrears'} written off"
        ),
        """\
An amount written off no longer has to be paid. Without --debt the arrears are written off, without AMOUNT
the whole sum.

examples:
  meter-bridge write-off flat-1 --reason "agreed with the tenant"
  meter-bridge write-off flat-1 20.00 --debt arrears-2025 --reason "agreed with the tenant"
""",
        AMOUNT_OR_ALL,
        argument("--debt", metavar="DEBT", help="id of the debt (default: the arrears)"),
    ),
    "emergency-credit": _operation(
        "emergency-credit",
        lambda _: "emergency credit selected",
        """\
Emergency credit is drawn only after somebody has selected it. Customers do so with a tenant token; this
command does it on a customer's behalf.

examples:
  meter-bridge emergency-credit select flat-1
""",
        reason=False,
        before=(argument("action", choices=["select"], help="action to take"),),
    ),
    "move-out": _operation(
        "move-out",
        lambda _: "moved out",
        """\
All consumption is charged, unused units are refunded at their purchase price, and emergency credit, arrears
and debts are deducted from the balance. Any remaining credit is refunded, transferred or kept on record for
the customer; an amount still owed always stays on record. Tenant tokens lose access to the account. If a
meter is offline, read it first ('meter-bridge meters read'): consumption that it has not reported would be
charged to nobody.

examples:
  meter-bridge move-out flat-1 --remainder refund --reason "end of lease"
  meter-bridge move-out flat-1 --remainder transfer --to flat-2 --reason "moved to flat 2"
""",
        argument(
            "--remainder",
            choices=("refund", "transfer", "keep"),
            default="keep",
            help="what to do with remaining credit (default: %(default)s)",
        ),
        argument("--to", metavar="ACCOUNT", help="account that receives a transfer"),
        argument(
            "--unread", action="store_true", help="settle on the latest readings even if a meter is offline"
        ),
    ),
    "move-in": _operation(
        "move-in",
        lambda _: "moved in",
        """\
The next customer starts with a new ledger; a tenant token shows nothing of earlier customers. The previous
customer must have moved out.

examples:
  meter-bridge move-in flat-1 "N. Dlamini" --opening-credit 20.00
""",
        argument("customer", metavar="CUSTOMER", help="the customer's name"),
        argument("--opening-credit", metavar="AMOUNT", default="0", help="the customer's opening credit"),
        reason=False,
    ),
    "settle": _operation(
        "settlements",
        lambda args: f"{args.amount or 'all'} of tenancy {args.tenancy} {args.how.replace('_', ' ')}",
        """\
The outstanding amount of a customer who has moved out stays on record until it is settled: the customer pays
what is owed (paid), is paid the credit kept on record (paid_out), no longer has to pay (written_off), or owes
more, for example after a bounced cheque (charged). The current customer is not affected. 'meter-bridge
tenancies' lists outstanding amounts.

examples:
  meter-bridge settle flat-1 1 --how paid --reason "paid by instalments" --reference "eft 12"
  meter-bridge settle flat-1 1 25.00 --how paid --reason "first instalment"
  meter-bridge settle flat-1 1 --how written_off --reason "cannot be found"
""",
        argument("tenancy", metavar="N", type=int, help="number of the tenancy, starting at 1"),
        AMOUNT_OR_ALL,
        argument(
            "--how",
            choices=("paid", "paid_out", "written_off", "charged"),
            required=True,
            help="how it was settled",
        ),
        argument("--reference", metavar="TEXT", help="receipt or note"),
    ),
    "debt": Command(
        asks(_change_debt, check=_check_terms),
        (
            argument("action", choices=["open", "change", "close"], help="action to take"),
            ACCOUNT,
            argument("debt", metavar="DEBT", help="debt id, such as arrears-2025"),
            argument("amount", metavar="AMOUNT", nargs="?", help="amount owed; only with 'open'"),
            *TERMS,
            REASON,
            KEY,
            YES,
            JSON,
        ),
        DEBT_EPILOG,
    ),
}
