"""``meter-bridge accounts``."""

import argparse
import asyncio
from typing import Final

import msgspec

from meter_bridge.commands.connection import connected
from meter_bridge.commands.output import add_json, duration, plain, say, say_json, table
from meter_bridge.commands.settings import settings_of
from meter_bridge.config.settings import Settings
from meter_bridge.core.money import format_amount
from meter_bridge.protocol.answers import Accounts
from meter_bridge.protocol.messages import AccountView

EPILOG: Final = """\
AVAILABLE is what is left now, BALANCE what was left at the last journal entry. LASTS is how long it lasts
at the recent pace.

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
    found = asyncio.run(_accounts(settings_of(arguments)))
    if arguments.json:
        say_json(msgspec.to_builtins(found))
    elif found.accounts:
        say(table(HEAD, [row(each) for each in found.accounts], RIGHT))
    else:
        say("There are no accounts yet; 'meter-bridge apply' adds those of a site file.")
    return 0


async def _accounts(settings: Settings) -> Accounts:
    async with connected(settings) as client:
        return await client.get(Accounts, "accounts")


def row(account: AccountView) -> tuple[str, ...]:
    """Return an account as a row of the table."""
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
