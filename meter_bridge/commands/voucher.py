"""``meter-bridge voucher``."""

import argparse
import asyncio
from pathlib import Path
from typing import Final
from uuid import uuid4

import msgspec

from meter_bridge.commands.connection import connected
from meter_bridge.commands.errors import CommandError
from meter_bridge.commands.idempotent_request import post_once
from meter_bridge.commands.output import add_json, plain, print_json, print_line, print_note, table
from meter_bridge.commands.parser import Parser, add_account, add_data, add_key
from meter_bridge.commands.private_files import create_file, refuse_existing
from meter_bridge.commands.settings import settings_of
from meter_bridge.config.settings import Settings
from meter_bridge.core.money import format_amount
from meter_bridge.protocol.messages import TopUpResult
from meter_bridge.protocol.payments import (
    NewVouchers,
    VoucherBatch,
    VoucherBatches,
    VoucherList,
    VouchersChanged,
    VoucherState,
)
from meter_bridge.text.catalogue import ENGLISH, LANGUAGES

EXAMPLES: Final = """\
examples:
  meter-bridge voucher create --count 50 --amount 50.00 --pdf vouchers.pdf
  meter-bridge voucher create --count 200 --amount 20.00 --site house --days 365 --needs-sale --csv shop.csv
"""
EPILOG: Final = f"""\
A code has 20 digits, the last two of which are check digits. Codes are shown only once, when they are
created: the bridge stores only hashes, keyed with secret.key in the data folder. Back up that file as well.

{EXAMPLES}  meter-bridge voucher list
  meter-bridge voucher list 7KQ2MX
  meter-bridge voucher sell 7KQ2MX-0001 7KQ2MX-0002 --to "Spaza shop, receipt 12"
  meter-bridge voucher block 7KQ2MX-0003 --reason "torn"
  meter-bridge voucher block --batch 7KQ2MX --reason "stolen from the shop"
  meter-bridge voucher redeem flat-1 "1234 5678 9012 3456 7890"
"""
HEAD: Final = ("BATCH", "VALUE", "SITE", "CREATED", "EXPIRES", "VALID", "UNSOLD", "REDEEMED", "VOID", "NOTE")
SERIALS: Final = ("SERIAL", "STATE", "SOLD", "REDEEMED", "ACCOUNT")
DAY: Final = len("2026-03-01")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True, parser_class=Parser)
    _add_create(
        actions.add_parser("create", help="create vouchers; codes are shown only once", epilog=EXAMPLES)
    )
    listing = actions.add_parser("list", help="list batches, or the vouchers in a batch")
    listing.add_argument("batch", metavar="BATCH", nargs="?", help="batch id, as shown by 'voucher list'")
    add_json(listing)
    listing.set_defaults(act=_list)
    selling = actions.add_parser("sell", help="mark vouchers as sold")
    selling.add_argument(
        "serials", metavar="SERIAL", nargs="+", help="serial number, as printed on the voucher"
    )
    selling.add_argument("--to", required=True, metavar="TEXT", help="buyer or receipt")
    selling.set_defaults(act=_sell)
    blocking = actions.add_parser("block", help="void vouchers")
    blocking.add_argument(
        "serials", metavar="SERIAL", nargs="*", help="serial number, as printed on the voucher"
    )
    blocking.add_argument("--batch", metavar="ID", help="void all unused vouchers in a batch")
    blocking.add_argument("--reason", required=True, metavar="TEXT", help="reason, kept on record")
    blocking.set_defaults(act=_block)
    redeeming = actions.add_parser("redeem", help="redeem a voucher for credit")
    add_account(redeeming)
    redeeming.add_argument("code", metavar="CODE", help="the 20-digit code")
    add_key(redeeming)
    redeeming.set_defaults(act=_redeem)
    for each in actions.choices.values():
        add_data(each)


def _add_create(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--count", type=int, required=True, help="number of vouchers, at most 5000")
    parser.add_argument("--amount", required=True, help="value of each voucher, such as 50.00")
    parser.add_argument("--site", metavar="ID", help="site where they are valid (default: all sites)")
    parser.add_argument("--currency", metavar="CODE", help="required if sites use several currencies")
    parser.add_argument("--days", type=int, help="days of validity (default: unlimited)")
    parser.add_argument("--needs-sale", action="store_true", help="valid only after being marked as sold")
    parser.add_argument("--note", default="", metavar="TEXT", help="purpose")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write codes as CSV")
    parser.add_argument("--pdf", type=Path, metavar="FILE", help="write printable vouchers, ten to a page")
    parser.add_argument("--link", metavar="URL", help="address of the tenant page for printed QR codes")
    parser.add_argument(
        "--language", default=ENGLISH, choices=LANGUAGES, metavar="CODE", help="language of the PDF"
    )
    parser.set_defaults(act=_create)


def run(arguments: argparse.Namespace) -> int:
    """Create, list, sell, void or redeem vouchers."""
    asyncio.run(arguments.act(arguments, settings_of(arguments)))
    return 0


async def _create(arguments: argparse.Namespace, settings: Settings) -> None:
    body: dict[str, object] = {
        name: value
        for name in ("count", "amount", "site", "currency", "days", "needs_sale", "note")
        if (value := getattr(arguments, name)) is not None
    }
    files = [each for each in (arguments.csv, arguments.pdf) if each is not None]
    for file in files:
        refuse_existing(file)
    async with connected(settings) as client:
        made = await client.post(NewVouchers, "vouchers", body=body)
    _write(arguments, made)
    batch = made.batch
    print_note(
        f"Batch {batch.id}: {len(made.vouchers)} vouchers of {format_amount(batch.amount, batch.currency)}"
    )


def _write(arguments: argparse.Namespace, made: NewVouchers) -> None:
    """Write the codes to the requested files, readable by their owner only, or to standard output."""
    # Imported here because listing vouchers typesets nothing.
    from meter_bridge.payments.vouchers import sheet  # noqa: PLC0415

    if arguments.csv is not None:
        create_file(arguments.csv, sheet.as_csv(made).encode())
    if arguments.pdf is not None:
        from meter_bridge.printing.typesetter_child import typeset  # noqa: PLC0415

        told = sheet.printed(
            made,
            place=made.batch.note or made.batch.site_id or "",
            link=arguments.link,
            language=arguments.language,
        )
        create_file(arguments.pdf, typeset(told, sheet.LAYOUT))
    if arguments.csv is None and arguments.pdf is None:
        print_line(sheet.as_csv(made).replace("\r\n", "\n").rstrip("\n"))


async def _list(arguments: argparse.Namespace, settings: Settings) -> None:
    async with connected(settings) as client:
        if arguments.batch is not None:
            _show_batch(arguments, await client.get(VoucherList, "vouchers", arguments.batch))
            return
        found = await client.get(VoucherBatches, "vouchers")
    if arguments.json:
        print_json(msgspec.to_builtins(found))
    elif found.batches:
        rows = [_batch_row(each) for each in found.batches]
        print_line(table(HEAD, rows, right=("VALUE", "VALID", "UNSOLD", "REDEEMED", "VOID")))
    else:
        print_line("There are no vouchers yet; 'meter-bridge voucher create' creates some.")


def _show_batch(arguments: argparse.Namespace, listed: VoucherList) -> None:
    if arguments.json:
        print_json(msgspec.to_builtins(listed))
        return
    rows = [
        (
            each.serial,
            each.state.value,
            (each.sold_at or "")[:DAY],
            (each.redeemed_at or "")[:DAY],
            each.account_id or "",
        )
        for each in listed.vouchers
    ]
    print_line(table(SERIALS, rows))


def _batch_row(batch: VoucherBatch) -> tuple[str, ...]:
    states = batch.states
    return (
        batch.id,
        format_amount(batch.amount, batch.currency),
        batch.site_id or "all",
        batch.created_at[:DAY],
        "never" if batch.expires_at is None else batch.expires_at[:DAY],
        *(
            str(states.get(state, 0))
            for state in (
                VoucherState.GOOD,
                VoucherState.UNSOLD,
                VoucherState.REDEEMED,
                VoucherState.BLOCKED,
            )
        ),
        plain(batch.note),
    )


async def _sell(arguments: argparse.Namespace, settings: Settings) -> None:
    body = {"serials": arguments.serials, "to": arguments.to}
    async with connected(settings) as client:
        done = await client.post(VouchersChanged, "vouchers", "sell", body=body)
    print_line(f"Sold: {', '.join(done.serials)}")


async def _block(arguments: argparse.Namespace, settings: Settings) -> None:
    if not arguments.serials and arguments.batch is None:
        raise CommandError("no vouchers given", "give serial numbers, or a batch with --batch")
    body: dict[str, object] = {"serials": arguments.serials, "reason": arguments.reason}
    if arguments.batch is not None:
        body["batch"] = arguments.batch
    async with connected(settings) as client:
        done = await client.post(VouchersChanged, "vouchers", "block", body=body)
    print_line(f"Voided: {', '.join(done.serials) or 'no vouchers left to void'}")


async def _redeem(arguments: argparse.Namespace, settings: Settings) -> None:
    steps = ("accounts", arguments.account, "vouchers")
    async with connected(settings) as client:
        result = await post_once(
            client,
            TopUpResult,
            *steps,
            body={"code": arguments.code},
            key=arguments.key or str(uuid4()),
            what="the voucher was redeemed",
        )
    print_line(f"{arguments.account}: voucher {result.top_up.reference} booked as {result.top_up.id}")
