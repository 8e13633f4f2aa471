"""A page of somebody else reaches no dashboard by a name that it made its own, and keeps nobody waiting."""

import asyncio
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from streamlit import net_util
from streamlit.web.server.starlette.starlette_websocket import _is_origin_allowed

from dashboard.serve import MIDDLEWARE
from dashboard.settings import OPEN_VARIABLE, ORIGINS_VARIABLE, YES
from dashboard.signin.origins import OriginMiddleware, is_local_host


async def page(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("all units")


async def stream(socket: WebSocket) -> None:
    """Decide as Streamlit does."""
    if _is_origin_allowed(socket.headers.get("origin"), socket.headers.get("host")):
        await socket.accept()
    await socket.close()


APP = Starlette(
    routes=[Route("/", page), WebSocketRoute("/_stcore/stream", stream)],
    middleware=[Middleware(OriginMiddleware)],
)


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note every time that Streamlit would ask the internet for its address."""
    calls: list[str] = []
    monkeypatch.setattr(net_util, "_make_blocking_http_get", lambda url, **_: calls.append(url))
    monkeypatch.setattr(net_util, "_external_ip", None)
    return calls


def status(host: str) -> int:
    async def ask() -> int:
        transport = httpx.ASGITransport(app=APP)
        async with httpx.AsyncClient(transport=transport, base_url="http://dashboard") as client:
            return (await client.get("/", headers={"host": host})).status_code

    return asyncio.run(ask())


def opens(origin: str | None, host: str = "127.0.0.1:8501") -> bool:
    """Return whether a WebSocket is accepted."""
    headers = [(b"host", host.encode())] + ([] if origin is None else [(b"origin", origin.encode())])
    scope = {"type": "websocket", "path": "/_stcore/stream", "headers": headers, "subprotocols": []}
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:  # noqa: ANN401 - any message of ASGI
        sent.append(dict(message))

    asyncio.run(APP(scope, receive, send))
    return bool(sent[0]["type"] == "websocket.accept")


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8501", "localhost:8501", "localhost", "[::1]:8501", "127.8.0.1", "LOCALHOST:1"]
)
def test_without_sign_in_the_names_of_this_machine_are_answered(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv(OPEN_VARIABLE, YES)
    assert status(host) == 200
    assert opens(None, host)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:8501",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "localhost@evil.example",
        "evil.example@localhost",
        "192.0.2.7:8501",
        "127.0.0.1:evil",
        "localhost/x",
        "",
    ],
)
def test_without_sign_in_no_other_name_reads_anything(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv(OPEN_VARIABLE, YES)
    assert status(host) == 421
    assert not opens(f"http://{host}", host)
    assert not is_local_host(host)


def test_without_sign_in_the_name_of_a_proxy_is_answered_where_it_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(OPEN_VARIABLE, YES)
    monkeypatch.setenv(ORIGINS_VARIABLE, "https://power.example")
    assert status("power.example") == 200
    assert status("other.example") == 421


def test_with_sign_in_any_name_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(OPEN_VARIABLE, raising=False)
    assert status("power.lan:8501") == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "https://evil.example:8501", "null", "", "file://"]
)
def test_a_foreign_page_opens_no_websocket_and_nothing_is_looked_up(
    monkeypatch: pytest.MonkeyPatch, asked: list[str], origin: str
) -> None:
    monkeypatch.delenv(OPEN_VARIABLE, raising=False)
    assert not opens(origin)
    assert asked == []


def test_pages_of_the_dashboard_open_a_websocket_also_through_a_proxy(
    monkeypatch: pytest.MonkeyPatch, asked: list[str]
) -> None:
    monkeypatch.delenv(OPEN_VARIABLE, raising=False)
    monkeypatch.setenv(ORIGINS_VARIABLE, "https://power.example http://home.lan:8123")
    assert opens("http://127.0.0.1:8501")
    assert opens("https://power.example")
    assert opens("http://home.lan:8123")
    assert not opens("https://power.example.evil")
    assert asked == []


def test_the_check_comes_before_all_others() -> None:
    assert isinstance(MIDDLEWARE[0].cls, type)
    assert issubclass(MIDDLEWARE[0].cls, OriginMiddleware)
