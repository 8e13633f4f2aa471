"""The checks of hassfest and HACS, with Home Assistant's own validators where it provides them."""

from collections.abc import Iterator
import json
from pathlib import Path
import re
import string
import struct
from typing import Any

from awesomeversion import AwesomeVersion, AwesomeVersionStrategy
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv, selector
from homeassistant.loader import async_get_integration
from homeassistant.util.yaml import load_yaml_dict
import pytest

import custom_components.prepaid_meter as integration
from custom_components.prepaid_meter import (
    binary_sensor,
    button,
    event,
    helpers,
    number,
    sensor,
    update,
)
from custom_components.prepaid_meter.const import DOMAIN

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(integration.__file__).parent
SLUG = re.compile(r"^[a-z0-9]+(_[a-z0-9]+)*$")
MAKES_NO_ISSUE_OF = re.compile(r"'\{[^}]*\}'|<[a-z/]|https?://")


def read(name: str) -> Any:  # noqa: ANN401
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


MANIFEST = read("manifest.json")
ENGLISH = read("translations/en.json")
ICONS = read("icons.json")


def leaves(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:  # noqa: ANN401
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from leaves(value, (*path, key))
    else:
        yield path, tree


async def test_home_assistant_loads_the_manifest(hass: HomeAssistant) -> None:
    loaded = await async_get_integration(hass, DOMAIN)
    assert loaded.integration_type == "hub"
    assert loaded.iot_class == "local_push"
    assert loaded.requirements == []
    assert loaded.version is not None


def test_the_manifest_meets_the_requirements_of_hassfest_and_hacs() -> None:
    assert list(MANIFEST) == ["domain", "name", *sorted(set(MANIFEST) - {"domain", "name"})]
    assert FOLDER.name == MANIFEST["domain"] == DOMAIN
    assert {"codeowners", "documentation", "issue_tracker", "version"} <= set(MANIFEST)
    assert MANIFEST["codeowners"]
    assert all(owner.startswith("@") for owner in MANIFEST["codeowners"])
    assert MANIFEST["documentation"].startswith("https://")
    assert AwesomeVersion(MANIFEST["version"]).strategy is AwesomeVersionStrategy.SEMVER
    assert MANIFEST["zeroconf"] == ["_prepaid-meter._tcp.local."]


def test_hacs_json_has_only_known_keys() -> None:
    hacs = json.loads((ROOT / "hacs.json").read_text(encoding="utf-8"))
    assert hacs["name"]
    assert set(hacs) <= {
        "name", "content_in_root", "country", "filename", "hacs", "hide_default_branch", "homeassistant",
        "persistent_directory", "render_readme", "zip_release",
    }  # fmt: skip
    assert [path.name for path in FOLDER.parent.iterdir() if (path / "manifest.json").exists()] == [DOMAIN]


def test_texts_are_plain_and_keys_are_slugs() -> None:
    for path, text in leaves(ENGLISH):
        assert all(SLUG.match(key) for key in path), path
        assert text.strip() == text, path
        assert text, path
        assert not MAKES_NO_ISSUE_OF.search(text), path
        assert all(name for _, name, _, _ in string.Formatter().parse(text) if name is not None), path


def test_every_field_of_the_flow_is_described() -> None:
    for step in ENGLISH["config"]["step"].values():
        assert set(step["data"]) == set(step["data_description"])


def entity_keys() -> dict[str, set[str]]:
    meter = {
        description.translation_key
        for description in (*sensor.METER_SENSORS, *sensor.PHASE_SENSORS, *binary_sensor.METER_BINARY_SENSORS)
    }
    of_meter = {f"{key}_of_meter" for key in meter}
    keys = {
        "sensor": {
            description.translation_key
            for description in (*sensor.ACCOUNT_SENSORS, *sensor.METER_SENSORS, *sensor.PHASE_SENSORS)
        },
        "binary_sensor": {
            description.translation_key
            for description in (
                *binary_sensor.ACCOUNT_BINARY_SENSORS,
                *binary_sensor.METER_BINARY_SENSORS,
                binary_sensor.CONNECTIVITY,
                binary_sensor.PROBLEM,
                binary_sensor.FRIENDLY_HOURS,
            )
        },
        "button": {description.translation_key for description in button.ACCOUNT_BUTTONS},
        "number": {
            number.THRESHOLD.translation_key,
            f"{number.THRESHOLD.translation_key}_further",
            number.LOAD_LIMIT.translation_key,
        },
        "update": {update.BRIDGE.translation_key},
        "event": {description.translation_key for description in event.ACCOUNT_EVENTS},
    }
    return {
        platform: {str(key) for key in names}
        | {key for key in of_meter if key[: -len("_of_meter")] in names & meter}
        for platform, names in keys.items()
    }


def test_every_entity_has_a_name_and_an_icon() -> None:
    names = {platform: set(entities) for platform, entities in ENGLISH["entity"].items()}
    icons = {platform: set(entities) for platform, entities in ICONS["entity"].items()}
    assert names == entity_keys()
    assert icons == entity_keys()


def test_every_state_of_an_enum_has_a_name() -> None:
    for description in sensor.ACCOUNT_SENSORS:
        if description.options:
            assert set(ENGLISH["entity"]["sensor"][description.key]["state"]) == set(description.options)


def test_icons_are_material_design_icons() -> None:
    for path, icon in leaves(ICONS):
        assert cv.icon(icon).startswith("mdi:"), path


def test_actions_have_valid_selectors_texts_and_icons() -> None:
    services = load_yaml_dict(FOLDER / "services.yaml")
    assert set(services) == set(ENGLISH["services"]) == set(ICONS["services"])
    for name, action in services.items():
        assert "target" not in action
        assert set(action["fields"]) == set(ENGLISH["services"][name]["fields"])
        for field in action["fields"].values():
            assert set(field) <= {"required", "default", "example", "selector"}
            selector.validate_selector(field["selector"])


def test_every_translated_error_has_its_text() -> None:
    used = set()
    for file in FOLDER.glob("*.py"):
        text = file.read_text(encoding="utf-8")
        used |= set(re.findall(r'(?:translation_key=|_refusal\()"([a-z_]+)"', text))
    descriptions = {key for keys in entity_keys().values() for key in keys}
    known = set(ENGLISH["exceptions"]) | set(ENGLISH["issues"]) | set(ENGLISH["selector"])
    assert used - descriptions <= known | {"bridge_too_old", "bridge_too_new"}
    keys = {key for _, key in helpers._ERROR_KEYS} | {"unknown"}
    assert keys | {code.value for code in helpers._TRANSLATED_CODES} <= set(ENGLISH["exceptions"])
    assert keys <= set(ENGLISH["config"]["error"])


@pytest.mark.parametrize(
    "name, size",
    [("icon", (256, 256)), ("icon@2x", (512, 512)), ("dark_icon", (256, 256)), ("dark_icon@2x", (512, 512)),
     ("logo", (380, 128)), ("logo@2x", (760, 256)), ("dark_logo", (380, 128)), ("dark_logo@2x", (760, 256))],
)  # fmt: skip
def test_brand_images_have_their_sizes(name: str, size: tuple[int, int]) -> None:
    data = (FOLDER / "brand" / f"{name}.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == size
