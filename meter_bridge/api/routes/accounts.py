"""Accounts and their ledgers."""

from typing import Annotated, Final

import msgspec

from meter_bridge.api.http.authentication import LANDLORD_AND_TENANT, PEOPLE, may_see_account
from meter_bridge.api.http.endpoint import Call, Endpoint, Reply, visible_account
from meter_bridge.protocol.answers import Accounts
from meter_bridge.protocol.messages import AccountView, LedgerPage

LEDGER_PAGE: Final = 50
MAX_LEDGER_PAGE: Final = 500
MAX_SEQ: Final = 2**63 - 1


class LedgerQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Part of a ledger."""

    before: (
        Annotated[int, msgspec.Meta(ge=1, le=MAX_SEQ, description="Only entries older than this `seq`.")]
        | None
    ) = None
    limit: Annotated[
        int, msgspec.Meta(ge=1, le=MAX_LEDGER_PAGE, description="Number of entries per page.")
    ] = LEDGER_PAGE


@Endpoint("GET", "/api/v1/accounts", access=PEOPLE, answer=Accounts)
async def list_accounts(call: Call) -> Reply:
    """List the accounts that the token may see."""
    found = call.app.accounts.views(call.actor)
    return Reply(Accounts(tuple(account for account in found if may_see_account(call.actor, account))))


@Endpoint("GET", "/api/v1/accounts/{id}", access=PEOPLE, answer=AccountView)
async def get_account(call: Call) -> Reply:
    """Return one account."""
    return Reply(visible_account(call))


@Endpoint(
    "GET", "/api/v1/accounts/{id}/ledger", access=LANDLORD_AND_TENANT, answer=LedgerPage, query=LedgerQuery
)
async def get_ledger(call: Call) -> Reply:
    """Return a page of an account's ledger, newest first."""
    query = call.query(LedgerQuery)
    return Reply(
        await call.app.ledger.page(
            call.actor, visible_account(call).id, before=query.before, limit=query.limit
        )
    )
