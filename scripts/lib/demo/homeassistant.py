"""A real Home Assistant as a process, set up and queried over its REST API as by a person's browser."""

from collections.abc import Mapping
from http import HTTPStatus
import json
from pathlib import Path
import shutil
import time
from typing import Any, Final

import aiohttp

from scripts.lib.demo.bridge import answers
from scripts.lib.demo.ha_folder import STAND_INS, make_folder
from scripts.lib.demo.process import LOOPBACK, OwnedProcess
from scripts.lib.demo.waiting import NotObservedError

DOMAIN: Final = "prepaid_meter"
USER: Final = "demo"
PASSWORD: Final = "demo"  # noqa: S105 - of a Home Assistant that only listens on this machine
START_S: Final = 180.0
TOKEN_MARGIN_S: Final = 120

type Json = dict[str, Any]


class RefusedError(Exception):
    """Home Assistant refused a request; the message is its own."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body


class HomeAssistant(OwnedProcess):
    """Home Assistant with a configuration folder."""

    def __init__(self, project: Path, folder: Path, port: int, log: Path) -> None:
        self.folder = folder
        self.port = port
        self.url = f"http://{LOOPBACK}:{port}"
        self.tokens: Json = {}
        self._fresh_until = 0.0
        self._project = project
        self._session: aiohttp.ClientSession | None = None
        binary = project / ".venvs" / "homeassistant" / "bin" / "hass"
        command = [str(binary), "-c", str(folder), "--skip-pip"]
        super().__init__("Home Assistant", command, log, environment={"PYTHONPATH": str(folder / STAND_INS)})

    async def start(self) -> None:
        """Start it, with a new folder unless there is one, and wait until it responds."""
        if not self.folder.exists():
            make_folder(self.folder, self._project, self.port)
        await super().start()
        await self.until_ready(lambda: answers(f"{self.url}/manifest.json"), START_S)

    async def stop(self) -> None:
        """Close the connection and stop the process."""
        if self._session is not None:
            await self._session.close()
            self._session = None
        await super().stop()

    def forget(self) -> None:
        """Delete its folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    async def onboard(self) -> None:
        """Create the demo's user and complete the onboarding."""
        client = {"client_id": f"{self.url}/"}
        user = {"name": "Demo", "username": USER, "password": PASSWORD, "language": "en"}
        code = (await self._request("POST", "/api/onboarding/users", client | user))["auth_code"]
        await self._take_tokens({"grant_type": "authorization_code", "code": str(code)})
        await self.post("/api/onboarding/core_config", {})
        await self.post("/api/onboarding/analytics", {})
        await self.post(
            "/api/onboarding/integration", client | {"redirect_uri": f"{self.url}/?auth_callback=1"}
        )

    async def _take_tokens(self, grant: Mapping[str, str]) -> None:
        form = {"client_id": f"{self.url}/"} | dict(grant)
        async with self._open().post("/auth/token", data=form) as answer:
            self.tokens |= await answer.json()
        self._fresh_until = time.monotonic() + self.tokens["expires_in"] - TOKEN_MARGIN_S

    async def add_bridge(self, port: int, token: str) -> Json:
        """Complete the integration's config flow; return its result."""
        flow = await self.post("/api/config/config_entries/flow", {"handler": DOMAIN})
        form = {"host": LOOPBACK, "port": port, "ssl": False, "verify_ssl": True, "token": token}
        result: Json = await self.post(f"/api/config/config_entries/flow/{flow['flow_id']}", form)
        return result

    async def state(self, entity_id: str) -> str | None:
        """Return an entity's state, or None if there is no such entity."""
        entity = await self.entity(entity_id)
        return None if entity is None else str(entity["state"])

    async def entity(self, entity_id: str) -> Json | None:
        """Return an entity's state with its attributes."""
        try:
            entity: Json = await self.get(f"/api/states/{entity_id}")
        except RefusedError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        return entity

    async def action(self, name: str, data: Mapping[str, object], *, answer: bool = False) -> Json:
        """Perform an action, such as ``prepaid_meter.top_up``; return its response data if requested."""
        domain, _, service = name.partition(".")
        query = "?return_response" if answer else ""
        body = await self.post(f"/api/services/{domain}/{service}{query}", data)
        response: Json = body["service_response"] if answer else {}
        return response

    async def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """Return the decoded body of a response."""
        return await self._signed_request("GET", path, None)

    async def post(self, path: str, body: Mapping[str, object]) -> Any:  # noqa: ANN401 - JSON
        """Send a body and return that of the response."""
        return await self._signed_request("POST", path, body)

    async def delete(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """Delete a resource."""
        return await self._signed_request("DELETE", path, None)

    async def _signed_request(self, method: str, path: str, body: Mapping[str, object] | None) -> Any:  # noqa: ANN401
        if time.monotonic() > self._fresh_until:
            await self._take_tokens(
                {"grant_type": "refresh_token", "refresh_token": self.tokens["refresh_token"]}
            )
        return await self._request(method, path, body)

    async def _request(self, method: str, path: str, body: Mapping[str, object] | None) -> Any:  # noqa: ANN401
        token = self.tokens.get("access_token")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self._open().request(method, path, json=body, headers=headers) as answer:
            text = await answer.text()
            if not answer.ok:
                raise RefusedError(answer.status, text)
            return json.loads(text) if text else None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(self.url)
        return self._session

    def browser_tokens(self) -> str:
        """Return what a browser stores as ``localStorage.hassTokens`` after signing in."""
        expires = int((time.time() + self.tokens["expires_in"]) * 1000)
        client = {"hassUrl": self.url, "clientId": f"{self.url}/", "expires": expires}
        return json.dumps(self.tokens | client)


def entry_of(result: Json) -> str:
    """Return the id of the config entry that a flow created; raise ``NotObservedError`` if it did not."""
    if result.get("type") != "create_entry":
        raise NotObservedError(f"the config flow did not create an entry: {result}")
    return str(result["result"]["entry_id"])


async def ask(home: HomeAssistant, question: Mapping[str, object]) -> Any:  # noqa: ANN401 - JSON
    """Return the result of a command; raise ``NotObservedError`` if it is refused."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{home.url}/api/websocket", max_msg_size=0) as socket,
    ):
        await socket.receive_json()
        await socket.send_json({"type": "auth", "access_token": home.tokens["access_token"]})
        await socket.receive_json()
        await socket.send_json({"id": 1} | dict(question))
        answer = await socket.receive_json()
    if not answer.get("success"):
        raise NotObservedError(f"Home Assistant refused {question}: {answer}")
    return answer["result"]
