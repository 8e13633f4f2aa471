"""A receipt says what the journal says: how much, how it was paid, where it went, and the taxes due."""

import asyncio
import io
import json
from pathlib import Path
import zlib

from PIL import Image
import pytest
import typst

from meter_bridge.errors import RequestRefused
from meter_bridge.payments import receipt
from meter_bridge.printing.typesetter import Typesetter
from meter_bridge.printing.typesetter_child import layout_source
from meter_bridge.protocol.messages import ErrorCode, TopUpResult
from meter_bridge.protocol.payments import Receipt
from meter_bridge.protocol.requests import Reversal
from meter_bridge.text import catalogue
from meter_bridge.text.catalogue import LANGUAGES, printable
from tests.engine.harness import HOUR, LANDLORD, SITE, House, house, operate, zar

BOUGHT = """prices: [2.00]
            sold as: units bought
            taxes: [{name: VAT, percent: 15}]"""
UNITS = SITE.replace("prices: [2.00]", BOUGHT)
INVENTED = Receipt(
    number="entry-1",
    at="2026-11-01T10:00:00Z",
    account_id="flat-1",
    account_name="Flat 1",
    site_name="Test house",
    customer=None,
    issuer=None,
    time_zone="Africa/Johannesburg",
    currency="ZAR",
    amount_digits=6,
    method="cash",
    reference=None,
    amount=50_000_000,
    split={"balance": 50_000_000},
    taxes={},
    balance_after=50_000_000,
)
PPI = 100
TITLE_SHARE = 0.3
"""Of the width of the page; the title stands within."""
TITLE_HEIGHT = 90
MARGIN = 55
"""In dots, of 16 mm."""


async def receipt_for(flat: House, result: TopUpResult) -> Receipt:
    account = flat.app.accounts.view(LANDLORD, "flat-1")
    found = await flat.app.ledger.explain_entry(LANDLORD, "flat-1", result.top_up.id)
    return receipt.receipt_of(
        account, found.entry, "Rose Street Properties\nVAT 4123456789", taken_back=found.taken_back
    )


async def test_a_receipt_says_what_was_booked(tmp_path: Path) -> None:
    async with house(tmp_path) as flat:
        booked = await flat.top_up("50.00")
        made = await receipt_for(flat, booked)
        assert (made.amount, made.method, made.number) == (zar("50.00"), "cash", booked.top_up.id)
        assert made.split == booked.top_up.split
        assert made.taxes == {}
        text = receipt.printed(made, "en").decode()
        for part in ("ZAR 50.00", "Rose Street Properties", "Flat 1, Test house", "Taxes are due as"):
            assert part in text


async def test_taxes_within_units_are_on_the_receipt(tmp_path: Path) -> None:
    async with house(tmp_path, UNITS, credit=None) as flat:
        booked = await flat.top_up("115.00")
        made = await receipt_for(flat, booked)
        assert made.taxes == {"VAT": zar("15.00")}
        assert sum(made.split.values()) == made.amount == zar("115.00")


async def test_a_receipt_shows_the_units_bought_and_what_a_fixed_charge_took(tmp_path: Path) -> None:
    rent = UNITS.replace("sold as:", "standing charge: 20.00 per month\n            sold as:")
    async with house(tmp_path, rent, credit=None) as flat:
        for _ in range(31):
            await flat.tick(24 * HOUR)
        owed = -flat.account.balance
        assert owed > 0
        made = await receipt_for(flat, await flat.top_up("161.00"))
        assert made.charges_due == owed
        rows = dict(json.loads(receipt.printed(made, "en"))["rows"])
        assert rows["Charges due before"] == "ZAR 46.00", "two months with their tax"
        assert rows["Units bought"] == f"{made.units_wh / 1000:.3f} kWh" == "50.000 kWh"
        assert rows["Units"] == "ZAR 115.00"
        assert "Balance" not in rows
        assert "Credit afterwards" not in rows, "the units are what is left"


async def test_what_was_taken_back_has_a_receipt_that_says_so(tmp_path: Path) -> None:
    async with house(tmp_path) as flat:
        booked = await flat.top_up("50.00")
        assert json.loads(receipt.printed(await receipt_for(flat, booked), "en"))["void"] == ""
        await operate(flat, Reversal(entry=booked.top_up.id, reason="wrong unit"))
        told = json.loads(receipt.printed(await receipt_for(flat, booked), "de"))
        assert told["void"] == "Diese Zahlung wurde inzwischen storniert: Die Quittung gilt nicht mehr."


async def test_only_a_top_up_has_a_receipt(tmp_path: Path) -> None:
    async with house(tmp_path) as flat:
        await flat.read(1_000)
        await flat.read(2_000, after=900_000)
        await flat.top_up("1.00")
        page = await flat.app.ledger.page(LANDLORD, "flat-1", before=None, limit=50)
        charge = next(each for each in page.entries if each.kind == "charge")
        with pytest.raises(RequestRefused) as refused:
            receipt.receipt_of(flat.app.accounts.view(LANDLORD, "flat-1"), charge, None)
        assert refused.value.code is ErrorCode.CONFLICT


async def test_it_is_printed_in_every_language(tmp_path: Path) -> None:
    async with house(tmp_path) as flat:
        made = await receipt_for(flat, await flat.top_up("50.00"))
    printer = Typesetter()
    papers = [await printer.typeset(receipt.printed(made, each), receipt.LAYOUT) for each in LANGUAGES]
    assert all(each.startswith(b"%PDF-") for each in papers)
    assert len({zlib.crc32(each) for each in papers}) == len({printable(each) for each in LANGUAGES})
    await asyncio.to_thread((tmp_path / "receipt.pdf").write_bytes, papers[0])


@pytest.mark.parametrize("language", LANGUAGES)
async def test_it_says_everything_in_every_language(tmp_path: Path, language: str) -> None:
    async with house(tmp_path) as flat:
        made = await receipt_for(flat, await flat.top_up("50.00"))
    english, told = (json.loads(receipt.printed(made, each)) for each in ("en", language))
    assert told["language"] == printable(language)
    same = {name for name, _ in told["facts"]} & {name for name, _ in english["facts"]}
    assert told["language"] == "en" or same <= {"Unit", "Date"}


def test_a_language_without_letters_is_printed_in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "_has_chinese", lambda: False)
    assert [printable(each) for each in ("zh", "sw", "xy")] == ["en", "sw", "en"]
    monkeypatch.setattr(catalogue, "_has_chinese", lambda: True)
    assert printable("zh") == "zh"


@pytest.mark.parametrize(
    "issuer",
    [
        "Rose Street Properties and Neighbourhood Management Services (Proprietary) Limited\nVAT 4123456789",
        "R" * 300,
        "\n".join(f"Line {n} of an issuer with much to say about itself" for n in range(6)),
    ],
)
def test_a_long_issuer_leaves_the_title_alone(issuer: str) -> None:
    told = json.loads(receipt.printed(INVENTED, "en"))
    with_width = [_picture(told | {"issuer": each}) for each in ([], issuer.split("\n"))]
    title = [each.crop((0, 0, round(TITLE_SHARE * each.width), TITLE_HEIGHT)) for each in with_width]
    assert title[0].getbbox() is not None
    assert title[0].tobytes() == title[1].tobytes()
    margin = [each.crop((0, 0, MARGIN, each.height)) for each in with_width]
    assert margin[0].tobytes() == margin[1].tobytes(), "nothing stands in the margin"


def _picture(told: dict[str, object]) -> Image.Image:
    source = layout_source(receipt.LAYOUT)
    made = typst.compile(source, sys_inputs={"told": json.dumps(told)}, format="png", ppi=PPI)
    assert isinstance(made, bytes)
    return Image.open(io.BytesIO(made)).convert("L")
