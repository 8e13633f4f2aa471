"""What is asked of an account's books, as it comes over the wire: bodies of routes, and what the engine does.

Amounts are decimal numbers in the account's currency, written as text. Everything but the choice of emergency
credit wants a reason, which stands in the ledger beside who asked.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from meter_bridge.protocol.patterns import AMOUNT, AMOUNT_OR_NONE, CURRENCY, DAY, ID, KWH, PERCENT, TEXT
from meter_bridge.protocol.payments import KeypadTokenKind

Amount = Annotated[
    str,
    Meta(
        max_length=40,
        pattern=AMOUNT,
        description="Amount in the account's currency, as a decimal string.",
        examples=["12.50"],
    ),
]
Reason = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=500,
        pattern=TEXT,
        description="Reason, recorded in the ledger.",
        examples=["agreed"],
    ),
]
Reference = Annotated[
    str, Meta(max_length=200, pattern=TEXT, description="Receipt or note.", examples=["receipt 7"])
]
AccountId = Annotated[str, Meta(min_length=1, max_length=64, description="Id of an account.")]
SupplyId = Annotated[str, Meta(min_length=1, max_length=100, description="Id of a supply.")]
DebtId = Annotated[
    str, Meta(pattern=ID, description="Id of the debt, unique in its account.", examples=["arrears-2025"])
]
Percent = Annotated[
    str,
    Meta(
        max_length=40,
        pattern=PERCENT,
        description="Share of each top-up in percent; `0` for none.",
        examples=["10"],
    ),
]
Priority = Annotated[
    int, Meta(ge=1, le=99, description="The lowest number is recovered first.", examples=[1])
]
CapOrNone = Annotated[
    str,
    Meta(
        max_length=40,
        pattern=AMOUNT_OR_NONE,
        description="Maximum that top-ups recover per cap period; `none` removes the cap.",
        examples=["5.00"],
    ),
]
Every = Annotated[
    Literal["day", "week", "month"], Meta(description="Unit of the period: local days, weeks or months.")
]


class Confirmation(Struct, frozen=True, forbid_unknown_fields=True):
    """Confirmation by a person."""

    confirmed: Annotated[
        bool, Meta(description="An amount far beyond what is usual was read again, and is right.")
    ] = False


class Refund(Struct, frozen=True, forbid_unknown_fields=True):
    """A refund to the customer."""

    amount: Amount
    reason: Reason
    reference: Reference | None = None


class Correction(Struct, frozen=True, forbid_unknown_fields=True):
    """A change of the balance, either way: positive credits the customer."""

    amount: Amount
    reason: Reason


class Repricing(Struct, frozen=True, forbid_unknown_fields=True):
    """Repricing of a past billing period with another price list."""

    day: Annotated[
        str, Meta(max_length=10, description="A local day of the period.", examples=["2026-06-20"])
    ]
    version: Annotated[
        str,
        Meta(min_length=1, max_length=200, description="Id of the price list.", examples=["home@2026-07-01"]),
    ]
    reason: Reason
    supply: SupplyId | None = None
    """Needed where the account has several."""


class Transfer(Struct, frozen=True, forbid_unknown_fields=True):
    """Credit from this account to another."""

    to: AccountId
    amount: Amount
    reason: Reason


class Reversal(Struct, frozen=True, forbid_unknown_fields=True):
    """Reversal of a top-up or charge, once."""

    entry: Annotated[
        str, Meta(min_length=1, max_length=40, description="Id of the entry.", examples=["entry-12"])
    ]
    reason: Reason


class WriteOff(Struct, frozen=True, forbid_unknown_fields=True):
    """Amount that the customer no longer has to pay: of a debt, or else of the arrears."""

    reason: Reason
    debt: DebtId | None = None
    amount: Amount | None = None
    """All that is owed where it is left out."""


class OpenDebt(Struct, frozen=True, forbid_unknown_fields=True):
    """A debt that is recovered by time, out of payments, or both."""

    debt: DebtId
    description: Annotated[str, Meta(min_length=1, max_length=120, pattern=TEXT)]
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


class ChangeDebt(Struct, frozen=True, forbid_unknown_fields=True):
    """New terms of a debt; omitted fields stay unchanged."""

    debt: DebtId
    reason: Reason
    description: Annotated[str, Meta(min_length=1, max_length=120, pattern=TEXT)] | None = None
    rate: Amount | None = None
    every: Every | None = None
    percent: Percent | None = None
    cap: CapOrNone | None = None
    cap_every: Every | None = None
    priority: Priority | None = None


class CloseDebt(Struct, frozen=True, forbid_unknown_fields=True):
    """Closing of a debt; what is still owed is written off."""

    debt: DebtId
    reason: Reason


class SelectEmergencyCredit(Struct, frozen=True, forbid_unknown_fields=True):
    """Selection of emergency credit, by the customer or on the customer's behalf."""


class MoveOut(Struct, frozen=True, forbid_unknown_fields=True):
    """End of a tenancy, with the final settlement."""

    reason: Reason
    remainder: Annotated[
        Literal["refund", "transfer", "keep"],
        Meta(description="What happens to remaining credit; what is owed always stays on record."),
    ] = "keep"
    to: AccountId | None = None
    """The account to which it is transferred."""
    unread: bool = False
    """Settle by the newest reading even where a meter has been silent since; the rest is nobody's then."""


class Settlement(Struct, frozen=True, forbid_unknown_fields=True):
    """Settlement with a former customer."""

    tenancy: Annotated[int, Meta(ge=1, le=2**31 - 1, description="Number of the tenancy.", examples=[1])]
    how: Annotated[
        Literal["paid", "paid_out", "written_off", "charged"],
        Meta(
            description="The customer paid what was owed, received what was kept, does not have to pay it,"
            " or owes more, as for a cheque that bounced."
        ),
    ]
    reason: Reason
    amount: Amount | None = None
    """All that is left where it is left out."""
    reference: Reference | None = None


class MoveIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Start of a tenancy."""

    customer: Annotated[str, Meta(min_length=1, max_length=120, pattern=TEXT, examples=["N. Dlamini"])]
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


MOST_AT_ONCE: Final = 5_000
MOST_DAYS: Final = 3_660
Serial = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=40,
        pattern=TEXT,
        description="Serial number as printed on a voucher.",
        examples=["7KQ2MX-0001"],
    ),
]


class VoucherOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """Vouchers to create."""

    count: Annotated[int, Meta(ge=1, le=MOST_AT_ONCE, description="Number of vouchers.", examples=[50])]
    amount: Amount
    site: (
        Annotated[
            str, Meta(min_length=1, max_length=64, description="Site at which they are valid; default: all.")
        ]
        | None
    ) = None
    currency: (
        Annotated[
            str,
            Meta(
                pattern="^[A-Z]{3}$(?!\\n)",
                description="Required if they are valid at all sites and these have several currencies.",
                examples=["ZAR"],
            ),
        ]
        | None
    ) = None
    days: (
        Annotated[int, Meta(ge=1, le=MOST_DAYS, description="Days until they expire; default: never.")] | None
    ) = None
    needs_sale: Annotated[
        bool, Meta(description="Valid only once marked as sold, so that unsold ones are worthless.")
    ] = False
    note: Annotated[str, Meta(max_length=200, pattern=TEXT, description="Note about their purpose.")] = ""


class VoucherSale(Struct, frozen=True, forbid_unknown_fields=True):
    """A sale of vouchers."""

    serials: Annotated[tuple[Serial, ...], Meta(min_length=1, max_length=MOST_AT_ONCE)]
    to: Annotated[
        str, Meta(min_length=1, max_length=200, pattern=TEXT, description="The buyer, or the receipt.")
    ]


class VoucherBlock(Struct, frozen=True, forbid_unknown_fields=True):
    """Vouchers to block: some by their serial numbers, or all of a batch."""

    reason: Reason
    serials: Annotated[tuple[Serial, ...], Meta(max_length=MOST_AT_ONCE)] = ()
    batch: Annotated[str, Meta(min_length=1, max_length=40)] | None = None


class VoucherCode(Struct, frozen=True, forbid_unknown_fields=True):
    """A voucher code as typed."""

    code: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=64,
            description="20 digits; spaces and dashes are ignored.",
            examples=["1234 5678 9012 3456 7890"],
        ),
    ]


ProviderId = Annotated[str, Meta(min_length=1, max_length=32, pattern=TEXT, description="Id of a provider.")]


class PaymentOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """A payment to start."""

    provider: ProviderId
    amount: Amount


class PaymentDecision(Struct, frozen=True, forbid_unknown_fields=True):
    """Decision on a pending payment."""

    provider: ProviderId
    payment: Annotated[str, Meta(min_length=1, max_length=200, description="The provider's payment id.")]
    decision: Annotated[
        Literal["credit", "dismiss"],
        Meta(description="`credit` what was paid; `dismiss` what was returned to the payer."),
    ]
    reason: Reason
    account: (
        Annotated[AccountId, Meta(description="Account to credit; default: the account of its order.")] | None
    ) = None


Column = Annotated[str, Meta(max_length=100, pattern=TEXT, description="Name of the column.")]
Day = Annotated[str, Meta(pattern=DAY, description="As in `2026-03-01`.")]


class ReconcileQuery(Struct, frozen=True, forbid_unknown_fields=True, rename={"first": "from", "last": "to"}):
    """How a statement is to be read: columns that are not found by themselves, and its period."""

    payment: Column | None = None
    amount: Column | None = None
    currency_column: Column | None = None
    date: Column | None = None
    currency: (
        Annotated[str, Meta(pattern=CURRENCY, description="Currency, if no column contains it.")] | None
    ) = None
    first: Day | None = None
    last: Day | None = None

    def columns(self) -> dict[str, str]:
        """Return the columns that are named."""
        named = {"payment": self.payment, "amount": self.amount, "currency": self.currency_column}
        return {what: name for what, name in (named | {"date": self.date}).items() if name is not None}


class KeypadRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Kind of tokens to issue."""

    kind: Annotated[
        KeypadTokenKind,
        Meta(description="`add` what was bought; landlord only: `disable` (permanently), `sync`."),
    ] = KeypadTokenKind.ADD


class PreviewQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """The top-up in question; left out, the smallest that restores the supply, or else of all."""

    amount: Amount | None = None


type Kwh = Annotated[
    str,
    Meta(
        max_length=20,
        pattern=KWH,
        description="A register in kWh as displayed by the meter, as a decimal string.",
        examples=["12345.6"],
    ),
]
type Moment = Annotated[
    str,
    Meta(
        max_length=40,
        pattern=TEXT,
        description="An instant with its offset (ISO 8601), not in the future; default: now.",
        examples=["2026-03-03T10:30:00+02:00"],
    ),
]
type MeterAddress = Annotated[str, Meta(min_length=1, max_length=256, pattern=TEXT)]


class ReplacementRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A meter that was replaced."""

    closing: Annotated[Kwh, Meta(description="What the old counter showed at last, in kWh.")]
    opening: Annotated[Kwh, Meta(description="What the new counter showed at first, in kWh.")]
    reason: Annotated[str, Meta(min_length=1, max_length=500, pattern=TEXT)]
    at: Moment | None = None
    address: (
        Annotated[MeterAddress, Meta(description="The new device's address, if it is different.")] | None
    ) = None
    relay: (
        Annotated[
            MeterAddress,
            Meta(
                description="Its relay's address; by default the new device's if the relay was the old"
                " device's, else unchanged."
            ),
        ]
        | None
    ) = None
    confirmed: Annotated[
        bool, Meta(description="Accept a closing reading that the bridge would refuse as implausible.")
    ] = False


MOST_THRESHOLDS: Final = 8
MOST_WATTS: Final = 1_000_000

type Threshold = Annotated[str, Meta(max_length=40, pattern=AMOUNT, examples=["20.00"])]


class PolicyRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Changes of the policy; omitted fields stay unchanged."""

    low_credit: (
        Annotated[
            tuple[Threshold, ...],
            Meta(
                max_length=MOST_THRESHOLDS,
                description="All warning thresholds, in the account's currency; empty for no warning.",
            ),
        ]
        | None
    ) = None
    load_limit_w: (
        Annotated[
            int,
            Meta(
                ge=1,
                le=MOST_WATTS,
                description="Load that a supply without credit may use, if it is limited.",
            ),
        ]
        | None
    ) = None
