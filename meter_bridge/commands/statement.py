"""``meter-bridge statement``."""

from argparse import Namespace
import asyncio
from collections.abc import Sequence
import os
from pathlib import Path
import sys
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from meter_bridge.commands.client import connected
from meter_bridge.commands.command import ACCOUNT, Command, argument, given
from meter_bridge.commands.installation import settings_of
from meter_bridge.commands.output import amounts, local_time, plain, print_note, table
from meter_bridge.commands.parser import USAGE, CommandError
from meter_bridge.core.energy import format_kwh
from meter_bridge.core.money import rounding_difference
from meter_bridge.engine.statement import labels
from meter_bridge.engine.statement.builder import charged_amount
from meter_bridge.engine.statement.labels import TERMINAL
from meter_bridge.engine.statement.period import ACCEPTED_FORMS
from meter_bridge.protocol.messages import ChargeLine
from meter_bridge.protocol.statements import DayCharge, Detail, RegisterReading, Statement, UnitsHeld
from meter_bridge.text.catalogue import ENGLISH, LANGUAGES

EPILOG: Final = f"""\
A period is given by its start and end: {ACCEPTED_FORMS}. Days and months are in the site's
time zone, and the end is inclusive. The default is the current month.

examples:
  meter-bridge statement flat-1
  meter-bridge statement flat-1 --from 2026-10 --to 2026-10 --detail day
  meter-bridge statement flat-1 --from 2026-10-01 --to 2026-10-31 --output october.pdf
  meter-bridge statement flat-1 --tenancy 1 --output final.pdf
  meter-bridge statement flat-1 --detail day --output this-month.csv
"""
TEXT: Final = "text"
FILES: Final = ("json", "csv", "pdf")
FORMATS: Final = (TEXT, *FILES)


def run(arguments: Namespace) -> int:
    """Show a statement, or write it into a file."""
    form = arguments.format or _form_of(arguments.output)
    if form == "pdf" and arguments.output is None and sys.stdout.isatty():
        raise CommandError("a PDF cannot be shown in a terminal", "add --output FILE.pdf", USAGE)
    content = asyncio.run(_statement(arguments, form))
    if arguments.output is not None:
        _write(arguments.output, content)
        print_note(f"wrote {arguments.output}")
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
    return 0


def _form_of(output: Path | None) -> str:
    ending = "" if output is None else output.suffix.removeprefix(".").lower()
    if output is None or ending == "txt":
        return TEXT
    if ending in FILES:
        return ending
    raise CommandError(f"unknown format of {output.name!r}", f"add --format {'|'.join(FORMATS)}", USAGE)


async def _statement(arguments: Namespace, form: str) -> bytes:
    query = {name: str(value) for name, value in given(arguments, "from", "to", "detail", "tenancy").items()}
    if form in FILES:
        query["format"] = form
    if arguments.language != ENGLISH:
        query["language"] = arguments.language
    async with connected(settings_of(arguments)) as client:
        answer = await client.document("accounts", arguments.account, "statement", query=query)
    if form == TEXT:
        return as_text(msgspec.json.decode(answer, type=Statement)).encode()
    return msgspec.json.format(answer) + b"\n" if form == "json" else answer


def _write(path: Path, content: bytes) -> None:
    """Write a file atomically; only its owner can read it, because it contains personal data."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        draft.touch(mode=0o600)
        draft.write_bytes(content)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise CommandError(f"{path}: {error.strerror}", "choose another location", USAGE) from error


def as_text(statement: Statement) -> str:
    """Return a statement for a terminal."""
    name = plain(statement.account_name)
    heading = f"{statement.account_id}: {name}, {plain(statement.site_name)}"
    ended = " (in progress)" if statement.open else ""
    parts = [f"{heading}\n{TERMINAL.period(statement)}{ended}", _summary(statement)]
    if statement.units:
        parts.append(_units(statement.units))
    if statement.lines:
        parts.append(_lines(statement.lines, statement.currency))
    if statement.taxes:
        parts.append(_taxes(statement))
    if statement.readings:
        parts.append(_readings(statement))
    if statement.days:
        parts.append(_days(statement.days, statement.currency))
    if statement.entries:
        parts.append(_entries(statement))
    if statement.outstanding is not None:
        parts.append(_outstanding(statement))
    return "\n\n".join(parts) + "\n"


def _summary(statement: Statement) -> str:
    what = "balance" if len(statement.holdings) == 1 else "total"
    figures = (statement.opening, statement.credits, -statement.charges)
    rounding = rounding_difference(figures, statement.closing)
    rows = [
        (f"Opening {what}", statement.opening),
        ("Credits", statement.credits),
        ("Charges", -statement.charges),
        *([("Rounding", rounding)] if rounding else []),
        (f"Closing {what}", statement.closing),
    ]
    if len(statement.holdings) > 1:
        rows += [
            (f"  {TERMINAL.holding_name(holding.name)}", holding.closing) for holding in statement.holdings
        ]
    if statement.not_yet_posted is not None:
        rows.append(("Consumed, not yet posted", -statement.not_yet_posted.amount))
    return "\n".join(amounts(rows, statement.currency))


def _units(units: Sequence[UnitsHeld]) -> str:
    head = ("UNITS", "OPENING", "BOUGHT", "USED", "CLOSING")
    rows = [
        (
            units.supply_id,
            *map(format_kwh, (units.opening_wh, units.bought_wh, units.used_wh, units.closing_wh)),
        )
        for units in units
    ]
    return table(head, rows, right=head[1:])


def _lines(lines: Sequence[ChargeLine], currency: str) -> str:
    """Return the charges by line of the price list; SINCE is when its blocks began to count."""
    head = ("SINCE", "CHARGE", "QUANTITY", "PRICE", "AMOUNT")
    rows = [
        (labels.period_start_text(line), *_charge(line, currency), TERMINAL.line_amount(line, currency))
        for line in lines
    ]
    charged = [charged_amount(line) for line in lines]
    if rounding := rounding_difference(charged, sum(charged)):
        rows.append(("", "Rounding", "", "", TERMINAL.money(rounding, currency)))
    return table(head, rows, right=head[2:])


def _taxes(statement: Statement) -> str:
    head = ("TAX", "RATE", "ON CHARGES OF", "AMOUNT")
    rows = [
        (
            plain(TERMINAL.tax_name(tax)),
            TERMINAL.rate(tax),
            *(TERMINAL.money(part, statement.currency) for part in (tax.base, tax.amount)),
        )
        for tax in statement.taxes
    ]
    return table(head, rows, right=head[1:])


def _readings(statement: Statement) -> str:
    zone = ZoneInfo(statement.time_zone)
    rows = [
        (each.meter_id, *_reading(each.before, zone), *_reading(each.after, zone))
        for each in statement.readings
    ]
    return table(("METER", "FROM", "REGISTER", "UNTIL", "REGISTER"), rows, right=("REGISTER",))


def _reading(reading: RegisterReading | None, zone: ZoneInfo) -> tuple[str, str]:
    return ("", "") if reading is None else (local_time(reading.at, zone), format_kwh(reading.wh))


def _days(days: Sequence[DayCharge], currency: str) -> str:
    head = ("DAY", "CHARGE", "QUANTITY", "PRICE", "BEFORE TAX", "TAX")
    rows = [
        (
            charge.day,
            *_charge(charge, currency),
            *(TERMINAL.money(part, currency) for part in (charge.amount, charge.tax)),
        )
        for charge in days
    ]
    columns = [day.amount for day in days], [day.tax for day in days]
    rounding = [rounding_difference(column, sum(column)) for column in columns]
    if any(rounding):
        rows.append(("", "Rounding", "", "", *(TERMINAL.money(part, currency) for part in rounding)))
    return table(head, rows, right=head[2:])


def _charge(charge: ChargeLine | DayCharge, currency: str) -> tuple[str, str, str]:
    name = plain(TERMINAL.charge_name(charge))
    return name, TERMINAL.quantity(charge), TERMINAL.price(charge, currency)


def _outstanding(statement: Statement) -> str:
    zone, text = ZoneInfo(statement.time_zone), TERMINAL.outstanding(statement)
    rows = [
        (
            local_time(entry.at, zone),
            entry.id,
            plain(TERMINAL.with_reason(entry)),
            TERMINAL.money(entry.amount, statement.currency),
        )
        for entry in statement.settlements
    ]
    head = ("SETTLED", "ENTRY", "WHAT", "AMOUNT")
    return f"{table(head, rows, right=('AMOUNT',))}\n\n{text}" if rows else text


def _entries(statement: Statement) -> str:
    zone, currency = ZoneInfo(statement.time_zone), statement.currency
    rows = []
    for entry in statement.entries:
        moved = TERMINAL.moved(entry.changes, currency)
        what = plain(TERMINAL.with_reason(entry) + (f" ({moved})" if moved else ""))
        money = (TERMINAL.money(amount, currency) for amount in (entry.amount, entry.balance_after))
        rows.append((local_time(entry.at, zone), entry.id, what, *money))
    return table(("BOOKED", "ENTRY", "WHAT", "AMOUNT", "BALANCE"), rows, right=("AMOUNT", "BALANCE"))


COMMANDS: Final = {
    "statement": Command(
        run,
        (
            ACCOUNT,
            argument("--from", metavar="TIME", help="start of the period"),
            argument("--to", metavar="TIME", help="end of the period, inclusive (default: today)"),
            argument(
                "--tenancy",
                type=int,
                metavar="N",
                help="only one tenancy, by default all of it (see 'meter-bridge tenancies')",
            ),
            argument(
                "--detail",
                choices=[detail.value for detail in Detail],
                default=Detail.LINE.value,
                help="charges by tariff line, or also by local day (default: %(default)s)",
            ),
            argument(
                "--format",
                choices=FORMATS,
                help="output format (default: by the file's extension, else text)",
            ),
            argument(
                "--language", default=ENGLISH, choices=LANGUAGES, metavar="CODE", help="language of the PDF"
            ),
            argument(
                "--output", type=Path, metavar="FILE", help="file to write; an existing file is replaced"
            ),
        ),
        EPILOG,
    )
}
