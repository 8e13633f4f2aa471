"""Vouchers on paper and as a table: what stands on each, ready made for the layout."""

import csv
from io import StringIO
import json
from typing import Final

from meter_bridge.core.money import format_amount
from meter_bridge.printing.qr import qr_svg
from meter_bridge.protocol.payments import NewVouchers

LAYOUT: Final = "payments/vouchers/vouchers.typ"
_DAY: Final = len("2026-03-01")


def as_csv(made: NewVouchers) -> str:
    """Return the vouchers as CSV (RFC 4180), a line each."""
    batch, out = made.batch, StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(("batch", "serial", "code", "value", "expires"))
    value, expires = format_amount(batch.amount, batch.currency), (batch.expires_at or "")[:_DAY]
    for voucher in made.vouchers:
        writer.writerow((batch.id, voucher.serial, voucher.code, value, expires))
    return out.getvalue()


def told(made: NewVouchers, *, place: str, link: str | None) -> str:
    """Return what stands on the vouchers, as JSON.

    The QR code leads to the tenant's page where its address is known; the code stands behind the ``#``, which
    no browser sends to a server, so that it is in no log.
    """
    batch = made.batch
    value = format_amount(batch.amount, batch.currency)
    expires = None if batch.expires_at is None else f"Good until {batch.expires_at[:_DAY]}"
    return json.dumps(
        {
            "title": f"Vouchers {batch.id}",
            "place": place,
            "value": value,
            "expires": expires or "",
            "how": "Type the number on your page, or scan the code.",
            "vouchers": [
                {
                    "serial": voucher.serial,
                    "code": voucher.code,
                    "qr": qr_svg(
                        voucher.code.replace(" ", "") if link is None else _address(link, voucher.code)
                    ),
                }
                for voucher in made.vouchers
            ],
        }
    )


def _address(link: str, code: str) -> str:
    return f"{link.rstrip('/')}/my/voucher#{code.replace(' ', '')}"
