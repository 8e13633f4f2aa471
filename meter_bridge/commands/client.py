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
"""A site file of thousands of units takes minutes to apply on a small machine."""


class ConnectionLostError(CommandError):
    """The bridge went away before it answered; what was asked may or may not be done."""


class BridgeClient:
    """Requests of the local operator."""

    def __init__(self, session: ClientSession) -> None:
        """Use a session that is connected to a bridge's Unix socket."""
        self._session = session

    async def get[T](self, kind: type[T], *path: str, query: Mapping[str, str] | None = None) -> T:
        """Return what a reading route answers."""
        return msgspec.json.decode(await self._ask("GET", path, query=query), type=kind)

    async def document(self, *path: str, query: Mapping[str, str] | None = None) -> bytes:
        """Return what a reading route answers, as it came."""
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
        """Return what a changing route answers."""
        raw = msgspec.json.encode(body) if document is None else document.encode()
        answer = await self._ask("POST", path, raw=raw, query=query, headers=headers)
        return msgspec.json.decode(answer, type=kind)

    async def delete[T](self, kind: type[T], *path: str, query: Mapping[str, str] | None = None) -> T:
        """Return what a deleting route answers; ``None`` where that is nothing."""
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
                "see whether it runs and what its log says, then ask again",
                UNREACHABLE,
            ) from error
        if not response.ok:
            raise _refusal(response, answer)
        return answer


def _refusal(response: ClientResponse, answer: bytes) -> CommandError:
    """Return what the bridge said no with."""
    try:
        problem = msgspec.json.decode(answer, type=Problem)
    except msgspec.DecodeError:
        return CommandError(f"the bridge answered {response.status}", "see its log")
    what = problem.message
    if problem.value is not None and problem.value not in what:
        what += f" ({problem.field}: {problem.value})"
    code = UNREACHABLE if problem.code is ErrorCode.STORAGE_UNAVAILABLE else REFUSED
    return CommandError(what, problem.remedy or "see docs/api.md for what the bridge accepts", code)
