"""The route of statements: its parameters, its formats, and what it refuses."""

import csv
from http import HTTPStatus
import io
from urllib.parse import quote

import pytest

from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode
from tests.api.serving import Served

PATH = "/api/v1/accounts/flat-1/statement"


async def test_without_parameters_it_is_json_of_what_is_usual(api: Served) -> None:
    response = await api.ask("GET", PATH, "tenant")
    assert response.status == HTTPStatus.OK
    assert response.content_type == "application/json"
    assert (await response.json())["closing"] == 5_625_000
    assert "statement None None line" in api.port.calls


async def test_its_parameters_reach_the_engine(api: Served) -> None:
    begin = quote("2026-01-01T00:00:00+02:00")
    await api.ask("GET", f"{PATH}?from={begin}&to=2026-02&detail=day", "caretaker")
    assert "statement 2026-01-01T00:00:00+02:00 2026-02 day" in api.port.calls


async def test_a_table_is_a_file_of_its_own_name(api: Served) -> None:
    response = await api.ask("GET", f"{PATH}?format=csv")
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["Content-Disposition"] == (
        'attachment; filename="statement-flat-1-2026-03-01-2026-03-31.csv"'
    )
    rows = list(csv.DictReader(io.StringIO(await response.text("utf-8-sig"))))
    assert rows[4]["reference"] == "'=1+1"
    assert rows[4]["changes"] == "debt boiler 5.00; balance 20.00"
    assert rows[-1]["type"] == "not yet posted"


async def test_a_document_is_a_pdf(api: Served) -> None:
    response = await api.ask("GET", f"{PATH}?format=pdf", "tenant")
    assert response.headers["Content-Type"] == "application/pdf"
    assert response.headers["Content-Disposition"].endswith('-2026-03-31.pdf"')
    assert (await response.text("latin-1")).startswith("%PDF-")


@pytest.mark.parametrize(
    "query,field",
    [
        ("format=xls", "format"),
        ("detail=hour", "detail"),
        (f"from={'9' * 41}", "from"),
        ("from=%0a", "from"),
        ("begin=2026-01", "begin"),
        ("to=2026-01&to=2026-02", "to"),
    ],
)
async def test_a_parameter_that_cannot_be_read_is_named(api: Served, query: str, field: str) -> None:
    response = await api.ask("GET", f"{PATH}?{query}")
    assert response.status == HTTPStatus.BAD_REQUEST
    assert (await response.json())["field"] == field
    assert not [each for each in api.port.calls if each.startswith("statement")]


async def test_books_that_are_wrong_have_a_code_of_their_own(api: Served) -> None:
    api.port.failure = RequestRefused(ErrorCode.BOOKS_WRONG, "it does not add up", remedy="verify")
    response = await api.ask("GET", PATH)
    assert response.status == HTTPStatus.INTERNAL_SERVER_ERROR
    assert (await response.json())["code"] == "books_wrong"
