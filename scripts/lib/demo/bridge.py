"""The bridge as a process, and a client of its API."""

from collections.abc import Mapping, Sequence
import json
from pathlib import Path
import sys
from typing import Final
import uuid

import aiohttp
import msgspec

from meter_bridge.protocol.messages import (
    AccountView,
    AlertView,
    LedgerEntry,
    LedgerPage,
    MeterView,
    SupplyView,
    TopUpResult,
)
from scripts.lib.demo.process import LOOPBACK, OwnedProcess, output_of

START_S: Final = 300.0
"""Maximum time until its API responds, with a hundred thousand meters on a busy machine."""
CLI: Final = (sys.executable, "-m", "meter_bridge.cli")


class BridgeProcess(OwnedProcess):
    """``meter-bridge run`` with its own data folder."""

    def __init__(self, data: Path, port: int, log: Path, environment: Mapping[str, str]) -> None:
        self.data = data
        self.port = port
        command = [*CLI, "--data", str(data), "run", "--listen", f"{LOOPBACK}:{port}"]
        super().__init__("the bridge", command, log, environment=environment)

    @property
    def url(self) -> str:
        """Root URL of the API."""
        return f"http://{LOOPBACK}:{self.port}"

    async def start(self) -> None:
        """Start it and wait until its API responds."""
        await super().start()
        await self.until_ready(self._answers, START_S)

    async def _answers(self) -> bool:
        return await answers(f"{self.url}/api/v1/info")

    async def run(self, *arguments: str) -> str:
        """Run another command on the same installation and return its output."""
        return await output_of([*CLI, "--data", str(self.data), *arguments], environment=self.environment)

    async def token(self, name: str, role: str, *accounts: str) -> str:
        """Create a token and return it; without accounts it sees every site."""
        reach = [part for account in accounts for part in ("--account", account)] or ["--all-sites"]
        output = await self.run("token", "create", "--name", name, "--role", role, *reach, "--json")
        return str(json.loads(output)["token"])

    async def problems(self) -> Sequence[str]:
        """Return the problems that ``verify`` finds in the books."""
        problems: Sequence[str] = json.loads(await self.run("verify", "--json"))["problems"]
        return problems


class BridgeApi:
    """The bridge's API with one token."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def account(self, account_id: str) -> AccountView:
        """Return an account."""
        return msgspec.json.decode(await self.get(f"/api/v1/accounts/{account_id}"), type=AccountView)

    async def accounts(self) -> Sequence[AccountView]:
        """Return all accounts."""
        answer = await self.get("/api/v1/accounts")
        return msgspec.json.decode(answer, type=dict[str, tuple[AccountView, ...]])["accounts"]

    async def meters(self) -> Sequence[MeterView]:
        """Return all meters, including those that are not assigned."""
        answer = await self.get("/api/v1/meters")
        return msgspec.json.decode(answer, type=dict[str, tuple[MeterView, ...]])["meters"]

    async def alerts(self, *, only_open: bool = True) -> Sequence[AlertView]:
        """Return alerts, newest first."""
        answer = await self.get(f"/api/v1/alerts?open={str(only_open).lower()}")
        return msgspec.json.decode(answer, type=dict[str, tuple[AlertView, ...]])["alerts"]

    async def ledger(self, account_id: str) -> Sequence[LedgerEntry]:
        """Return all ledger entries of an account, newest first."""
        entries: list[LedgerEntry] = []
        query = "limit=200"
        while True:
            answer = await self.get(f"/api/v1/accounts/{account_id}/ledger?{query}")
            page = msgspec.json.decode(answer, type=LedgerPage)
            entries += page.entries
            if page.next_before is None:
                return entries
            query = f"limit=200&before={page.next_before}"

    async def health(self) -> tuple[str, Sequence[str]]:
        """Return the health with its reasons."""
        async with self._open().get("/health") as answer:
            body = await answer.json()
            return str(body["status"]), body["reasons"]

    async def top_up(self, account_id: str, amount: str, key: str | None = None) -> TopUpResult:
        """Book a top-up."""
        headers = {"Idempotency-Key": key or uuid.uuid4().hex}
        body = {"amount": amount, "method": "cash"}
        answer = await self.post(f"/api/v1/accounts/{account_id}/top-ups", body, headers)
        return msgspec.json.decode(answer, type=TopUpResult)

    async def supply(self, account_id: str, action: str, reason: str | None = None) -> SupplyView:
        """Hold, release or confirm a supply."""
        body = {"action": action} | ({} if reason is None else {"reason": reason})
        return msgspec.json.decode(
            await self.post(f"/api/v1/accounts/{account_id}/supply", body), type=SupplyView
        )

    async def get(self, path: str) -> bytes:
        """Return the decoded body of a response; raise for an error status."""
        async with self._open().get(path) as answer:
            answer.raise_for_status()
            return await answer.read()

    async def post(
        self, path: str, body: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> bytes:
        """Send a body and return that of the response; raise for an error status."""
        async with self._open().post(path, json=body, headers=headers) as answer:
            answer.raise_for_status()
            return await answer.read()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(self._url, headers=self._headers)
        return self._session


async def answers(url: str) -> bool:
    """Return whether a GET request is answered with 200."""
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.ok
    except aiohttp.ClientError, OSError:
        return False
