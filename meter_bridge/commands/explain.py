"""``meter-bridge explain``."""

import argparse
import asyncio
from collections.abc import Iterable
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from meter_bridge.commands.connection import connected
from meter_bridge.commands.output import NOT_KNOWN, add_json, plain, print_json, print_line, table
from meter_bridge.commands.parser import add_account
from meter_bridge.commands.settings import settings_of
from meter_bridge.config.settings import Settings
from meter_bridge.core.energy import format_kwh
from meter_bridge.core.money import format_amount
from meter_bridge.engine.statement import labels
from meter_bridge.engine.statement.labels import TERMINAL
from meter_bridge.protocol.messages import AccountView
from meter_bridge.protocol.statements import EntryExplanation, RegisterReading

EPILOG: Final = """\
READ BEFORE and READ AFTER are the readings around the entry. REGISTER FROM and REGISTER TO are the register
at the ends of each segment, interpolated linearly between readings. 'meter-bridge ledger' lists entry ids.

examples:
  meter-bridge explain flat-1 entry-4711
  meter-bridge explain flat-1 entry-4711 --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    add_account(parser)
    parser.add_argument("entry", metavar="ENTRY", help="entry id, such as entry-4711")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show the calculation behind an entry."""
    account, found = asyncio.run(_explanation(arguments, settings_of(arguments)))
    if arguments.json:
        print_json(msgspec.to_builtins(found))
    else:
        print_line("\n\n".join(_parts(account, found)))
    return 0


async def _explanation(
    arguments: argparse.Namespace, settings: Settings
) -> tuple[AccountView, EntryExplanation]:
    async with connected(settings) as client:
        account = await client.get(AccountView, "accounts", arguments.account)
        path = ("accounts", arguments.account, "ledger", arguments.entry)
        return account, await client.get(EntryExplanation, *path)


def _parts(account: AccountView, found: EntryExplanation) -> Iterable[str]:
    """Yield the tables that explain an entry."""
    zone = ZoneInfo(account.time_zone)
    yield _heading(account, found, zone)
    if found.entry.lines:
        yield _lines(account, found)
    if found.readings:
        yield _readings(found, zone)
    if found.segments:
        yield _segments(account, found, zone)


def _heading(account: AccountView, found: EntryExplanation, zone: ZoneInfo) -> str:
    entry, currency = found.entry, account.currency
    amount, balance = (format_amount(each, currency) for each in (entry.amount, entry.balance_after))
    rows = [
        f"{entry.id}: {plain(entry.description)}, {labels.local_time_text(entry.at, zone):%Y-%m-%d %H:%M:%S}",
        f"  balance {amount}, {balance} after it",
    ]
    rows += [
        f"  to {name.replace('_', ' ')} {format_amount(part, currency)}" for name, part in entry.split.items()
    ]
    rows += [f"  reference {plain(entry.reference)}"] if entry.reference else []
    rows += [f"  reason {plain(entry.reason)}"] if entry.reason else []
    rows += [f"  by {plain(entry.by)}"] if entry.by else []
    rows += [f"  refers to {entry.refers_to}"] if entry.refers_to else []
    return "\n".join(rows)


def _lines(account: AccountView, found: EntryExplanation) -> str:
    currency = account.currency
    rows = [
        (
            plain(TERMINAL.charge_name(line)),
            line.tariff_version_id,
            TERMINAL.quantity(line),
            TERMINAL.price(line, currency),
            str(labels.exact_amount(line.amount, currency)),
        )
        for line in found.entry.lines
    ]
    head = ("CHARGE", "TARIFF", "QUANTITY", "PRICE", "AMOUNT")
    return table(head, rows, right=head[2:])


def _readings(found: EntryExplanation, zone: ZoneInfo) -> str:
    rows = [
        (each.meter_id, *_reading(each.before, zone), *_reading(each.after, zone)) for each in found.readings
    ]
    head = ("METER", "READ BEFORE", "REGISTER", "READ AFTER", "REGISTER")
    return table(head, rows, right=("REGISTER",))


def _reading(reading: RegisterReading | None, zone: ZoneInfo) -> tuple[str, str]:
    if reading is None:
        return NOT_KNOWN, NOT_KNOWN
    return f"{labels.local_time_text(reading.at, zone):%Y-%m-%d %H:%M:%S}", format_kwh(reading.wh)


def _segments(account: AccountView, found: EntryExplanation, zone: ZoneInfo) -> str:
    """Return the parts that were charged, each with its share."""
    currency = account.currency
    rows = []
    for each in found.segments:
        start, end = labels.local_time_text(each.start, zone), labels.local_time_text(each.end, zone)
        registers = [
            NOT_KNOWN if wh is None else format_kwh(wh) for wh in (each.register_from_wh, each.register_to_wh)
        ]
        rows.append(
            (
                f"{start:%Y-%m-%d %H:%M:%S}",
                f"{end:%H:%M:%S}",
                each.meter_id or NOT_KNOWN,
                *registers,
                f"{labels.ESTIMATED if each.estimated else ''}{format_kwh(each.wh)}",
                plain(TERMINAL.charge_name(each)),
                str(labels.exact_amount(each.amount, currency)),
                str(labels.exact_amount(each.tax, currency)),
            )
        )
    head = ("FROM", "TO", "METER", "REGISTER FROM", "REGISTER TO", "ENERGY", "CHARGE", "BEFORE TAX", "TAX")
    return table(head, rows, right=("REGISTER FROM", "REGISTER TO", "ENERGY", "BEFORE TAX", "TAX"))
