"""``meter-bridge debts``."""

import argparse
import asyncio
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

import msgspec

from meter_bridge.commands.connection import connected
from meter_bridge.commands.output import NOT_KNOWN, add_json, plain, print_json, print_line, table
from meter_bridge.commands.settings import settings_of
from meter_bridge.core.money import format_amount
from meter_bridge.protocol.answers import Debts
from meter_bridge.protocol.messages import DebtView, OwedView

EPILOG: Final = """\
Lists debts, arrears, emergency credit in use, negative balances, and amounts still owed by former customers.
'meter-bridge debt' changes how a debt is recovered, 'meter-bridge settle' records a payment by a former
customer.

examples:
  meter-bridge debts
  meter-bridge debts --json
"""
HEAD: Final = ("ACCOUNT", "CUSTOMER", "WHAT", "RECOVERED", "OWED")
_NAMES: Final = {
    "arrears": "arrears",
    "emergency_credit": "emergency credit",
    "balance": "negative balance",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show what customers owe."""
    found = asyncio.run(_debts(arguments))
    if arguments.json:
        print_json(msgspec.to_builtins(found))
    elif found.debts:
        print_line(table(HEAD, [_row(each) for each in found.debts], right=("OWED",)))
        print_line("\n" + "\n".join(_summed(found.debts)))
    else:
        print_line("No outstanding debts.")
    return 0


async def _debts(arguments: argparse.Namespace) -> Debts:
    async with connected(settings_of(arguments)) as client:
        return await client.get(Debts, "debts")


def _row(owed: OwedView) -> tuple[str, ...]:
    what = _NAMES.get(owed.kind, owed.kind.replace("_", " "))
    if owed.debt is not None:
        what = f"debt {plain(owed.debt.id)}: {plain(owed.debt.description)}"
    elif owed.former:
        what = f"tenancy {owed.tenancy}, moved out"
    return (
        owed.account_id,
        NOT_KNOWN if owed.customer is None else plain(owed.customer),
        what,
        "" if owed.debt is None else _recovery(owed.debt, owed.currency),
        format_amount(owed.owed, owed.currency),
    )


def _recovery(debt: DebtView, currency: str) -> str:
    """Return how a debt is recovered, such as ``ZAR 3.50 a week, 10 % of top-ups``."""
    parts = [f"{format_amount(debt.rate, currency)} a {debt.every}"] if debt.rate else []
    if debt.percent_ppm:
        cap = "" if debt.cap is None else f" up to {format_amount(debt.cap, currency)} a {debt.cap_every}"
        parts.append(f"{debt.percent_ppm / 10_000:g} % of top-ups{cap}")
    return ", ".join(parts)


def _summed(debts: Iterable[OwedView]) -> Iterable[str]:
    sums: defaultdict[str, int] = defaultdict(int)
    for each in debts:
        sums[each.currency] += each.owed
    return (f"{format_amount(amount, currency)} in total" for currency, amount in sorted(sums.items()))
