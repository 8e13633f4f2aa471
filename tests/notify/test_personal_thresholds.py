"""A threshold that somebody chose is told at once it is passed, in place of the landlord's, and not again."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from meter_bridge.core.money import parse_amount
from meter_bridge.engine.access.visibility import Visibility
from meter_bridge.engine.forecasting.stored_forecast import DaysLeft
from meter_bridge.engine.ledger.credit import credit_now
from meter_bridge.notify import personal_thresholds
from meter_bridge.notify.people import FILE_NAME, load_people
from meter_bridge.notify.service import Notices
from meter_bridge.protocol.payments import NotificationSettings
from tests.engine.harness import HOUR, LANDLORD, House, VirtualTime, house, opened
from tests.notify.channels import Hook, hook

pytestmark = pytest.mark.both_databases

RAND = parse_amount("1.00", "ZAR")
CHOSEN = 20 * RAND


@pytest_asyncio.fixture
async def phone() -> AsyncIterator[Hook]:
    async with hook() as receiver:
        yield receiver


@pytest_asyncio.fixture
async def flat(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path) as opened_house:
        await opened_house.read(10_000)
        yield opened_house


def write(flat: House, text: str) -> None:
    path = flat.data / FILE_NAME
    path.write_text(text)
    path.chmod(0o600)


def customers(phone: Hook) -> str:
    """Return a file in which customers' telephones are a web hook."""
    return f"customers:\n  phone: '{phone.channel}?to={{address}}'\n"


async def choose(flat: House, low_credit: int | None = None, days_left: int | None = None) -> None:
    wanted = NotificationSettings(phone="+27821234567", low_credit=low_credit, days_left=days_left)
    await flat.app.page.set_notification_settings(LANDLORD, "flat-1", wanted)


def notices(flat: House) -> Notices:
    return Notices(
        flat.engine.session,
        load_people(flat.data),
        "https://pay.example.org/my/",
        Visibility(flat.engine.session).account,
    )


async def told(flat: House, made: Notices) -> None:
    """Let everything be made and sent that is due."""
    flat.time.forward(11_000)
    for _ in range(3):
        await made.tick()
    await made.stop()


def titles(phone: Hook) -> list[str]:
    return [each["title"] for each in phone.heard]


async def falls_to(flat: House, rand: int) -> None:
    """Use credit until so much is left, at two rand for a kilowatt-hour."""
    register = flat.app.accounts.view(LANDLORD, "flat-1").meters[0].register_wh
    assert register is not None
    await flat.read(register + (flat.available // RAND - rand) * 500, after=20 * HOUR)


async def test_a_customer_is_told_at_the_own_threshold_once_and_not_at_the_landlords(
    flat: House, phone: Hook
) -> None:
    write(flat, customers(phone))
    await choose(flat, CHOSEN)
    made = notices(flat)
    await told(flat, made)
    await falls_to(flat, 21)
    await told(flat, made)
    assert phone.heard == []
    await falls_to(flat, 19)
    await told(flat, made)
    await told(flat, made)
    (heard,) = phone.heard
    assert heard["title"] == "Flat 1: Credit is low"
    assert "Left: ZAR 19.00." in heard["message"]
    assert "https://pay.example.org/my/" in heard["message"]
    await falls_to(flat, 4)
    assert flat.alert_kinds(), "the landlord's threshold is at five rand"
    await told(flat, made)
    assert len(phone.heard) == 1


async def test_it_is_told_again_only_after_credit_was_above_it(flat: House, phone: Hook) -> None:
    write(flat, customers(phone))
    await choose(flat, CHOSEN)
    made = notices(flat)
    await told(flat, made)
    await falls_to(flat, 19)
    await told(flat, made)
    await flat.top_up("50.00")
    await told(flat, made)
    await falls_to(flat, 19)
    await told(flat, made)
    assert titles(phone).count("Flat 1: Credit is low") == 2


async def test_a_restart_neither_loses_nor_repeats_it(tmp_path: Path, phone: Hook) -> None:
    async with house(tmp_path) as flat:
        await flat.read(10_000)
        write(flat, customers(phone))
        await choose(flat, CHOSEN)
        await told(flat, notices(flat))
        await falls_to(flat, 19)
        last = flat.time.wall
    for hour in (1, 2):
        async with opened(tmp_path, VirtualTime(last + hour * HOUR)) as again:
            await told(again, notices(again))
    assert titles(phone) == ["Flat 1: Credit is low"]


async def test_who_chooses_a_threshold_below_which_credit_is_has_seen_it(flat: House, phone: Hook) -> None:
    write(flat, customers(phone))
    await falls_to(flat, 15)
    await choose(flat, CHOSEN)
    await told(flat, notices(flat))
    assert phone.heard == []


async def test_without_an_own_threshold_the_landlords_counts(flat: House, phone: Hook) -> None:
    write(flat, customers(phone))
    await choose(flat)
    made = notices(flat)
    await told(flat, made)
    await falls_to(flat, 4)
    await told(flat, made)
    assert titles(phone) == ["Flat 1: Credit is low"]


async def test_staff_choose_theirs_in_the_file(flat: House, phone: Hook) -> None:
    write(flat, f"people:\n  anna: {{channels: ['{phone.channel}'], low credit: 40, about: [low_credit]}}\n")
    made = notices(flat)
    await told(flat, made)
    await falls_to(flat, 39)
    await told(flat, made)
    await falls_to(flat, 4)
    await told(flat, made)
    assert ["Left: ZAR 39.00." in each["message"] for each in phone.heard] == [True]


async def test_credit_is_told_again_once_it_rose_by_more_than_the_slack(
    flat: House, phone: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(flat, customers(phone))
    await choose(flat, low_credit=CHOSEN)
    account = flat.account
    slack = 5 * RAND
    account.policy = replace(account.policy, low_credit_hysteresis=slack)
    made = notices(flat)
    for left in (CHOSEN + 1, CHOSEN, CHOSEN + slack, CHOSEN, CHOSEN + slack + 1, CHOSEN):
        monkeypatch.setattr(
            personal_thresholds,
            "credit_now",
            lambda account, left=left: replace(credit_now(account), balance=left),
        )
        await told(flat, made)
    assert titles(phone) == ["Flat 1: Credit is low"] * 2


async def test_days_are_told_with_half_a_day_of_slack(
    flat: House, phone: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(flat, customers(phone))
    await choose(flat, days_left=3)
    made = notices(flat)
    for tenths in (31, 29, 34, 29, 36, 29):
        monkeypatch.setattr(
            personal_thresholds, "estimate_days_left", lambda account, now, tenths=tenths: DaysLeft(tenths)
        )
        await told(flat, made)
    assert titles(phone) == ["Flat 1: Credit will run out soon"] * 2


async def test_what_waited_for_the_end_of_quiet_hours_is_not_told_once_somebody_topped_up(
    flat: House, phone: Hook
) -> None:
    write(flat, customers(phone))
    wanted = NotificationSettings(
        phone="+27821234567", low_credit=CHOSEN, quiet_from="00:00", quiet_to="23:59"
    )
    await flat.app.page.set_notification_settings(LANDLORD, "flat-1", wanted)
    made = notices(flat)
    await told(flat, made)
    await falls_to(flat, 19)
    await told(flat, made)
    await flat.top_up("100.00")
    flat.time.forward(24 * HOUR)
    await told(flat, made)
    assert "Flat 1: Credit is low" not in titles(phone)
    became = {each.topic: each.outcome for each in (await made.notices(LANDLORD, 9)).notices}
    assert became["low_credit"] == "overtaken"
