"""Cards hold a customer's secrets and labels hold none; both lead where they should."""

import json

from meter_bridge.printing.typesetter_child import typeset
from meter_bridge.protocol.payments import AccessView
from meter_bridge.tenant_page import cards
from tests.api.factories import account

CARD = AccessView(
    account_id="flat-1",
    number="Flat 1",
    code="K7QM-2XRP",
    link="https://pay.example.org/my/#in=secret",
    secret="secret",
    created_at="2026-03-01T10:00:00.000Z",
)


def test_a_card_says_number_and_code_and_its_qr_code_is_a_picture() -> None:
    told = cards.cards([CARD] * 11, {"flat-1": "Rose Street"}, "https://pay.example.org/my/")
    card = json.loads(told)["cards"][0]
    assert card["lines"] == [["Number", "Flat 1"], ["Code", "K7QM-2XRP"]]
    assert card["qr"].startswith("<svg")
    paper = typeset(told, cards.LAYOUT)
    assert paper.startswith(b"%PDF-")


def test_a_label_holds_no_secret() -> None:
    told = cards.labels([account("flat-1"), account("shop-1")], "https://pay.example.org")
    assert "K7QM" not in told
    assert "#in=" not in told
    assert [each["name"] for each in json.loads(told)["cards"]] == ["Flat-1", "Shop-1"]
    assert typeset(told, cards.LAYOUT).startswith(b"%PDF-")
