"""The documentation of the integration matches the code."""

from dataclasses import asdict
from pathlib import Path
import re
from typing import Any, Final

from homeassistant.components.automation.config import async_validate_config_item
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util.yaml import load_yaml_dict, parse_yaml
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.prepaid_meter.client.protocol import EventKind
from custom_components.prepaid_meter.const import DOMAIN
from tests.component.conftest import Eventually
from tests.component.fake_bridge import FakeBridge, account_view, hold_view, rich_account, top_up_view
from tests.component.test_hassfest import ENGLISH, FOLDER

PAGES: Final = Path(__file__).resolve().parents[2] / "docs" / "home-assistant"
ROW: Final = re.compile(
    r"^\| (?P<first>[^|]+) \| (?P<second>[^|]+) \|(?: (?P<third>[^|]+) \|)?$", re.MULTILINE
)
KINDS: Final = {kind: kind.replace("_", " ") for kind in ENGLISH["entity"]}


def page(name: str) -> str:
    return (PAGES / f"{name}.md").read_text(encoding="utf-8")


def sections(name: str) -> dict[str, str]:
    """Return the text below each second-level heading."""
    parts = re.split(r"^## (.+)$", page(name), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def described_entities() -> list[tuple[str, str, bool]]:
    """Return name, kind and whether it is disabled by default for every entity on the page."""
    rows = [match for match in ROW.finditer(page("entities")) if match["third"]]
    listed = [(row["first"], row["second"]) for row in rows if row["second"] in KINDS.values()]
    return [(name.strip("*"), kind, name.startswith("*")) for name, kind in listed]


def test_the_page_lists_every_kind_of_entity_and_no_other() -> None:
    known = {
        (entity["name"], KINDS[kind])
        for kind, entities in ENGLISH["entity"].items()
        for key, entity in entities.items()
        if not key.endswith("_of_meter")
    }
    assert {(name, kind) for name, kind, _ in described_entities()} == known


async def test_exactly_the_entities_that_the_page_calls_disabled_are_disabled(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, eventually: Eventually
) -> None:
    await bridge.update(rich_account())
    await eventually(lambda: er.async_get(hass).async_get("number.flat_1_low_credit_threshold_2"))
    entries = er.async_entries_for_config_entry(er.async_get(hass), loaded.entry_id)
    disabled = {plain(entity.original_name) for entity in entries if entity.disabled_by}
    enabled = {plain(entity.original_name) for entity in entries if not entity.disabled_by}
    assert {plain(name) for name, _, off in described_entities() if off} == disabled
    assert enabled <= {plain(name) for name, _, off in described_entities() if not off}


async def test_only_what_a_household_reads_is_enabled(
    hass: HomeAssistant, loaded: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    """Seven accounts with everything enabled were a wall of 283 entities."""
    entities = er.async_entries_for_config_entry(entity_registry, loaded.entry_id)
    own = [entity for entity in entities if entity.unique_id.count("/") > 1]
    assert {
        entity.translation_key for entity in own if not entity.disabled and not entity.entity_category
    } == {
        *("balance", "units_left", "run_out", "energy_today", "cost_today", "cost_period", "price"),
        *("block", "supply_state", "power", "last_top_up", "low_credit", "problem"),
    }
    assert {entity.translation_key for entity in own if not entity.disabled and entity.entity_category} == {
        "confirm_supply"
    }
    assert len(own) > 35


def plain(name: str | None) -> str:
    """Return a name without its number or placeholder."""
    return re.sub(r" (\d|\{\w+\})", "", name or "")


def codes(text: str) -> list[str]:
    return re.findall(r"`(\w+)`", text)


def fields_of(text: str, head: str) -> set[str]:
    """Return the names in the first column of the table with the given heading."""
    table = text.partition(f"| {head} | meaning |\n")[2].partition("\n\n")[0]
    return {name for row in ROW.finditer(table) for name in codes(row["first"])}


def described(kind: str) -> dict[str, Any]:
    return {name: value for name, value in load_yaml_dict(FOLDER / f"{kind}.yaml").items() if name[0] != "."}


def test_the_page_lists_every_action_with_its_fields() -> None:
    texts = {title.strip("`"): text for title, text in sections("actions").items()}
    services = described("services")
    assert set(texts) == {f"{DOMAIN}.{name}" for name in services}
    for name, service in services.items():
        assert fields_of(texts[f"{DOMAIN}.{name}"], "field") == set(service["fields"]), name


@pytest.mark.parametrize(
    "name", ["account_status", "tariff_now", "set_thresholds", "top_up", "hold_supply", "lift_hold"]
)
async def test_the_response_of_an_action_is_as_documented(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, name: str
) -> None:
    wanted: dict[str, dict[str, Any]] = {"set_thresholds": {"thresholds": ["5"]}, "top_up": {"amount": "5"}}
    hold = {"hold": "leak", "reason": "leak under the sink"}
    wanted |= {"hold_supply": hold, "lift_hold": hold}
    data = {"entity_id": "sensor.flat_1_balance", **wanted.get(name, {})}
    await bridge.hold(hold_view("leak"))
    answer = await hass.services.async_call(DOMAIN, name, data, blocking=True, return_response=True)
    assert answer is not None
    text = sections("actions")[f"`{DOMAIN}.{name}`"]
    only_where_units_are_sold = {"units_kwh"} if name == "top_up" else set()
    assert fields_of(text, "answer") == set(answer) | only_where_units_are_sold


@pytest.mark.parametrize("kind", ["triggers", "conditions"])
def test_the_page_has_a_section_for_each_with_its_options_and_an_example(kind: str) -> None:
    texts = sections(kind)
    for name, description in described(kind).items():
        text = texts[ENGLISH[kind][name]["name"]]
        assert f"`{DOMAIN}.{name}`" in text
        assert f"{kind[:-1]}: {DOMAIN}.{name}\n" in text, "an example"
        assert fields_of(text, "option") == set(description.get("fields", {})), name
    assert set(texts) - {translation["name"] for translation in ENGLISH[kind].values()} <= {
        "Values in templates",
        "The event bus",
    }


OF_HOME_ASSISTANT: Final = {"id", "idx", "alias", "platform", "description", "trigger", "enabled"}
EVENTS: Final[dict[str, tuple[EventKind, dict[str, Any]]]] = {
    "credit_became_low": (EventKind.ALERT_OPENED, {"kind": "low_credit", "message": "Low", "detail": "5"}),
    "supply_cut": (
        EventKind.SUPPLY_CHANGED,
        {"state": "disconnected", "was": "connected", "reason": "protection", "note": None},
    ),
    "supply_restored": (
        EventKind.SUPPLY_CHANGED,
        {"state": "connected", "was": "disconnected", "reason": "in_credit", "note": None},
    ),
    "top_up_received": (
        EventKind.TOP_UP,
        {name: value for name, value in asdict(top_up_view()).items() if name != "at"},
    ),
}


@pytest.mark.parametrize("name", described("triggers"))
async def test_the_values_of_a_trigger_are_as_documented(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, eventually: Eventually, name: str
) -> None:
    await eventually(lambda: bridge.open_sockets)
    ran = async_capture_events(hass, "ran")
    options = {"options": {"within": {"days": 3}}} if name == "runs_out_within" else {}
    target = {"entity_id": "sensor.flat_1_balance"}
    config = {
        "alias": "documented values",
        "triggers": [{"trigger": f"{DOMAIN}.{name}", "target": target, **options}],
        "actions": [{"event": "ran", "event_data": {"values": "{{ trigger.keys() | list }}"}}],
    }
    assert await async_setup_component(hass, "automation", {"automation": [config]})
    await hass.async_block_till_done()
    if name in EVENTS:
        await bridge.happen(*EVENTS[name])
    else:
        await bridge.update(account_view(low_credit=True, seconds_left=9 * 86_400))
        await bridge.update(account_view(low_credit=False, seconds_left=86_400))
    await eventually(lambda: ran)

    common = set(re.findall(r"`trigger\.(\w+)`", sections("triggers")["Values in templates"]))
    if name not in EVENTS:
        common -= {"at", "late"}
    own = set(re.findall(r"`trigger\.(\w+)`", sections("triggers")[ENGLISH["triggers"][name]["name"]]))
    assert set(ran[0].data["values"]) - OF_HOME_ASSISTANT == common | own


def examples() -> list[tuple[str, str]]:
    blocks_by_id = []
    for path in sorted(PAGES.glob("*.md")):
        blocks = re.findall(r"^```yaml\n(.*?)^```$", path.read_text("utf-8"), re.MULTILINE | re.DOTALL)
        blocks_by_id += [(f"{path.stem} {number}", block) for number, block in enumerate(blocks, 1)]
    return blocks_by_id


def automation(example: str) -> dict[str, Any] | None:
    """Return the example as a complete automation, or None if it is none, such as a card."""
    written = parse_yaml(example)
    config: dict[str, Any] = written if isinstance(written, dict) else {"actions": written}
    if not config.keys() & {"triggers", "conditions", "actions"}:
        return None
    return {"alias": "example", "triggers": {"trigger": "event", "event_type": "x"}, "actions": []} | config


@pytest.mark.parametrize(
    "example", [example for _, example in examples()], ids=[name for name, _ in examples()]
)
async def test_home_assistant_accepts_every_example(
    hass: HomeAssistant, loaded: MockConfigEntry, example: str
) -> None:
    config = automation(example)
    if config is None:
        assert "custom:prepaid-meter" in example
        return
    assert await async_setup_component(hass, "automation", {})
    validated = await async_validate_config_item(hass, "example", config)
    assert validated is not None
    assert validated.validation_error is None


def test_the_pages_required_by_reviewers_exist() -> None:
    names = {path.stem for path in PAGES.glob("*.md")}
    wanted = "actions blueprints conditions data-updates entities installation known-limits removal triggers"
    assert names >= {*wanted.split(), "troubleshooting", "use-cases"}


def test_every_setup_parameter_is_documented() -> None:
    parameters = set(ENGLISH["config"]["step"]["user"]["data"].values())
    documented = {row["first"] for row in ROW.finditer(page("installation"))}
    assert parameters <= documented


def test_every_repair_issue_is_documented() -> None:
    rows = [row["first"].strip().lower() for row in ROW.finditer(sections("troubleshooting")["Repairs"])]
    known = [part for row in rows for part in row.split(", ")]
    for issue in ENGLISH["issues"].values():
        title = re.sub(r"(?: of)? ?\{\w+\}", "", issue["title"]).lower().strip()
        assert any(part in title or title in part for part in known), title


def test_the_documented_languages_are_the_available_ones() -> None:
    named = {"af": "Afrikaans", "de": "German", "en": "English", "es": "Spanish", "fr": "French"}
    named |= {"id": "Indonesian", "pt": "Portuguese"}
    there = {path.stem for path in (FOLDER / "translations").glob("*.json")}
    assert there == set(named)
    assert all(name in sections("entities")["Languages"] for name in named.values())
