"""A bridge's API that answers what a test tells it, over the Unix socket in a data folder."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
import json
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from threading import Thread

type Said = tuple[int, dict[str, object]]


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    token: str
    key: str | None
    body: dict[str, object]


@dataclass
class StandIn:
    """What tokens speak for, what routes answer, and what was asked."""

    people: dict[str, dict[str, object]] = field(default_factory=dict)
    answers: dict[str, Callable[[Asked], Said]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def answer(self, asked: Asked) -> Said:
        """Return status and body for a request."""
        who = self.people.get(asked.token)
        if who is None:
            return 401, {"code": "not_authenticated", "message": "the token is unknown", "remedy": "make one"}
        if asked.path == "/api/v1/me":
            return 200, who
        self.asked.append(asked)
        found = self.answers.get(f"{asked.method} {asked.path.partition('?')[0]}")
        return found(asked) if found else (404, {"code": "not_found", "message": "nothing here"})


def landlord(name: str = "Thandi") -> dict[str, object]:
    """Return what the bridge says of a landlord of all sites."""
    return {"role": "landlord", "name": name, "accounts": None, "sites": None}


def caretaker(*sites: str) -> dict[str, object]:
    """Return what the bridge says of a caretaker."""
    return {"role": "caretaker", "name": "Sipho", "accounts": None, "sites": list(sites)}


def tenant(*accounts: str) -> dict[str, object]:
    """Return what the bridge says of a tenant."""
    return {"role": "tenant", "name": "N. Dlamini", "accounts": list(accounts), "sites": None}


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True


@contextmanager
def bridge_at(folder: Path, said: StandIn) -> Iterator[StandIn]:
    """Serve on the socket in a folder until the test is over."""

    class Handler(BaseHTTPRequestHandler):
        def address_string(self) -> str:
            return "unix"

        def log_message(self, *args: object) -> None:
            pass

        def _reply(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            asked = Asked(self.command, self.path, token, self.headers.get("Idempotency-Key"), body)
            status, told = said.answer(asked)
            raw = told["raw"] if isinstance(told.get("raw"), bytes) else json.dumps(told).encode()
            assert isinstance(raw, bytes)
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = _reply  # noqa: N815 - names of the standard library

    server = _Server(str(folder / "bridge.sock"), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield said
    finally:
        server.shutdown()
        server.server_close()
        (folder / "bridge.sock").unlink(missing_ok=True)
