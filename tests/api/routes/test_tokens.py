"""Tokens: how they are shown, made and revoked, and what wrong ones lead to."""

import pytest

from meter_bridge.engine.access import throttle
from meter_bridge.engine.access.throttle import MAX_PEERS, MAX_WRONG_TOKENS, WINDOW_S, Throttle
from tests.api.factories import SECRET, token_of
from tests.api.serving import Served

WRONG = {"Authorization": f"Bearer pmb_owner_{'x' * 43}"}


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic b3duZXI6eA==",
        token_of("owner"),
        f"Token {token_of('owner')}",
        f"Bearer {token_of('owner')}x",
        f"Bearer {'x' * 5000}",
        f"Bearer {token_of('owner')} {token_of('owner')}",
    ],
)
async def test_anything_but_one_bearer_token_is_refused(api: Served, header: str) -> None:
    response = await api.ask("GET", "/api/v1/me", None, headers={"Authorization": header})
    assert response.status == 401


async def test_two_tokens_are_refused(api: Served) -> None:
    headers = [("Authorization", f"Bearer {token_of('owner')}")] * 2
    async with api.session.get(api.url / "api/v1/me", headers=headers) as response:
        assert response.status in {400, 401}


async def test_a_token_in_the_address_is_not_read(api: Served) -> None:
    for name in ("token", "access_token", "Authorization"):
        response = await api.ask("GET", f"/api/v1/me?{name}={token_of('owner')}", None)
        assert response.status == 401
        assert SECRET not in await response.text()


async def test_the_scheme_may_be_written_in_any_case(api: Served) -> None:
    headers = {"Authorization": f"bearer {token_of('owner')}"}
    assert (await api.ask("GET", "/api/v1/me", None, headers=headers)).status == 200


async def test_after_twenty_wrong_tokens_within_a_minute_more_are_answered_429(api: Served) -> None:
    for _ in range(MAX_WRONG_TOKENS):
        assert (await api.ask("GET", "/api/v1/me", None, headers=WRONG)).status == 401
    response = await api.ask("GET", "/api/v1/me", None, headers=WRONG)
    assert response.status == 429
    assert response.headers["Retry-After"] == "60"
    assert (await response.json())["code"] == "too_many_requests"


async def test_a_right_token_is_served_also_where_others_of_the_address_are_wrong(api: Served) -> None:
    for _ in range(MAX_WRONG_TOKENS + 1):
        await api.ask("GET", "/api/v1/me", None, headers=WRONG)
    assert (await api.ask("GET", "/api/v1/me")).status == 200


def test_after_a_minute_a_peer_may_try_again() -> None:
    now = 0.0
    throttled = Throttle(lambda: now)
    assert [throttled.count_wrong_token("192.0.2.1") for _ in range(MAX_WRONG_TOKENS + 1)][-1]
    assert not throttled.count_wrong_token("192.0.2.2")
    now = WINDOW_S
    assert not throttled.count_wrong_token("192.0.2.1")


def test_the_memory_of_wrong_tokens_is_bounded() -> None:
    throttled = Throttle()
    for number in range(MAX_PEERS + 100):
        throttled.count_wrong_token(f"192.0.{number // 250}.{number % 250}")
    assert len(throttled) == MAX_PEERS


def test_an_ipv6_host_with_many_addresses_is_one_peer() -> None:
    throttled = Throttle()
    for number in range(100):
        throttled.count_wrong_token(f"2001:db8::{number:x}")
    throttled.count_wrong_token("::ffff:192.0.2.1")
    throttled.count_wrong_token("::ffff:192.0.2.2")
    assert len(throttled) == 3
    assert throttle.MAX_WRONG_TOKENS < 100


async def test_a_new_token_is_shown_once_and_listed_without_its_secret(api: Served) -> None:
    body = {"name": "panel", "role": "tenant", "accounts": ["flat-1"], "days": 30}
    made = await api.ask("POST", "/api/v1/tokens", json=body)
    assert made.status == 201
    assert await made.json() == {"id": "t1", "token": f"pmb_t1_{SECRET}"}
    listed = await api.ask("GET", "/api/v1/tokens")
    assert SECRET not in await listed.text()
    assert (await listed.json())["tokens"] == [
        {
            "id": "t1",
            "name": "panel",
            "role": "tenant",
            "sites": [],
            "accounts": ["flat-1"],
            "created_at": "2026-03-01T10:00:00.000Z",
            "expires_at": "2027-03-01T10:00:00.000Z",
            "revoked_at": None,
        }
    ]


async def test_a_token_is_revoked_by_its_id(api: Served) -> None:
    await api.ask("POST", "/api/v1/tokens", json={"name": "x", "role": "landlord", "sites": ["*"]})
    assert (await api.ask("DELETE", "/api/v1/tokens/t1")).status == 204
    assert (await api.ask("DELETE", "/api/v1/tokens/t9")).status == 404
    assert api.port.made["t1"].revoked_at is not None


@pytest.mark.parametrize(
    "reach,field",
    [
        ({"role": "landlord"}, "sites"),
        ({"role": "caretaker", "accounts": ["flat-1"]}, "sites"),
        ({"role": "landlord", "sites": ["rose"], "accounts": ["flat-1"]}, "accounts"),
        ({"role": "tenant"}, "accounts"),
        ({"role": "tenant", "accounts": ["flat-1"], "sites": ["*"]}, "sites"),
        ({"role": "device", "sites": ["*"]}, "accounts"),
        ({"role": "unknown", "sites": ["*"]}, "role"),
        ({"role": "tenant", "accounts": ["flat-1"], "days": 0}, "days"),
        ({"role": "tenant", "accounts": [""]}, "accounts[0]"),
    ],
)
async def test_a_token_that_would_see_nothing_or_too_much_is_refused(
    api: Served, reach: dict[str, object], field: str
) -> None:
    response = await api.ask("POST", "/api/v1/tokens", json={"name": "x"} | reach)
    assert response.status == 400
    assert (await response.json())["field"] == field
    assert api.port.made == {}
