"""Receipts of top-ups, however they were paid; what stands on them comes from the journal alone."""

from collections.abc import Mapping
import json
from typing import Final
from zoneinfo import ZoneInfo

from meter_bridge.core.ledger.journal import EntryKind
from meter_bridge.core.rating.rating import TAX_KINDS, LineKind
from meter_bridge.engine.statement.labels import local_time_text
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import AccountView, ErrorCode, LedgerEntry
from meter_bridge.protocol.payments import Receipt
from meter_bridge.text.catalogue import BRIDGE, printable, translator
from meter_bridge.text.formats import formats
from meter_bridge.text.marks import N_

LAYOUT: Final = "payments/receipt.typ"
_DESCRIPTIONS: Final = "Top-up, "
SPLIT: Final[Mapping[str, str]] = {
    "payment_debt": N_("Debt"),
    "arrears": N_("Arrears"),
    "emergency_credit": N_("Emergency credit repaid"),
    "units": N_("Units"),
    "balance": N_("Balance"),
}
"""Where a payment went."""


def receipt_of(
    account: AccountView, entry: LedgerEntry, issuer: str | None, *, taken_back: bool = False
) -> Receipt:
    """Return the receipt of a top-up; raises ``RequestRefused`` for any other entry."""
    if entry.kind != EntryKind.TOP_UP:
        raise RequestRefused(
            ErrorCode.CONFLICT,
            f"entry {entry.id} is no top-up: there is no receipt of it",
            field="entry_id",
            value=entry.id,
            remedy="take a statement, which lists everything",
        )
    taxes: dict[str, int] = {}
    for line in entry.lines:
        if line.kind in TAX_KINDS:
            name = line.band or line.kind
            taxes[name] = taxes.get(name, 0) + line.amount
    return Receipt(
        number=entry.id,
        at=entry.at,
        account_id=account.id,
        account_name=account.name,
        site_name=account.site_name,
        customer=account.customer,
        issuer=issuer,
        time_zone=account.time_zone,
        currency=account.currency,
        amount_digits=account.amount_digits,
        method=entry.description.removeprefix(_DESCRIPTIONS),
        reference=entry.reference,
        amount=sum(entry.split.values()),
        split=entry.split,
        taxes=taxes,
        units_wh=sum(line.quantity for line in entry.lines if line.kind == LineKind.CONSUMPTION),
        charges_due=min(max(entry.amount - entry.balance_after, 0), entry.split.get("balance", 0)),
        balance_after=entry.balance_after,
        taken_back=taken_back,
    )


def printed(receipt: Receipt, language: str) -> bytes:
    """Return what stands on the paper, as JSON for the layout; in English if there are no letters."""
    words = translator(BRIDGE, printable(language))
    _, written = words.gettext, formats(words.language, plain=True)

    def money(amount: int) -> str:
        return written.money(amount, receipt.currency)

    facts = [
        (_("Number"), receipt.number),
        (_("Date"), written.moment(local_time_text(receipt.at, ZoneInfo(receipt.time_zone)))),
        (_("Unit"), f"{receipt.account_name}, {receipt.site_name}"),
        (_("Customer"), receipt.customer),
        (_("Paid with"), _(receipt.method)),
        (_("Reference"), receipt.reference),
    ]
    kept = receipt.split | {"balance": receipt.split.get("balance", 0) - receipt.charges_due}
    rows = [(_(SPLIT[name]), money(amount)) for name, amount in kept.items() if amount]
    if receipt.units_wh:
        rows.append((_("Units bought"), written.energy(receipt.units_wh, 3)))
    if receipt.charges_due:
        rows.append((_("Charges due before"), money(receipt.charges_due)))
    rows += [
        (_("Taxes within the units: {name}", name=name), money(amount))
        for name, amount in receipt.taxes.items()
    ]
    # Units are the credit that was bought; what is left of the money may be too little for one more.
    if not receipt.units_wh or money(receipt.balance_after) != money(0):
        rows.append((_("Credit afterwards"), money(receipt.balance_after)))
    taken_back = _("This payment has since been reversed: the receipt is no longer valid.")
    later = _("Taxes are due as electricity is used; the statement lists them.")
    return json.dumps(
        {
            "language": words.language,
            "title": _("Receipt"),
            "issuer": (receipt.issuer or receipt.site_name).split("\n"),
            "facts": [fact for fact in facts if fact[1]],
            "amount": [_("Amount received"), money(receipt.amount)],
            "went": _("Where it went"),
            "rows": rows,
            "void": taken_back if receipt.taken_back else "",
            "note": "" if receipt.taxes else later,
        },
        ensure_ascii=False,
    ).encode()
