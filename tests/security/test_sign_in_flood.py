"""Strangers who guess at the tenant's page fill nothing, lift no lock, and shut no customer out."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path

import pytest
import pytest_asyncio

from meter_bridge.engine.access.lockout import MAX_REMEMBERED, MAX_STORED, WRONG_WEIGHT, Lockout
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.tenant_page.sign_in import MAX_EVENTS_PER_HOUR
from meter_bridge.tenant_page.sign_in_limits import (
    MAX_PER_NUMBER,
    MAX_PER_NUMBER_AND_PEER,
    NUMBER_LOCK_MS,
)
from tests.api.fake_answers import CODE
from tests.api.serving import Served
from tests.engine.harness import HOUR, NOON, House, VirtualTime, house, opened, refusing
from tests.tenant_page.test_sign_in import TWO, card, refusal

PROXY = None
"""A proxy on the bridge's machine hides who asks."""


@pytest_asyncio.fixture
async def street(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path, TWO) as two:
        yield two


async def heard(street: House, number: str, code: str, peer: str | None = PROXY) -> bool:
    return (await refusal(street, number, code, peer)).code is ErrorCode.NOT_AUTHENTICATED


async def test_a_flood_leaves_next_to_nothing(street: House) -> None:
    before = len(street.rows("SELECT seq FROM event"))
    for n in range(1_000):
        await refusal(street, f"room {n % 500}", f"{n:08d}", PROXY)
        await refusal(street, "flat-1", f"{n:08d}", PROXY)
    for n in range(500):
        await refusal(street, f"flat-{n % 2}", f"{n:08d}", f"10.0.{n // 256}.{n % 256}")
    assert len(street.rows("SELECT seq FROM event")) - before <= MAX_EVENTS_PER_HOUR
    assert len(street.rows("SELECT id FROM wrong_secret")) <= 1_100


async def test_what_was_not_put_on_record_is_counted_in_the_next_event(street: House) -> None:
    for room in range(MAX_EVENTS_PER_HOUR + 5):
        for n in range(MAX_PER_NUMBER):
            await refusal(street, f"room {room}", f"{n:08d}", PROXY)
    street.time.forward(HOUR)
    for n in range(MAX_PER_NUMBER):
        await refusal(street, "room x", f"{n:08d}", PROXY)
    told = street.events("access_locked")
    assert len(told) == MAX_EVENTS_PER_HOUR + 1
    assert told[-1] == {"number": "roomx", "unrecorded": 5}


async def test_other_numbers_lift_no_lock(street: House, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = "203.0.113.7"
    for n in range(MAX_PER_NUMBER_AND_PEER):
        assert await heard(street, "flat-1", f"{n:08d}", peer)
    monkeypatch.setattr("meter_bridge.engine.access.lockout.MAX_REMEMBERED", 256)
    for n in range(600):
        await refusal(street, f"room {n}", "ABCDEFGH", f"10.{n // 65536}.{n // 256 % 256}.{n % 256}")
    assert not await heard(street, "flat-1", "one more", peer)


def test_who_is_locked_is_forgotten_last() -> None:
    guard = Lockout()
    guard.lock("locked", 0)
    for n in range(2 * MAX_REMEMBERED):
        guard.record_wrong(str(n), "x", WRONG_WEIGHT // 6, 1)
    assert guard.locked_until("locked", 1) == HOUR


def test_of_many_locks_the_one_that_ends_first_is_forgotten() -> None:
    guard = Lockout()
    for n in range(MAX_REMEMBERED + 1):
        guard.record_wrong(str(n), "x", 5 * WRONG_WEIGHT, n)
    assert guard.locked_until("0", MAX_REMEMBERED) is None
    assert guard.locked_until("1", MAX_REMEMBERED) is not None


async def test_five_wrong_codes_of_a_stranger_lock_no_room(street: House) -> None:
    made = await card(street)
    for n in range(MAX_PER_NUMBER - 1):
        assert await heard(street, "flat-1", f"{n:08d}")
    await street.app.page.access.sign_in("flat-1", made.code, PROXY)


async def test_a_stranger_holds_up_a_room_for_minutes_and_no_longer(street: House) -> None:
    made = await card(street)
    for n in range(MAX_PER_NUMBER + 10):
        await refusal(street, "flat-1", f"{n:08d}", PROXY)
    assert (await refusal(street, "flat-1", made.code, PROXY)).remedy == (
        "try again in 5 minutes, or open your link"
    )
    street.time.forward(NUMBER_LOCK_MS)
    await street.app.page.access.sign_in("flat-1", made.code, PROXY)


async def test_a_known_device_is_never_held_up_by_strangers(street: House) -> None:
    made = await card(street)
    access = street.app.page.access
    _, session = await access.sign_in("Flat 1", made.code, PROXY)
    device = access.device_cookie(session, "Flat 1")
    for n in range(2 * MAX_PER_NUMBER):
        await refusal(street, "flat-1", f"{n:08d}", PROXY)
        await refusal(street, "flat-1", f"{n:08d}", "203.0.113.7")
    who, _ = await access.sign_in("flat 1", made.code, "203.0.113.7", device)
    assert who.account_id == "flat-1"


async def test_a_device_is_known_for_its_number_alone_and_guesses_no_more_than_others(street: House) -> None:
    made = await card(street)
    access = street.app.page.access
    _, session = await access.sign_in_by_link(made.secret)
    device = access.device_cookie(session, "")
    for n in range(MAX_PER_NUMBER_AND_PEER):
        with pytest.raises(RequestRefused, match="do not go together"):
            await access.sign_in("flat-1", f"{n:08d}", PROXY, device)
    with pytest.raises(RequestRefused, match="too many wrong codes"):
        await access.sign_in("flat-1", made.code, PROXY, device)
    await access.sign_in("flat-1", made.code, PROXY)
    for n in range(MAX_PER_NUMBER):
        await refusal(street, "flat-2", f"{n:08d}", PROXY)
    with pytest.raises(RequestRefused, match="too many wrong codes"):
        await access.sign_in("flat-2", made.code, PROXY, device)


async def test_the_device_of_a_revoked_card_is_not_known(street: House) -> None:
    made = await card(street)
    access = street.app.page.access
    _, session = await access.sign_in("flat-1", made.code, PROXY)
    device = access.device_cookie(session, "flat-1")
    new = await card(street)
    for n in range(MAX_PER_NUMBER):
        await refusal(street, "flat-1", f"{n:08d}", PROXY)
    with pytest.raises(RequestRefused, match="too many wrong codes"):
        await access.sign_in("flat-1", new.code, PROXY, device)


@pytest.mark.parametrize("forged", ["", "x", "0123456789ab." + 64 * "0", "0123456789ab.1.2"])
async def test_a_forged_device_is_none(street: House, forged: str) -> None:
    for n in range(MAX_PER_NUMBER):
        await refusal(street, "flat-1", f"{n:08d}", PROXY)
    with pytest.raises(RequestRefused, match="too many wrong codes"):
        await street.app.page.access.sign_in("flat-1", "ABCDEFGH", PROXY, forged)


async def test_a_session_that_signed_out_opens_nothing_also_after_a_restart(tmp_path: Path) -> None:
    async with house(tmp_path, TWO) as street:
        made = await card(street)
        access = street.app.page.access
        _, ended = await access.sign_in("flat-1", made.code, PROXY)
        street.time.forward(1_000)
        _, other = await access.sign_in("flat-1", made.code, PROXY)
        await access.sign_out(ended)
        await access.sign_out(ended)
        await access.sign_out("forged")
        assert access.actor_of(ended) is None
        assert access.actor_of(other) is not None
    async with opened(tmp_path, VirtualTime(NOON + HOUR)) as again:
        assert again.app.page.access.actor_of(ended) is None
        assert again.app.page.access.actor_of(other) is not None


async def test_signing_out_is_refused_again_and_again_while_it_cannot_be_stored(street: House) -> None:
    made = await card(street)
    access = street.app.page.access
    _, session = await access.sign_in("flat-1", made.code, PROXY)
    with refusing(street, "INSERT", "wrong_secret"):
        for _ in range(3):
            with pytest.raises(RequestRefused) as refused:
                await access.sign_out(session)
            assert refused.value.code is ErrorCode.STORAGE_UNAVAILABLE
            await street.settle()
    assert await street.engine.try_recover()
    assert access.actor_of(session) is not None
    await access.sign_out(session)
    assert access.actor_of(session) is None


async def test_signing_out_over_and_over_takes_one_row(street: House) -> None:
    made = await card(street)
    access = street.app.page.access
    sessions = []
    for _ in range(120):
        street.time.forward(1_000)
        sessions.append((await access.sign_in("flat-1", made.code, PROXY))[1])
        await access.sign_out(sessions[-1])
    assert [access.actor_of(each) for each in sessions] == [None] * 120
    rows = street.rows("SELECT document FROM wrong_secret WHERE id LIKE 'signed out %'")
    assert len(rows) == 1
    assert len(str(rows[0][0])) < 1_000


async def test_signing_in_marks_the_device_for_the_form_alone(api: Served) -> None:
    body, page = {"number": "Flat 1", "code": "wrong"}, {"Prepaid-Page": "1"}
    refused = await api.ask("POST", "/api/v1/page/sign-in", None, json=body, headers=page)
    assert (refused.status, refused.headers.getall("Set-Cookie", [])) == (HTTPStatus.UNAUTHORIZED, [])
    done = await api.ask("POST", "/api/v1/page/sign-in", None, json=body | {"code": CODE}, headers=page)
    (device,) = [each for each in done.headers.getall("Set-Cookie") if each.startswith("prepaid_device=")]
    for part in ("HttpOnly", "SameSite=Strict", "Path=/api/v1/page/sign-in"):
        assert part in device


async def test_the_disk_keeps_a_bounded_number_of_guesses(
    street: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meter_bridge.engine.access.lockout.MAX_STORED", 50)
    assert MAX_STORED > 50
    for n in range(300):
        await refusal(street, "flat-1", f"{n:08d}", f"10.0.{n // 256}.{n % 256}")
    assert len(street.rows("SELECT id FROM wrong_secret")) <= 50 + len(("everybody",)) * 4
