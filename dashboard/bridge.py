"""A small client of the bridge's API for the pages: one request, one answer, with a person's token."""

from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
import json
from pathlib import Path
import socket
from typing import Final, cast
from urllib.parse import quote, urlsplit

from dashboard.settings import Settings

SOCKET_NAME: Final = "bridge.sock"
TIMEOUT_S: Final = 10.0
MAX_RESPONSE: Final = 32 * 1024 * 1024


class BridgeError(Exception):
    """The bridge did not do what was asked; the message says why."""


class BridgeDownError(BridgeError):
    """Nobody answered. What was asked may or may not be done: ask again with the same key."""


@dataclass
class RefusedError(BridgeError):
    """The bridge said no."""

    status: int
    code: str
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


@dataclass(frozen=True, slots=True)
class Response:
    """What the bridge answered."""

    status: int
    body: bytes

    def json(self) -> dict[str, object]:
        """Return the answer's object."""
        return cast("dict[str, object]", json.loads(self.body))


class _UnixConnection(HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("bridge", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class BridgeClient:
    """The bridge of an installation."""

    def __init__(
        self,
        data: Path,
        url: str | None = None,
        timeout: float = TIMEOUT_S,
        *,
        as_operator: bool = False,
    ) -> None:
        """Take the data folder, and the API's root where the bridge is on another machine.

        ``as_operator`` asks without a token, as whoever may open the socket in the data folder: for commands
        of this machine's user alone, never for a page.
        """
        self._as_operator = as_operator
        self._data = data
        self._url = url
        self._timeout = timeout

    def get(self, token: str, *path: str, query: str = "") -> Response:
        """Return what a reading route answers; raise ``BridgeError``."""
        return self._request("GET", path, token, query=query)

    def post(
        self,
        token: str,
        *path: str,
        body: Mapping[str, object] | None = None,
        key: str | None = None,
        query: str = "",
    ) -> Response:
        """Return what a changing route answers; raise ``BridgeError``."""
        return self._request("POST", path, token, body=body or {}, key=key, query=query)

    def _request(
        self,
        method: str,
        path: tuple[str, ...],
        token: str,
        *,
        query: str = "",
        body: Mapping[str, object] | None = None,
        key: str | None = None,
    ) -> Response:
        headers = {} if self._as_operator else {"Authorization": f"Bearer {token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if key is not None:
            headers["Idempotency-Key"] = key
        # A meter's id holds a slash, which belongs to the id and not to the path.
        target = "/api/v1/" + "/".join(quote(part, safe="") for part in path) + (f"?{query}" if query else "")
        content = None if body is None else json.dumps(body).encode()
        connection = self._connection()
        try:
            connection.request(method, target, body=content, headers=headers)
            response = connection.getresponse()
            answer = Response(response.status, response.read(MAX_RESPONSE))
        except (OSError, HTTPException) as error:
            raise BridgeDownError(f"The bridge does not answer: {error}") from error
        finally:
            connection.close()
        if not 200 <= answer.status < 300:  # noqa: PLR2004 - HTTP's range of success
            raise _refusal(answer)
        return answer

    def _connection(self) -> HTTPConnection:
        if self._url is None:
            return _UnixConnection(self._data / SOCKET_NAME, self._timeout)
        parts = urlsplit(self._url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        return kind(parts.hostname or "127.0.0.1", parts.port, timeout=self._timeout)


def bridge_client(dashboard_settings: Settings, timeout: float = TIMEOUT_S) -> BridgeClient:
    """Return the bridge that the settings name."""
    return BridgeClient(dashboard_settings.data, dashboard_settings.bridge, timeout)


def _refusal(answer: Response) -> BridgeError:
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    return RefusedError(
        answer.status,
        str(problem.get("code") or "unknown"),
        _sentence(str(problem.get("message") or f"the bridge answered {answer.status}")),
        _sentence(str(problem.get("remedy") or "")),
    )


def _sentence(text: str) -> str:
    text = text.strip()
    return f"{text[0].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}" if text else ""
