"""What the pages on Home Assistant say is what the code does."""

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
from tests.component.fake_bridge import FakeBridge, account_view, rich_account, top_up_view
from tests.component.test_hassfest import ENGLISH, FOLDER

PAGES: Final = Path(__file__).resolve().parents[2] / "docs" / "home-assistant"
ROW: Final = re.compile(
    r"^\| (?P<first>[^|]+) \| (?P<second>[^|]+) \|(?: (?P<third>[^|]+) \|)?$", re.MULTILINE
)
KINDS: Final = {kind: kind.replace("_", " ") for kind in ENGLISH["entity"]}


def page(name: str) -> str:
    return (PAGES / f"{name}.md").read_text(encoding="utf-8")


def sections(name: str) -> dict[str, str]:
    """Return what stands below each heading of the second level."""
    parts = re.split(r"^## (.+)$", page(name), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def described_entities() -> list[tuple[str, str, bool]]:
    """Return name, kind and whether it is disabled at first of every entity that the page lists."""
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


async def test_entities_that_the_page_calls_disabled_are_and_no_other(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, eventually: Eventually
) -> None:
    await bridge.update(rich_account())
    await eventually(lambda: hass.states.get("number.flat_1_low_credit_threshold_2"))
    found = er.async_entries_for_config_entry(er.async_get(hass), loaded.entry_id)
    disabled = {plain(entity.original_name) for entity in found if entity.disabled_by}
    enabled = {plain(entity.original_name) for entity in found if not entity.disabled_by}
    assert {plain(name) for name, _, off in described_entities() if off} == disabled
    assert enabled <= {plain(name) for name, _, off in described_entities() if not off}


def plain(name: str | None) -> str:
    """Return a name without its number, or the placeholder of one."""
    return re.sub(r" (\d|\{\w+\})", "", name or "")


def codes(text: str) -> list[str]:
    return re.findall(r"`(\w+)`", text)


def fields_of(text: str, head: str) -> set[str]:
    """Return the names in the first column of the table with that head."""
    table = text.partition(f"| {head} | meaning |\n")[2].partition("\n\n")[0]
    return {name for row in ROW.finditer(table) for name in codes(row["first"])}


def described(kind: str) -> dict[str, Any]:
    return {name: each for name, each in load_yaml_dict(FOLDER / f"{kind}.yaml").items() if name[0] != "."}


def test_the_page_lists_every_action_with_its_fields() -> None:
    found = {title.strip("`"): text for title, text in sections("actions").items()}
    services = described("services")
    assert set(found) == {f"{DOMAIN}.{name}" for name in services}
    for name, service in services.items():
        assert fields_of(found[f"{DOMAIN}.{name}"], "field") == set(service["fields"]), name


@pytest.mark.parametrize("name", ["account_status", "tariff_now", "set_thresholds", "top_up"])
async def test_the_answer_of_an_action_is_what_the_page_says(
    hass: HomeAssistant, loaded: MockConfigEntry, name: str
) -> None:
    wanted: dict[str, dict[str, Any]] = {"set_thresholds": {"thresholds": ["5"]}, "top_up": {"amount": "5"}}
    data = {"entity_id": "sensor.flat_1_balance", **wanted.get(name, {})}
    answer = await hass.services.async_call(DOMAIN, name, data, blocking=True, return_response=True)
    assert answer is not None
    text = sections("actions")[f"`{DOMAIN}.{name}`"]
    assert fields_of(text, "answer") == set(answer)


@pytest.mark.parametrize("kind", ["triggers", "conditions"])
def test_the_page_has_a_section_of_each_with_its_options_and_an_example(kind: str) -> None:
    found = sections(kind)
    for name, each in described(kind).items():
        text = found[ENGLISH[kind][name]["name"]]
        assert f"`{DOMAIN}.{name}`" in text
        assert f"{kind[:-1]}: {DOMAIN}.{name}\n" in text, "an example"
        assert fields_of(text, "option") == set(each.get("fields", {})), name
    assert set(found) - {each["name"] for each in ENGLISH[kind].values()} <= {
        "Values in templates",
        "The event bus",
    }


OF_HOME_ASSISTANT: Final = {"id", "idx", "alias", "platform", "description", "trigger", "enabled"}
HAPPENINGS: Final[dict[str, tuple[EventKind, dict[str, Any]]]] = {
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
        {name: each for name, each in asdict(top_up_view()).items() if name != "at"},
    ),
}


@pytest.mark.parametrize("name", described("triggers"))
async def test_the_values_of_a_trigger_are_those_that_the_page_names(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, eventually: Eventually, name: str
) -> None:
    await eventually(lambda: bridge.open_sockets)
    ran = async_capture_events(hass, "ran")
    options = {"options": {"within": {"days": 3}}} if name == "runs_out_within" else {}
    target = {"entity_id": "sensor.flat_1_balance"}
    config = {
        "alias": "told",
        "triggers": [{"trigger": f"{DOMAIN}.{name}", "target": target, **options}],
        "actions": [{"event": "ran", "event_data": {"values": "{{ trigger.keys() | list }}"}}],
    }
    assert await async_setup_component(hass, "automation", {"automation": [config]})
    await hass.async_block_till_done()
    if name in HAPPENINGS:
        await bridge.happen(*HAPPENINGS[name])
    else:
        await bridge.update(account_view(low_credit=True, seconds_left=9 * 86_400))
        await bridge.update(account_view(low_credit=False, seconds_left=86_400))
    await eventually(lambda: ran)

    common = set(re.findall(r"`trigger\.(\w+)`", sections("triggers")["Values in templates"]))
    if name not in HAPPENINGS:
        common -= {"at", "late"}
    own = set(re.findall(r"`trigger\.(\w+)`", sections("triggers")[ENGLISH["triggers"][name]["name"]]))
    assert set(ran[0].data["values"]) - OF_HOME_ASSISTANT == common | own


def examples() -> list[tuple[str, str]]:
    found = []
    for path in sorted(PAGES.glob("*.md")):
        blocks = re.findall(r"^```yaml\n(.*?)^```$", path.read_text("utf-8"), re.MULTILINE | re.DOTALL)
        found += [(f"{path.stem} {number}", block) for number, block in enumerate(blocks, 1)]
    return found


def automation(example: str) -> dict[str, Any] | None:
    """Return the example as a whole automation, None for what is none, such as a card."""
    written = parse_yaml(example)
    config: dict[str, Any] = written if isinstance(written, dict) else {"actions": written}
    if not config.keys() & {"triggers", "conditions", "actions"}:
        return None
    return {"alias": "example", "triggers": {"trigger": "event", "event_type": "x"}, "actions": []} | config


@pytest.mark.parametrize("example", [each[1] for each in examples()], ids=[each[0] for each in examples()])
async def test_home_assistant_takes_every_example(
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


def test_the_pages_that_reviewers_ask_for_are_there() -> None:
    names = {path.stem for path in PAGES.glob("*.md")}
    wanted = "actions blueprints conditions data-updates entities installation known-limits removal triggers"
    assert names >= {*wanted.split(), "troubleshooting", "use-cases"}


def test_every_parameter_of_the_set_up_is_explained() -> None:
    asked = set(ENGLISH["config"]["step"]["user"]["data"].values())
    told = {row["first"] for row in ROW.finditer(page("installation"))}
    assert asked <= told


def test_every_repair_issue_is_in_the_troubleshooting() -> None:
    rows = [row["first"].strip().lower() for row in ROW.finditer(sections("troubleshooting")["Repairs"])]
    known = [part for row in rows for part in row.split(", ")]
    for issue in ENGLISH["issues"].values():
        title = re.sub(r"(?: of)? ?\{\w+\}", "", issue["title"]).lower().strip()
        assert any(part in title or title in part for part in known), title


def test_the_languages_that_are_told_are_those_that_there_are() -> None:
    named = {"af": "Afrikaans", "en": "English", "es": "Spanish", "fr": "French"}
    named |= {"id": "Indonesian", "pt": "Portuguese"}
    there = {path.stem for path in (FOLDER / "translations").glob("*.json")}
    assert there == set(named)
    assert all(name in sections("entities")["Languages"] for name in named.values())
