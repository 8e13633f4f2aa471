"""Asking the bridge of a shard, wherever its worker is."""

from collections.abc import Mapping
from typing import Final

from aiohttp import ClientError, ClientSession, ClientTimeout, ClientWebSocketResponse, DummyCookieJar, web
from multidict import CIMultiDict
from yarl import URL

from meter_bridge.api.http.authentication import (
    OPERATOR_HEADER,
    PROOF_HEADER,
    SCHEME_HEADER,
    SENDER_HEADER,
    SHARD_HEADER,
    is_unix_socket,
)
from meter_bridge.cluster.registry import Member
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode

REQUEST_TIMEOUT_S: Final = 60.0
CONNECT_TIMEOUT_S: Final = 3.0
_HOP_BY_HOP_HEADERS: Final = frozenset(
    {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "host", "content-length",
     "content-encoding", "date", "server", "sec-websocket-key", "sec-websocket-version",
     "sec-websocket-extensions", "sec-websocket-protocol"}
)  # fmt: skip
_FORWARDING_HEADERS: Final = frozenset(
    name.lower() for name in (OPERATOR_HEADER, SCHEME_HEADER, SENDER_HEADER, SHARD_HEADER, PROOF_HEADER)
)


class PeerClient:
    """The way to the bridges of all shards: those of this process over loopback, others over the network."""

    def __init__(self, me: Member) -> None:
        """Keep who asks; nothing connects yet."""
        self.me = me
        self.local_addresses: dict[int, str] = {}
        """Where the bridge of each shard of this process serves."""
        self._session = ClientSession(
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(total=REQUEST_TIMEOUT_S, sock_connect=CONNECT_TIMEOUT_S),
            auto_decompress=False,
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def forward(
        self, request: web.Request, shard: int, owner: Member | None, body: bytes, path: str | None = None
    ) -> web.Response:
        """Let a shard's bridge answer a request, at another path where one is named."""
        address, headers = self._target(request, shard, owner)
        try:
            async with self._session.request(
                request.method,
                URL(address + (path or request.raw_path), encoded=True),
                data=body,
                headers=headers,
                allow_redirects=False,
            ) as answer:
                content = await answer.read()
                return web.Response(
                    body=content, status=answer.status, headers=_forwarded_headers(answer.headers)
                )
        except (ClientError, TimeoutError, OSError) as error:
            raise shard_unavailable(shard) from error

    async def open_websocket(
        self, request: web.Request, shard: int, owner: Member | None
    ) -> ClientWebSocketResponse:
        """Open a WebSocket at a shard's bridge on behalf of a request; raises ``aiohttp.ClientError``."""
        address, headers = self._target(request, shard, owner)
        return await self._session.ws_connect(address + request.raw_path, headers=headers, max_msg_size=0)

    def _target(self, request: web.Request, shard: int, owner: Member | None) -> tuple[str, CIMultiDict[str]]:
        """Return the address to ask and the headers to ask with."""
        local = self.local_addresses.get(shard)
        if local is None and (owner is None or owner.name == self.me.name):
            raise shard_unavailable(shard)
        member = self.me if local is not None or owner is None else owner
        headers = _forwarded_headers(request.headers)
        if SHARD_HEADER in request.headers:
            # A worker asks: what it says of the sender is as good as its word, which the bridge checks.
            headers.update(
                (name, value)
                for name, value in request.headers.items()
                if name.lower() in _FORWARDING_HEADERS
            )
        else:
            headers[PROOF_HEADER] = member.shared_secret
            headers[SENDER_HEADER] = request.remote or "local"
            headers[SCHEME_HEADER] = request.scheme
            if is_unix_socket(request):
                headers[OPERATOR_HEADER] = "yes"
        headers[SHARD_HEADER] = str(shard)
        return (local if local is not None else member.address), headers


def _forwarded_headers(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """Return the headers that are not of one connection alone, and none that only workers send.

    One may come more than once, as that of a cookie does.
    """
    return CIMultiDict(
        (name, value)
        for name, value in headers.items()
        if name.lower() not in _HOP_BY_HOP_HEADERS | _FORWARDING_HEADERS
    )


def shard_unavailable(shard: int) -> RequestRefused:
    """Return the refusal of what concerns a shard that nobody serves now."""
    return RequestRefused(
        ErrorCode.STORAGE_UNAVAILABLE,
        f"shard {shard} of the installation is being taken over by another worker",
        remedy="ask again in some seconds; with the same key nothing is booked twice",
    )
