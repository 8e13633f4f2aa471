"""People are told once of each event, in their words, when they want it, through a channel they read."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from email import message_from_string
from email.header import decode_header, make_header
from pathlib import Path
from typing import override

import pytest
import pytest_asyncio

from meter_bridge.actor import Actor
from meter_bridge.devices.base.driver import Report
from meter_bridge.engine.access.visibility import Visibility
from meter_bridge.errors import RequestRefused
from meter_bridge.notify.delivery import AppriseSender
from meter_bridge.notify.people import FILE_NAME, load_people
from meter_bridge.notify.service import Notices
from meter_bridge.notify.templates import Message
from meter_bridge.protocol.messages import ErrorCode, Role
from meter_bridge.protocol.payments import NotificationSettings
from meter_bridge.protocol.requests import MoveIn, MoveOut
from meter_bridge.protocol.vocabulary import AlertKind
from meter_bridge.text.alerts import alert_text
from tests.engine.harness import HOUR, LANDLORD, House, house, operate, read_only
from tests.notify.channels import Hook, Mailbox, hook, mailbox

pytestmark = pytest.mark.both_databases

TENANT = Actor("tenant", Role.TENANT, accounts=frozenset({"flat-1"}), token_id="t1")
MINUTE = 60_000


@pytest_asyncio.fixture
async def staff_hook() -> AsyncIterator[Hook]:
    async with hook() as receiver:
        yield receiver


@pytest_asyncio.fixture
async def mail() -> AsyncIterator[Mailbox]:
    async with mailbox() as box:
        yield box


@pytest_asyncio.fixture
async def flat(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path) as opened:
        yield opened


def write(flat: House, text: str) -> None:
    path = flat.data / FILE_NAME
    path.write_text(text)
    path.chmod(0o600)


def notices(flat: House) -> Notices:
    """Return the messages of a bridge that has just started."""
    people = load_people(flat.data)
    return Notices(
        flat.engine.session, people, "https://pay.example.org/my/", Visibility(flat.engine.session).account
    )


async def told(made: Notices) -> None:
    """Let everything be made and sent that is due."""
    await made.tick()
    await made.tick()
    await made.stop()


async def used_up(flat: House) -> None:
    """Use credit until the warning, and on until supply is cut."""
    await flat.read(10_000, power_w=500)
    await flat.read(58_000, after=20 * HOUR, power_w=500)
    await flat.read(61_000, after=HOUR, power_w=500)


def staff(channel: str, more: str = "") -> str:
    about = "low_credit, supply_cut, supply_restored"
    return f"people:\n  anna:\n    channels: [{channel!r}]\n    about: [{about}]\n{more}"


async def test_staff_hear_of_a_cut_once_and_of_its_end(flat: House, staff_hook: Hook) -> None:
    write(flat, staff(staff_hook.channel))
    made = notices(flat)
    await told(made)
    await used_up(flat)
    await told(made)
    await told(made)
    titles = [each["title"] for each in staff_hook.heard]
    assert sorted(titles) == ["Flat 1: Credit is low", "Flat 1: Power is off"]
    await flat.top_up("20.00")
    await told(made)
    assert [each["title"] for each in staff_hook.heard[2:]] == ["Flat 1: Power is back"]


async def test_nothing_is_lost_or_repeated_by_a_restart(flat: House, staff_hook: Hook) -> None:
    write(flat, staff(staff_hook.channel))
    await told(notices(flat))
    await used_up(flat)
    await told(notices(flat))
    await told(notices(flat))
    assert len(staff_hook.heard) == 2


async def test_a_channel_that_fails_is_tried_again_and_only_then_it_counts_as_told(
    flat: House, staff_hook: Hook
) -> None:
    write(flat, staff(staff_hook.channel))
    made = notices(flat)
    await told(made)
    staff_hook.refuses = True
    await used_up(flat)
    await told(made)
    assert staff_hook.heard == []
    staff_hook.refuses = False
    await told(made)
    assert staff_hook.heard == [], "it was tried again at once"
    flat.time.forward(2 * MINUTE)
    await told(notices(flat))
    assert len(staff_hook.heard) == 2
    assert {each.outcome for each in (await made.notices(LANDLORD, 10)).notices} == {"sent"}


async def test_a_channel_that_takes_nothing_is_an_alert_until_it_takes_something(
    flat: House, staff_hook: Hook
) -> None:
    write(flat, staff(staff_hook.channel))
    made = notices(flat)
    await told(made)
    staff_hook.refuses = True
    await used_up(flat)
    await told(made)
    assert flat.app.status.metrics().decode().count('prepaid_alerts{kind="notices_failing"} 0.0') == 1
    flat.time.forward(2 * MINUTE)
    await told(made)
    ((key, alert),) = flat.engine.session.installation.alerts.items()
    assert key.kind is AlertKind.NOTICES_FAILING
    assert "json 1 (anna)" in alert_text(key.kind, alert.facts)
    assert "127.0.0.1" not in alert_text(key.kind, alert.facts), "addresses may hold passwords"
    staff_hook.refuses = False
    await made.try_person("anna")
    assert flat.engine.session.installation.alerts == {}


async def test_what_is_no_longer_true_is_not_told_late(flat: House, staff_hook: Hook) -> None:
    write(flat, staff(staff_hook.channel))
    made = notices(flat)
    await told(made)
    staff_hook.refuses = True
    await used_up(flat)
    await told(made)
    await flat.top_up("50.00")
    staff_hook.refuses = False
    flat.time.forward(2 * MINUTE)
    await told(made)
    assert [each["title"] for each in staff_hook.heard] == ["Flat 1: Power is back"]
    outcomes = {each.topic: each.outcome for each in (await made.notices(LANDLORD, 10)).notices}
    assert outcomes["supply_cut"] == outcomes["low_credit"] == "overtaken"


async def test_quiet_hours_hold_back_what_can_wait_but_not_darkness(flat: House, staff_hook: Hook) -> None:
    write(flat, staff(staff_hook.channel, "    quiet hours: 08:00-13:00\n"))
    made = notices(flat)
    await told(made)
    await flat.read(10_000, power_w=500)
    await flat.read(58_000, after=20 * HOUR, power_w=500)
    await told(made)
    assert staff_hook.heard == [], "it is eight in the morning there"
    await flat.read(61_000, after=HOUR, power_w=500)
    await told(made)
    assert [each["title"] for each in staff_hook.heard] == ["Flat 1: Power is off"]
    flat.time.forward(5 * HOUR)
    await told(made)
    assert [each["title"] for each in staff_hook.heard[1:]] == ["Flat 1: Credit is low"]


async def test_a_customer_is_told_in_the_own_language_what_is_left_and_where_to_top_up(
    flat: House, mail: Mailbox
) -> None:
    write(
        flat,
        f"customers:\n  email: 'mailto://127.0.0.1:{mail.port}?from=bridge@example.org&to={{address}}'\n",
    )
    settings = NotificationSettings(language="de", email="mia@example.org")
    await flat.app.page.set_notification_settings(TENANT, "flat-1", settings)
    made = notices(flat)
    await told(made)
    await flat.read(10_000, power_w=500)
    await flat.read(58_000, after=20 * HOUR, power_w=500)
    await told(made)
    assert mail.recipients == ["mia@example.org"]
    text = "\n".join(_decoded(mail))
    assert "Das Guthaben ist niedrig" in text
    assert "Noch übrig: 4,00 ZAR." in text
    assert "Aufladen: https://pay.example.org/my/" in text


async def test_who_moved_out_is_not_told_of_the_next_customer(flat: House, mail: Mailbox) -> None:
    write(
        flat,
        f"customers:\n  email: 'mailto://127.0.0.1:{mail.port}?from=bridge@example.org&to={{address}}'\n",
    )
    settings = NotificationSettings(email="mia@example.org")
    await flat.app.page.set_notification_settings(TENANT, "flat-1", settings)
    made = notices(flat)
    await told(made)
    await flat.read(10_000, power_w=500)
    await operate(flat, MoveOut(reason="moved", remainder="refund"))
    await operate(flat, MoveIn(customer="Bo"))
    await used_up(flat)
    await told(made)
    assert mail.mails == []


async def test_a_day_is_summed_up_once_at_its_time(flat: House, staff_hook: Hook) -> None:
    write(
        flat,
        f"people:\n  anna:\n    channels: [{staff_hook.channel!r}]\n    about: [tamper]\n    digest: 14:05\n",
    )
    made = notices(flat)
    await told(made)
    await flat.top_up("12.50")
    flat.time.forward(127 * MINUTE)
    await told(made)
    await told(notices(flat))
    (digest,) = staff_hook.heard
    assert "ZAR 112.50" in digest["message"]
    flat.time.forward(24 * HOUR)
    await told(made)
    assert len(staff_hook.heard) == 2


async def test_what_comes_and_goes_is_told_once_an_hour(flat: House, staff_hook: Hook) -> None:
    write(flat, f"people:\n  anna:\n    channels: [{staff_hook.channel!r}]\n    about: [over_voltage]\n")
    made = notices(flat)
    await told(made)
    for _ in range(3):
        for voltage in (270_000, 230_000):
            await flat.report(Report("tasmota:flat-1/1", voltage_mv=voltage), after=MINUTE)
        await told(made)
    assert len(staff_hook.heard) == 1
    await flat.report(Report("tasmota:flat-1/1", voltage_mv=270_000), after=HOUR)
    await told(made)
    assert len(staff_hook.heard) == 2


async def test_a_test_message_says_which_channel_took_it(flat: House, staff_hook: Hook) -> None:
    broken = "json://127.0.0.1:9/none"
    write(flat, f"people:\n  anna:\n    channels: [{staff_hook.channel!r}, {broken!r}]\n")
    made = notices(flat)
    sent = await made.try_person("anna")
    assert [(each.channel, each.sent) for each in sent.channels] == [("json 1", True), ("json 2", False)]
    with pytest.raises(RequestRefused) as refused:
        await made.try_person("anna")
    assert refused.value.code is ErrorCode.TOO_MANY_REQUESTS
    with pytest.raises(RequestRefused) as unknown:
        await made.try_person("bert")
    assert unknown.value.code is ErrorCode.NOT_FOUND


async def test_an_installation_that_tells_nobody_stores_nothing(flat: House) -> None:
    made = notices(flat)
    await used_up(flat)
    await told(made)
    assert flat.rows("SELECT count(*) FROM notice_mark") == [(0,)]


async def test_whom_a_bridge_begins_to_tell_hears_nothing_of_before(flat: House, staff_hook: Hook) -> None:
    await used_up(flat)
    write(flat, staff(staff_hook.channel))
    await told(notices(flat))
    assert staff_hook.heard == []


async def test_no_secret_of_a_channel_reaches_the_log(
    flat: House, staff_hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    channel = staff_hook.channel.replace("127.0.0.1", "user:hunter2@127.0.0.1")
    write(flat, staff(channel))
    made = notices(flat)
    await told(made)
    staff_hook.refuses = True
    await used_up(flat)
    with caplog.at_level("DEBUG"):
        await told(made)
    assert "was not taken" in caplog.text
    assert "hunter2" not in caplog.text


class Stalled:
    """A sender whose answer comes when it is let go; a stand-in for a mail server that hangs."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.sent: list[str] = []

    async def send(self, channel: str, told_: Message, key: str) -> bool:
        self.sent.append(told_.title)
        await self.go.wait()
        return True


async def test_what_is_under_way_is_not_sent_beside_itself(flat: House) -> None:
    write(flat, staff("json://127.0.0.1:9/x"))
    stalled = Stalled()
    made = Notices(
        flat.engine.session, load_people(flat.data), None, Visibility(flat.engine.session).account, stalled
    )
    await made.tick()
    await used_up(flat)
    for _ in range(4):
        await made.tick()
    assert len(stalled.sent) == 2
    stalled.go.set()
    await made.stop()
    assert {each.outcome for each in (await made.notices(LANDLORD, 10)).notices} == {"sent"}


class Choking(AppriseSender):
    """Sends for real, and lets the disk fail before the answer can be stored."""

    def __init__(self, flat: House, failing: ExitStack) -> None:
        super().__init__()
        self._flat = flat
        self._failing = failing

    @override
    async def send(self, channel: str, told: Message, key: str) -> bool:
        taken = await super().send(channel, told, key)
        self._failing.enter_context(read_only(self._flat))
        return taken


async def test_an_answer_that_could_not_be_stored_still_counts_once_the_disk_is_well(
    flat: House, staff_hook: Hook
) -> None:
    write(flat, f"people:\n  anna:\n    channels: [{staff_hook.channel!r}]\n    about: [supply_cut]\n")
    with ExitStack() as failing:
        sender = Choking(flat, failing)
        made = Notices(
            flat.engine.session, load_people(flat.data), None, Visibility(flat.engine.session).account, sender
        )
        await told(made)
        await used_up(flat)
        await told(made)
        assert flat.engine.session.storage_error is not None
    assert await flat.engine.try_recover()
    flat.time.forward(2 * MINUTE)
    await told(made)
    assert len(staff_hook.heard) == 1
    assert {each.outcome for each in (await made.notices(LANDLORD, 10)).notices} == {"sent"}


def _decoded(mail: Mailbox) -> list[str]:
    """Return subjects and texts as people read them."""
    found = []
    for each in mail.mails:
        parsed = message_from_string(each)
        found.append(str(make_header(decode_header(parsed["Subject"]))))
        for part in parsed.walk():
            payload = part.get_payload(decode=True)
            if isinstance(payload, bytes):
                found.append(payload.decode())
    return found


async def test_staff_hear_of_a_disk_that_failed_as_soon_as_it_works_again(
    flat: House, staff_hook: Hook
) -> None:
    write(flat, f"people:\n  anna:\n    channels: [{staff_hook.channel!r}]\n    about: [storage_failing]\n")
    made = notices(flat)
    await told(made)
    with read_only(flat):
        with pytest.raises(RequestRefused):
            await flat.top_up("1.00")
        await told(made)
        assert staff_hook.heard == []
    flat.time.forward(26 * HOUR)
    assert await flat.engine.try_recover()
    await flat.settle()
    await told(made)
    assert [each["title"] for each in staff_hook.heard] == ["Storage failure"]
    assert (
        "no top-up was taken, from 2026-11-01T10:00:00.000Z to 2026-11-02T12:00:"
        in staff_hook.heard[0]["message"]
    )
