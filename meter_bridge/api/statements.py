"""Statements of accounts, and what their entries were made of."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final

from aiohttp import web
import msgspec

from meter_bridge.api.bodies import TEXT
from meter_bridge.api.endpoint import Call, Endpoint, Reply, endpoint
from meter_bridge.api.reach import account_in_reach
from meter_bridge.api.rights import PEOPLE
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.protocol.statements import Detail, Statement
from meter_bridge.statement.period import FORMS
from meter_bridge.statement.spreadsheet import as_csv

CSV: Final = "text/csv"


class Format(StrEnum):
    """What a statement is written as."""

    JSON = "json"
    CSV = "csv"


class StatementQuery(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"begin": "from", "end": "to"}
):
    """Which statement is wanted."""

    begin: (
        Annotated[
            str,
            msgspec.Meta(max_length=40, pattern=TEXT, description=f"First of the period: {FORMS}."),
        ]
        | None
    ) = None
    end: (
        Annotated[
            str,
            msgspec.Meta(
                max_length=40,
                pattern=TEXT,
                description=f"Last of the period: {FORMS}; a day or month is included, an instant is not.",
            ),
        ]
        | None
    ) = None
    detail: Detail = Detail.LINE
    format: Format = Format.JSON


async def _csv(statement: Statement) -> bytes:
    return as_csv(statement)


_DOCUMENTS: Final[MappingProxyType[Format, tuple[str, Callable[[Statement], Awaitable[bytes]]]]] = (
    MappingProxyType({Format.CSV: (CSV, _csv)})
)
"""Media type of each format that is not JSON, and what writes it."""


@endpoint(
    "GET",
    "/api/v1/accounts/{id}/statement",
    rights=PEOPLE,
    answer=Statement,
    other_media=tuple(media for media, _ in _DOCUMENTS.values()),
    query=StatementQuery,
    refusals=(ErrorCode.NOT_FOUND, ErrorCode.BAD_REQUEST, ErrorCode.BOOKS_WRONG),
)
async def get_statement(call: Call) -> Reply | web.StreamResponse:
    """Return everything that moved an account's balance in a period; this local month unless one is given."""
    query = call.query(StatementQuery)
    account = account_in_reach(call)
    statement = await call.port.statement(
        call.actor, account.id, begin=query.begin, end=query.end, detail=query.detail
    )
    if query.format not in _DOCUMENTS:
        return Reply(statement)
    media, write = _DOCUMENTS[query.format]
    name = f"statement-{account.id}-{statement.first_day}-{statement.last_day}.{query.format}"
    return web.Response(
        body=await write(statement),
        headers={
            "Content-Type": f"{media}; charset=utf-8" if media == CSV else media,
            "Content-Disposition": f'attachment; filename="{name}"',
        },
    )


ENDPOINTS: Final[tuple[Endpoint, ...]] = (get_statement,)
