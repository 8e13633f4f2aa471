"""What is asked of an account's books, as it comes over the wire: bodies of routes, and what the engine does.

Amounts are decimal numbers in the account's currency, written as text. Everything but the choice of emergency
credit wants a reason, which stands in the ledger beside who asked.
"""

from typing import Annotated, Literal

import msgspec

from meter_bridge.protocol.patterns import AMOUNT, AMOUNT_OR_NONE, ID, PERCENT, TEXT

Amount = Annotated[
    str,
    msgspec.Meta(
        max_length=40,
        pattern=AMOUNT,
        description="Amount in the account's currency, as a decimal string.",
        examples=["12.50"],
    ),
]
Reason = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=500,
        pattern=TEXT,
        description="Reason, recorded in the ledger.",
        examples=["agreed"],
    ),
]
Reference = Annotated[
    str, msgspec.Meta(max_length=200, pattern=TEXT, description="Receipt or note.", examples=["receipt 7"])
]
AccountId = Annotated[str, msgspec.Meta(min_length=1, max_length=64, description="Id of an account.")]
SupplyId = Annotated[str, msgspec.Meta(min_length=1, max_length=100, description="Id of a supply.")]
DebtId = Annotated[
    str,
    msgspec.Meta(pattern=ID, description="Id of the debt, unique in its account.", examples=["arrears-2025"]),
]
Percent = Annotated[
    str,
    msgspec.Meta(
        max_length=40,
        pattern=PERCENT,
        description="Share of each top-up in percent; `0` for none.",
        examples=["10"],
    ),
]
Priority = Annotated[
    int, msgspec.Meta(ge=1, le=99, description="The lowest number is recovered first.", examples=[1])
]
CapOrNone = Annotated[
    str,
    msgspec.Meta(
        max_length=40,
        pattern=AMOUNT_OR_NONE,
        description="Maximum that top-ups recover per cap period; `none` removes the cap.",
        examples=["5.00"],
    ),
]
Every = Annotated[
    Literal["day", "week", "month"],
    msgspec.Meta(description="Unit of the period: local days, weeks or months."),
]


class Refund(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A refund to the customer."""

    amount: Amount
    reason: Reason
    reference: Reference | None = None


class Correction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A change of the balance, either way: positive credits the customer."""

    amount: Amount
    reason: Reason


class Repricing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Repricing of a past billing period with another price list."""

    day: Annotated[
        str, msgspec.Meta(max_length=10, description="A local day of the period.", examples=["2026-06-20"])
    ]
    version: Annotated[
        str,
        msgspec.Meta(
            min_length=1, max_length=200, description="Id of the price list.", examples=["home@2026-07-01"]
        ),
    ]
    reason: Reason
    supply: SupplyId | None = None
    """Needed where the account has several."""


class Transfer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Credit from this account to another."""

    to: AccountId
    amount: Amount
    reason: Reason


class Reversal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Reversal of a top-up or charge, once."""

    entry: Annotated[
        str, msgspec.Meta(min_length=1, max_length=40, description="Id of the entry.", examples=["entry-12"])
    ]
    reason: Reason


class WriteOff(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Amount that the customer no longer has to pay: of a debt, or else of the arrears."""

    reason: Reason
    debt: DebtId | None = None
    amount: Amount | None = None
    """All that is owed where it is left out."""


class OpenDebt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A debt that is recovered by time, out of payments, or both."""

    debt: DebtId
    description: Annotated[str, msgspec.Meta(min_length=1, max_length=120, pattern=TEXT)]
    amount: Amount
    reason: Reason
    rate: Amount = "0"
    """Recovered at the start of every period."""
    every: Every = "week"
    percent: Percent = "0"
    cap: Amount | None = None
    """Most that payments recover in a cap period."""
    cap_every: Every = "week"
    priority: Priority = 1


class ChangeDebt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """New terms of a debt; omitted fields stay unchanged."""

    debt: DebtId
    reason: Reason
    description: Annotated[str, msgspec.Meta(min_length=1, max_length=120, pattern=TEXT)] | None = None
    rate: Amount | None = None
    every: Every | None = None
    percent: Percent | None = None
    cap: CapOrNone | None = None
    cap_every: Every | None = None
    priority: Priority | None = None


class CloseDebt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Closing of a debt; what is still owed is written off."""

    debt: DebtId
    reason: Reason


class SelectEmergencyCredit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Selection of emergency credit, by the customer or on the customer's behalf."""


class MoveOut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """End of a tenancy, with the final settlement."""

    reason: Reason
    remainder: Annotated[
        Literal["refund", "transfer", "keep"],
        msgspec.Meta(description="What happens to remaining credit; what is owed always stays on record."),
    ] = "keep"
    to: AccountId | None = None
    """The account to which it is transferred."""
    unread: bool = False
    """Settle by the newest reading even where a meter has been silent since; the rest is nobody's then."""


class Settlement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settlement with a former customer."""

    tenancy: Annotated[
        int, msgspec.Meta(ge=1, le=2**31 - 1, description="Number of the tenancy.", examples=[1])
    ]
    how: Annotated[
        Literal["paid", "paid_out", "written_off", "charged"],
        msgspec.Meta(
            description="The customer paid what was owed, received what was kept, does not have to pay it,"
            " or owes more, as for a cheque that bounced."
        ),
    ]
    reason: Reason
    amount: Amount | None = None
    """All that is left where it is left out."""
    reference: Reference | None = None


class MoveIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Start of a tenancy."""

    customer: Annotated[
        str, msgspec.Meta(min_length=1, max_length=120, pattern=TEXT, examples=["N. Dlamini"])
    ]
    opening_credit: Amount = "0"


type OperationRequest = (
    Refund
    | Correction
    | Repricing
    | Transfer
    | Reversal
    | WriteOff
    | OpenDebt
    | ChangeDebt
    | CloseDebt
    | SelectEmergencyCredit
    | MoveOut
    | MoveIn
    | Settlement
)
