"""Cards for customers and labels for meter cupboards: what stands on each, ready made for the layout."""

from collections.abc import Sequence
import json
from typing import Final
from urllib.parse import quote

from meter_bridge.printing.qr import qr_svg
from meter_bridge.protocol.messages import AccountView
from meter_bridge.protocol.payments import AccessView
from meter_bridge.text.catalogue import BRIDGE, ENGLISH, Translator, translator
from meter_bridge.text.paper import printable

LAYOUT: Final = "tenant_page/cards.typ"


def cards(
    accesses: Sequence[AccessView], places: dict[str, str], page: str | None, language: str = ENGLISH
) -> str:
    """Return cards with number, code and the QR code of the link, as JSON; each is its customer's alone."""
    _ = _words(language).gettext
    return json.dumps(
        {
            **_common(language),
            "title": _("Cards for customers"),
            "cards": [
                {
                    "place": places.get(each.account_id, ""),
                    "name": each.number,
                    "lines": [[_("Number"), each.number], [_("Code"), each.code]],
                    "address": page or "",
                    "how": _("Scan to see your credit and to top up. Keep this card to yourself."),
                    "qr": qr_svg(each.link or each.code),
                }
                for each in accesses
            ],
        },
        ensure_ascii=False,
    )


def labels(accounts: Sequence[AccountView], page: str, language: str = ENGLISH) -> str:
    """Return labels for meter cupboards as JSON; they hold no secret: everybody who passes may scan them."""
    _ = _words(language).gettext
    return json.dumps(
        {
            **_common(language),
            "title": _("Labels for meter cupboards"),
            "cards": [
                {
                    "place": each.site_name,
                    "name": each.name,
                    "lines": [[_("Number"), each.name]],
                    "address": f"{page}/my/",
                    "how": _("Scan to top up or to enter a voucher. Your code is on your card."),
                    "qr": qr_svg(f"{page}/my/#room={quote(each.name)}"),
                }
                for each in accounts
            ],
        },
        ensure_ascii=False,
    )


def _words(language: str) -> Translator:
    return translator(BRIDGE, printable(language))


def _common(language: str) -> dict[str, str]:
    """Return what cards and labels have in common."""
    words = _words(language)
    return {"language": words.language, "picture": words.gettext("QR code")}
