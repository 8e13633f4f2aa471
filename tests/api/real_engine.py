"""The real engine behind the real API, over the house of the documentation, with a token of each role."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import ClientSession, UnixConnector

from meter_bridge.api.server import ApiServer, ListenSettings
from meter_bridge.runtime.bridge import offline
from tests.storage.template import settings_of

EXAMPLE: Final = Path(__file__).parents[2] / "docs" / "examples" / "house-with-flats.yaml"
TOKENS: Final[tuple[dict[str, object], ...]] = (
    {"name": "owner", "role": "landlord", "sites": ["*"]},
    {"name": "landlord", "role": "landlord", "sites": ["rose-street"]},
    {"name": "caretaker", "role": "caretaker", "sites": ["rose-street"]},
    {"name": "tenant", "role": "tenant", "accounts": ["flat-1"]},
    {"name": "device", "role": "device", "accounts": ["flat-1"]},
)
PROVIDERS: Final = """\
page: http://127.0.0.1:8126
providers:
  till: {kind: webhook, name: Till, secrets: ["6e2f0b7c9a5d4418b1f6"], instructions: "Pay as {reference}"}
"""


@dataclass(frozen=True, slots=True)
class RealEngine:
    """A served engine."""

    url: str
    socket: Path
    tokens: dict[str, str]

    def headers(self, name: str | None) -> dict[str, str]:
        """Return the headers of a token."""
        return {} if name is None else {"Authorization": f"Bearer {self.tokens[name]}"}


@asynccontextmanager
async def real_engine(folder: Path) -> AsyncGenerator[RealEngine]:
    """Serve the house, without meters, with one provider of payments."""
    socket = folder / "bridge.sock"
    (folder / "payments.yaml").write_text(PROVIDERS)
    (folder / "payments.yaml").chmod(0o600)
    with settings_of(folder) as settings:
        async with offline(settings) as port:
            server = ApiServer(port, ListenSettings(host="127.0.0.1", port=0, socket=socket))
            await server.start()
            try:
                yield RealEngine(str(server.url), socket, await prepared(socket))
            finally:
                await server.stop()


async def prepared(socket: Path) -> dict[str, str]:
    """Apply the site file and make the tokens, as the local operator does."""
    async with ClientSession("http://bridge", connector=UnixConnector(str(socket))) as operator:
        async with operator.post("/api/v1/site", data=EXAMPLE.read_text()) as done:
            assert done.status == 200, await done.text()
        made = {}
        for body in TOKENS:
            async with operator.post("/api/v1/tokens", json=body) as done:
                assert done.status == 201, await done.text()
                made[str(body["name"])] = (await done.json())["token"]
        return made
