"""How statements name and write things, on paper, in a table and on a terminal alike."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from meter_bridge.core.calendar import day_end, day_start
from meter_bridge.core.ledger.journal import Bucket
from meter_bridge.core.money import minor_digits, to_decimal
from meter_bridge.core.rating.rating import ENERGY_KINDS, TAX_KINDS, LineKind
from meter_bridge.core.tariff.tariff import PPM
from meter_bridge.protocol.messages import ChargeLine, LedgerEntry
from meter_bridge.protocol.statements import DayCharge, SegmentView, Statement, StatementEntry, TaxSum
from meter_bridge.text.catalogue import BRIDGE, ENGLISH, translator
from meter_bridge.text.formats import formats
from meter_bridge.text.marks import N_

_KINDS: Final[Mapping[str, str]] = {
    LineKind.CONSUMPTION: N_("Energy"),
    LineKind.FREE: N_("Free units"),
    LineKind.VACANT: N_("Used before moving in"),
    LineKind.UNITS: N_("Units bought before"),
    LineKind.PURCHASE: N_("Units bought"),
    LineKind.STANDING: N_("Standing charge"),
    LineKind.DEMAND: N_("Demand charge"),
    LineKind.MINIMUM: N_("Minimum charge"),
    LineKind.LIFELINE: N_("Lifeline"),
}
_CODES: Final = (
    *(N_("Balance"), N_("Emergency credit"), N_("Arrears"), N_("Debt"), N_("Outstanding"), N_("Tax")),
    *(N_("Opening"), N_("Top up"), N_("Charge"), N_("Correction"), N_("Reversal"), N_("Refund")),
    *(N_("Transfer"), N_("Write off"), N_("Debt recovery"), N_("Closing"), N_("Settlement")),
    *(
        N_("Opening credit"),
        N_("cash"),
        N_("card"),
        N_("voucher"),
        N_("transfer"),
        N_("peak"),
        N_("off-peak"),
    ),
    N_("standard"),
)
"""What codes and fixed descriptions of the ledger become, and usual names of a tariff's bands."""
_NAMED: Final = frozenset({LineKind.STANDING, *TAX_KINDS})
"""Kinds whose lines have names of their own."""
_TOP_UP: Final = "Top-up, "
KWH: Final = "kWh"
ESTIMATED: Final = "\N{ALMOST EQUAL TO} "
"""Before energy whose time of use is an estimate."""


def sentence_case(code: str) -> str:
    """Return a code such as ``emergency_credit`` as words, with a capital."""
    text = code.replace("_", " ")
    return text[:1].upper() + text[1:]


class Labels:
    """The words of statements in one language; ``plain`` as a terminal shows them."""

    def __init__(self, language: str, *, plain: bool = False) -> None:
        words = translator(BRIDGE, language)
        self.gettext = words.gettext
        self.language = words.language
        self.written = formats(words.language, plain=plain)

    def code(self, code: str) -> str:
        """Return what a code means."""
        return self.gettext(sentence_case(code))

    def charge_name(self, charge: ChargeLine | DayCharge | SegmentView) -> str:
        """Return what a charge is for, such as ``Energy, block 2, peak``, or its own name."""
        if charge.kind in _NAMED and charge.band:
            name = self.code(charge.band)
            if charge.kind == LineKind.INCLUDED_TAX:
                return self.gettext("{name}, in the prices", name=name)
            return self.gettext("{name}, in proportion to the days", name=name) if _in_part(charge) else name
        block = "" if charge.block is None else self.gettext("block {number}", number=charge.block)
        band = "" if charge.band is None or charge.band == charge.kind else self.gettext(charge.band)
        kind = _KINDS.get(charge.kind)
        name = self.code(charge.kind) if kind is None else self.gettext(kind)
        return ", ".join(part for part in (name, block, band) if part)

    def tax_name(self, tax: TaxSum) -> str:
        """Return what a tax is called."""
        name = self.code(tax.name)
        return self.gettext("{name}, in the prices", name=name) if tax.included else name

    def rate(self, tax: TaxSum) -> str:
        """Return the rate of a tax; nothing for an amount per kWh."""
        if not tax.rate_ppm:
            return ""
        return self.written.with_unit(self.written.number(Decimal(tax.rate_ppm) * 100 / PPM), "%")

    def line_amount(self, line: ChargeLine, currency: str) -> str:
        """Return the amount of a line; in brackets where other lines contain it."""
        text = self.money(line.amount, currency)
        return f"({text})" if line.kind == LineKind.INCLUDED_TAX else text

    def money(self, amount: int, currency: str) -> str:
        """Return an amount, rounded to the minor unit, without its currency."""
        return self.written.amount(amount, currency)

    def kwh(self, wh: int) -> str:
        """Return energy with every digit that is kept, so that columns align."""
        return f"{self.written.written(f'{Decimal(wh) / 1000:,.3f}')} {KWH}"

    def quantity(self, charge: ChargeLine | DayCharge) -> str:
        """Return how much was charged: energy with its unit, a count of times, or nothing."""
        if charge.kind in ENERGY_KINDS and charge.quantity:
            estimated = isinstance(charge, DayCharge) and charge.estimated_wh
            return f"{ESTIMATED if estimated else ''}{self.kwh(charge.quantity)}"
        return self.written.whole(charge.quantity) if charge.quantity else ""

    def price(self, charge: ChargeLine | DayCharge, currency: str) -> str:
        """Return the price of a unit with all its digits."""
        if charge.unit_price is None:
            return ""
        return self.written.written(f"{exact_amount(charge.unit_price, currency):,}")

    def period(self, statement: Statement) -> str:
        """Return the period: whole days where it is made of such, else with its times."""
        zone = ZoneInfo(statement.time_zone)
        first, last = date.fromisoformat(statement.first_day), date.fromisoformat(statement.last_day)
        start, end = local_time_text(statement.start, zone), local_time_text(statement.end, zone)
        whole = (day_start(first, zone), day_end(last, zone)) == (_ms(start), _ms(end))
        day = self.written.long_day
        # A tenancy is shown by its days; the second of a move does not matter.
        if not whole and statement.tenancy is None:
            return f"{day(start.date())}, {start:%H:%M:%S} – {day(end.date())}, {end:%H:%M:%S}"
        return day(first) if first == last else f"{day(first)} – {day(last)}"

    def holding_name(self, name: str) -> str:
        """Return a holding's name, such as ``Emergency credit`` or ``Debt boiler``."""
        kind, _, own = name.partition(":")
        return f"{self.code(kind)} {own.replace('_', ' ')}" if own else self.code(kind)

    def outstanding(self, statement: Statement) -> str:
        """Return what is left with a customer who moved out; nothing where it is not such a statement."""
        left, currency = statement.outstanding, statement.currency
        if left is None:
            return ""
        if not left:
            return self.gettext("Nothing is left to settle with this customer.")
        amount = self.written.money(abs(left), currency)
        if left < 0:
            return self.gettext("{amount} are still owed by this customer.", amount=amount)
        return self.gettext("{amount} are kept for this customer.", amount=amount)

    def description(self, text: str) -> str:
        """Return what an entry of the ledger is called: its fixed descriptions are translated."""
        if text.startswith(_TOP_UP):
            return self.gettext("Top-up, {method}", method=self.gettext(text.removeprefix(_TOP_UP)))
        return self.gettext(text)

    def with_reason(self, entry: LedgerEntry | StatementEntry) -> str:
        """Return what an entry is, and why where that is not said already."""
        text, reason = self.description(entry.description), entry.reason
        return text if not reason or reason in entry.description else f"{text}: {reason}"

    def moved(self, changes: Mapping[str, int], currency: str) -> str:
        """Return what changed where, or nothing where it was the balance alone."""
        if set(changes) <= {Bucket.BALANCE}:
            return ""
        return ", ".join(
            f"{self.inside(name)} {self.money(part, currency)}" for name, part in changes.items()
        )

    def inside(self, name: str) -> str:
        """Return a holding's name within a sentence: small in English, as it is elsewhere."""
        text = self.holding_name(name)
        return text.lower() if self.language == ENGLISH else text


def _in_part(charge: ChargeLine | DayCharge | SegmentView) -> bool:
    """Return whether a fixed charge was taken, or given back, for a part of its period."""
    if charge.kind != LineKind.STANDING or isinstance(charge, SegmentView) or charge.unit_price is None:
        return False
    return charge.amount != charge.quantity * charge.unit_price


def period_start_text(line: ChargeLine) -> str:
    """Return the first day of the period in which a line adds up."""
    return line.period.partition("/")[0]


def exact_amount(amount: int, currency: str) -> Decimal:
    """Return an amount in the main unit with all its digits, no fewer than the minor unit has."""
    value = to_decimal(amount, currency)
    places = max(minor_digits(currency), -int(str(value.normalize().as_tuple().exponent)))
    return value.quantize(Decimal(1).scaleb(-places))


def local_time_text(instant: str, zone: ZoneInfo) -> datetime:
    """Return an instant of the wire by the wall clock."""
    return datetime.fromisoformat(instant).astimezone(zone)


def _ms(time: datetime) -> int:
    """Return milliseconds since 1970 UTC."""
    return int(time.timestamp()) * 1000 + time.microsecond // 1000


TERMINAL: Final = Labels(ENGLISH, plain=True)
"""The words of the command line and of files for spreadsheets."""
