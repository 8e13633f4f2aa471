"""A receipt says what the journal says: how much, how it was paid, where it went, and the taxes due."""

import asyncio
import json
from pathlib import Path
import zlib

import pytest

from meter_bridge.errors import RequestRefused
from meter_bridge.payments import receipt
from meter_bridge.printing.typesetter import Typesetter
from meter_bridge.protocol.messages import ErrorCode, TopUpResult
from meter_bridge.protocol.payments import Receipt
from meter_bridge.protocol.requests import Reversal
from meter_bridge.text import catalogue
from meter_bridge.text.catalogue import LANGUAGES, printable
from tests.engine.harness import LANDLORD, SITE, House, house, operate, zar

BOUGHT = """prices: [2.00]
            sold as: units bought
            taxes: [{name: VAT, percent: 15}]"""
UNITS = SITE.replace("prices: [2.00]", BOUGHT)


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
