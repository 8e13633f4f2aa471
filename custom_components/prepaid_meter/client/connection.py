"""The connection to a bridge: REST requests, and opening its WebSocket."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
import json
from typing import Any, Final

from aiohttp import (
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    WSServerHandshakeError,
)
from yarl import URL

from .decode import from_dict
from .errors import (
    BridgeTooNewError,
    BridgeTooOldError,
    CannotConnectError,
    ConnectionTimeoutError,
    ProtocolError,
    refusal,
)
from .protocol import (
    MIN_SCHEMA_VERSION,
    SCHEMA_VERSION,
    AccountView,
    ErrorCode,
    HistoryPage,
    HoldView,
    MeterView,
    OperationResult,
    Problem,
    Role,
    ServerInfo,
    SupplyAction,
    SupplyView,
    TopUpResult,
)
from .vocabulary import HoldPosition

type Json = dict[str, Any]

REQUEST_SECONDS: Final = 15
MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024
"""A snapshot of several thousand accounts is larger than aiohttp's default limit of 4 MiB."""

_STATUS_CODES: Final = {
    HTTPStatus.UNAUTHORIZED: ErrorCode.NOT_AUTHENTICATED,
    HTTPStatus.FORBIDDEN: ErrorCode.NOT_ALLOWED,
}


class QuarantineDecision(StrEnum):
    """A person's decision on a register that went backwards or jumped."""

    ACCEPT = "accept"
    """The reading is correct: charge the difference."""
    DISCARD = "discard"
    """Continue from the new reading without charging the difference."""
    NEW_EPOCH = "new_epoch"
    """The counter was reset or replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeAddress:
    """The network address of a bridge."""

    host: str
    port: int
    tls: bool = False

    @property
    def url(self) -> URL:
        """Return the root of the bridge's web server."""
        return URL.build(scheme="https" if self.tls else "http", host=self.host.strip("[]"), port=self.port)


class BridgeConnection:
    """Requests to one bridge with one token, over the caller's session."""

    def __init__(
        self,
        session: ClientSession,
        address: BridgeAddress,
        token: str | None = None,
        language: str | None = None,
    ) -> None:
        """Create the connection without sending anything; alerts are told in the language, if known."""
        self.address = address
        self._session = session
        self._api = address.url / "api" / "v1"
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        if language:
            self._headers["Accept-Language"] = language

    async def info(self) -> ServerInfo:
        """Return information about the bridge; requires no token.

        Raises:
            VersionError: bridge and client share no schema version.
        """
        info = from_dict(ServerInfo, await self.request("GET", "info"))
        negotiate_schema(info)
        return info

    async def role(self) -> Role:
        """Return the role of the token."""
        answer = await self.request("GET", "me")
        if not isinstance(answer, dict) or not isinstance(answer.get("role"), str):
            raise ProtocolError("me: expected an object with a role")
        role: str = answer["role"]
        return Role(role) if role in Role else Role.UNKNOWN

    async def top_up(
        self,
        account_id: str,
        amount: str,
        *,
        method: str,
        reference: str | None,
        key: str,
        confirmed: bool = False,
    ) -> TopUpResult:
        """Book a top-up of a decimal amount; repeating it with the same key books nothing more.

        An amount far beyond what is usual has to be ``confirmed``; an older bridge does not ask.
        """
        body = {"amount": amount, "method": method, "reference": reference}
        answer = await self.request(
            "POST",
            "accounts",
            account_id,
            "top-ups",
            body=body,
            query={"confirmed": "true"} if confirmed else None,
            headers={"Idempotency-Key": key},
        )
        return from_dict(TopUpResult, answer)

    async def redeem_voucher(self, account_id: str, code: str, *, key: str) -> TopUpResult:
        """Redeem a voucher; repeating it with the same key redeems nothing more.

        Raises:
            NotSupportedError: the bridge is too old for vouchers.
        """
        answer = await self.request(
            "POST", "accounts", account_id, "vouchers", body={"code": code}, headers={"Idempotency-Key": key}
        )
        return from_dict(TopUpResult, answer)

    async def select_emergency_credit(self, account_id: str, *, key: str) -> OperationResult:
        """Select the emergency credit of an account on behalf of its customer."""
        answer = await self.request(
            "POST", "accounts", account_id, "emergency-credit", body={}, headers={"Idempotency-Key": key}
        )
        return from_dict(OperationResult, answer)

    async def set_policy(
        self,
        account_id: str,
        *,
        low_credit: Sequence[str] | None = None,
        load_limit_w: int | None = None,
    ) -> AccountView:
        """Change the warning thresholds (decimals, all of them) or the load limit of an account."""
        body = {"low_credit": low_credit, "load_limit_w": load_limit_w}
        return from_dict(AccountView, await self.request("POST", "accounts", account_id, "policy", body=body))

    async def decide_quarantine(self, meter_id: str, decision: QuarantineDecision, reason: str) -> MeterView:
        """Decide on a quarantined register."""
        body = {"decision": decision.value, "reason": reason}
        return from_dict(MeterView, await self.request("POST", "meters", meter_id, "quarantine", body=body))

    async def statement(self, account_id: str, *, begin: str | None, end: str | None, detail: str) -> Json:
        """Return an account's statement as JSON; without a period, the one for the current month."""
        query = {"from": begin, "to": end, "detail": detail}
        answer = await self.request("GET", "accounts", account_id, "statement", query=query)
        if not isinstance(answer, dict):
            raise ProtocolError("statement: expected an object")
        return answer

    async def history(
        self,
        after: int,
        *,
        up_to: int | None = None,
        account_id: str | None = None,
        from_account: str | None = None,
    ) -> HistoryPage:
        """Return a page of hours that changed since a journal entry.

        Raises:
            NotSupportedError: the bridge is too old to provide its history.
        """
        values = {"after": after, "upto": up_to, "account": account_id, "from_account": from_account}
        query = {name: None if value is None else str(value) for name, value in values.items()}
        return from_dict(HistoryPage, await self.request("GET", "history", query=query))

    async def place_hold(self, account_id: str, hold_id: str, reason: str) -> HoldView:
        """Hold a supply off, regardless of the credit; repeating it with the same id places nothing more."""
        body = {"position": HoldPosition.OFF.value, "reason": reason, "id": hold_id}
        return from_dict(HoldView, await self.request("POST", "accounts", account_id, "holds", body=body))

    async def lift_hold(self, account_id: str, hold_id: str, reason: str | None) -> SupplyView:
        """Lift a hold; other holds remain, and then the credit decides."""
        path = ("accounts", account_id, "holds", hold_id)
        return from_dict(SupplyView, await self.request("DELETE", *path, query={"reason": reason}))

    async def set_supply(self, account_id: str, action: SupplyAction) -> SupplyView:
        """Reconnect an armed supply, or reset its protections."""
        body = {"action": action.value}
        return from_dict(SupplyView, await self.request("POST", "accounts", account_id, "supply", body=body))

    async def request(
        self,
        method: str,
        *path: str,
        body: Mapping[str, object] | None = None,
        query: Mapping[str, str | None] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> object:
        """Return the decoded JSON response of a route below ``/api/v1``.

        Raises:
            CannotConnectError: there was no response in time.
            RequestRefusedError: the bridge refused; subclasses distinguish a bad token from a missing right.
            ProtocolError: the response is not that of a bridge.
        """
        try:
            async with self._session.request(
                method,
                self._api.joinpath(*path),
                params=_without_none(query or {}),
                json=None if body is None else _without_none(body),
                headers={**self._headers, **(headers or {})},
                timeout=ClientTimeout(total=REQUEST_SECONDS),
                allow_redirects=False,
            ) as response:
                return await _decode_response(response)
        except TimeoutError as error:
            raise ConnectionTimeoutError(f"{self.address.url} did not answer in time") from error
        except (ClientError, OSError) as error:
            raise CannotConnectError(f"{self.address.url}: {error}") from error

    async def open_websocket(self) -> ClientWebSocketResponse:
        """Return an open WebSocket from which nothing has been read yet."""
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                return await self._session.ws_connect(
                    self._api / "ws",
                    headers=self._headers,
                    max_msg_size=MAX_MESSAGE_BYTES,
                )
        except WSServerHandshakeError as error:
            if code := _STATUS_CODES.get(HTTPStatus(error.status)):
                raise refusal(Problem(code=code, message=f"{self.address.url} refused the token")) from error
            raise CannotConnectError(f"{self.address.url}: {error}") from error
        except TimeoutError as error:
            raise ConnectionTimeoutError(f"{self.address.url} did not answer in time") from error
        except (ClientError, OSError) as error:
            raise CannotConnectError(f"{self.address.url}: {error}") from error


def _without_none[T](values: Mapping[str, T | None]) -> dict[str, T]:
    return {key: value for key, value in values.items() if value is not None}


def negotiate_schema(info: ServerInfo) -> int:
    """Return the newest schema version that the bridge and this client share."""
    if info.schema_version < MIN_SCHEMA_VERSION:
        raise BridgeTooOldError(info.version)
    if info.min_schema_version > SCHEMA_VERSION:
        raise BridgeTooNewError(info.version)
    return min(info.schema_version, SCHEMA_VERSION)


async def _decode_response(response: ClientResponse) -> object:
    """Return the body of a successful response, or raise the error of a refusal."""
    if response.ok and response.status < HTTPStatus.MULTIPLE_CHOICES:
        return await _json(response)
    raise refusal(await _problem(response))


async def _json(response: ClientResponse) -> object:
    try:
        answer: object = json.loads(await response.read())
    except ValueError as error:
        raise ProtocolError(f"{response.url.path}: the answer is not JSON") from error
    return answer


async def _problem(response: ClientResponse) -> Problem:
    """Return the bridge's problem, or one derived from the status code if something else answered."""
    try:
        return from_dict(Problem, await _json(response))
    except ProtocolError:
        code = _STATUS_CODES.get(HTTPStatus(response.status), ErrorCode.UNKNOWN)
        return Problem(code=code, message=f"{response.url.path} answered {response.status}")
