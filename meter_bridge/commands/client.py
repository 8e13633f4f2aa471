"""Requests of commands to the running bridge, or to one in this process if none is running."""

import argparse
import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from io import BytesIO
import sys
from typing import Final, Protocol
from urllib.parse import quote
from uuid import uuid4

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, UnixConnector
import msgspec
from yarl import URL

from meter_bridge.api.http.listener import SOCKET_NAME, is_listening
from meter_bridge.commands.command import Run
from meter_bridge.commands.installation import settings_of
from meter_bridge.commands.output import Output, Table, agreed
from meter_bridge.commands.parser import REFUSED, UNREACHABLE, CommandError
from meter_bridge.config.settings import Settings
from meter_bridge.protocol.messages import ErrorCode, Problem
from meter_bridge.protocol.patterns import KEY_HEADER

TIMEOUT: Final = ClientTimeout(total=300)
"""Applying a site file of thousands of units takes minutes on a small machine."""
ATTEMPTS: Final = 2


class ConfirmationNeededError(CommandError):
    """The bridge asks whether an amount far beyond what is usual is right."""


class ConnectionLostError(CommandError):
    """The connection was lost before the answer; the request may or may not have taken effect."""


class StorageUnavailableError(CommandError):
    """The bridge cannot store anything now, or its database did not say whether it did."""


class BridgeClient:
    """Requests of the local operator."""

    def __init__(self, session: ClientSession) -> None:
        self._session = session

    async def get[T](self, kind: type[T], *path: str, query: Mapping[str, str] | None = None) -> T:
        """Return the answer of a GET request."""
        return msgspec.json.decode(await self._request("GET", path, query=query), type=kind)

    async def document(self, *path: str, query: Mapping[str, str] | None = None) -> bytes:
        """Return the undecoded answer of a GET request."""
        return await self._request("GET", path, query=query)

    async def post[T](
        self,
        kind: type[T],
        *path: str,
        body: Mapping[str, object] | None = None,
        document: str | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        """Return the answer of a POST request."""
        raw = msgspec.json.encode(body) if document is None else document.encode()
        answer = await self._request("POST", path, raw=raw, query=query, headers=headers)
        return msgspec.json.decode(answer, type=kind)

    async def delete[T](self, kind: type[T], *path: str, query: Mapping[str, str] | None = None) -> T:
        """Return the answer of a DELETE request, ``None`` if it is empty."""
        answer = await self._request("DELETE", path, query=query)
        return msgspec.json.decode(answer or b"null", type=kind)

    async def _request(
        self,
        method: str,
        path: tuple[str, ...],
        *,
        raw: bytes | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """Return the body of an accepted request; raise ``CommandError`` for any other."""
        # A meter's id holds a slash, which belongs to the id and not to the path.
        url = URL("http://bridge/api/v1/" + "/".join(quote(step, safe="") for step in path), encoded=True)
        data = None if raw is None else BytesIO(raw)
        try:
            async with self._session.request(
                method, url, data=data, params=query, headers=headers, timeout=TIMEOUT
            ) as response:
                answer = await response.read()
        except (ClientError, TimeoutError, OSError) as error:
            raise ConnectionLostError(
                f"the bridge did not answer: {str(error) or type(error).__name__}",
                "check that it is running, see its log, then try again",
                UNREACHABLE,
            ) from error
        if not response.ok:
            raise _refusal(response, answer)
        return answer


def _refusal(response: ClientResponse, answer: bytes) -> CommandError:
    try:
        problem = msgspec.json.decode(answer, type=Problem)
    except msgspec.DecodeError:
        return CommandError(f"the bridge answered {response.status}", "see its log")
    what = problem.message
    if problem.value is not None and problem.value not in what:
        what += f" ({problem.field}: {problem.value})"
    if problem.code is ErrorCode.STORAGE_UNAVAILABLE:
        return StorageUnavailableError(what, problem.remedy or "see the bridge's log", UNREACHABLE)
    if problem.code is ErrorCode.CONFIRMATION_NEEDED:
        return ConfirmationNeededError(
            what, "count its digits; if it is right, repeat the command with --yes"
        )
    return CommandError(what, problem.remedy or "see docs/api.md", REFUSED)


@asynccontextmanager
async def connected(settings: Settings, *, create: bool = False) -> AsyncGenerator[BridgeClient]:
    """Provide a client of the installation's bridge; ``create`` allows a new installation."""
    path = settings.data / SOCKET_NAME
    async with AsyncExitStack() as stack:
        try:
            if not is_listening(path):
                # Imported here because commands for a running bridge do not need the engine.
                from meter_bridge.commands.offline import served_here  # noqa: PLC0415

                path = await stack.enter_async_context(served_here(settings, create=create))
        except PermissionError as error:
            raise CommandError(
                f"the installation in {settings.data} belongs to another user",
                "run the command as that user",
                UNREACHABLE,
            ) from error
        session = ClientSession(connector=UnixConnector(str(path)))
        yield BridgeClient(await stack.enter_async_context(session))


class SendQuery[T](Protocol):
    """Sends a request with parameters."""

    async def __call__(self, *, query: Mapping[str, str] | None) -> T:
        """Return the answer."""


async def post_confirmed[T](send: SendQuery[T], *, confirmed: bool) -> T:
    """Send a request; unless an unusual amount is ``confirmed``, the person at the terminal is asked."""
    try:
        return await send(query={"confirmed": "true"} if confirmed else None)
    except ConfirmationNeededError as error:
        if not sys.stdin.isatty() or not await asyncio.to_thread(agreed, f"{error.what}. Is it right?"):
            raise
    return await send(query={"confirmed": "true"})


async def post_once[T](
    client: BridgeClient,
    answer: type[T],
    *path: str,
    body: Mapping[str, object],
    key: str | None,
    what: str,
    confirmed: bool = False,
) -> T:
    """Send a request that takes effect once, and once more with the same key if the connection is lost.

    Without a ``key`` a new one is made. ``what`` says what remains unknown without an answer, such as ``the
    top-up was booked``. Unless an unusual amount is ``confirmed``, the person at the terminal is asked.
    """
    key = key or str(uuid4())
    send = partial(client.post, answer, *path, body=body, headers={KEY_HEADER: key})
    for left in reversed(range(ATTEMPTS)):
        try:
            return await post_confirmed(send, confirmed=confirmed)
        except StorageUnavailableError as error:
            error.remedy += f"; repeat the command with '--key {key}', which counts only once"
            raise
        except ConnectionLostError as error:
            if not left:
                error.what += f"; it is not known whether {what}"
                error.remedy = f"repeat the command with '--key {key}'; it will count only once"
                raise
    raise AssertionError


def asks(
    act: Callable[[argparse.Namespace, BridgeClient], Awaitable[Output | None]],
    *,
    check: Callable[[argparse.Namespace], None] | None = None,
    create: bool = False,
) -> Run:
    """Return what connects to the bridge, carries out an action, and prints what that returns.

    ``check`` raises ``CommandError`` for wrong arguments before that; ``create`` allows a new installation.
    """

    async def connect_and_act(arguments: argparse.Namespace) -> Output | None:
        async with connected(settings_of(arguments), create=create) as client:
            return await act(arguments, client)

    def run(arguments: argparse.Namespace) -> int:
        if check is not None:
            check(arguments)
        output = asyncio.run(connect_and_act(arguments))
        if output is not None:
            output.print(arguments)
        return 0

    return run


def lists[A, T](
    answer: type[A], path: str, items: Callable[[A], Sequence[T]], table: Table[T], empty: str
) -> Run:
    """Return what requests a list and prints it as a table, or as JSON.

    ``path`` and ``empty``, the text without items, may name arguments, as in ``accounts/{account}/holds``.
    """

    async def act(arguments: argparse.Namespace, client: BridgeClient) -> Output:
        steps = [step.format_map(vars(arguments)) for step in path.split("/")]
        found = await client.get(answer, *steps)
        return Output(found, table.text(items(found)) or empty.format_map(vars(arguments)))

    return asks(act)
