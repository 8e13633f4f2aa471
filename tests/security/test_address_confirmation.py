"""No customer lets the landlord pay for messages to strangers: addresses are confirmed, all is bounded."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
import re

import pytest
import pytest_asyncio

from meter_bridge.actor import Actor
from meter_bridge.engine.access.visibility import Visibility
from meter_bridge.errors import RequestRefused
from meter_bridge.notify.address_confirmation import (
    DAY_MS,
    MAX_IN_ALL,
    MAX_PER_ACCOUNT,
    MAX_PER_ADDRESS,
    MAX_TRIES,
    VALID_MS,
    DailyLimit,
)
from meter_bridge.notify.people import FILE_NAME, load_people
from meter_bridge.notify.service import TRIAL_PAUSE_MS, Notices
from meter_bridge.notify.templates import Message
from meter_bridge.protocol.messages import ErrorCode, Role
from meter_bridge.protocol.payments import NotificationSettings
from tests.engine.harness import HOUR, LANDLORD, House, house, read_only

TENANT = Actor("Anna", Role.TENANT, accounts=frozenset({"flat-1"}))
OWN, STRANGER = "+27820000001", "+27829999999"
PEOPLE = "customers:\n  phone: 'jsons://gateway.example.org/sms?to={address}'\n"


class Gateway:
    """Takes messages in place of apprise."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Message]] = []
        self.takes = True

    async def send(self, address: str, text: Message, _key: str) -> bool:
        self.sent.append((address, text))
        return self.takes

    @property
    def code(self) -> str:
        """Return the code in the newest message."""
        found = re.search(r"\b[0-9]{6}\b", self.sent[-1][1].body)
        assert found is not None
        return found[0]


class Customer:
    """Does what the routes do for a customer."""

    def __init__(self, flat: House, gateway: Gateway) -> None:
        self.flat = flat
        self.gateway = gateway
        session = flat.engine.session
        self.notices = Notices(session, load_people(flat.data), None, Visibility(session).account, gateway)

    async def save(self, settings: NotificationSettings, actor: Actor = TENANT) -> NotificationSettings:
        wanted = await self.notices.keep_unconfirmed(actor, "flat-1", settings)
        return await self.flat.app.page.set_notification_settings(actor, "flat-1", wanted)

    async def confirm(self, code: str) -> NotificationSettings:
        store = self.flat.app.page.set_notification_settings
        return await self.notices.confirm(TENANT, "flat-1", code, store)

    async def stored(self) -> NotificationSettings:
        return await self.flat.app.page.notification_settings(LANDLORD, "flat-1")


@pytest_asyncio.fixture
async def customer(tmp_path: Path) -> AsyncIterator[Customer]:
    async with house(tmp_path) as flat:
        (flat.data / FILE_NAME).write_text(PEOPLE)
        (flat.data / FILE_NAME).chmod(0o600)
        yield Customer(flat, Gateway())


async def test_a_new_number_is_stored_once_its_code_came_back(customer: Customer) -> None:
    kept = await customer.save(NotificationSettings(phone=OWN, quiet_from="22:00"))
    assert (kept.phone, kept.unconfirmed, kept.quiet_from) == ("", ("phone",), "22:00")
    assert await customer.stored() == NotificationSettings(quiet_from="22:00")
    assert len(customer.gateway.sent) == 1
    confirmed = await customer.confirm(customer.gateway.code)
    assert (confirmed.phone, confirmed.unconfirmed) == (OWN, ())
    assert await customer.stored() == NotificationSettings(phone=OWN, quiet_from="22:00")


async def test_no_test_message_goes_to_a_number_that_is_not_confirmed(customer: Customer) -> None:
    await customer.save(NotificationSettings(phone=STRANGER))
    with pytest.raises(RequestRefused, match="no address is stored"):
        await customer.notices.try_customer(TENANT, "flat-1")
    assert len(customer.gateway.sent) == 1


async def test_what_waits_for_its_code_is_told_until_it_is_stored_or_the_code_is_void(
    customer: Customer,
) -> None:
    async def shown() -> NotificationSettings:
        settings = await customer.flat.app.page.notification_settings(TENANT, "flat-1")
        return customer.notices.with_unconfirmed(TENANT, "flat-1", settings)

    assert await shown() == NotificationSettings()
    await customer.save(NotificationSettings(phone=OWN))
    assert await shown() == NotificationSettings(unconfirmed=("phone",), unconfirmed_addresses={"phone": OWN})
    kept = await customer.flat.app.page.set_notification_settings(TENANT, "flat-1", await shown())
    assert "unconfirmed" not in str(customer.flat.rows("SELECT document FROM contact")).replace(
        '"unconfirmed": [], "unconfirmed_addresses": {}', ""
    )
    assert kept.phone == ""
    await customer.confirm(customer.gateway.code)
    assert await shown() == NotificationSettings(phone=OWN)
    await customer.save(NotificationSettings(phone=STRANGER))
    customer.flat.time.forward(HOUR)
    assert await shown() == NotificationSettings(phone=OWN)


async def test_the_number_before_stays_until_the_new_one_is_confirmed(customer: Customer) -> None:
    await customer.save(NotificationSettings(phone=OWN), LANDLORD)
    kept = await customer.save(NotificationSettings(phone=STRANGER))
    assert (kept.phone, kept.unconfirmed) == (OWN, ("phone",))
    assert (await customer.stored()).phone == OWN


async def test_a_landlord_s_word_is_enough_and_what_did_not_change_is_not_asked_again(
    customer: Customer,
) -> None:
    await customer.save(NotificationSettings(phone=OWN), LANDLORD)
    kept = await customer.save(NotificationSettings(phone=OWN, language="de"))
    assert (kept.phone, kept.unconfirmed, customer.gateway.sent) == (OWN, (), [])
    assert (await customer.save(replace(kept, phone=""))).phone == ""


async def test_where_no_message_can_go_an_address_is_stored_without_a_code(customer: Customer) -> None:
    kept = await customer.save(NotificationSettings(email="anna@example.org"))
    assert (kept.email, kept.unconfirmed, customer.gateway.sent) == ("anna@example.org", (), [])


async def test_a_code_stays_good_until_its_address_is_stored(customer: Customer) -> None:
    await customer.save(NotificationSettings(phone=OWN))
    code = customer.gateway.code
    with read_only(customer.flat):
        for _ in range(MAX_TRIES + 1):
            with pytest.raises(RequestRefused) as refusal:
                await customer.confirm(code)
            assert refusal.value.code is ErrorCode.STORAGE_UNAVAILABLE
    assert await customer.flat.engine.try_recover()
    assert (await customer.confirm(code)).phone == OWN
    assert (await customer.stored()).phone == OWN
    with pytest.raises(RequestRefused, match="wrong or has expired"):
        await customer.confirm(code)


async def test_a_code_that_is_sent_while_another_is_confirmed_stays_good(customer: Customer) -> None:
    await customer.save(NotificationSettings(phone=OWN))
    first = customer.gateway.code

    async def store(actor: Actor, account: str, settings: NotificationSettings) -> NotificationSettings:
        await customer.save(NotificationSettings(phone=STRANGER))
        return await customer.flat.app.page.set_notification_settings(actor, account, settings)

    await customer.notices.confirm(TENANT, "flat-1", first, store)
    assert (await customer.stored()).phone == OWN
    assert (await customer.confirm(customer.gateway.code)).phone == STRANGER


async def test_no_code_is_sent_while_nothing_can_be_stored(customer: Customer) -> None:
    with read_only(customer.flat):
        for _ in range(2):
            with pytest.raises(RequestRefused):
                await customer.save(NotificationSettings(quiet_from="22:00"))
        sent = len(customer.gateway.sent)
        with pytest.raises(RequestRefused) as refusal:
            await customer.save(NotificationSettings(phone=OWN))
        assert (refusal.value.code, len(customer.gateway.sent)) == (ErrorCode.STORAGE_UNAVAILABLE, sent)


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


@pytest.mark.parametrize("spoil", ["tries", "time", "moved"])
async def test_a_code_is_good_for_an_hour_and_five_tries(customer: Customer, spoil: str) -> None:
    await customer.save(NotificationSettings(phone=OWN))
    code = customer.gateway.code
    if spoil == "tries":
        for _ in range(MAX_TRIES):
            with pytest.raises(RequestRefused, match="wrong or has expired"):
                await customer.confirm(wrong(code))
    elif spoil == "time":
        customer.flat.time.forward(VALID_MS)
    else:
        customer.flat.account.tenancy = replace(customer.flat.account.tenancy, n=99)
    with pytest.raises(RequestRefused, match="wrong or has expired"):
        await customer.confirm(code)


async def test_a_number_that_the_gateway_refuses_is_told_and_not_stored(customer: Customer) -> None:
    customer.gateway.takes = False
    with pytest.raises(RequestRefused, match="could not be sent"):
        await customer.save(NotificationSettings(phone=OWN))
    assert await customer.stored() == NotificationSettings()


async def refused_after(action: Callable[[int], Awaitable[None]]) -> int:
    """Return how often something is done before no more messages are sent today."""
    for number in count():
        try:
            await action(number)
        except RequestRefused as refused:
            return number if "today" in refused.message else -1
    raise AssertionError("there is no end")


async def test_codes_and_test_messages_are_bounded_for_a_day(customer: Customer) -> None:
    async def save(number: int) -> None:
        await customer.save(NotificationSettings(phone=f"+2782000{number:04}"))

    assert await refused_after(save) == MAX_PER_ACCOUNT
    customer.flat.time.forward(DAY_MS)
    await customer.save(NotificationSettings(phone=OWN))
    await customer.confirm(customer.gateway.code)

    async def test(_number: int) -> None:
        customer.flat.time.forward(TRIAL_PAUSE_MS)
        await customer.notices.try_customer(TENANT, "flat-1")

    assert await refused_after(test) == MAX_PER_ADDRESS - 1
    assert len(customer.gateway.sent) == MAX_PER_ACCOUNT + MAX_PER_ADDRESS
    customer.flat.time.forward(TRIAL_PAUSE_MS)
    await customer.notices.try_customer(LANDLORD, "flat-1")


async def test_all_customers_together_are_bounded(customer: Customer) -> None:
    limit, account = DailyLimit(customer.flat.engine.session), customer.flat.account

    async def send(number: int) -> None:
        account.id = f"flat-{number}"
        limit.count(account, f"+{number}")

    assert await refused_after(send) == MAX_IN_ALL
    customer.flat.time.forward(DAY_MS)
    limit.count(account, OWN)
