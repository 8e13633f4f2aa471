"""``meter-bridge ledger`` and ``explain``."""

from argparse import Namespace
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo

from meter_bridge.commands.client import BridgeClient, asks
from meter_bridge.commands.command import ACCOUNT, JSON, Command, argument
from meter_bridge.commands.output import NOT_KNOWN, Output, local_time, plain, table
from meter_bridge.core.energy import format_kwh
from meter_bridge.core.money import format_amount
from meter_bridge.core.tariff.periods import period_bounds
from meter_bridge.engine.statement import labels
from meter_bridge.engine.statement.labels import TERMINAL
from meter_bridge.protocol.messages import AccountView, ChargeLine, LedgerPage
from meter_bridge.protocol.statements import EntryExplanation, RegisterReading, Repriced

LEDGER_EPILOG: Final = """\
BY is who requested an entry: a token name, or the bridge itself. AMOUNT is the change of the balance, BALANCE
the balance after the entry. 'meter-bridge explain' shows the calculation behind an entry, 'meter-bridge
reverse' reverses a top-up or charge.

examples:
  meter-bridge ledger flat-1
  meter-bridge ledger flat-1 --limit 100
  meter-bridge ledger flat-1 --before 4711
"""
EXPLAIN_EPILOG: Final = """\
READ BEFORE and READ AFTER are the readings around the entry. REGISTER FROM and REGISTER TO are the register
at the ends of each segment, interpolated linearly between readings. 'meter-bridge ledger' lists entry ids.

examples:
  meter-bridge explain flat-1 entry-4711
  meter-bridge explain flat-1 entry-4711 --json
"""


async def _show_page(arguments: Namespace, client: BridgeClient) -> Output:
    query = {"limit": str(arguments.limit)}
    if arguments.before is not None:
        query["before"] = str(arguments.before)
    account = await client.get(AccountView, "accounts", arguments.account)
    page = await client.get(LedgerPage, "accounts", arguments.account, "ledger", query=query)
    zone = ZoneInfo(account.time_zone)
    rows = [
        (
            local_time(entry.at, zone),
            entry.id,
            plain(TERMINAL.with_reason(entry)),
            plain(entry.by or NOT_KNOWN),
            format_amount(entry.amount, account.currency),
            format_amount(entry.balance_after, account.currency),
        )
        for entry in page.entries
    ]
    head = ("BOOKED", "ENTRY", "WHAT", "BY", "AMOUNT", "BALANCE")
    older = "" if page.next_before is None else f"For older entries, add --before {page.next_before}"
    return Output(page, table(head, rows, right=("AMOUNT", "BALANCE")), older)


async def _explain(arguments: Namespace, client: BridgeClient) -> Output:
    account = await client.get(AccountView, "accounts", arguments.account)
    path = ("accounts", arguments.account, "ledger", arguments.entry)
    found = await client.get(EntryExplanation, *path)
    return Output(found, "\n\n".join(_parts(account, found)))


def _parts(account: AccountView, found: EntryExplanation) -> Iterable[str]:
    zone = ZoneInfo(account.time_zone)
    yield _heading(account, found, zone)
    if found.entry.lines:
        yield _lines(account, found.entry.lines)
    if found.repriced is not None:
        yield _repriced(account, found.repriced)
        yield _lines(account, found.repriced.lines)
    if found.readings:
        yield _readings(found, zone)
    if found.segments:
        yield _segments(account, found, zone)


def _heading(account: AccountView, found: EntryExplanation, zone: ZoneInfo) -> str:
    entry, currency = found.entry, account.currency
    amount, balance = (format_amount(value, currency) for value in (entry.amount, entry.balance_after))
    rows = [
        f"{entry.id}: {plain(entry.description)}, {local_time(entry.at, zone, 'seconds')}",
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


def _repriced(account: AccountView, found: Repriced) -> str:
    charged, priced = (format_amount(value, account.currency) for value in (found.charged, found.priced))
    first, after = period_bounds(found.period)
    last = after - timedelta(days=1)
    return (
        f"{found.supply_id}, {first} to {last}: {format_kwh(found.wh)}, charged {charged} before,"
        f" {priced} by {found.tariff_version_id}:"
    )


def _lines(account: AccountView, lines: Sequence[ChargeLine]) -> str:
    currency = account.currency
    rows = [
        (
            plain(TERMINAL.charge_name(line)),
            line.tariff_version_id,
            TERMINAL.quantity(line),
            TERMINAL.price(line, currency),
            str(labels.exact_amount(line.amount, currency)),
        )
        for line in lines
    ]
    head = ("CHARGE", "TARIFF", "QUANTITY", "PRICE", "AMOUNT")
    return table(head, rows, right=head[2:])


def _readings(found: EntryExplanation, zone: ZoneInfo) -> str:
    rows = [
        (meter.meter_id, *_reading(meter.before, zone), *_reading(meter.after, zone))
        for meter in found.readings
    ]
    head = ("METER", "READ BEFORE", "REGISTER", "READ AFTER", "REGISTER")
    return table(head, rows, right=("REGISTER",))


def _reading(reading: RegisterReading | None, zone: ZoneInfo) -> tuple[str, str]:
    if reading is None:
        return NOT_KNOWN, NOT_KNOWN
    return local_time(reading.at, zone, "seconds"), format_kwh(reading.wh)


def _segments(account: AccountView, found: EntryExplanation, zone: ZoneInfo) -> str:
    currency = account.currency
    rows = []
    for segment in found.segments:
        end = labels.local_time_text(segment.end, zone)
        registers = [
            NOT_KNOWN if wh is None else format_kwh(wh)
            for wh in (segment.register_from_wh, segment.register_to_wh)
        ]
        rows.append(
            (
                local_time(segment.start, zone, "seconds"),
                f"{end:%H:%M:%S}",
                segment.meter_id or NOT_KNOWN,
                *registers,
                f"{labels.ESTIMATED if segment.estimated else ''}{format_kwh(segment.wh)}",
                plain(TERMINAL.charge_name(segment)),
                str(labels.exact_amount(segment.amount, currency)),
                str(labels.exact_amount(segment.tax, currency)),
            )
        )
    head = ("FROM", "TO", "METER", "REGISTER FROM", "REGISTER TO", "ENERGY", "CHARGE", "BEFORE TAX", "TAX")
    return table(head, rows, right=("REGISTER FROM", "REGISTER TO", "ENERGY", "BEFORE TAX", "TAX"))


COMMANDS: Final = {
    "ledger": Command(
        asks(_show_page),
        (
            ACCOUNT,
            argument(
                "--limit",
                type=int,
                default=20,
                metavar="NUMBER",
                help="number of entries (default: %(default)s)",
            ),
            argument("--before", type=int, metavar="NUMBER", help="only entries before this number"),
            JSON,
        ),
        LEDGER_EPILOG,
    ),
    "explain": Command(
        asks(_explain),
        (ACCOUNT, argument("entry", metavar="ENTRY", help="entry id, such as entry-4711"), JSON),
        EXPLAIN_EPILOG,
    ),
}
