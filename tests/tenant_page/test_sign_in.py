"""Who may come in: number and code, or a link; guessing and asking for rooms tell nothing."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from hypothesis import given, settings, strategies as st
import pytest
import pytest_asyncio

from meter_bridge.engine.access.secret_key import SecretKey
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.protocol.payments import AccessView, NotificationSettings
from meter_bridge.protocol.requests import MoveIn, MoveOut
from meter_bridge.tenant_page import cookies
from meter_bridge.tenant_page.sign_in import normalized
from tests.engine.harness import HOUR, LANDLORD, NOON, SITE, House, VirtualTime, house, opened, operate

TWO = SITE + SITE[SITE.index("      flat-1:") :].replace("flat-1", "flat-2").replace("Flat 1", "Flat 2")
PEER = "203.0.113.7"


@pytest_asyncio.fixture
async def street(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path, TWO) as two:
        yield two


async def card(street: House, account: str = "flat-1") -> AccessView:
    made = await street.app.page.access.create_access(LANDLORD, account)
    await street.settle()
    return made


async def refusal(street: House, number: str, code: str, peer: str | None = PEER) -> RequestRefused:
    with pytest.raises(RequestRefused) as error:
        await street.app.page.access.sign_in(number, code, peer)
    return error.value


def said(refused: RequestRefused) -> tuple[object, ...]:
    """Return everything that a refusal tells."""
    return refused.code, refused.message, refused.field, refused.value, refused.remedy


@pytest.mark.parametrize("number", ["Flat 1", "flat-1", "FLAT1", " flat  1 ", "ﬂat-1"])
async def test_a_customer_comes_in_by_room_or_meter_number_and_code_however_typed(
    street: House, number: str
) -> None:
    made = await card(street)
    for code in (made.code, made.code.lower().replace("-", " "), made.code.replace("-", "")):
        who, cookie = await street.app.page.access.sign_in(number, code, PEER)
        assert who.account_id == "flat-1"
        actor = street.app.page.access.actor_of(cookie)
        assert actor is not None
        assert [each.id for each in street.app.accounts.views(actor)] == ["flat-1"]


async def test_a_link_opens_the_page_without_typing(street: House) -> None:
    made = await card(street)
    who, _ = await street.app.page.access.sign_in_by_link(made.secret)
    assert who.account_id == "flat-1"
    with pytest.raises(RequestRefused, match="not good any more"):
        await street.app.page.access.sign_in_by_link("0" * 40)


async def test_a_code_opens_the_room_that_it_was_made_for_alone(street: House) -> None:
    one, two = await card(street), await card(street, "flat-2")
    for number, code in (("flat-1", two.code), ("flat-2", one.code)):
        assert (await refusal(street, number, code)).code is ErrorCode.NOT_AUTHENTICATED


async def test_whether_there_is_a_room_cannot_be_told_from_any_answer(street: House) -> None:
    await card(street)
    numbers = ("flat-1", "flat-2", "flat-3", "no such room", "")
    for attempt in range(6):
        code = f"CODE{attempt}"
        refused = [await refusal(street, each, code, f"198.51.100.{n}") for n, each in enumerate(numbers)]
        assert len({said(each) for each in refused}) == 1
        expected = ErrorCode.TOO_MANY_REQUESTS if attempt == 5 else ErrorCode.NOT_AUTHENTICATED
        assert refused[0].code is expected


async def test_ten_thousand_guesses_at_one_room_hear_five_answers_an_hour(street: House) -> None:
    made = await card(street)
    codes = [(await refusal(street, "flat-1", f"{n:08d}")).code for n in range(10_000)]
    assert codes.count(ErrorCode.NOT_AUTHENTICATED) == 5
    assert (await refusal(street, "flat-1", made.code)).code is ErrorCode.TOO_MANY_REQUESTS
    street.time.forward(HOUR)
    await street.app.page.access.sign_in("flat-1", made.code, PEER)


async def test_ten_thousand_rooms_asked_for_from_one_place_hear_twenty_answers(street: House) -> None:
    made = await card(street)
    codes = [(await refusal(street, f"room {n}", made.code)).code for n in range(10_000)]
    assert codes.count(ErrorCode.NOT_AUTHENTICATED) == 20
    await street.app.page.access.sign_in("flat-1", made.code, "203.0.113.8")


async def test_ten_thousand_places_guessing_at_one_room_hear_thirty_answers(street: House) -> None:
    made = await card(street)
    heard = [
        (await refusal(street, "flat-1", f"{n:08d}", f"10.{n // 65536}.{n // 256 % 256}.{n % 256}")).code
        for n in range(10_000)
    ]
    assert heard.count(ErrorCode.NOT_AUTHENTICATED) == 30
    who, _ = await street.app.page.access.sign_in_by_link(made.secret)
    assert who.account_id == "flat-1"


async def test_a_restart_frees_nobody_who_guesses(tmp_path: Path) -> None:
    async with house(tmp_path, TWO) as street:
        made = await card(street)
    for n in range(4):
        async with opened(tmp_path, VirtualTime(NOON + n * 60_000)) as again:
            assert (await refusal(again, "flat-1", f"{n:08d}")).code is ErrorCode.NOT_AUTHENTICATED
            assert (await refusal(again, "flat-1", f"{n:08d}")).code is ErrorCode.NOT_AUTHENTICATED
            stored = str(again.rows("SELECT * FROM wrong_secret"))
            assert PEER not in stored
            assert "flat" not in stored
    async with opened(tmp_path, VirtualTime(NOON + 5 * 60_000)) as again:
        await refusal(again, "flat-1", "the fifth")
    async with opened(tmp_path, VirtualTime(NOON + HOUR)) as again:
        assert (await refusal(again, "flat-1", made.code)).code is ErrorCode.TOO_MANY_REQUESTS
    async with opened(tmp_path, VirtualTime(NOON + HOUR + 5 * 60_000)) as again:
        await again.app.page.access.sign_in("flat-1", made.code, PEER)


async def test_who_has_shown_the_right_code_begins_anew_after_a_restart_too(tmp_path: Path) -> None:
    async with house(tmp_path, TWO) as street:
        made = await card(street)
        for n in range(4):
            await refusal(street, "flat-1", f"{n:08d}")
        await street.app.page.access.sign_in("flat-1", made.code, PEER)
    async with opened(tmp_path, VirtualTime(NOON + 1_000)) as again:
        assert (await refusal(again, "flat-1", "one more")).code is ErrorCode.NOT_AUTHENTICATED
        await again.app.page.access.sign_in("flat-1", made.code, PEER)


async def test_what_is_stored_of_guesses_is_little_and_goes_by_itself(street: House) -> None:
    for n in range(600):
        await refusal(street, f"room {n}", "ABCDEFGH", f"10.0.{n // 256}.{n % 256}")
    ((many,),) = street.rows("SELECT count(*) FROM wrong_secret")
    street.time.forward(2 * HOUR)
    await refusal(street, "flat-1", "ABCDEFGH")
    ((few,),) = street.rows("SELECT count(*) FROM wrong_secret")
    assert (int(str(many)) > 1_000, int(str(few)) <= 8) == (True, True)


async def test_a_session_that_began_before_a_lock_goes_on(street: House) -> None:
    made = await card(street)
    _, cookie = await street.app.page.access.sign_in("flat-1", made.code, PEER)
    for n in range(40):
        await refusal(street, "flat-1", f"{n:08d}")
    assert street.app.page.access.actor_of(cookie) is not None


async def test_a_lock_is_on_record_and_a_thousand_more_tries_add_nothing(street: House) -> None:
    for n in range(1_000):
        await refusal(street, "flat-9", f"{n:08d}")
    assert street.events("access_locked") == [{"number": "flat9"}]


@pytest.mark.both_databases
async def test_a_new_card_ends_the_old_one_and_every_session_that_began_with_it(street: House) -> None:
    old = await card(street)
    _, cookie = await street.app.page.access.sign_in("flat-1", old.code, PEER)
    new = await card(street)
    assert street.app.page.access.actor_of(cookie) is None
    assert (await refusal(street, "flat-1", old.code)).code is ErrorCode.NOT_AUTHENTICATED
    await street.app.page.access.sign_in("flat-1", new.code, PEER)
    await street.app.page.access.revoke_access(LANDLORD, "flat-1")
    await street.settle()
    assert (await refusal(street, "flat-1", new.code)).code is ErrorCode.NOT_AUTHENTICATED


@pytest.mark.invariant(15)
async def test_who_moved_out_sees_nothing_of_who_moved_in(street: House) -> None:
    made = await card(street)
    _, cookie = await street.app.page.access.sign_in("flat-1", made.code, PEER)
    actor = street.app.page.access.actor_of(cookie)
    assert actor is not None
    wanted = NotificationSettings(email="old@example.org")
    await street.app.page.set_notification_settings(actor, "flat-1", wanted)
    await operate(street, MoveOut(remainder="refund", reason="gone"))
    assert street.app.page.access.actor_of(cookie) is None
    await operate(street, MoveIn(customer="N. Next", opening_credit="10.00"))
    assert street.app.page.access.actor_of(cookie) is None
    with pytest.raises(RequestRefused):
        await street.app.page.access.sign_in_by_link(made.secret)
    assert await street.app.page.notification_settings(LANDLORD, "flat-1") == NotificationSettings()


async def test_accesses_and_sessions_outlive_a_restart_and_nothing_stored_holds_a_secret(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, TWO) as street:
        made = await card(street)
        _, cookie = await street.app.page.access.sign_in("flat-1", made.code, PEER)
        stored = "".join(str(street.rows(f"SELECT * FROM {each}")) for each in ("tenant_access", "event"))
        for secret in (made.code, made.code.replace("-", ""), made.secret, cookie):
            assert secret not in stored
    async with opened(tmp_path, VirtualTime(NOON + HOUR)) as again:
        assert again.app.page.access.actor_of(cookie) is not None
        await again.app.page.access.sign_in("flat-1", made.code, PEER)


async def test_a_session_ends_by_itself(street: House) -> None:
    made = await card(street)
    _, cookie = await street.app.page.access.sign_in("flat-1", made.code, PEER)
    street.time.forward(cookies.DAYS * 24 * HOUR)
    assert street.app.page.access.actor_of(cookie) is None


@given(at=st.integers(0, 90), sign=st.characters(codec="ascii"))
@settings(max_examples=200)
def test_a_cookie_with_one_changed_sign_is_none(at: int, sign: str) -> None:
    key = SecretKey(b"k" * 32)
    cookie = cookies.make_cookie(key, "0123456789ab", NOON)
    assert cookies.access_id_of_cookie(key, cookie, NOON) == "0123456789ab"
    at %= len(cookie)
    changed = cookie[:at] + sign + cookie[at + 1 :]
    assert changed == cookie or cookies.access_id_of_cookie(key, changed, NOON) is None
    assert cookies.access_id_of_cookie(SecretKey(b"o" * 32), cookie, NOON) is None


async def test_many_at_once_come_in(street: House) -> None:
    made = await card(street)
    found = await asyncio.gather(
        *(street.app.page.access.sign_in("flat-1", made.code, PEER) for _ in range(50))
    )
    assert {who.account_id for who, _ in found} == {"flat-1"}


def test_what_is_typed_is_read_in_every_script_and_form() -> None:
    assert normalized("  FLAT – 1_a ") == "flat1a"
    assert normalized("Zimmer №\N{FULLWIDTH DIGIT THREE}") == normalized("zimmer no3")
