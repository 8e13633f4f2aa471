"""Vouchers on paper and as a table: what stands on each, ready made for the layout."""

import csv
from datetime import date
from io import StringIO
import json
from typing import Final

from meter_bridge.core.money import format_amount
from meter_bridge.printing.qr import qr_svg
from meter_bridge.protocol.payments import NewVouchers
from meter_bridge.text.catalogue import BRIDGE, ENGLISH, printable, translator
from meter_bridge.text.formats import formats

LAYOUT: Final = "payments/vouchers/vouchers.typ"
_DAY: Final = len("2026-03-01")


def as_csv(vouchers: NewVouchers) -> str:
    """Return the vouchers as CSV (RFC 4180), a line each."""
    batch, out = vouchers.batch, StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(("batch", "serial", "code", "value", "expires"))
    value, expires = format_amount(batch.amount, batch.currency), (batch.expires_at or "")[:_DAY]
    for voucher in vouchers.vouchers:
        writer.writerow((batch.id, voucher.serial, voucher.code, value, expires))
    return out.getvalue()


def printed(made: NewVouchers, *, place: str, link: str | None, language: str = ENGLISH) -> str:
    """Return what stands on the vouchers, as JSON.

    The QR code leads to the tenant's page where its address is known; the code stands behind the ``#``, which
    no browser sends to a server, so that it is in no log.
    """
    batch = made.batch
    words = translator(BRIDGE, printable(language))
    _, written = words.gettext, formats(words.language, plain=True)
    expires = None if batch.expires_at is None else date.fromisoformat(batch.expires_at[:_DAY])
    return json.dumps(
        {
            "language": words.language,
            "title": _("Vouchers {batch}", batch=batch.id),
            "name": _("Electricity voucher"),
            "picture": _("QR code of the voucher"),
            "place": place,
            "value": written.money(batch.amount, batch.currency),
            "expires": "" if expires is None else _("Valid until {day}", day=written.day(expires)),
            "how": _("Enter the number on your page, or scan the code."),
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
        },
        ensure_ascii=False,
    )


def _address(link: str, code: str) -> str:
    return f"{link.rstrip('/')}/my/voucher#{code.replace(' ', '')}"
