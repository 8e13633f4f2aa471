"""``meter-bridge debt``."""

import argparse
from collections.abc import Sequence
from typing import Final

from meter_bridge.commands.account_operations import add_common, carry_out
from meter_bridge.commands.errors import USAGE, CommandError
from meter_bridge.commands.parser import add_account

EPILOG: Final = """\
A debt is recovered at a fixed rate (--rate, at the start of each local day, week or month), as a percentage
of top-ups (--percent, with a --cap per period), or both. Debts with a lower --priority are recovered first.
'close' writes off the remaining amount.

examples:
  meter-bridge debt open flat-1 arrears-2025 350.00 --rate 3.50 --reason agreed
  meter-bridge debt change flat-1 arrears-2025 --rate 0 --percent 10 --cap 5.00 --reason agreed
  meter-bridge debt close flat-1 arrears-2025 --reason forgiven
"""
PERIODS: Final = ("day", "week", "month")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument("action", choices=["open", "change", "close"], help="action to take")
    add_account(parser)
    parser.add_argument("debt", metavar="DEBT", help="debt id, such as arrears-2025")
    parser.add_argument("amount", metavar="AMOUNT", nargs="?", help="amount owed; only with 'open'")
    parser.add_argument("--description", metavar="TEXT", help="description shown to the customer")
    parser.add_argument("--rate", metavar="AMOUNT", help="amount recovered per period")
    parser.add_argument("--every", choices=PERIODS, help="recovery period (default: week)")
    parser.add_argument("--percent", metavar="PERCENT", help="percentage of each top-up")
    parser.add_argument(
        "--cap", metavar="AMOUNT", help="maximum recovered from top-ups per cap period, or 'none'"
    )
    parser.add_argument("--cap-every", choices=PERIODS, help="cap period (default: week)")
    parser.add_argument(
        "--priority", type=int, metavar="NUMBER", help="lowest is recovered first (default: 1)"
    )
    add_common(parser)


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
    """Reject arguments that the action would ignore."""
    action, amount = arguments.action, arguments.amount
    if action == "open" and amount is None:
        raise CommandError("'open' requires the amount owed", "add AMOUNT after the debt id", USAGE)
    if action != "open" and amount is not None:
        raise CommandError(
            f"'{action}' takes no AMOUNT ({amount}); it does not change the amount owed",
            "omit it; use 'write-off' to reduce a debt, or open another one to add to it",
            USAGE,
        )
    if action == "close" and terms:
        option = f"--{terms[0].replace('_', '-')}"
        raise CommandError(f"'close' takes no {option}", f"omit {option}", USAGE)
    if action == "change" and not terms:
        raise CommandError("'change' requires something to change", "add --rate, --percent or --cap", USAGE)
