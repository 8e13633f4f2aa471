"""One word for one thing: what a term of the trade is called in each language, on every surface."""

from collections.abc import Iterator, Mapping
import json
from pathlib import Path
import re
from typing import Final

import pytest

from meter_bridge.text.catalogue import LANGUAGES
from scripts.lib import translations
from scripts.lib.translations import DOMAINS, TRANSLATED, texts_of

INTEGRATION: Final = Path(__file__).parents[2] / "custom_components" / "prepaid_meter"
FOLDERS: Final = (INTEGRATION / "translations", INTEGRATION / "frontend" / "locales")
NOT_TEXT: Final = re.compile(
    r"`[^`]*`|(?<!\w)'[^']*'(?!\w)|\{\w*\}|meter-bridge|Prepaid Meter|[\w.-]+\.(?:yaml|md)"
)
"""Commands, file names, values and our own name stay as they are."""

RIGHT: Final[Mapping[str, str]] = {
    r"\bvouchers?\b": "af koepon, de gutschein, es vale, fr bon, id voucer, pt vale, sw vocha, zh 充值[券码]",
    r"\blandlords?\b": (
        "af verhuurder, de vermieter, es arrendador, fr propriétaire, id pemilik, pt senhorio,"
        " sw mwenye nyumba, zh 房东"
    ),
    r"\bcaretakers?\b": "de hausmeister, pt encarregado",
    r"\btenants?\b": "de mieter, pt inquilino",
    r"\bemergency credit\b": (
        "af noodkrediet, de notkredit, es crédito de emergencia, fr crédit d’urgence, id kredit darurat,"
        " pt crédito de emergência, sw dharura, zh 应急额度"
    ),
    r"\bbridges?\b": "af br[uû](?:g|e), de bridge, es puente, fr passerelle, id bridge, pt ponte",
    r"(?<!\bsmart )\bmeters?\b(?! (?:system|bridge))": (
        "af meter, de zähler, es medidor, fr compteur, id meter, pt contador, sw mita, zh 电表|总表"
    ),
    r"\bblocks?\b": "af blok, de stufe, es bloque, fr tranche, id blok, pt escal(?:ão|ões), sw ngazi, zh 档",
    r"\bprice bands?\b": "de tarifzeit, pt períodos? tarifários?",
    r"\barrears\b": "de rückst, pt atrasado",
    r"\breceipts?\b": "es recibo, fr reçu, pt recibo",
    r"\bfriendly hours\b": "de schonzeit, pt horas sem corte",
    r"\bholds?\b(?! (?:nothing|somebody|no)\b)": "de sperr|halt, pt bloque|mant",
}
"""English term: what the translation of a text with it must contain, by language."""

REFUSED: Final[Mapping[str, str]] = {
    "de": r"\b(?:du|dich|dir|dein\w*|euch|euer)\b|\b(?:Gib|Wähle|Prüfe|Lade|Stelle) |Brücke|Voucher|Alarm\b"
    r"|Messgerät|Stromzähler|Saldo|Verwalter|(?<!Not)\b[Kk]redit\b|Top-?up|Vermieterin",
    "pt": r"\b[Vv]ocês?\b|registr|\b[Mm]edidor|geladeira|\bcelular|\busuário|\bsenha\b|\btela\b|\barquivo\b"
    r"|\bSalv[eo]|\bDigit[ea]|zelador|proprietário|\b(?:foi|seja) aceita\b|\bbridge\b|incomum|retenção"
    r"|\b[Cc]rédito (?:baixo|esgotado)|(?:^|[.:] )(?:Seu|Sua)s? ",
    "es": r"casero|propietario|\b[Tt]ramos?\b|retención",
    "fr": r"[Bb]ailleur|de secours|\b[Pp]ont\b",
    "af": r"[Kk]oopbewys",
    "id": r"[Vv]oucher",
    "zh": "代金券",
}
"""Other words for the same things: another form of address, another country's Portuguese, a second name."""


def leaves(tree: Mapping[str, object], path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the texts of a file of the integration by their places."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", str(value)


def texts(language: str) -> Iterator[tuple[str, str, str]]:
    """Yield every text of every surface: its place, the English, the translation."""
    for domain in DOMAINS:
        for message in translations.stored(domain, language):
            if message.id:
                english = message.id if isinstance(message.id, str) else message.id[1]
                yield from ((domain, english, text) for text in texts_of(message))
    for folder in FOLDERS:
        files = {path.stem: path for path in folder.glob("*.json")}
        if language in files:
            english_of = dict(leaves(json.loads(files["en"].read_text(encoding="utf-8"))))
            for place, text in leaves(json.loads(files[language].read_text(encoding="utf-8"))):
                yield place, english_of[place], text


def words_of(term: str, language: str) -> str | None:
    """Return what the translation of a term is known by, or None where that is not said."""
    words = dict(entry.split(" ", 1) for entry in RIGHT[term].split(", "))
    return words.get(language)


@pytest.mark.parametrize("term", RIGHT)
@pytest.mark.parametrize("language", TRANSLATED)
def test_a_term_has_one_word_on_every_surface(language: str, term: str) -> None:
    words = words_of(term, language)
    if words is None:
        return
    with_term = [
        (place, text)
        for place, english, text in texts(language)
        if re.search(term, NOT_TEXT.sub(" ", english), re.IGNORECASE)
    ]
    assert with_term, "no text has this term any more"
    assert [each for each in with_term if not re.search(words, each[1], re.IGNORECASE)] == []


@pytest.mark.parametrize("language", REFUSED)
def test_no_surface_has_a_second_word_for_it(language: str) -> None:
    found = [
        (place, text)
        for place, _, text in texts(language)
        if re.search(REFUSED[language], NOT_TEXT.sub(" ", text))
    ]
    assert found == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_terms_are_looked_for_in_the_whole_of_a_language(language: str) -> None:
    places = {place for place, _, _ in texts(language)}
    assert places >= set(DOMAINS)
    assert ("entity.sensor.balance.name" in places) == (language not in {"sw", "zh"})


def test_the_languages_are_those_of_the_catalogues() -> None:
    assert set(REFUSED) <= set(LANGUAGES)
