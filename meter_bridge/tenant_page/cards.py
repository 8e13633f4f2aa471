"""Cards for customers and labels for meter cupboards: what stands on each, ready made for the layout."""

from collections.abc import Sequence
import json
from typing import Final
from urllib.parse import quote

from meter_bridge.printing.qr import qr_svg
from meter_bridge.protocol.messages import AccountView
from meter_bridge.protocol.payments import AccessView

LAYOUT: Final = "tenant_page/cards.typ"


def cards(made: Sequence[AccessView], places: dict[str, str], page: str | None) -> str:
    """Return cards with number, code and the QR code of the link, as JSON; each is its customer's alone."""
    return json.dumps(
        {
            "title": "Cards for customers",
            "cards": [
                {
                    "place": places.get(each.account_id, ""),
                    "name": each.number,
                    "lines": [["Number", each.number], ["Code", each.code]],
                    "address": page or "",
                    "how": "Scan to see what you have left and to top up. Keep this card to yourself.",
                    "qr": qr_svg(each.link or each.code),
                }
                for each in made
            ],
        }
    )


def labels(accounts: Sequence[AccountView], page: str) -> str:
    """Return labels for meter cupboards as JSON; they hold no secret: everybody who passes may scan them."""
    return json.dumps(
        {
            "title": "Labels for meter cupboards",
            "cards": [
                {
                    "place": each.site_name,
                    "name": each.name,
                    "lines": [["Number", each.name]],
                    "address": f"{page}/my/",
                    "how": "Scan to top up or to type a voucher. Your code is on your card.",
                    "qr": qr_svg(f"{page}/my/#room={quote(each.name)}"),
                }
                for each in accounts
            ],
        }
    )
