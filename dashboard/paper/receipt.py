"""The receipt of a payment: what was paid, how, and where it went."""

from collections.abc import Mapping

from dashboard.figures import moment, money
from dashboard.language import say
from dashboard.paper.press import typeset
from dashboard.queries.payments import Payment, method_word
from dashboard.words import split_word


def receipt_pdf(payment: Payment) -> bytes:
    """Return the receipt as PDF."""
    return typeset("receipt.typ", receipt_words(payment))


def receipt_name(payment: Payment) -> str:
    """Return the name of a receipt's file."""
    return f"receipt-{payment.account_id}-{payment.id}.pdf"


def receipt_words(payment: Payment) -> Mapping[str, object]:
    """Return what stands on the receipt, every text ready made."""
    facts = [
        (say("Paid on"), moment(payment.at, payment.time_zone)),
        (say("Method"), method_word(payment.method) or say("not stated")),
        (say("Reference"), payment.reference or "–"),
        (say("Customer"), payment.customer or "–"),
        (say("Balance after"), money(payment.balance_after, payment.currency)),
    ]
    split = payment.split or (("balance", payment.amount),)
    return {
        "title": f"{say('Receipt')} {payment.id}",
        "heading": say("Receipt"),
        "number": payment.id,
        "site": payment.site_name,
        "unit": payment.name,
        "amount": money(payment.amount, payment.currency),
        "note": say("Taken back since: this receipt is no longer valid.") if payment.taken_back else "",
        "facts": facts,
        "where": say("Where it went"),
        "split": [(split_word(part).capitalize(), money(amount, payment.currency)) for part, amount in split],
        "made": f"{payment.site_name} · {payment.time_zone}",
    }
