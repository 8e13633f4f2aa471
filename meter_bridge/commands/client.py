"""A client of the bridge's API for the commands."""

from collections.abc import Mapping
from io import BytesIO
from typing import Final
from urllib.parse import quote

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout
import msgspec
from yarl import URL

from meter_bridge.commands.errors import REFUSED, UNREACHABLE, CommandError
from meter_bridge.protocol.messages import ErrorCode, Problem

TIMEOUT: Final = ClientTimeout(total=300)
"""Applying a site file of thousands of units takes minutes on a small machine."""


class ConnectionLostError(CommandError):
    """The connection was lost before the answer; the request may or may not have taken effect."""


class BridgeClient:
    """Requests of the local operator."""

    def __init__(self, session: ClientSession) -> None:
        """Use a session that is connected to a bridge's Unix socket."""
        self._session = session

    async def get[T](self, kind: type[T], *path: str, query: Mapping[str, str] | None = None) -> T:
        """Return the answer of a GET request."""
        return msgspec.json.decode(await self._ask("GET", path, query=query), type=kind)

    async def document(self, *path: str, query: Mapping[str, str] | None = None) -> bytes:
        """Return the undecoded answer of a GET request."""
        return await self._ask("GET", path, query=query)

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
        answer = await self._ask("POST", path, raw=raw, query=query, headers=headers)
        return msgspec.json.decode(answer, type=kind)

    async def delete[T](self, kind: type[T], *path: str, query: Mapping[str, str] | None = None) -> T:
        """Return the answer of a DELETE request, ``None`` if it is empty."""
        answer = await self._ask("DELETE", path, query=query)
        return msgspec.json.decode(answer or b"null", type=kind)

    async def _ask(
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
        url = URL("http://bridge/api/v1/" + "/".join(quote(each, safe="") for each in path), encoded=True)
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
    code = UNREACHABLE if problem.code is ErrorCode.STORAGE_UNAVAILABLE else REFUSED
    return CommandError(what, problem.remedy or "see docs/api.md", code)
