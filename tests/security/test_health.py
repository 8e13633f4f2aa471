"""Strangers learn from ``/health`` whether the bridge is well, and nothing else; watchdogs need no token."""

import pytest

from tests.api.serving import Served


@pytest.mark.parametrize("name", [None, "tenant", "device", "landlord", "caretaker"])
@pytest.mark.parametrize("status, code", [("degraded", 200), ("down", 503)])
async def test_reasons_are_for_those_who_see_every_site(
    api: Served, name: str | None, status: str, code: int
) -> None:
    api.port.health_status = status
    answer = await api.ask("GET", "/health", name)
    assert (answer.status, await answer.json()) == (code, {"status": status, "reasons": []})


async def test_the_owner_is_told_the_reasons(api: Served) -> None:
    api.port.health_status = "degraded"
    answer = await api.ask("GET", "/health", "owner")
    assert await answer.json() == {"status": "degraded", "reasons": ["the broker is away"]}


async def test_a_watchdog_with_a_revoked_token_still_learns_that_the_bridge_is_well(api: Served) -> None:
    wrong = {"Authorization": "Bearer pmb_000000000000_wrong"}
    for _ in range(30):
        answer = await api.ask("GET", "/health", None, headers=wrong)
        assert (answer.status, await answer.json()) == (200, {"status": "ok", "reasons": []})
