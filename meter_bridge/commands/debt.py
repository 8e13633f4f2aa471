"""``meter-bridge debt``."""

import argparse
from collections.abc import Sequence
from typing import Final

from meter_bridge.commands.errors import USAGE, CommandError
from meter_bridge.commands.operation import add_account, add_rest, carry_out

EPILOG: Final = """\
A debt is recovered by time (--rate, at the start of every local day, week or month), out of top-ups
(--percent, with a --cap per period), or both. Debts with a lower --priority come first. 'close' writes off
what is still owed.

examples:
  meter-bridge debt open flat-1 arrears-2025 350.00 --rate 3.50 --reason agreed
  meter-bridge debt change flat-1 arrears-2025 --rate 0 --percent 10 --cap 5.00 --reason agreed
  meter-bridge debt close flat-1 arrears-2025 --reason forgiven
"""
PERIODS: Final = ("day", "week", "month")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument("action", choices=["open", "change", "close"], help="what to do")
    add_account(parser)
    parser.add_argument("debt", metavar="DEBT", help="id of the debt, such as arrears-2025")
    parser.add_argument("amount", metavar="AMOUNT", nargs="?", help="with 'open': what is owed")
    parser.add_argument("--description", metavar="TEXT", help="what the customer is shown")
    parser.add_argument("--rate", metavar="AMOUNT", help="recovered in each period")
    parser.add_argument("--every", choices=PERIODS, help="the period (default: week)")
    parser.add_argument("--percent", metavar="PERCENT", help="share of each top-up")
    parser.add_argument(
        "--cap", metavar="AMOUNT", help="most that top-ups recover in a cap period, or 'none'"
    )
    parser.add_argument("--cap-every", choices=PERIODS, help="the cap period (default: week)")
    parser.add_argument("--priority", type=int, metavar="NUMBER", help="the lowest comes first (default: 1)")
    add_rest(parser)


def run(arguments: argparse.Namespace) -> int:
    """Open, change or close a debt."""
    terms = {
        name: getattr(arguments, name)
        for name in ("description", "rate", "every", "percent", "cap", "cap_every", "priority")
    }
    _check(arguments, [name for name, value in terms.items() if value is not None])
    if arguments.action == "open":
        terms["description"] = arguments.description or arguments.debt
        terms["amount"] = arguments.amount
        return carry_out(arguments, "debts", "debt opened", debt=arguments.debt, **terms)
    if arguments.action == "change":
        return carry_out(arguments, "debts/change", "terms changed", debt=arguments.debt, **terms)
    return carry_out(arguments, "debts/close", "debt closed", debt=arguments.debt)


def _check(arguments: argparse.Namespace, terms: Sequence[str]) -> None:
    """Refuse what the action would pass over in silence."""
    action, amount = arguments.action, arguments.amount
    if action == "open" and amount is None:
        raise CommandError("'open' wants what is owed", "add AMOUNT after the id of the debt", USAGE)
    if action != "open" and amount is not None:
        raise CommandError(
            f"'{action}' takes no AMOUNT ({amount}); what is owed stays as it is",
            "leave it out; 'write-off' lowers what is owed, another debt adds to it",
            USAGE,
        )
    if action == "close" and terms:
        option = f"--{terms[0].replace('_', '-')}"
        raise CommandError(f"'close' takes no {option}", f"leave {option} out", USAGE)
    if action == "change" and not terms:
        raise CommandError("'change' wants something to change", "add --rate, --percent or --cap", USAGE)
