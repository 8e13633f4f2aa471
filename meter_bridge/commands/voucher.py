"""``meter-bridge voucher``."""

from argparse import Namespace
from functools import partial
from pathlib import Path
from typing import Final

from meter_bridge.commands.client import BridgeClient, asks, lists, post_confirmed, post_once
from meter_bridge.commands.command import ACCOUNT, JSON, KEY, YES, action, argument, given, group
from meter_bridge.commands.output import (
    DAY,
    Output,
    Table,
    create_file,
    plain,
    print_line,
    print_note,
    refuse_existing,
    write_pdf,
)
from meter_bridge.commands.parser import CommandError
from meter_bridge.core.money import format_amount
from meter_bridge.protocol.messages import TopUpResult
from meter_bridge.protocol.payments import (
    NewVouchers,
    VoucherBatch,
    VoucherBatches,
    VoucherList,
    VouchersChanged,
    VoucherState,
    VoucherView,
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


def _count(batch: VoucherBatch, state: VoucherState) -> str:
    return str(batch.states.get(state, 0))


BATCHES: Final = Table[VoucherBatch](
    {
        "BATCH": lambda batch: batch.id,
        "VALUE": lambda batch: format_amount(batch.amount, batch.currency),
        "SITE": lambda batch: batch.site_id or "all",
        "CREATED": lambda batch: batch.created_at[:DAY],
        "EXPIRES": lambda batch: "never" if batch.expires_at is None else batch.expires_at[:DAY],
        "VALID": lambda batch: _count(batch, VoucherState.GOOD),
        "UNSOLD": lambda batch: _count(batch, VoucherState.UNSOLD),
        "REDEEMED": lambda batch: _count(batch, VoucherState.REDEEMED),
        "VOID": lambda batch: _count(batch, VoucherState.BLOCKED),
        "NOTE": lambda batch: plain(batch.note),
    },
    right=("VALUE", "VALID", "UNSOLD", "REDEEMED", "VOID"),
)
VOUCHERS: Final = Table[VoucherView](
    {
        "SERIAL": lambda voucher: voucher.serial,
        "STATE": lambda voucher: voucher.state.value,
        "SOLD": lambda voucher: (voucher.sold_at or "")[:DAY],
        "REDEEMED": lambda voucher: (voucher.redeemed_at or "")[:DAY],
        "ACCOUNT": lambda voucher: voucher.account_id or "",
    }
)


def _check_files(arguments: Namespace) -> None:
    refuse_existing(arguments.csv)
    refuse_existing(arguments.pdf)


async def _create(arguments: Namespace, client: BridgeClient) -> Output | None:
    body = given(arguments, "count", "amount", "site", "currency", "days", "needs_sale", "note")
    created = await post_confirmed(
        partial(client.post, NewVouchers, "vouchers", body=body), confirmed=arguments.yes
    )
    _write(arguments, created)
    batch, count = created.batch, len(created.vouchers)
    print_note(f"Batch {batch.id}: {count} vouchers of {format_amount(batch.amount, batch.currency)}")
    return Output(created, "") if arguments.json else None


def _write(arguments: Namespace, created: NewVouchers) -> None:
    """Write the codes to the requested files, readable by their owner only, or to standard output."""
    # Imported here because listing vouchers typesets nothing.
    from meter_bridge.payments.vouchers import sheet  # noqa: PLC0415

    if arguments.csv is not None:
        create_file(arguments.csv, sheet.as_csv(created).encode())
    if arguments.pdf is not None:
        place = created.batch.note or created.batch.site_id or ""
        printed = sheet.printed(created, place=place, link=arguments.link, language=arguments.language)
        write_pdf(arguments.pdf, printed, sheet.LAYOUT)
    if arguments.csv is None and arguments.pdf is None and not arguments.json:
        print_line(sheet.as_csv(created).replace("\r\n", "\n").rstrip("\n"))


_LIST_BATCHES: Final = lists(
    VoucherBatches,
    "vouchers",
    lambda answer: answer.batches,
    BATCHES,
    "There are no vouchers yet; 'meter-bridge voucher create' creates some.",
)
_LIST_VOUCHERS: Final = lists(
    VoucherList, "vouchers/{batch}", lambda answer: answer.vouchers, VOUCHERS, "This batch has no vouchers."
)


def _list(arguments: Namespace) -> int:
    return (_LIST_BATCHES if arguments.batch is None else _LIST_VOUCHERS)(arguments)


async def _sell(arguments: Namespace, client: BridgeClient) -> Output:
    body = given(arguments, "serials", "to")
    sold = await client.post(VouchersChanged, "vouchers", "sell", body=body)
    return Output(sold, f"Sold: {', '.join(sold.serials)}")


def _require_vouchers(arguments: Namespace) -> None:
    if not arguments.serials and arguments.batch is None:
        raise CommandError("no vouchers given", "give serial numbers, or a batch with --batch")


async def _block(arguments: Namespace, client: BridgeClient) -> Output:
    body = given(arguments, "serials", "reason", "batch")
    blocked = await client.post(VouchersChanged, "vouchers", "block", body=body)
    return Output(blocked, f"Voided: {', '.join(blocked.serials) or 'no vouchers left to void'}")


async def _redeem(arguments: Namespace, client: BridgeClient) -> Output:
    path, body = ("accounts", arguments.account, "vouchers"), given(arguments, "code")
    what = "the voucher was redeemed"
    result = await post_once(client, TopUpResult, *path, body=body, key=arguments.key, what=what)
    top_up = result.top_up
    return Output(result, f"{arguments.account}: voucher {top_up.reference} booked as {top_up.id}")


SERIAL_HELP: Final = "serial number, as printed on the voucher"
COMMANDS: Final = {
    "voucher": group(
        EPILOG,
        None,
        create=action(
            "create vouchers; codes are shown only once",
            asks(_create, check=_check_files),
            argument("--count", type=int, required=True, help="number of vouchers, at most 5000"),
            argument("--amount", required=True, help="value of each voucher, such as 50.00"),
            argument("--site", metavar="ID", help="site where they are valid (default: all sites)"),
            argument("--currency", metavar="CODE", help="required if sites use several currencies"),
            argument("--days", type=int, help="days of validity (default: unlimited)"),
            argument("--needs-sale", action="store_true", help="valid only after being marked as sold"),
            argument("--note", default="", metavar="TEXT", help="purpose"),
            argument("--csv", type=Path, metavar="FILE", help="write codes as CSV"),
            argument("--pdf", type=Path, metavar="FILE", help="write printable vouchers, ten to a page"),
            argument("--link", metavar="URL", help="address of the tenant page for printed QR codes"),
            argument(
                "--language", default=ENGLISH, choices=LANGUAGES, metavar="CODE", help="language of the PDF"
            ),
            YES,
            JSON,
            epilog=EXAMPLES,
        ),
        list=action(
            "list batches, or the vouchers in a batch",
            _list,
            argument("batch", metavar="BATCH", nargs="?", help="batch id, as shown by 'voucher list'"),
            JSON,
        ),
        sell=action(
            "mark vouchers as sold",
            asks(_sell),
            argument("serials", metavar="SERIAL", nargs="+", help=SERIAL_HELP),
            argument("--to", required=True, metavar="TEXT", help="buyer or receipt"),
            JSON,
        ),
        block=action(
            "void vouchers",
            asks(_block, check=_require_vouchers),
            argument("serials", metavar="SERIAL", nargs="*", help=SERIAL_HELP),
            argument("--batch", metavar="ID", help="void all unused vouchers in a batch"),
            argument("--reason", required=True, metavar="TEXT", help="reason, kept on record"),
            JSON,
        ),
        redeem=action(
            "redeem a voucher for credit",
            asks(_redeem),
            ACCOUNT,
            argument("code", metavar="CODE", help="the 20-digit code"),
            KEY,
            JSON,
        ),
    )
}
