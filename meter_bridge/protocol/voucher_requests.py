"""What is asked of vouchers, as it comes over the wire."""

from typing import Annotated, Final

import msgspec

from meter_bridge.protocol.patterns import TEXT
from meter_bridge.protocol.requests import Amount, Reason

MOST_AT_ONCE: Final = 5_000
MOST_DAYS: Final = 3_660
Serial = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=40,
        pattern=TEXT,
        description="Serial number as it is printed on a voucher.",
        examples=["7KQ2MX-0001"],
    ),
]


class VoucherOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Vouchers to be made."""

    count: Annotated[int, msgspec.Meta(ge=1, le=MOST_AT_ONCE, description="How many.", examples=[50])]
    amount: Amount
    site: (
        Annotated[
            str,
            msgspec.Meta(
                min_length=1, max_length=64, description="Where they are good; left out, everywhere."
            ),
        ]
        | None
    ) = None
    currency: (
        Annotated[
            str,
            msgspec.Meta(
                pattern="^[A-Z]{3}$(?!\\n)",
                description="Needed where they are good everywhere and sites have several.",
                examples=["ZAR"],
            ),
        ]
        | None
    ) = None
    days: (
        Annotated[
            int, msgspec.Meta(ge=1, le=MOST_DAYS, description="How long they are good; left out, for ever.")
        ]
        | None
    ) = None
    needs_sale: Annotated[
        bool, msgspec.Meta(description="Good only once noted as sold, so that unsold ones are worth nothing.")
    ] = False
    note: Annotated[str, msgspec.Meta(max_length=200, pattern=TEXT, description="What they are for.")] = ""


class VoucherSale(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Vouchers that were sold."""

    serials: Annotated[tuple[Serial, ...], msgspec.Meta(min_length=1, max_length=MOST_AT_ONCE)]
    to: Annotated[
        str,
        msgspec.Meta(min_length=1, max_length=200, pattern=TEXT, description="Whom, or on which receipt."),
    ]


class VoucherBlock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Vouchers that are to be good no more: some by their serial numbers, or all of a batch."""

    reason: Reason
    serials: Annotated[tuple[Serial, ...], msgspec.Meta(max_length=MOST_AT_ONCE)] = ()
    batch: Annotated[str, msgspec.Meta(min_length=1, max_length=40)] | None = None


class VoucherCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A code as somebody typed it."""

    code: Annotated[
        str,
        msgspec.Meta(
            min_length=1,
            max_length=64,
            description="20 digits; spaces and dashes between them do not matter.",
            examples=["1234 5678 9012 3456 7890"],
        ),
    ]
