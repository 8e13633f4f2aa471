"""What a page of somebody else can send with a customer's session changes nothing, on any route."""

from typing import Final

import msgspec
import pytest

from meter_bridge.api.app import ENDPOINTS
from meter_bridge.api.http.endpoint import Endpoint
from tests.api.fake_answers import COOKIE
from tests.api.serving import Served, filled

SESSION: Final = {"Cookie": f"prepaid_session={COOKIE}"}
CHANGES: Final = [each for each in ENDPOINTS if each.method not in {"GET", "HEAD"} and not each.access.public]
FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain")
"""What a form of another site may send without asking first."""


@pytest.mark.parametrize("endpoint", CHANGES, ids=lambda each: each.name)
@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
async def test_a_session_without_the_page_s_header_changes_nothing(
    api: Served, endpoint: Endpoint, origin: str
) -> None:
    body = None if endpoint.body is None else msgspec.json.encode(endpoint.example)
    for form in FORMS:
        headers = SESSION | {"Origin": origin, "Content-Type": form, "Idempotency-Key": form}
        answer = await api.ask(
            endpoint.method, filled(endpoint.path, "flat-1"), None, data=body, headers=headers
        )
        assert answer.status == 403
    assert api.port.calls == []


@pytest.mark.parametrize("endpoint", CHANGES, ids=lambda each: each.name)
async def test_no_other_site_may_ask_whether_it_may_send_the_header(api: Served, endpoint: Endpoint) -> None:
    headers = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": endpoint.method,
        "Access-Control-Request-Headers": "prepaid-page",
    }
    answer = await api.ask("OPTIONS", filled(endpoint.path, "flat-1"), None, headers=headers)
    assert answer.status == 405
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
