"""Describe the API as OpenAPI 3.1, from what its routes declare and the wire's own types."""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
import re
from typing import Final

import msgspec

from meter_bridge import VERSION
from meter_bridge.api.http.endpoint import Endpoint
from meter_bridge.api.http.errors import status_of
from meter_bridge.api.http.roles import ANY_TOKEN
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


def describe(endpoints: Sequence[Endpoint]) -> Json:
    """Return the OpenAPI document of the endpoints."""
    schemas = _schemas(endpoints)
    paths: dict[str, Json] = {}
    for each in endpoints:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each)
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
    """Return the schema of every type that goes over the wire, by its name."""
    types: list[object] = [*SENT_BY_BRIDGE, Subscribe]
    for each in endpoints:
        types += [kind for kind in (each.answer, each.body) if isinstance(kind, type)]
    _, components = msgspec.json.schema_components(types, schema_hook=_anything, ref_template=REFERENCE)
    return dict(sorted(components.items()))


def _anything(kind: type) -> Json:
    """Return the schema of a value of any kind: what an event says depends on its kind."""
    assert kind is object
    return {"description": "Any value."}


def _operation(each: Endpoint) -> Json:
    operation: Json = {
        "operationId": each.name,
        "summary": each.summary,
        "x-required-role": sorted(each.rights.roles),
        "x-whole-installation": each.rights.of_everything,
        "parameters": [*_path_parameters(each), *_header_parameters(each), *_query_parameters(each)],
        "responses": _answers(each) | _problems(each),
    }
    if each.rights.public:
        operation["security"] = []
    if each.body is not None or each.body_media is not None:
        operation["requestBody"] = _request_body(each)
    if each.status is HTTPStatus.SWITCHING_PROTOCOLS:
        operation["x-websocket-messages"] = {
            "client": [_reference(Subscribe)],
            "bridge": [_reference(kind) for kind in SENT_BY_BRIDGE],
        }
    return operation


def _path_parameters(each: Endpoint) -> list[Json]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PATH_PARAMETER.findall(each.path)
    ]


def _header_parameters(each: Endpoint) -> list[Json]:
    return [
        {
            "name": name,
            "in": "header",
            "required": True,
            "description": meaning,
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        }
        for name, meaning in each.headers.items()
    ]


def _query_parameters(each: Endpoint) -> list[Json]:
    if each.query is None:
        return []
    shapes = msgspec.json.schema(each.query)["$defs"]
    return [
        {"name": name, "in": "query", "required": False, "schema": _without_null(_inlined(shape, shapes))}
        for name, shape in shapes[each.query.__name__]["properties"].items()
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


def _request_body(each: Endpoint) -> Json:
    if each.body is None:
        return {"required": True, "content": {each.body_media: {"schema": {"type": "string"}}}}
    content: Json = {"schema": _reference(each.body)}
    if each.example is not None:
        content["example"] = msgspec.to_builtins(each.example)
    return {"required": True, "content": {JSON: content}}


def _answers(each: Endpoint) -> Json:
    answers: Json = {str(each.status.value): {"description": each.status.phrase} | _content(each)}
    for status, meaning in each.other_status.items():
        answers[str(status.value)] = {"description": meaning} | _content(each)
    return answers


def _content(each: Endpoint) -> Json:
    if each.answer is None:
        return {}
    others = {media: _plain(media) for media in each.other_media}
    if isinstance(each.answer, str):
        return {"content": {each.answer: _plain(each.answer)} | others}
    content: Json = {"schema": _reference(each.answer)}
    if each.answer_example is not None:
        content["example"] = msgspec.to_builtins(each.answer_example)
    return {"content": {JSON: content} | others}


def _plain(media: str) -> Json:
    """Return what is said of an answer that has no type of its own."""
    return {"schema": {"type": "object" if media == JSON else "string"}}


def _problems(each: Endpoint) -> Json:
    """Return the refusals of a route, those of one status together."""
    codes: dict[HTTPStatus, list[ErrorCode]] = {}
    for code in dict.fromkeys((*each.refusals, *_usual_refusals(each))):
        codes.setdefault(status_of(code), []).append(code)
    return {
        str(status.value): {
            "description": ", ".join(f"`{code}`" for code in found),
            "content": {JSON: {"schema": _reference(Problem), "example": _example(found[0])}},
        }
        for status, found in sorted(codes.items())
    }


def _usual_refusals(each: Endpoint) -> tuple[ErrorCode, ...]:
    """Return what every route of the kind may refuse with."""
    usual = [ErrorCode.BAD_REQUEST, ErrorCode.INTERNAL]
    if not each.rights.public:
        usual += [ErrorCode.NOT_AUTHENTICATED, ErrorCode.TOO_MANY_REQUESTS]
        if each.rights != ANY_TOKEN:
            usual.append(ErrorCode.NOT_ALLOWED)
    if each.body is not None:
        usual.append(ErrorCode.PAYLOAD_TOO_LARGE)
    return tuple(usual)


def _example(code: ErrorCode) -> Json:
    return {"code": code.value, "message": "what is wrong", "remedy": "what to do about it"}


def _reference(kind: object) -> Json:
    return {"$ref": REFERENCE.format(name=getattr(kind, "__name__", ""))}
