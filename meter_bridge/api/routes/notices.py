"""Notifications that were sent, and test messages."""

from typing import Annotated, Final

import msgspec

from meter_bridge.api.http.authentication import LANDLORD_AND_TENANT, LANDLORD_OF_ALL_SITES, STAFF
from meter_bridge.api.http.endpoint import Call, Endpoint, Reply, visible_account
from meter_bridge.protocol.answers import NoticeList, TrialSent
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.protocol.patterns import TEXT

NOTICES_PAGE: Final = 100
MAX_NOTICES_PAGE: Final = 500


class NoticesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Number of notices."""

    limit: Annotated[
        int, msgspec.Meta(ge=1, le=MAX_NOTICES_PAGE, description="Maximum number of items to return.")
    ] = NOTICES_PAGE


class Trial(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Recipient of a test message."""

    person: Annotated[
        str,
        msgspec.Meta(
            min_length=1, max_length=32, pattern=TEXT, description="Id of a person in `notify.yaml`."
        ),
    ]


@Endpoint("GET", "/api/v1/notices", access=STAFF, answer=NoticeList, query=NoticesQuery)
async def list_notices(call: Call) -> Reply:
    """List notifications, newest first, with their delivery status."""
    return Reply(await call.app.notices.notices(call.actor, call.query(NoticesQuery).limit))


@Endpoint(
    "POST",
    "/api/v1/notices/test",
    access=LANDLORD_OF_ALL_SITES,
    answer=TrialSent,
    example=Trial(person="anna"),
    refusals=(ErrorCode.NOT_FOUND,),
)
async def try_person(call: Call) -> Reply:
    """Send a test message to a member of staff, through every channel."""
    body = await call.body(Trial)
    return Reply(await call.app.notices.try_person(body.person))


@Endpoint(
    "POST",
    "/api/v1/accounts/{id}/notifications/test",
    access=LANDLORD_AND_TENANT,
    answer=TrialSent,
    refusals=(ErrorCode.CONFLICT,),
)
async def try_customer(call: Call) -> Reply:
    """Send a test message to the customer's stored addresses."""
    return Reply(await call.app.notices.try_customer(call.actor, visible_account(call).id))
