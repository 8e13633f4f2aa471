"""What is asked of payments, as it comes over the wire."""

from typing import Annotated, Literal

import msgspec

from meter_bridge.protocol.patterns import CURRENCY, DAY, TEXT
from meter_bridge.protocol.payments import KeypadTokenKind
from meter_bridge.protocol.requests import AccountId, Amount, Reason

ProviderId = Annotated[
    str, msgspec.Meta(min_length=1, max_length=32, pattern=TEXT, description="Id of a provider.")
]


class PaymentOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A payment to start."""

    provider: ProviderId
    amount: Amount


class PaymentDecision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Decision on a pending payment."""

    provider: ProviderId
    payment: Annotated[
        str, msgspec.Meta(min_length=1, max_length=200, description="The provider's payment id.")
    ]
    decision: Annotated[
        Literal["credit", "dismiss"],
        msgspec.Meta(description="`credit` what was paid; `dismiss` what was returned to the payer."),
    ]
    reason: Reason
    account: (
        Annotated[
            AccountId, msgspec.Meta(description="Account to credit; default: the account of its order.")
        ]
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
        Annotated[str, msgspec.Meta(pattern=CURRENCY, description="Currency, if no column contains it.")]
        | None
    ) = None
    first: Day | None = None
    last: Day | None = None

    def columns(self) -> dict[str, str]:
        """Return the columns that are named."""
        named = {"payment": self.payment, "amount": self.amount, "currency": self.currency_column}
        return {what: name for what, name in (named | {"date": self.date}).items() if name is not None}


class KeypadRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Kind of tokens to issue."""

    kind: Annotated[
        KeypadTokenKind,
        msgspec.Meta(description="`add` what was bought; landlord only: `disable` (permanently), `sync`."),
    ] = KeypadTokenKind.ADD


class PreviewQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The top-up in question; left out, the smallest that restores the supply, or else of all."""

    amount: Amount | None = None
