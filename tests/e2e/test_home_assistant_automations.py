"""Automations in a real Home Assistant: blueprints, triggers that a test can cause, voice."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from scripts.lib.demo.bridge import BridgeApi
from scripts.lib.demo.homeassistant import DOMAIN, HomeAssistant, ask
from scripts.lib.demo.waiting import until

SOON_S = 40.0
BLUEPRINTS = Path(__file__).parents[2] / "blueprints" / "automation" / DOMAIN
BALANCE = "sensor.calm_balance"
SUPPLY = "sensor.calm_supply_state"
TARGET = {"entity_id": BALANCE}


async def device_of_calm(home: HomeAssistant) -> str:
    devices = await ask(home, {"type": "config/device_registry/list"})
    return next(str(device["id"]) for device in devices if device["name"] == "Calm")


async def automate(home: HomeAssistant, alias: str, config: dict[str, Any]) -> str:
    """Create an automation as the editor does; return its entity once it is on."""
    await home.post(f"/api/config/automation/config/{alias}", {"alias": alias, **config})
    entity = f"automation.{alias}"
    await until(f"{entity} is on", lambda: has(home, entity, "on"), SOON_S)
    return entity


async def has(home: HomeAssistant, entity: str, state: str) -> bool | None:
    return (await home.state(entity)) == state or None


async def ran(home: HomeAssistant, entity: str) -> str | None:
    found = await home.entity(entity)
    return None if found is None else found["attributes"]["last_triggered"]


async def ran_since(home: HomeAssistant, entity: str, runs_before: str | None) -> bool | None:
    return (await ran(home, entity)) != runs_before or None


async def use_blueprint(home: HomeAssistant, name: str, inputs: dict[str, Any]) -> str:
    """Import a blueprint from its file and create an automation from it."""
    path = f"{DOMAIN}/{name}.yaml"
    text = (BLUEPRINTS / f"{name}.yaml").read_text(encoding="utf-8")
    saving = {"type": "blueprint/save", "domain": "automation", "path": path, "yaml": text}
    await ask(home, {**saving, "allow_override": True})
    return await automate(home, name, {"use_blueprint": {"path": path, "input": inputs}})


async def thresholds(home: HomeAssistant, *amounts: str) -> None:
    await home.action("prepaid_meter.set_thresholds", {**TARGET, "thresholds": list(amounts)})


async def held_off(home: HomeAssistant) -> None:
    await home.action(f"{DOMAIN}.hold_supply", {**TARGET, "hold": "test", "reason": "test"})
    await until("the supply is off", lambda: has(home, SUPPLY, "disconnected"), SOON_S)


async def lifted(home: HomeAssistant) -> None:
    """Lift the hold, if there is one."""
    state = await home.entity(SUPPLY)
    if state is not None and state["attributes"]["holds"]:
        await home.action(f"{DOMAIN}.lift_hold", {**TARGET, "hold": "test"})
    await until("the supply is on", lambda: has(home, SUPPLY, "connected"), SOON_S)


async def credit_low(home: HomeAssistant) -> None:
    await thresholds(home, "9999")
    await until("credit is low", lambda: has(home, "binary_sensor.calm_low_credit", "on"), SOON_S)


async def credit_well(home: HomeAssistant) -> None:
    await thresholds(home, "0.08")
    await until("credit is well", lambda: has(home, "binary_sensor.calm_low_credit", "off"), SOON_S)


async def top_up(home: HomeAssistant) -> None:
    await home.action("prepaid_meter.top_up", {**TARGET, "amount": "1.00"})


async def nothing(home: HomeAssistant) -> None:
    """Change nothing."""


HAPPENINGS: dict[str, tuple[Callable[[HomeAssistant], Awaitable[None]], ...]] = {
    "top_up_received": (nothing, top_up),
    "supply_cut": (nothing, held_off),
    "supply_restored": (held_off, lifted),
    "credit_became_low": (nothing, credit_low),
    "credit_recovered": (credit_low, credit_well),
}


@pytest.mark.parametrize("name", HAPPENINGS)
async def test_a_trigger_runs_an_automation(home: HomeAssistant, api: BridgeApi, name: str) -> None:
    before, happen = HAPPENINGS[name]
    await until("the account is there", lambda: has(home, SUPPLY, "connected"), SOON_S)
    try:
        await before(home)
        trigger = {"trigger": f"{DOMAIN}.{name}", "target": TARGET}
        entity = await automate(home, name, {"triggers": [trigger], "actions": []})
        # On a busy machine the word of what the test before set right may still have been on its way.
        runs_before = await ran(home, entity)
        await happen(home)
        await until(f"{entity} ran", lambda: ran_since(home, entity, runs_before), SOON_S)
    finally:
        await lifted(home)
        await credit_well(home)


async def test_assist_answers_with_the_blueprint_without_a_language_model(home: HomeAssistant) -> None:
    await use_blueprint(home, "answer_by_voice", {"account": await device_of_calm(home)})
    answer = await home.post(
        "/api/conversation/process", {"text": "how much electricity do we have left", "language": "en"}
    )
    speech = answer["response"]["speech"]["plain"]["speech"]
    assert "ZAR left" in speech
    asked = {"text": "how long will it last", "language": "en"}
    speech = (await home.post("/api/conversation/process", asked))["response"]["speech"]["plain"]["speech"]
    assert "last" in speech


@pytest.mark.parametrize(
    "name",
    ["ask_family_to_top_up", "celebrate_top_up", "shed_loads", "warn_before_night_or_weekend", "warn_early"],
)
async def test_a_blueprint_creates_an_automation(home: HomeAssistant, name: str) -> None:
    inputs: dict[str, Any] = {"account": await device_of_calm(home)}
    if name == "ask_family_to_top_up":
        inputs["phones"] = []
    await use_blueprint(home, name, inputs)
