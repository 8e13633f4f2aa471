"""Top-ups: money in, once for each key."""

from http import HTTPStatus
import re
from typing import Annotated, Final

import msgspec

from meter_bridge.api.bodies import TEXT
from meter_bridge.api.endpoint import Call, Endpoint, Reply, endpoint
from meter_bridge.api.errors import shown
from meter_bridge.api.examples import TOP_UP
from meter_bridge.api.port import Refused
from meter_bridge.api.reach import account_in_reach
from meter_bridge.api.rights import LANDLORD
from meter_bridge.protocol.messages import ErrorCode, TopUpResult

KEY_HEADER: Final = "Idempotency-Key"
REPLAYED_HEADER: Final = "Idempotency-Replayed"
_KEY: Final = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?")
_KEY_REMEDY: Final = (
    f"send one header {KEY_HEADER} of 1 to 255 printable ASCII characters, the same when asking again"
)


class TopUpRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Money that a customer paid."""

    amount: Annotated[
        str,
        msgspec.Meta(
            max_length=40,
            pattern=r"^-?[0-9]{1,20}([.][0-9]{1,10})?$(?!\n)",
            description="Decimal number in the account's currency, written as text.",
            examples=["100.00"],
        ),
    ]
    method: Annotated[
        str,
        msgspec.Meta(
            min_length=1, max_length=40, pattern=TEXT, description="How it was paid.", examples=["cash"]
        ),
    ]
    reference: (
        Annotated[
            str,
            msgspec.Meta(
                max_length=200, pattern=TEXT, description="Receipt or note.", examples=["receipt 7"]
            ),
        ]
        | None
    ) = None


@endpoint(
    "POST",
    "/api/v1/accounts/{id}/top-ups",
    rights=LANDLORD,
    answer=TopUpResult,
    status=HTTPStatus.CREATED,
    other_status={
        HTTPStatus.OK: f"The key was seen before: the first answer again, with {REPLAYED_HEADER}: true."
    },
    body=TopUpRequest,
    headers={KEY_HEADER: "1 to 255 printable characters, made before asking and kept until answered."},
    example=TopUpRequest(amount="100.00", method="cash", reference="receipt 7"),
    answer_example=TOP_UP,
    refusals=(
        ErrorCode.NOT_FOUND,
        ErrorCode.BAD_REQUEST,
        ErrorCode.IDEMPOTENCY_KEY_MISSING,
        ErrorCode.IDEMPOTENCY_CONFLICT,
        ErrorCode.AMOUNT_OUT_OF_RANGE,
        ErrorCode.STORAGE_UNAVAILABLE,
    ),
)
async def top_up(call: Call) -> Reply:
    """Book a top-up; the same key and content again give the first answer and book nothing."""
    key = _key(call)
    body = await call.body(TopUpRequest)
    account = account_in_reach(call)
    result, replayed = await call.port.top_up(
        call.actor, account.id, amount=body.amount, method=body.method, reference=body.reference, key=key
    )
    if replayed:
        return Reply(result, HTTPStatus.OK, {REPLAYED_HEADER: "true"})
    return Reply(result, HTTPStatus.CREATED)


def _key(call: Call) -> str:
    """Return the one key of the request."""
    keys = call.request.headers.getall(KEY_HEADER, [])
    if not keys:
        raise Refused(
            ErrorCode.IDEMPOTENCY_KEY_MISSING,
            f"a top-up wants the header {KEY_HEADER}, so that asking again does not book again",
            field=KEY_HEADER,
            remedy=_KEY_REMEDY,
        )
    if len(keys) > 1 or not _KEY.fullmatch(keys[0]):
        raise Refused(
            ErrorCode.BAD_REQUEST,
            f"the header {KEY_HEADER} is not as it should be",
            field=KEY_HEADER,
            value=shown(keys[0]),
            remedy=_KEY_REMEDY,
        )
    return keys[0]


ENDPOINTS: Final[tuple[Endpoint, ...]] = (top_up,)
