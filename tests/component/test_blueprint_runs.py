"""Every blueprint does what it promises, once, and nothing after a restart, reload or lost connection."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

from homeassistant.core import Context, HomeAssistant, ServiceCall, State
from homeassistant.helpers import entity_registry as er, label_registry as lr
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_fire_time_changed,
    async_mock_service,
    mock_restore_cache,
)

from custom_components.prepaid_meter.client.protocol import EventKind
from custom_components.prepaid_meter.client.vocabulary import SupplyState
from tests.component.automating import BALANCE
from tests.component.blueprints import (
    account_device,
    blueprints_of_the_project,
    phone,
    reload_automations,
    use_blueprint,
)
from tests.component.conftest import Eventually
from tests.component.fake_bridge import CONNECTED, ZAR, FakeBridge, account_view, top_up_view

DAY = 86_400
LOW: dict[str, Any] = {"id": "a", "kind": "low_credit", "message": "Low", "detail": "20000000"}
LOWER = LOW | {"detail": "5000000"}
TOP_UP = {name: value for name, value in asdict(top_up_view()).items() if name != "at"}
ALSO = [{"event": "also", "event_data": {"title": "{{ title | default }}", "name": "{{ name | default }}"}}]


@pytest.fixture(autouse=True)
async def of_the_project(hass: HomeAssistant) -> AsyncGenerator[None]:
    """Make Home Assistant load blueprints from this repository, and stop the automations at the end."""
    with blueprints_of_the_project():
        yield
    if made := hass.states.async_entity_ids("automation"):
        await hass.services.async_call("automation", "turn_off", {"entity_id": made}, blocking=True)


@pytest.fixture
async def following(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, eventually: Eventually
) -> FakeBridge:
    """Run a bridge to which Home Assistant is connected."""
    assert await async_setup_component(hass, "homeassistant", {})
    await eventually(lambda: bridge.open_sockets)
    return bridge


@pytest.fixture
def messages(hass: HomeAssistant) -> list[ServiceCall]:
    """Return the messages that are sent to notification targets."""
    return async_mock_service(hass, "notify", "send_message")


async def settle(hass: HomeAssistant, bridge: FakeBridge, eventually: Eventually) -> None:
    """Wait until all earlier messages of the bridge have been processed: they are processed in order."""
    bridge.seq += 1
    bridge.accounts["flat-1"] = replace(bridge.accounts["flat-1"], available=bridge.seq * 1000 * ZAR)
    await bridge.update(bridge.accounts["flat-1"])
    await eventually(lambda: hass.states.is_state(BALANCE, f"{bridge.seq}000.00"))


async def forecast(bridge: FakeBridge, *seconds: int | None, **changes: Any) -> None:  # noqa: ANN401
    for left in seconds:
        await bridge.update(account_view(seconds_left=left, **changes))


def texts(calls: list[ServiceCall]) -> list[tuple[str, str]]:
    return [(call.data.get("title", ""), call.data["message"]) for call in calls]


# Warn early and once


def early(hass: HomeAssistant, entry: MockConfigEntry, **inputs: object) -> dict[str, Any]:
    return {"account": account_device(hass, entry), "to": ["notify.thandi"], "also": ALSO, **inputs}


async def test_an_early_warning_is_sent_once_until_a_top_up(
    hass: HomeAssistant,
    following: FakeBridge,
    loaded: MockConfigEntry,
    messages: list[ServiceCall],
    eventually: Eventually,
) -> None:
    await use_blueprint(hass, "warn_early", early(hass, loaded))
    others = async_capture_events(hass, "also")
    await forecast(following, 5 * DAY, 3 * DAY - 60)
    await eventually(lambda: messages)
    assert texts(messages) == [
        ("Top up soon: Flat 1", "ZAR 187.12 left. At the current rate of use it will last about 2 days.")
    ]
    assert messages[0].data["entity_id"] == ["notify.thandi"]
    await eventually(lambda: others)
    assert others[0].data == {"title": "Top up soon: Flat 1", "name": "Flat 1"}

    await following.happen(EventKind.ALERT_OPENED, LOW)
    await forecast(following, 5 * DAY, 2 * DAY)
    await settle(hass, following, eventually)
    assert len(messages) == 1

    paid = top_up_view(at=(dt_util.utcnow() + timedelta(minutes=1)).isoformat())
    await forecast(following, 9 * DAY, DAY, last_top_up=paid)
    await eventually(lambda: len(messages) == 2)


async def test_without_a_forecast_the_threshold_warns(
    hass: HomeAssistant,
    following: FakeBridge,
    loaded: MockConfigEntry,
    messages: list[ServiceCall],
    eventually: Eventually,
) -> None:
    await use_blueprint(hass, "warn_early", early(hass, loaded))
    await forecast(following, None, last_top_up=None)
    await following.happen(EventKind.ALERT_OPENED, LOW)
    await eventually(lambda: messages)
    assert "for an unknown time" in messages[0].data["message"]


@pytest.mark.parametrize("days_ago, warned_again", [(1, False), (5, True)])
async def test_a_warning_is_not_repeated_after_a_restart(
    hass: HomeAssistant,
    following: FakeBridge,
    loaded: MockConfigEntry,
    messages: list[ServiceCall],
    eventually: Eventually,
    days_ago: int,
    warned_again: bool,  # noqa: FBT001
) -> None:
    warned = (dt_util.utcnow() - timedelta(days=days_ago)).isoformat()
    mock_restore_cache(hass, [State("automation.warn_early", "on", {"last_triggered": warned})])
    await use_blueprint(hass, "warn_early", early(hass, loaded))
    long_ago = top_up_view(at=(dt_util.utcnow() - timedelta(days=30)).isoformat())
    await forecast(following, DAY, last_top_up=long_ago)
    await following.happen(EventKind.ALERT_OPENED, LOW)
    await settle(hass, following, eventually)
    assert bool(messages) is warned_again


async def test_running_the_actions_manually_sends_a_warning(
    hass: HomeAssistant, following: FakeBridge, loaded: MockConfigEntry, messages: list[ServiceCall]
) -> None:
    await use_blueprint(hass, "warn_early", early(hass, loaded))
    await hass.services.async_call(
        "automation", "trigger", {"entity_id": "automation.warn_early"}, blocking=True
    )
    assert texts(messages)[0][0] == "Top up soon: Flat 1"


# Warn before the night or the weekend


WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


async def strike(hass: HomeAssistant, entry: MockConfigEntry, weekday: str) -> None:
    """Create the automation a second before its check, on a Thursday or Friday, and let that second pass.

    This uses the current time, in a time zone in which it is not near midnight: the connection would not
    survive a jump of the clock.
    """
    await hass.config.async_set_time_zone("UTC" if dt_util.utcnow().hour < 23 else "Asia/Tokyo")
    look = dt_util.now().replace(microsecond=0) + timedelta(seconds=2)
    friday = (look.weekday() + (1 if weekday == "thursday" else 0)) % 7
    inputs = {
        "account": account_device(hass, entry),
        "to": ["notify.thandi"],
        "at": look.strftime("%H:%M:%S"),
        "last_days": [WEEKDAYS[friday]],
    }
    await use_blueprint(hass, "warn_before_night_or_weekend", inputs)
    async_fire_time_changed(hass, look + timedelta(seconds=1))
    await hass.async_block_till_done()


@pytest.mark.parametrize(
    "case",
    [
        ("thursday", 13, "Top up before tonight: Flat 1"),
        ("thursday", 15, None),
        ("friday", 15, "Top up before the weekend: Flat 1"),
        ("friday", 61, "Top up before the weekend: Flat 1"),
        ("friday", 63, None),
        ("thursday", None, None),
        ("friday", None, None),
    ],
)
async def test_the_evening_check_warns_if_the_credit_does_not_last_the_night_or_weekend(
    hass: HomeAssistant,
    following: FakeBridge,
    loaded: MockConfigEntry,
    messages: list[ServiceCall],
    eventually: Eventually,
    case: tuple[str, int | None, str | None],
) -> None:
    weekday, hours_left, title = case
    await forecast(following, None if hours_left is None else hours_left * 3600)
    await settle(hass, following, eventually)
    await strike(hass, loaded, weekday)
    assert [heading for heading, _ in texts(messages)] == ([title] if title else [])
    assert all("will run out at 20" in message for _, message in texts(messages))


async def test_the_evening_check_is_silent_if_the_supply_is_off(
    hass: HomeAssistant,
    following: FakeBridge,
    loaded: MockConfigEntry,
    messages: list[ServiceCall],
    eventually: Eventually,
) -> None:
    await forecast(following, 60, supply=replace(CONNECTED, state=SupplyState.DISCONNECTED))
    await settle(hass, following, eventually)
    await strike(hass, loaded, "friday")
    assert messages == []


async def test_the_evening_check_is_silent_while_the_bridge_is_unreachable(
    hass: HomeAssistant,
    following: FakeBridge,
    loaded: MockConfigEntry,
    messages: list[ServiceCall],
    eventually: Eventually,
) -> None:
    await forecast(following, 60)
    await settle(hass, following, eventually)
    await following.stop()
    await eventually(lambda: hass.states.is_state(BALANCE, "unavailable"))
    await strike(hass, loaded, "friday")
    assert messages == []


# Shed loads at low credit


@pytest.fixture
async def loads(hass: HomeAssistant) -> dict[str, str]:
    """Set up loads that are on, one that is off, and one that is selected only by its label."""
    names = ("geyser", "pump", "heater")
    config = {name: {"initial": name != "pump"} for name in names}
    assert await async_setup_component(hass, "input_boolean", {"input_boolean": config})
    assert await async_setup_component(hass, "scene", {})
    er.async_get(hass).async_get_or_create("switch", "test", "iron", suggested_object_id="iron")
    label = lr.async_get(hass).async_create("Can wait")
    er.async_get(hass).async_update_entity("switch.iron", labels={label.label_id})
    hass.states.async_set("switch.iron", "unavailable")
    return {name: f"input_boolean.{name}" for name in names}


def shedding(
    hass: HomeAssistant, entry: MockConfigEntry, loads: dict[str, str], **inputs: object
) -> dict[str, Any]:
    return {"account": account_device(hass, entry), "loads": list(loads.values()), "also": ALSO, **inputs}


def on(hass: HomeAssistant, loads: dict[str, str]) -> set[str]:
    return {name for name, entity in loads.items() if hass.states.is_state(entity, "on")}


async def test_only_shed_loads_are_turned_on_again(
    hass: HomeAssistant,
    following: FakeBridge,
    loaded: MockConfigEntry,
    loads: dict[str, str],
    eventually: Eventually,
) -> None:
    await use_blueprint(hass, "shed_loads", shedding(hass, loaded, loads))
    await forecast(following, DAY, low_credit=True)
    await following.happen(EventKind.ALERT_OPENED, LOW)
    await eventually(lambda: not on(hass, loads))

    await hass.services.async_call("input_boolean", "turn_on", {"entity_id": loads["heater"]}, blocking=True)
    await following.happen(EventKind.ALERT_OPENED, LOWER)
    await eventually(lambda: not on(hass, loads))

    await forecast(following, 9 * DAY, low_credit=False)
    await eventually(lambda: on(hass, loads) == {"geyser", "heater"})
    await eventually(lambda: not hass.states.async_entity_ids("scene"))


async def test_loads_stay_off_if_restoring_is_disabled(
    hass: HomeAssistant,
    following: FakeBridge,
    loaded: MockConfigEntry,
    loads: dict[str, str],
    eventually: Eventually,
) -> None:
    restored = [{"event": "restored"}]
    inputs = shedding(hass, loaded, loads, restore=False, also_restored=restored)
    await use_blueprint(hass, "shed_loads", inputs)
    ran = async_capture_events(hass, "restored")
    await forecast(following, DAY, low_credit=True)
    await following.happen(EventKind.ALERT_OPENED, LOW)
    await eventually(lambda: not on(hass, loads))
    await forecast(following, DAY, low_credit=False)
    await eventually(lambda: ran)
    assert on(hass, loads) == set()


async def test_loads_are_shed_only_up_to_the_highest_threshold(
    hass: HomeAssistant,
    following: FakeBridge,
    loaded: MockConfigEntry,
    loads: dict[str, str],
    eventually: Eventually,
) -> None:
    await use_blueprint(hass, "shed_loads", shedding(hass, loaded, loads, at_most=5))
    await following.happen(EventKind.ALERT_OPENED, LOW)
    await settle(hass, following, eventually)
    assert on(hass, loads) == {"geyser", "heater"}
    await following.happen(EventKind.ALERT_OPENED, LOWER)
    await eventually(lambda: not on(hass, loads))


async def test_loads_can_be_selected_by_label(
    hass: HomeAssistant,
    following: FakeBridge,
    loaded: MockConfigEntry,
    loads: dict[str, str],
    eventually: Eventually,
) -> None:
    off = async_mock_service(hass, "homeassistant", "turn_off")
    inputs = {"account": account_device(hass, loaded), "labels": ["can_wait"], "restore": False}
    await use_blueprint(hass, "shed_loads", inputs)
    await following.happen(EventKind.ALERT_OPENED, LOW)
    await settle(hass, following, eventually)
    assert off == []  # an unavailable appliance is not turned off
    hass.states.async_set("switch.iron", "on")
    await following.happen(EventKind.ALERT_OPENED, LOWER)
    await eventually(lambda: off)
    assert off[0].data["entity_id"] == ["switch.iron"]


# Ask the family to top up


@pytest.fixture
def family(hass: HomeAssistant) -> tuple[list[str], dict[str, list[ServiceCall]]]:
    """Set up two people with phones; return the phones and the notifications sent to each."""
    names = ("Thandi's phone", "Sipho")
    hass.states.async_set("person.thandi", "home", {"friendly_name": "Thandi", "user_id": "user-of-thandi"})
    sent = {
        "Thandi": async_mock_service(hass, "notify", "mobile_app_thandi_s_phone"),
        "Sipho": async_mock_service(hass, "notify", "mobile_app_sipho"),
    }
    return [phone(hass, name) for name in names], sent


def touch(hass: HomeAssistant, button: dict[str, Any], user_id: str = "user-of-thandi") -> None:
    """Press a button of a notification."""
    context = Context(user_id=user_id)
    hass.bus.async_fire("mobile_app_notification_action", {"action": button["action"]}, context=context)


async def soon(condition: Callable[[], object]) -> None:
    """Wait for a condition; Home Assistant never becomes idle while a question waits for its answer."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - a state of Home Assistant sets no event
            await asyncio.sleep(0.005)


async def hours_pass(hass: HomeAssistant, hours: int, condition: Callable[[], object]) -> None:
    """Let hours pass whenever the automation waits, until a condition is true.

    This must not use a timer of its own, which would fire as the hours pass.
    """
    for turn in range(5000):
        if condition():
            return
        if turn % 100 == 0:
            async_fire_time_changed(hass, dt_util.utcnow() + timedelta(hours=hours, minutes=1))
        await asyncio.sleep(0)
    pytest.fail("the hours have passed, and it is not so")


def asking(hass: HomeAssistant) -> bool:
    state = hass.states.get("automation.ask_family_to_top_up")
    assert state is not None
    return bool(state.attributes["current"])


async def test_the_family_is_asked_and_a_top_up_clears_the_question(
    hass: HomeAssistant,
    following: FakeBridge,
    loaded: MockConfigEntry,
    family: tuple[list[str], dict[str, list[ServiceCall]]],
) -> None:
    phones, sent = family
    inputs = {"account": account_device(hass, loaded), "phones": phones, "pay_url": "/lovelace/electricity"}
    await use_blueprint(hass, "ask_family_to_top_up", inputs)
    await following.happen(EventKind.ALERT_OPENED, LOW)
    await soon(lambda: sent["Thandi"] and sent["Sipho"])
    question = sent["Sipho"][0].data
    assert question["title"] == "Who will top up Flat 1?"
    assert question["message"] == "ZAR 187.12 left. At the current rate of use it will last about 4 days."
    mine, not_now, pay = question["data"]["actions"]
    assert [mine["title"], not_now["title"], pay["title"]] == ["I'll do it", "Later", "Pay now"]
    assert (pay["action"], pay["uri"]) == ("URI", "/lovelace/electricity")

    touch(hass, mine)
    await soon(lambda: len(sent["Sipho"]) == 2)
    assert sent["Sipho"][1].data["message"] == "Thandi will top up Flat 1."
    await following.happen(EventKind.TOP_UP, TOP_UP)
    await soon(lambda: len(sent["Sipho"]) == 3)
    assert sent["Sipho"][2].data["message"] == "clear_notification"
    assert len({call.data["data"]["tag"] for call in sent["Sipho"]}) == 1
    await soon(lambda: not asking(hass))


async def test_the_family_is_asked_a_limited_number_of_times(
    hass: HomeAssistant,
    following: FakeBridge,
    loaded: MockConfigEntry,
    family: tuple[list[str], dict[str, list[ServiceCall]]],
) -> None:
    phones, sent = family
    inputs = {"account": account_device(hass, loaded), "phones": phones, "times": 3}
    await use_blueprint(hass, "ask_family_to_top_up", inputs)
    await following.happen(EventKind.ALERT_OPENED, LOW)
    await soon(lambda: len(sent["Sipho"]) == 1)
    await following.happen(EventKind.ALERT_OPENED, LOWER)  # is being asked already
    await hours_pass(hass, 3, lambda: len(sent["Sipho"]) == 2)
    touch(hass, sent["Sipho"][1].data["data"]["actions"][1])
    await hours_pass(hass, 3, lambda: len(sent["Sipho"]) == 3)
    await hours_pass(hass, 3, lambda: not asking(hass))
    assert len(sent["Sipho"]) == 3


async def test_a_removed_phone_does_not_prevent_the_others_from_being_asked(
    hass: HomeAssistant,
    following: FakeBridge,
    loaded: MockConfigEntry,
    family: tuple[list[str], dict[str, list[ServiceCall]]],
) -> None:
    phones, sent = family
    inputs = {
        "account": account_device(hass, loaded),
        "phones": ["a device that is gone", *phones],
        "times": 1,
    }
    await use_blueprint(hass, "ask_family_to_top_up", inputs)
    await following.happen(EventKind.ALERT_OPENED, LOW)
    await soon(lambda: sent["Sipho"])
    touch(hass, sent["Sipho"][0].data["data"]["actions"][0], user_id="a stranger")
    await soon(lambda: len(sent["Sipho"]) == 2)
    assert sent["Sipho"][1].data["message"] == "Someone will top up Flat 1."
    await hours_pass(hass, 3, lambda: not asking(hass))


# Celebrate a top-up


async def test_a_top_up_is_celebrated_once(
    hass: HomeAssistant,
    following: FakeBridge,
    loaded: MockConfigEntry,
    messages: list[ServiceCall],
    eventually: Eventually,
) -> None:
    flashes = async_mock_service(hass, "light", "turn_on")
    inputs = early(hass, loaded, lights=["light.porch"], minimum=50)
    await use_blueprint(hass, "celebrate_top_up", inputs)
    await following.happen(EventKind.TOP_UP, TOP_UP | {"amount": 49 * ZAR})
    await following.happen(EventKind.TOP_UP, TOP_UP)
    await eventually(lambda: flashes)
    await settle(hass, following, eventually)
    assert texts(messages) == [("Thank you!", "ZAR 100.00 received for Flat 1. New balance: ZAR 187.12.")]
    assert flashes[0].data == {"entity_id": ["light.porch"], "flash": "long"}


# No false alarm


def all_inputs(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, dict[str, Any]]:
    account = account_device(hass, entry)
    return {
        "warn_early": {"account": account, "to": ["notify.thandi"]},
        "warn_before_night_or_weekend": {"account": account, "to": ["notify.thandi"]},
        "shed_loads": {"account": account, "loads": ["input_boolean.geyser"]},
        "ask_family_to_top_up": {"account": account, "phones": [phone(hass, "Sipho")]},
        "celebrate_top_up": {"account": account, "to": ["notify.thandi"], "lights": ["light.porch"]},
    }


WORST = account_view(
    seconds_left=60, low_credit=True, supply=replace(CONNECTED, state=SupplyState.DISCONNECTED)
)


@pytest.mark.parametrize(
    "name",
    [
        "ask_family_to_top_up",
        "celebrate_top_up",
        "shed_loads",
        "warn_before_night_or_weekend",
        "warn_early",
    ],
)
@pytest.mark.parametrize("bad", [False, True])
async def test_restart_reload_and_a_lost_connection_do_nothing(
    hass: HomeAssistant,
    following: FakeBridge,
    loaded: MockConfigEntry,
    eventually: Eventually,
    name: str,
    bad: bool,  # noqa: FBT001
) -> None:
    for service in ("mobile_app_sipho", "send_message"):
        async_mock_service(hass, "notify", service)
    hass.states.async_set("input_boolean.geyser", "on")
    if bad:
        await following.update(WORST)
        await settle(hass, following, eventually)
    inputs = all_inputs(hass, loaded)[name]
    await use_blueprint(hass, name, inputs)
    runs = async_capture_events(hass, "automation_triggered")

    await following.stop()
    await eventually(lambda: hass.states.is_state(BALANCE, "unavailable"))
    await following.start()
    await eventually(lambda: following.open_sockets)
    assert await hass.config_entries.async_reload(loaded.entry_id)
    await eventually(lambda: following.open_sockets)
    await reload_automations(hass, name, inputs)
    assert await hass.config_entries.async_reload(loaded.entry_id)
    await eventually(lambda: following.open_sockets)
    await settle(hass, following, eventually)
    assert runs == []
