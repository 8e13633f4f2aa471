"""Statements of accounts, and what their entries were made of."""

from enum import StrEnum
from typing import Annotated, Final

from aiohttp import web
import msgspec

from meter_bridge.api.http.authentication import LANDLORD_AND_TENANT, PEOPLE
from meter_bridge.api.http.endpoint import Call, Endpoint, Reply, reply_file, visible_account
from meter_bridge.engine.statement.document import as_pdf
from meter_bridge.engine.statement.period import ACCEPTED_FORMS
from meter_bridge.engine.statement.spreadsheet import statement_csv
from meter_bridge.printing.typesetter import Typesetter
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.protocol.patterns import LANGUAGE, TEXT
from meter_bridge.protocol.statements import Detail, EntryExplanation, Statement

CSV: Final = "text/csv"
PDF: Final = "application/pdf"
TYPESETTER: Final = web.AppKey("printer", Typesetter)

type Time = Annotated[str, msgspec.Meta(max_length=40, pattern=TEXT)]


class Format(StrEnum):
    """Format of the statement."""

    JSON = "json"
    CSV = "csv"
    PDF = "pdf"


class StatementQuery(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"begin": "from", "end": "to"}
):
    """Period and format of a statement."""

    begin: Annotated[Time, msgspec.Meta(description=f"Start of the period: {ACCEPTED_FORMS}.")] | None = None
    end: (
        Annotated[
            Time,
            msgspec.Meta(
                description=f"End of the period: {ACCEPTED_FORMS}; a day or month is included,"
                " an instant is not."
            ),
        ]
        | None
    ) = None
    detail: Detail = Detail.LINE
    format: Format = Format.JSON
    language: Annotated[
        str, msgspec.Meta(pattern=LANGUAGE, description="Language of the PDF, as in `en`.")
    ] = "en"
    tenancy: (
        Annotated[
            int,
            msgspec.Meta(
                ge=1,
                le=2**31 - 1,
                description="Number of a tenancy: excludes every other customer; by default all of it.",
            ),
        ]
        | None
    ) = None


async def _rendered(call: Call, statement: Statement, query: StatementQuery) -> tuple[str, bytes]:
    if query.format is Format.PDF:
        return PDF, await as_pdf(statement, call.request.app[TYPESETTER], query.language)
    return f"{CSV}; charset=utf-8", statement_csv(statement)


@Endpoint(
    "GET",
    "/api/v1/accounts/{id}/statement",
    access=PEOPLE,
    answer=Statement,
    other_media=(CSV, PDF),
    query=StatementQuery,
    refusals=(ErrorCode.BOOKS_WRONG,),
)
async def get_statement(call: Call) -> Reply | web.StreamResponse:
    """Return everything that changed an account's balance in a period; by default this local month."""
    query = call.query(StatementQuery)
    account = visible_account(call)
    statement = await call.app.ledger.statement(
        call.actor,
        account.id,
        begin=query.begin,
        end=query.end,
        detail=query.detail,
        tenancy=query.tenancy,
    )
    if query.format is Format.JSON:
        return Reply(statement)
    media, content = await _rendered(call, statement, query)
    name = f"statement-{account.id}-{statement.first_day}-{statement.last_day}.{query.format}"
    return reply_file(content, media, name)


@Endpoint(
    "GET", "/api/v1/accounts/{id}/ledger/{entry_id}", access=LANDLORD_AND_TENANT, answer=EntryExplanation
)
async def explain_entry(call: Call) -> Reply:
    """Return a ledger entry with everything that it was calculated from, down to the readings."""
    account = visible_account(call)
    return Reply(await call.app.ledger.explain_entry(call.actor, account.id, call.in_path("entry_id")))
