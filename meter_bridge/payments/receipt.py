"""Receipts of top-ups, however they were paid; what stands on them comes from the journal alone."""

import json
from typing import Final
from zoneinfo import ZoneInfo

from meter_bridge.core.ledger.journal import EntryKind
from meter_bridge.core.money import format_amount
from meter_bridge.core.rating.rating import TAX_KINDS
from meter_bridge.engine.statement.labels import local
from meter_bridge.errors import RequestRefused
from meter_bridge.payments.receipt_words import words_of
from meter_bridge.protocol.messages import AccountView, ErrorCode, LedgerEntry
from meter_bridge.protocol.payments import Receipt

LAYOUT: Final = "payments/receipt.typ"
_DESCRIBED: Final = "Top-up, "


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
        method=entry.description.removeprefix(_DESCRIBED),
        reference=entry.reference,
        amount=sum(entry.split.values()),
        split=entry.split,
        taxes=taxes,
        balance_after=entry.balance_after,
        taken_back=taken_back,
    )


def told(receipt: Receipt, language: str) -> bytes:
    """Return what stands on the paper, as JSON for the layout."""
    words = words_of(language)

    def money(amount: int) -> str:
        return format_amount(amount, receipt.currency)

    when = local(receipt.at, ZoneInfo(receipt.time_zone))
    facts = [
        (words["number"], receipt.number),
        (words["date"], f"{when:%Y-%m-%d %H:%M}"),
        (words["unit"], f"{receipt.account_name}, {receipt.site_name}"),
        (words["customer"], receipt.customer),
        (words["paid_with"], receipt.method),
        (words["reference"], receipt.reference),
    ]
    rows = [(words[name], money(amount)) for name, amount in receipt.split.items() if amount]
    rows += [(f"{words['taxes']}: {name}", money(amount)) for name, amount in receipt.taxes.items()]
    rows.append((words["after"], money(receipt.balance_after)))
    return json.dumps(
        {
            "title": words["receipt"],
            "issuer": (receipt.issuer or receipt.site_name).split("\n"),
            "facts": [fact for fact in facts if fact[1]],
            "amount": [words["amount"], money(receipt.amount)],
            "went": words["went"],
            "rows": rows,
            "void": words["void"] if receipt.taken_back else "",
            "note": "" if receipt.taxes else words["later"],
        }
    ).encode()
