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
        description="Serial number as printed on a voucher.",
        examples=["7KQ2MX-0001"],
    ),
]


class VoucherOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Vouchers to create."""

    count: Annotated[
        int, msgspec.Meta(ge=1, le=MOST_AT_ONCE, description="Number of vouchers.", examples=[50])
    ]
    amount: Amount
    site: (
        Annotated[
            str,
            msgspec.Meta(
                min_length=1, max_length=64, description="Site at which they are valid; default: all."
            ),
        ]
        | None
    ) = None
    currency: (
        Annotated[
            str,
            msgspec.Meta(
                pattern="^[A-Z]{3}$(?!\\n)",
                description="Required if they are valid at all sites and these have several currencies.",
                examples=["ZAR"],
            ),
        ]
        | None
    ) = None
    days: (
        Annotated[
            int, msgspec.Meta(ge=1, le=MOST_DAYS, description="Days until they expire; default: never.")
        ]
        | None
    ) = None
    needs_sale: Annotated[
        bool, msgspec.Meta(description="Valid only once marked as sold, so that unsold ones are worthless.")
    ] = False
    note: Annotated[
        str, msgspec.Meta(max_length=200, pattern=TEXT, description="Note about their purpose.")
    ] = ""


class VoucherSale(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sale of vouchers."""

    serials: Annotated[tuple[Serial, ...], msgspec.Meta(min_length=1, max_length=MOST_AT_ONCE)]
    to: Annotated[
        str,
        msgspec.Meta(min_length=1, max_length=200, pattern=TEXT, description="The buyer, or the receipt."),
    ]


class VoucherBlock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Vouchers to block: some by their serial numbers, or all of a batch."""

    reason: Reason
    serials: Annotated[tuple[Serial, ...], msgspec.Meta(max_length=MOST_AT_ONCE)] = ()
    batch: Annotated[str, msgspec.Meta(min_length=1, max_length=40)] | None = None


class VoucherCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A voucher code as typed."""

    code: Annotated[
        str,
        msgspec.Meta(
            min_length=1,
            max_length=64,
            description="20 digits; spaces and dashes are ignored.",
            examples=["1234 5678 9012 3456 7890"],
        ),
    ]
