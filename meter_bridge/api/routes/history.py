"""Hourly history: what was used and what it cost, for those who keep statistics of it."""

from dataclasses import replace
from typing import Annotated, Final

import msgspec

from meter_bridge.actor import Actor
from meter_bridge.api.http.authentication import PEOPLE
from meter_bridge.api.http.endpoint import Call, Endpoint, Reply
from meter_bridge.protocol.messages import ErrorCode, HistoryPage, Role
from meter_bridge.protocol.patterns import TEXT

MAX_SEQ: Final = 2**63 - 1

type Seq = Annotated[int, msgspec.Meta(ge=0, le=MAX_SEQ)]
type AccountId = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=TEXT)]


class HistoryQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"account_id": "account"}):
    """Part of the history."""

    after: Annotated[
        Seq, msgspec.Meta(description="Journal entry up to which the client is up to date; 0 for none.")
    ] = 0
    upto: Annotated[Seq, msgspec.Meta(description="`seq` of the previous page.")] | None = None
    account_id: Annotated[AccountId, msgspec.Meta(description="Only this account.")] | None = None
    from_account: (
        Annotated[AccountId, msgspec.Meta(description="`next_account` of the previous page.")] | None
    ) = None


@Endpoint(
    "GET",
    "/api/v1/history",
    access=PEOPLE,
    answer=HistoryPage,
    query=HistoryQuery,
    refusals=(ErrorCode.NOT_FOUND,),
)
async def get_history(call: Call) -> Reply:
    """Return energy and cost by hour, from the first hour that changed since a journal entry."""
    query = call.query(HistoryQuery)
    page = await call.app.ledger.history(call.actor, **msgspec.structs.asdict(query))
    return Reply(_visible_page(call.actor, page))


def _visible_page(actor: Actor, page: HistoryPage) -> HistoryPage:
    """Stand between the engine and the wire: a tenant reads the own account (invariant 15)."""
    if actor.role is not Role.TENANT:
        return page
    return replace(
        page, accounts=tuple(account for account in page.accounts if account.account_id in actor.accounts)
    )
