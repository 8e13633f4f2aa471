"""Whatever a client sends: refused with the place and the remedy, never an error of the bridge."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from functools import partial
import json
from typing import Final

from hypothesis import given, settings, strategies as st
import msgspec
import pytest

from meter_bridge.api.app import ENDPOINTS
from meter_bridge.api.http.endpoint import MAX_BRACKETS, decode_body, decode_query
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode
from tests.api.factories import SECRET, token_of
from tests.api.serving import Served

BODIES: Final = sorted({each.body for each in ENDPOINTS if each.body}, key=lambda kind: kind.__name__)
POSTS: Final[list[tuple[str, dict[str, object]]]] = [
    ("/api/v1/accounts/flat-1/top-ups", {"amount": "1.00", "method": "cash"}),
    ("/api/v1/accounts/flat-1/supply", {"action": "auto"}),
    ("/api/v1/meters/flat-1-meter/quarantine", {"decision": "accept", "reason": "read"}),
    ("/api/v1/tokens", {"name": "panel", "role": "tenant", "accounts": ["flat-1"]}),
]
KEY: Final = {"Idempotency-Key": "k"}
JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


class Amount(msgspec.Struct, forbid_unknown_fields=True):
    """A body with one number."""

    amount: int


@pytest.mark.parametrize(
    "value,brackets",
    [("[" * 63 + "]" * 63, 64), ("[" * 64 + "]" * 64, 65), ("[{}" + ",{}" * 62 + "]", 65)],
    ids=["the most", "one list more", "one object more"],
)
def test_the_value_at_fault_is_shown_up_to_so_many_brackets(value: str, brackets: int) -> None:
    """Beyond that, decoding the body once more is not worth the risk."""
    raw = f'{{"amount":{value}}}'.encode()
    assert raw.count(b"[") + raw.count(b"{") == brackets
    with pytest.raises(RequestRefused) as caught:
        decode_body(raw, Amount)
    assert caught.value.field == "amount"
    assert (caught.value.value is not None) == (brackets <= MAX_BRACKETS)


@pytest.mark.parametrize("path,body", POSTS)
async def test_a_body_as_documented_is_taken(api: Served, path: str, body: dict[str, object]) -> None:
    assert (await api.ask("POST", path, json=body, headers=KEY)).ok


@pytest.mark.parametrize("path,body", POSTS)
async def test_an_unknown_field_is_named(api: Served, path: str, body: dict[str, object]) -> None:
    response = await api.ask("POST", path, json=body | {"surprise": 1}, headers=KEY)
    assert response.status == 400
    problem = await response.json()
    assert problem["field"] == "surprise"
    assert problem["remedy"] == "leave it out"


@pytest.mark.parametrize("path,body", POSTS)
async def test_a_missing_field_is_named(api: Served, path: str, body: dict[str, object]) -> None:
    first = next(iter(body))
    rest = {name: value for name, value in body.items() if name != first}
    problem = await (await api.ask("POST", path, json=rest, headers=KEY)).json()
    assert problem["field"] == first
    assert problem["remedy"] == f"add {first}"


@pytest.mark.parametrize("path,body", POSTS)
async def test_a_wrong_value_is_named_and_shown(api: Served, path: str, body: dict[str, object]) -> None:
    first = next(iter(body))
    problem = await (await api.ask("POST", path, json=body | {first: [1, 2]}, headers=KEY)).json()
    assert problem["field"] == first
    assert problem["value"] == "[1, 2]"


@pytest.mark.parametrize(
    "path,body,field,choices",
    [
        (
            "/api/v1/accounts/flat-1/move-out",
            {"reason": "r", "remainder": "give"},
            "remainder",
            "keep, refund",
        ),
        ("/api/v1/accounts/flat-1/supply", {"action": "explode"}, "action", "off, on, auto"),
        (
            "/api/v1/accounts/flat-1/debts/change",
            {"debt": "d", "reason": "r", "every": "year"},
            "every",
            "day, month, week",
        ),
    ],
)
async def test_a_wrong_choice_is_told_what_there_is_to_choose_from(
    api: Served, path: str, body: dict[str, object], field: str, choices: str
) -> None:
    problem = await (await api.ask("POST", path, json=body, headers=KEY)).json()
    assert problem["field"] == field
    assert problem["remedy"].startswith(f"choose from {choices}")


async def test_a_long_value_is_shortened(api: Served) -> None:
    path, body = POSTS[0]
    problem = await (await api.ask("POST", path, json=body | {"method": "x" * 5000}, headers=KEY)).json()
    assert len(problem["value"]) == 80


async def test_a_token_in_a_wrong_place_is_not_repeated(api: Served) -> None:
    path, body = POSTS[0]
    for wrong in ({"amount": token_of("owner")}, {token_of("owner"): 1}):
        response = await api.ask("POST", path, json=body | wrong, headers=KEY)
        assert SECRET not in await response.text()
    response = await api.ask("GET", f"/api/v1/accounts/{token_of('owner')}")
    assert SECRET not in await response.text()


@pytest.mark.parametrize("path,body", POSTS)
async def test_a_body_that_is_too_large_is_refused(api: Served, path: str, body: dict[str, object]) -> None:
    raw = json.dumps(body).encode() + b" " * 65_536
    response = await api.ask("POST", path, data=raw, headers=KEY)
    assert response.status == 413
    assert (await response.json())["code"] == "payload_too_large"


async def test_a_body_without_a_length_is_cut_off_where_it_becomes_too_large(api: Served) -> None:
    async def endless() -> AsyncGenerator[bytes]:
        for _ in range(100):
            yield b" " * 4096

    headers = api.headers("owner") | KEY
    url = str(api.url).rstrip("/") + POSTS[0][0]
    async with api.session.post(url, data=endless(), headers=headers) as response:
        assert response.status == 413


async def test_a_compressed_body_is_refused(api: Served) -> None:
    path, _ = POSTS[0]
    response = await api.ask("POST", path, data=b"\x1f\x8b\x08", headers=KEY | {"Content-Encoding": "gzip"})
    assert response.status == 400
    assert "compressed" in (await response.json())["message"]


HOSTILE: Final = [
    b"",
    b"null",
    b"[]",
    b"nonsense",
    b"\xff\xfe\x00",
    b'{"amount": "\xff"}',
    b'{"amount": "\\ud800", "method": "cash"}',
    b'{"amount": "1", "method": "a\\u0000b"}',
    b'{"amount": "1", "method": "cash\\n"}',
    b"[" * 60_000,
    b'{"amount":' + b"[" * 60_000,
    b'{"x":' * 10_000,
    b'{"amount": 1e400, "method": "cash"}',
    b'{"amount": "1", "method": "cash"} {}',
]


@pytest.mark.parametrize("raw", HOSTILE, ids=range(len(HOSTILE)))
async def test_a_hostile_body_is_a_bad_request(api: Served, raw: bytes) -> None:
    response = await api.ask("POST", POSTS[0][0], data=raw, headers=KEY)
    assert response.status == 400
    assert (await response.json())["code"] == "bad_request"
    assert api.port.touched == []


def refusal_of(decode: Callable[[], object]) -> RequestRefused | None:
    """Return the refusal that decoding ends in; anything else that is raised is a fault of the bridge."""
    try:
        decode()
    except RequestRefused as refused:
        return refused
    return None


@given(raw=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=300)
def test_any_bytes_are_decoded_or_refused(raw: bytes) -> None:
    for kind in BODIES:
        refused = refusal_of(partial(decode_body, raw, kind))
        assert refused is None or (refused.code is ErrorCode.BAD_REQUEST and refused.remedy)


@given(
    query=st.dictionaries(st.sampled_from(["before", "limit", "open", "dry_run", "x"]), st.text(max_size=12))
)
def test_any_query_is_decoded_or_refused(query: dict[str, str]) -> None:
    for kind in {each.query for each in ENDPOINTS if each.query}:
        refused = refusal_of(partial(decode_query, query, kind))
        assert refused is None or (refused.code is ErrorCode.BAD_REQUEST and refused.remedy)


@pytest.mark.parametrize(
    "path,field",
    [
        ("/api/v1/accounts?all=1", "all"),
        ("/api/v1/accounts/flat-1/ledger?limit=0", "limit"),
        ("/api/v1/accounts/flat-1/ledger?limit=501", "limit"),
        ("/api/v1/accounts/flat-1/ledger?before=x", "before"),
        ("/api/v1/accounts/flat-1/ledger?limit=1&limit=2", "limit"),
        ("/api/v1/accounts/flat-1/ledger?lmit=5", "lmit"),
        ("/api/v1/alerts?open=perhaps", "open"),
    ],
)
async def test_a_wrong_parameter_is_named(api: Served, path: str, field: str) -> None:
    response = await api.ask("GET", path)
    assert response.status == 400
    assert (await response.json())["field"] == field


async def test_parameters_reach_the_engine(api: Served) -> None:
    await api.ask("GET", "/api/v1/accounts/flat-1/ledger?before=9&limit=3")
    await api.ask("GET", "/api/v1/alerts?open=true")
    assert "ledger 9 3" in api.port.calls
    assert "alerts True 200" in api.port.calls


@pytest.mark.parametrize(
    "method,path,status,code",
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/api/v2/info", 404, "not_found"),
        ("PUT", "/api/v1/accounts", 405, "not_supported"),
        ("OPTIONS", "/api/v1/accounts", 405, "not_supported"),
    ],
)
async def test_what_there_is_not_is_a_problem_too(
    api: Served, method: str, path: str, status: int, code: str
) -> None:
    response = await api.ask(method, path)
    assert response.status == status
    assert (await response.json())["code"] == code


@pytest.mark.parametrize(
    "raw",
    [
        b"GARBAGE\r\n\r\n",
        b"GET /api/v1/info HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_refused_and_the_bridge_lives(api: Served, raw: bytes) -> None:
    assert api.url.host is not None
    reader, writer = await asyncio.open_connection(api.url.host, api.url.port)
    writer.write(raw)
    answer = await reader.read(65_536)
    writer.close()
    assert b" 200 " not in answer.split(b"\r\n", 1)[0]
    assert b"aiohttp" not in answer
    assert b"Python" not in answer
    assert b"aaaa" not in answer
    assert (await api.ask("GET", "/health", None)).status == 200


@pytest.mark.parametrize(
    "method,path,header",
    [
        ("GET", "/api/v1/me", b"Authorization: Bearer pmb_x_\xff\xfe"),
        ("GET", "/health", b"Authorization: \xff"),
        ("GET", "/api/v1/me", b"Cookie: prepaid_session=\xff"),
        ("GET", "/api/v1/ws", b"Origin: \xff"),
        ("GET", "/my/", b"If-None-Match: \xc3"),
        ("POST", "/api/v1/accounts/flat-1/top-ups", b"Idempotency-Key: \xed\xa0\x80"),
        ("POST", "/api/v1/payment-events/till", b"Prepaid-Signature: t=1,v1=\xff"),
        ("GET", "/api/v1/me", b"Prepaid-Word: \xff"),
    ],
)
async def test_a_header_that_is_no_text_is_a_bad_request_and_no_failure(
    api: Served, caplog: pytest.LogCaptureFixture, method: str, path: str, header: bytes
) -> None:
    reader, writer = await asyncio.open_connection(api.url.host, api.url.port)
    token = api.headers("owner")["Authorization"] if b"Authorization" not in header else "x"
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Owner: {token}\r\n".encode()
    writer.write(head + header + b"\r\nContent-Length: 0\r\n\r\n")
    async with asyncio.timeout(60):
        answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"a header is not text in UTF-8" in answer
    assert "Traceback" not in caplog.text
