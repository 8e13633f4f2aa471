"""The OpenAPI document, served."""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
import re
from typing import Final

from aiohttp import web
import msgspec

from meter_bridge import VERSION
from meter_bridge.api.http.authentication import ANY_TOKEN
from meter_bridge.api.http.endpoint import Call, Endpoint
from meter_bridge.api.http.errors import status_of
from meter_bridge.api.routes.websocket import Subscribe
from meter_bridge.protocol.messages import ErrorCode, Event, Problem, ServerInfo, Snapshot, Update

type Json = dict[str, object]

REFERENCE: Final = "#/components/schemas/{name}"
JSON: Final = "application/json"
SENT_BY_BRIDGE: Final = (ServerInfo, Snapshot, Event, Update, Problem)
_PATH_PARAMETER: Final = re.compile(r"{(\w+)}")
_INTRODUCTION: Final = (
    "Amounts are integers of the account's currency in units of 10 ** -amount_digits, energy is in Wh,"
    " instants are ISO 8601 in UTC. null means 'not known', never zero."
)


def build_openapi(endpoints: Sequence[Endpoint]) -> Json:
    """Return the OpenAPI document of the endpoints."""
    schemas = _schemas(endpoints)
    paths: dict[str, Json] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Prepaid meter bridge", "version": VERSION, "description": _INTRODUCTION},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "pmb_…, created with `token create`.",
                }
            },
        },
        "security": [{"token": []}],
    }


def _schemas(endpoints: Iterable[Endpoint]) -> Json:
    types: list[object] = [*SENT_BY_BRIDGE, Subscribe]
    for endpoint in endpoints:
        types += [kind for kind in (endpoint.answer, endpoint.body) if isinstance(kind, type)]
    _, components = msgspec.json.schema_components(
        types, schema_hook=_any_value_schema, ref_template=REFERENCE
    )
    return dict(sorted(components.items()))


def _any_value_schema(kind: type) -> Json:
    """Return the schema of a value of any kind: what an event says depends on its kind."""
    assert kind is object
    return {"description": "Any value."}


def _operation(endpoint: Endpoint) -> Json:
    operation: Json = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "x-required-role": sorted(endpoint.access.roles),
        "x-whole-installation": endpoint.access.needs_all_sites,
        "parameters": [
            *_path_parameters(endpoint),
            *_header_parameters(endpoint),
            *_query_parameters(endpoint),
        ],
        "responses": _responses(endpoint) | _problems(endpoint),
    }
    if endpoint.access.public:
        operation["security"] = []
    if endpoint.body is not None or endpoint.body_media is not None:
        operation["requestBody"] = _request_body(endpoint)
    if endpoint.status is HTTPStatus.SWITCHING_PROTOCOLS:
        operation["x-websocket-messages"] = {
            "client": [_reference(Subscribe)],
            "bridge": [_reference(kind) for kind in SENT_BY_BRIDGE],
        }
    return operation


def _path_parameters(endpoint: Endpoint) -> list[Json]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PATH_PARAMETER.findall(endpoint.path)
    ]


def _header_parameters(endpoint: Endpoint) -> list[Json]:
    return [
        {
            "name": name,
            "in": "header",
            "required": True,
            "description": meaning,
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        }
        for name, meaning in endpoint.headers.items()
    ]


def _query_parameters(endpoint: Endpoint) -> list[Json]:
    if endpoint.query is None:
        return []
    shapes = msgspec.json.schema(endpoint.query)["$defs"]
    return [
        {"name": name, "in": "query", "required": False, "schema": _without_null(_inlined(shape, shapes))}
        for name, shape in shapes[endpoint.query.__name__]["properties"].items()
    ]


def _inlined(shape: Json, shapes: dict[str, Json]) -> Json:
    """Return the schema of a parameter with what it refers to, such as the values of a choice, inside."""
    rest = {name: value for name, value in shape.items() if name != "$ref"}
    return rest if rest == shape else shapes[str(shape["$ref"]).rsplit("/", 1)[1]] | rest


def _without_null(shape: Json) -> Json:
    """Return the schema of a parameter that may be left out, as it is when given."""
    match shape:
        case {"anyOf": [dict(given), {"type": "null"}]}:
            return given
        case _:
            return shape


def _request_body(endpoint: Endpoint) -> Json:
    if endpoint.body is None:
        return {"required": True, "content": {endpoint.body_media: {"schema": {"type": "string"}}}}
    content: Json = {"schema": _reference(endpoint.body)}
    if endpoint.example is not None:
        content["example"] = msgspec.to_builtins(endpoint.example)
    return {"required": True, "content": {JSON: content}}


def _responses(endpoint: Endpoint) -> Json:
    answers: Json = {str(endpoint.status.value): {"description": endpoint.status.phrase} | _content(endpoint)}
    for status, meaning in endpoint.other_status.items():
        answers[str(status.value)] = {"description": meaning} | _content(endpoint)
    return answers


def _content(endpoint: Endpoint) -> Json:
    if endpoint.answer is None:
        return {}
    others = {media: _plain(media) for media in endpoint.other_media}
    if isinstance(endpoint.answer, str):
        return {"content": {endpoint.answer: _plain(endpoint.answer)} | others}
    content: Json = {"schema": _reference(endpoint.answer)}
    if endpoint.answer_example is not None:
        content["example"] = msgspec.to_builtins(endpoint.answer_example)
    return {"content": {JSON: content} | others}


def _plain(media: str) -> Json:
    return {"schema": {"type": "object" if media == JSON else "string"}}


def _problems(endpoint: Endpoint) -> Json:
    """Return the refusals of a route, those of one status together."""
    codes: dict[HTTPStatus, list[ErrorCode]] = {}
    for code in dict.fromkeys((*endpoint.refusals, *_usual_refusals(endpoint))):
        codes.setdefault(status_of(code), []).append(code)
    return {
        str(status.value): {
            "description": ", ".join(f"`{code}`" for code in found),
            "content": {JSON: {"schema": _reference(Problem), "example": _example(found[0])}},
        }
        for status, found in sorted(codes.items())
    }


def _usual_refusals(endpoint: Endpoint) -> tuple[ErrorCode, ...]:
    usual = [ErrorCode.BAD_REQUEST, ErrorCode.INTERNAL]
    if "{id}" in endpoint.path:
        usual.append(ErrorCode.NOT_FOUND)
    if not endpoint.access.public:
        usual += [ErrorCode.NOT_AUTHENTICATED, ErrorCode.TOO_MANY_REQUESTS]
        if endpoint.access != ANY_TOKEN:
            usual.append(ErrorCode.NOT_ALLOWED)
    if endpoint.body is not None:
        usual.append(ErrorCode.PAYLOAD_TOO_LARGE)
    return tuple(usual)


def _example(code: ErrorCode) -> Json:
    return {"code": code.value, "message": "what is wrong", "remedy": "what to do about it"}


def _reference(kind: object) -> Json:
    return {"$ref": REFERENCE.format(name=getattr(kind, "__name__", ""))}


CATALOGUE: Final[web.AppKey[tuple[Endpoint, ...]]] = web.AppKey("catalogue")
"""The endpoints that are served, for the document that describes them."""


@Endpoint("GET", "/api/v1/openapi.json", access=ANY_TOKEN, answer="application/json", live=True)
async def get_openapi(call: Call) -> web.Response:
    """Return this document."""
    # Built each time: it takes milliseconds, is asked for rarely, and would be the largest thing kept.
    endpoints = call.request.app[CATALOGUE]
    return web.Response(body=msgspec.json.encode(build_openapi(endpoints)), content_type="application/json")
