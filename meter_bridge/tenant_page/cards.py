"""Cards for customers and labels for meter cupboards: their contents, as the layout takes them."""

from collections.abc import Sequence
import json
from typing import Final
from urllib.parse import quote

from meter_bridge.printing.qr import qr_svg
from meter_bridge.protocol.messages import AccountView
from meter_bridge.protocol.payments import AccessView
from meter_bridge.text.catalogue import BRIDGE, ENGLISH, Translator, printable, translator

LAYOUT: Final = "tenant_page/cards.typ"


def cards(
    accesses: Sequence[AccessView], places: dict[str, str], page: str | None, language: str = ENGLISH
) -> str:
    """Return cards with number, code and the QR code of the link, as JSON; each is its customer's alone."""
    words = translator(BRIDGE, printable(language))
    _ = words.gettext
    how = _("Scan to see your credit and to top up. Keep this card to yourself.")
    return _sheet(
        words,
        _("Cards for customers"),
        [
            {
                "place": places.get(access.account_id, ""),
                "name": access.number,
                "lines": [[_("Number"), access.number], [_("Code"), access.code]],
                "address": page or "",
                "how": how,
                "qr": qr_svg(access.link or access.code),
            }
            for access in accesses
        ],
    )


def labels(accounts: Sequence[AccountView], page: str, language: str = ENGLISH) -> str:
    """Return labels for meter cupboards as JSON; they hold no secret: everybody who passes may scan them."""
    words = translator(BRIDGE, printable(language))
    _ = words.gettext
    how = _("Scan to top up or to enter a voucher. Your code is on your card.")
    return _sheet(
        words,
        _("Labels for meter cupboards"),
        [
            {
                "place": account.site_name,
                "name": account.name,
                "lines": [[_("Number"), account.name]],
                "address": f"{page}/my/",
                "how": how,
                "qr": qr_svg(f"{page}/my/#room={quote(account.name)}"),
            }
            for account in accounts
        ],
    )


def _sheet(words: Translator, title: str, shown: list[dict[str, object]]) -> str:
    sheet = {
        "language": words.language,
        "picture": words.gettext("QR code"),
        "title": title,
        "cards": shown,
    }
    return json.dumps(sheet, ensure_ascii=False)
