"""A command over Home Assistant's WebSocket, for what its REST API does not provide."""

from collections.abc import Mapping
from typing import Any

import aiohttp

from scripts.lib.demo.homeassistant import HomeAssistant
from scripts.lib.demo.waiting import NotObservedError


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
