"""Made-up requests after the API's own document, over the real engine: answered as it says, never failed.

Schemathesis makes right and wrong paths, parameters, headers and bodies of every operation; each goes to a
served bridge with the token of some role or without any. The same requests on every run.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
import json
from pathlib import Path
import tempfile
from threading import Event, Thread
from typing import Any, Final

from hypothesis import HealthCheck, Phase, given, settings, strategies as st
import pytest
import requests
import schemathesis
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

from meter_bridge.api.app import ENDPOINTS
from meter_bridge.api.http.endpoint import Endpoint
from tests.api.real_engine import TOKENS, RealEngine, real_engine
from tests.api.test_openapi import DOCUMENT
from tests.example_budget import tries

SENDERS: Final = [*(str(each["name"]) for each in TOKENS), None]
KNOWN: Final = {"id": ("flat-1", "flat-2", "flat-1%2Fmain"), "provider": ("till",), "file": ("app.js",)}
"""Ids that there are, beside made-up ones."""
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
MOSTLY: Final = st.sampled_from([True, True, False])
EXAMPLES: Final = tries(16, at_a_desk=8)
SCHEMA: Final = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS: Final = [each for each in ENDPOINTS if each.path != "/api/v1/ws"]
"""The WebSocket is not one request and one answer."""


@dataclass(frozen=True, slots=True)
class Bridge:
    """A served engine and its client."""

    engine: RealEngine
    session: requests.Session


@pytest.fixture(scope="module")
def bridge() -> Iterator[Bridge]:
    """Run the bridge in a thread of its own, because the client is a blocking one."""
    loop, ready, stop = asyncio.new_event_loop(), Event(), asyncio.Event()
    found: list[RealEngine] = []

    async def serve() -> None:
        with tempfile.TemporaryDirectory(prefix="pm-") as name:
            async with real_engine(Path(name)) as engine:
                found.append(engine)
                ready.set()
                await stop.wait()

    thread = Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(60)
        with requests.Session() as session:
            session.trust_env = False
            yield Bridge(found[0], session)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(60)
        loop.close()


def test_the_document_that_is_served_is_the_one_that_is_tried(bridge: Bridge) -> None:
    url, headers = f"{bridge.engine.url}/api/v1/openapi.json", bridge.engine.headers("tenant")
    answer = bridge.session.get(url, headers=headers)
    assert answer.json() == json.loads(json.dumps(DOCUMENT))


@pytest.mark.parametrize("endpoint", OPERATIONS, ids=lambda each: each.name)
def test_made_up_requests_are_answered_as_the_document_says(bridge: Bridge, endpoint: Endpoint) -> None:
    operation = SCHEMA[endpoint.path][endpoint.method]
    right = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    wrong = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=right | wrong if endpoint.body else right, data=st.data())
    def tried(case: Any, data: st.DataObject) -> None:  # noqa: ANN401 - schemathesis has no type for it
        for name in case.path_parameters or {}:
            if name in KNOWN and data.draw(MOSTLY):
                case.path_parameters[name] = data.draw(st.sampled_from(KNOWN[name]))
        sender = "owner" if data.draw(MOSTLY) else data.draw(st.sampled_from(SENDERS))
        ask(bridge, endpoint, case, sender)

    tried()


def ask(bridge: Bridge, endpoint: Endpoint, case: Any, name: str | None) -> None:  # noqa: ANN401 - as above
    """Send a case as somebody, and hold the answer against the document."""
    case.headers = {key: text for key, text in (case.headers or {}).items() if key != "Authorization"}
    case.headers |= bridge.engine.headers(name)
    answer = case.call(base_url=bridge.engine.url, session=bridge.session, allow_redirects=False)
    case.validate_response(answer, checks=CHECKS)
    if name is None and not endpoint.access.public:
        assert answer.status_code == 401
        assert answer.json()["code"] == "not_authenticated"
