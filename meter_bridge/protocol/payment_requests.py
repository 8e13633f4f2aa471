"""What is asked of payments, as it comes over the wire."""

from typing import Annotated, Literal

import msgspec

from meter_bridge.protocol.patterns import CURRENCY, DAY, TEXT
from meter_bridge.protocol.payments import KeypadTokenKind
from meter_bridge.protocol.requests import AccountId, Amount, Reason

ProviderId = Annotated[
    str, msgspec.Meta(min_length=1, max_length=32, pattern=TEXT, description="Id of a way to pay.")
]


class PaymentOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A payment that a customer sets out to make."""

    provider: ProviderId
    amount: Amount


class PaymentDecision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What becomes of a payment that waits for a person."""

    provider: ProviderId
    payment: Annotated[
        str, msgspec.Meta(min_length=1, max_length=200, description="As its provider calls it.")
    ]
    decision: Annotated[
        Literal["credit", "dismiss"],
        msgspec.Meta(description="`credit` what was paid; `dismiss` what was returned to who paid."),
    ]
    reason: Reason
    account: (
        Annotated[AccountId, msgspec.Meta(description="Where it goes; left out, the account of its order.")]
        | None
    ) = None


Column = Annotated[str, msgspec.Meta(max_length=100, pattern=TEXT, description="Name of the column.")]
Day = Annotated[str, msgspec.Meta(pattern=DAY, description="As in `2026-03-01`.")]


class ReconcileQuery(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"first": "from", "last": "to"}
):
    """How a statement is to be read: columns that are not found by themselves, and its period."""

    payment: Column | None = None
    amount: Column | None = None
    currency_column: Column | None = None
    date: Column | None = None
    currency: (
        Annotated[str, msgspec.Meta(pattern=CURRENCY, description="Where no column says it.")] | None
    ) = None
    first: Day | None = None
    last: Day | None = None

    def columns(self) -> dict[str, str]:
        """Return the columns that are named."""
        named = {"payment": self.payment, "amount": self.amount, "currency": self.currency_column}
        return {what: name for what, name in (named | {"date": self.date}).items() if name is not None}


class KeypadRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which tokens are wanted."""

    kind: Annotated[
        KeypadTokenKind,
        msgspec.Meta(description="`add` what was bought; landlord alone: `disable` (for good), `sync`."),
    ] = KeypadTokenKind.ADD


class PreviewQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The top-up in question; left out, the smallest that restores the supply, or else of all."""

    amount: Amount | None = None
