"""The words of receipts; a language that is not here is answered in English."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_KEYS: Final = (
    *("receipt", "number", "date", "paid_with", "reference", "from", "unit", "customer", "amount", "went"),
    *("payment_debt", "arrears", "emergency_credit", "units", "balance", "taxes", "after", "later", "void"),
)
_TEXTS: Final = {
    "en": (
        "Receipt|Number|Date|Paid with|Reference|Received by|Unit|Customer|Amount received|Where it went|Debt"
        "|Arrears|Emergency credit repaid|Units|Balance|Taxes within units|Credit afterwards"
        "|Taxes are due as electricity is used; the statement lists them."
        "|Taken back since: this receipt is no longer valid."
    ),
    "de": (
        "Quittung|Nummer|Datum|Bezahlt mit|Referenz|Empfänger|Einheit|Kunde|Erhaltener Betrag|Verwendung"
        "|Schulden|Rückstand|Notkredit zurückgezahlt|Einheiten|Guthaben|Steuern in den Einheiten"
        "|Guthaben danach"
        "|Steuern fallen mit dem Verbrauch an; die Abrechnung nennt sie."
        "|Inzwischen zurückgenommen: Diese Quittung gilt nicht mehr."
    ),
    "fr": (
        "Reçu|Numéro|Date|Payé par|Référence|Reçu par|Logement|Client|Montant reçu|Affectation|Dette"
        "|Arriérés|Crédit d’urgence remboursé|Unités|Solde|Taxes comprises dans les unités"
        "|Crédit ensuite"
        "|Les taxes sont dues à la consommation ; le relevé les détaille."
        "|Annulé depuis : ce reçu n’est plus valable."
    ),
    "es": (
        "Recibo|Número|Fecha|Pagado con|Referencia|Recibido por|Unidad|Cliente|Importe recibido|Destino|Deuda"
        "|Atrasos|Crédito de emergencia devuelto|Unidades|Saldo|Impuestos en las unidades"
        "|Saldo después"
        "|Los impuestos se devengan con el consumo; el estado de cuenta los detalla."
        "|Anulado desde entonces: este recibo ya no es válido."
    ),
    "pt": (
        "Recibo|Número|Data|Pago com|Referência|Recebido por|Unidade|Cliente|Valor recebido|Destino|Dívida"
        "|Atrasados|Crédito de emergência pago|Unidades|Saldo|Impostos nas unidades"
        "|Saldo depois"
        "|Os impostos são devidos com o consumo; o extrato indica-os."
        "|Anulado entretanto: este recibo já não é válido."
    ),
    "af": (
        "Kwitansie|Nommer|Datum|Betaal met|Verwysing|Ontvang deur|Eenheid|Kliënt|Bedrag ontvang"
        "|Waarheen dit gaan|Skuld|Agterstallig|Noodkrediet terugbetaal|Eenhede|Balans"
        "|Belasting in die eenhede|Krediet daarna"
        "|Belasting is verskuldig soos krag gebruik word; die staat lys dit."
        "|Sedertdien teruggeneem: hierdie kwitansie is nie meer geldig nie."
    ),
    "id": (
        "Kuitansi|Nomor|Tanggal|Dibayar dengan|Referensi|Diterima oleh|Unit|Pelanggan|Jumlah diterima"
        "|Penggunaan pembayaran|Utang|Tunggakan|Kredit darurat dilunasi|Unit listrik|Saldo"
        "|Pajak dalam unit listrik|Saldo setelahnya"
        "|Pajak dikenakan saat listrik dipakai; laporan merincinya."
        "|Telah ditarik kembali: kuitansi ini tidak berlaku lagi."
    ),
    "sw": (
        "Risiti|Namba|Tarehe|Imelipwa kwa|Kumbukumbu|Imepokelewa na|Nyumba|Mteja|Kiasi kilichopokelewa"
        "|Matumizi ya malipo|Deni|Malimbikizo|Salio la dharura limelipwa|Uniti|Salio|Kodi ndani ya uniti"
        "|Salio baadaye"
        "|Kodi hulipwa umeme unapotumika; taarifa inazionyesha."
        "|Malipo yamerejeshwa: risiti hii si halali tena."
    ),
}
WORDS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        language: MappingProxyType(dict(zip(_KEYS, text.split("|"), strict=True)))
        for language, text in _TEXTS.items()
    }
)


def words_of(language: str) -> Mapping[str, str]:
    """Return the words of a language, or English."""
    return WORDS.get(language, WORDS["en"])
