"""``meter-bridge accounts``."""

import argparse
from typing import Final

from meter_bridge.api.routes.accounts import Accounts
from meter_bridge.commands.account_table import AccountTable
from meter_bridge.commands.output import add_json, duration, plain
from meter_bridge.core.money import format_amount
from meter_bridge.protocol.messages import AccountView

EPILOG: Final = """\
AVAILABLE is the credit left now, BALANCE the balance after the latest ledger entry. LASTS is the time left at
the recent rate of consumption.

examples:
  meter-bridge accounts
  meter-bridge accounts --json
"""
HEAD: Final = ("ACCOUNT", "NAME", "SITE", "SUPPLY", "AVAILABLE", "BALANCE", "LASTS", "ALERTS")
RIGHT: Final = ("AVAILABLE", "BALANCE", "LASTS")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show every account."""
    return AccountTable(Accounts, "accounts", HEAD, RIGHT, row).show(arguments)


def row(account: AccountView) -> tuple[str, ...]:
    """Return the row of an account."""
    return (
        account.id,
        plain(account.name),
        account.site_id,
        account.supply.state + (" (not yet protected)" if account.protection_pending else ""),
        format_amount(account.available, account.currency),
        format_amount(account.balance, account.currency),
        duration(account.seconds_left),
        ", ".join(dict.fromkeys(alert.kind.replace("_", " ") for alert in account.alerts)) or "none",
    )
