"""The OpenAPI document: every route is in it, its schemas hold, and real answers fit them."""

from collections.abc import Iterator
from http import HTTPStatus
import json
import re
from typing import Any, Final

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
import msgspec
import pytest

from meter_bridge.api.app import ENDPOINTS
from meter_bridge.api.http.endpoint import Endpoint
from meter_bridge.api.routes.openapi import build_openapi
from meter_bridge.protocol.messages import ErrorCode
from tests.api.serving import Served, filled

DOCUMENT: Final = json.loads(msgspec.json.encode(build_openapi(ENDPOINTS)))
SCHEMAS: Final = DOCUMENT["components"]["schemas"]


def operation_of(endpoint: Endpoint) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][endpoint.path][endpoint.method.lower()]
    return found


def validator(schema: object) -> Draft202012Validator:
    """Return a validator that finds the document's components."""
    assert isinstance(schema, dict)
    return Draft202012Validator(schema | {"components": DOCUMENT["components"]})


def everything(node: object) -> Iterator[dict[str, object]]:
    """Yield every object of the document."""
    if isinstance(node, dict):
        yield node
        for each in node.values():
            yield from everything(each)
    elif isinstance(node, list):
        for each in node:
            yield from everything(each)


async def test_the_document_is_served_and_lists_every_route(api: Served) -> None:
    served = await (await api.ask("GET", "/api/v1/openapi.json", "tenant")).json()
    assert served == DOCUMENT
    operations = {(method.upper(), path) for path, methods in served["paths"].items() for method in methods}
    assert operations == {(each.method, each.path) for each in ENDPOINTS}


def test_it_is_openapi_3_1() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    assert DOCUMENT["info"].keys() >= {"title", "version"}
    assert DOCUMENT["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_every_schema_is_json_schema(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])


def test_every_reference_leads_somewhere() -> None:
    references = [each["$ref"] for each in everything(DOCUMENT) if "$ref" in each]
    assert references
    assert {str(each).removeprefix("#/components/schemas/") for each in references} <= set(SCHEMAS)


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [each.name for each in ENDPOINTS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda each: each.name)
def test_an_operation_says_all_that_a_client_needs(endpoint: Endpoint) -> None:
    operation = operation_of(endpoint)
    assert operation["summary"]
    assert operation["x-required-role"] == sorted(endpoint.access.roles)
    assert operation.get("security", DOCUMENT["security"]) == (
        [] if endpoint.access.public else [{"token": []}]
    )
    assert str(endpoint.status.value) in operation["responses"]
    signed = ErrorCode.NOT_AUTHENTICATED in endpoint.refusals
    assert ("401" in operation["responses"]) is not (endpoint.access.public and not signed)
    assert "500" in operation["responses"]
    in_path = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
    assert in_path == set(re.findall(r"{(\w+)}", endpoint.path))


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda each: each.name)
def test_every_example_fits_its_schema(endpoint: Endpoint) -> None:
    contents = [each for each in everything(operation_of(endpoint)) if "example" in each and "schema" in each]
    for each in contents:
        validator(each["schema"]).validate(each["example"])


def test_every_json_body_has_an_example() -> None:
    assert all(each.example is not None for each in ENDPOINTS if each.body is not None)


REAL: Final = [
    each
    for each in ENDPOINTS
    if isinstance(each.answer, type) and each.body_media is None and each.method in {"GET", "POST"}
]


@pytest.mark.parametrize("endpoint", REAL, ids=lambda each: each.name)
async def test_a_real_answer_fits_its_schema(api: Served, endpoint: Endpoint) -> None:
    known = {"/meters/": "flat-1-meter", "/alerts/": "low-1"}
    identifier = next((each for part, each in known.items() if part in endpoint.path), "flat-1")
    response = await api.ask(
        endpoint.method,
        filled(endpoint.path, identifier).replace("top-ups/entry-1", "top-ups/top-up-1"),
        json=msgspec.to_builtins(endpoint.example) if endpoint.body else None,
        headers=dict.fromkeys(endpoint.headers, "k"),
    )
    assert response.status == endpoint.status
    schema = operation_of(endpoint)["responses"][str(response.status)]["content"]["application/json"][
        "schema"
    ]
    validator(schema).validate(await response.json())


async def test_a_real_problem_fits_its_schema(api: Served) -> None:
    response = await api.ask("GET", "/api/v1/accounts/none")
    assert response.status == HTTPStatus.NOT_FOUND
    validator(SCHEMAS["Problem"]).validate(await response.json())
