"""The file checks of hassfest and HACS, with Home Assistant's own validators where it provides them.

hassfest is not available as a package; `.github/workflows/validate.yml` runs the real one.
"""

import ast
import json
from pathlib import Path
import re
import string
from typing import Any, Final

from homeassistant.const import Platform
from homeassistant.helpers import config_validation as cv, selector
from homeassistant.util.yaml import load_yaml_dict
import probatio
import pytest

import custom_components.prepaid_meter as integration

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = Path(integration.__file__).parent
MANIFEST: Final = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))
LANGUAGES: Final = sorted(path.stem for path in (FOLDER / "translations").glob("*.json"))

KEY: Final = re.compile(r"^(?!.+[_-]{2})(?![_-])[a-z0-9-_]+(?<![_-])$")
QUOTED_PLACEHOLDER: Final = re.compile(r"'\{\w+\}'")
URL: Final = re.compile(r"(?:(?:ftp|http|https|mqtt|socket)s?://|www\.)\S+", re.IGNORECASE)


def key(value: str) -> str:
    """Validate a key of a translation."""
    if not KEY.match(value):
        raise probatio.Invalid(f"{value} is no key: lower case letters, digits, _ and - inside")
    return value


def text(value: Any) -> str:  # noqa: ANN401
    """Validate a translated text."""
    plain = cv.string_with_no_html(value)
    fields = [name for _, name, _, _ in string.Formatter().parse(plain) if name is not None]
    if not all(name.isidentifier() for name in fields):
        raise probatio.Invalid("a placeholder is a name")
    if plain != plain.strip() or QUOTED_PLACEHOLDER.search(plain) or URL.search(plain) or "[%" in plain:
        raise probatio.Invalid("no spaces around it, no quoted placeholder, no URL, no reference")
    return plain


def icon(value: Any) -> str:  # noqa: ANN401
    """Validate an icon of Material Design Icons."""
    if not cv.icon(value).startswith("mdi:"):
        raise probatio.Invalid("icons begin with mdi:")
    return str(value)


def optional(**shapes: Any) -> probatio.Schema:  # noqa: ANN401
    return probatio.Schema({probatio.Optional(name): shape for name, shape in shapes.items()})


def by_key(shape: Any) -> probatio.Schema:  # noqa: ANN401
    return probatio.Schema({key: shape})


STEP = optional(
    title=text, description=text, data={str: text}, data_description={str: text}, menu_options={str: text}
)
FLOW = optional(flow_title=text, step={str: STEP}, error={str: text}, abort={str: text}, progress={str: text})
NAMED: Final[dict[Any, Any]] = {probatio.Required("name"): text, probatio.Required("description"): text}
WITH_FIELDS: Final[dict[Any, Any]] = {**NAMED, probatio.Optional("fields"): by_key(NAMED)}
ATTRIBUTE = optional(name=text, state=by_key(text))
ENTITY = optional(name=text, state=by_key(text), state_attributes=by_key(ATTRIBUTE), unit_of_measurement=text)
ISSUE = probatio.All(
    cv.has_at_least_one_key("description", "fix_flow"),
    {
        probatio.Required("title"): text,
        probatio.Exclusive("description", "way"): text,
        probatio.Exclusive("fix_flow", "way"): FLOW,
    },
)
TRANSLATIONS = optional(
    common=by_key(text),
    conditions=by_key(WITH_FIELDS),
    config=FLOW,
    device_automation=optional(
        action_type={str: text},
        condition_type={str: text},
        trigger_type={str: text},
        extra_fields={str: text},
        extra_fields_descriptions={str: text},
    ),
    entity={cv.slug: by_key(ENTITY)},
    exceptions=by_key({probatio.Required("message"): text}),
    issues={str: ISSUE},
    selector=by_key(optional(options=by_key(text))),
    services=by_key(WITH_FIELDS),
    system_health=optional(info=by_key(text)),
    triggers=by_key(WITH_FIELDS),
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_have_the_structure_that_home_assistant_reads(language: str) -> None:
    TRANSLATIONS(json.loads((FOLDER / "translations" / f"{language}.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("bad", ["see www.example.com", "<b>bold</b>", "'{name}'", " x", "{0}"])
def test_a_text_that_hassfest_rejects_is_rejected(bad: str) -> None:
    with pytest.raises(probatio.Invalid):
        text(bad)


ENGLISH: Final = json.loads((FOLDER / "translations" / "en.json").read_text(encoding="utf-8"))
ICONS: Final = json.loads((FOLDER / "icons.json").read_text(encoding="utf-8"))
ICON_OF_ENTITY = optional(default=icon, state=by_key(icon), range={probatio.Coerce(float): icon})


def test_icons_have_the_structure_that_home_assistant_reads() -> None:
    optional(
        conditions=by_key({probatio.Required("condition"): icon}),
        entity={cv.slug: by_key(ICON_OF_ENTITY)},
        services=by_key({probatio.Required("service"): icon}),
        triggers=by_key({probatio.Required("trigger"): icon}),
    )(ICONS)


FIELD = probatio.Schema(
    {
        probatio.Optional("example"): probatio.NotIn([None]),
        probatio.Optional("default"): probatio.NotIn([None]),
        probatio.Optional("required"): bool,
        probatio.Required("selector"): selector.validate_selector,
    }
)
DESCRIBED = {
    "triggers": optional(target=selector.TargetSelector.CONFIG_SCHEMA, fields=by_key(FIELD)),
    "conditions": optional(target=selector.TargetSelector.CONFIG_SCHEMA, fields=by_key(FIELD)),
    "services": optional(fields=by_key(FIELD)),
}


def described(kind: str) -> dict[str, Any]:
    """Return what a file describes; only triggers and conditions may have templates, named with a dot."""
    file = load_yaml_dict(FOLDER / f"{kind}.yaml")
    described = {name: value for name, value in file.items() if kind == "services" or name[0] != "."}
    return {cv.slug(name): value for name, value in described.items()}


@pytest.mark.parametrize("kind", DESCRIBED)
def test_everything_in_the_editors_is_valid_named_and_has_an_icon(kind: str) -> None:
    descriptions = described(kind)
    assert descriptions.keys() == ENGLISH[kind].keys() == ICONS[kind].keys()
    for name, description in descriptions.items():
        DESCRIBED[kind](description)
        fields = description.get("fields", {})
        assert fields.keys() == ENGLISH[kind][name].get("fields", {}).keys(), name
        for field in fields.values():
            assert_options_are_named(field["selector"])


def assert_options_are_named(chosen: dict[str, Any]) -> None:
    """Check that the options of a list have names in the translations."""
    listed = chosen.get("select")
    if listed and "translation_key" in listed:
        named = ENGLISH["selector"][listed["translation_key"]]["options"]
        assert set(listed["options"]) == set(named)


MAY_BE_USED_WITHOUT_SAYING_SO: Final = {
    *(platform.value for platform in Platform),
    *("automation", "conversation", "device_automation", "frontend", "homeassistant", "system_health"),
    *("script", "websocket_api"),
}


def test_every_imported_integration_is_a_dependency() -> None:
    declared = {*MANIFEST.get("dependencies", ()), *MANIFEST.get("after_dependencies", ())}
    declared |= MAY_BE_USED_WITHOUT_SAYING_SO | {"zeroconf"}  # discovery is named in the manifest itself
    for file in FOLDER.rglob("*.py"):
        # A platform of another integration may use that one: repairs.py uses repairs.
        allowed = declared | {file.stem} | {path.stem for path in FOLDER.glob("*.py")}
        assert imported_integrations(file) <= allowed, file.name


def imported_integrations(file: Path) -> set[str]:
    imported = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "homeassistant.components":
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("homeassistant.components."):
            imported.add((node.module or "").split(".")[2])
    return imported


def test_no_integration_is_declared_twice_or_unknown() -> None:
    first, after = set(MANIFEST["dependencies"]), set(MANIFEST.get("after_dependencies", ()))
    assert not first & after
    components = Path(str(cv.__file__)).parents[1] / "components"
    assert all((components / name / "manifest.json").is_file() for name in first | after)


KNOWN_MANIFEST_KEYS: Final = {
    "domain", "name", "after_dependencies", "bluetooth", "codeowners", "config_flow", "dependencies",
    "dhcp", "disabled", "documentation", "homekit", "import_executor", "integration_type", "iot_class",
    "issue_tracker", "loggers", "mqtt", "preview_features", "quality_scale", "requirements",
    "single_config_entry", "ssdp", "usb", "version", "zeroconf",
}  # fmt: skip


def test_the_manifest_has_only_keys_that_hassfest_knows() -> None:
    assert set(MANIFEST) <= KNOWN_MANIFEST_KEYS
    assert MANIFEST["integration_type"] in {"device", "hub", "service"}
    assert MANIFEST["quality_scale"] in {"bronze", "silver", "gold", "platinum"}
    assert "home-assistant.io/integrations" not in MANIFEST["documentation"]


def test_every_step_and_error_of_the_flow_has_its_text() -> None:
    source = (FOLDER / "config_flow.py").read_text(encoding="utf-8")
    steps = set(re.findall(r'step_id="(\w+)"', source)) | set(re.findall(r"async_step_(\w+)", source))
    shown = steps - {"zeroconf", "reauth"}  # they lead to a form of another step at once
    assert shown == set(ENGLISH["config"]["step"])
    assert set(re.findall(r'reason="(\w+)"', source)) <= set(ENGLISH["config"]["abort"])


def test_hacs_finds_the_files_it_requires() -> None:
    hacs = json.loads((ROOT / "hacs.json").read_text(encoding="utf-8"))
    optional(
        name=str, homeassistant=str, content_in_root=bool, zip_release=bool, filename=str, country=[str]
    )(hacs)
    assert "filename" in hacs or not hacs.get("zip_release")
    assert (ROOT / "README.md").is_file()
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert (FOLDER / "brand" / "icon.png").is_file()
    strangers = [
        path for path in FOLDER.rglob("*.py") if "import meter_bridge" in path.read_text(encoding="utf-8")
    ]
    assert strangers == []  # HACS copies this folder and nothing else


def test_the_real_validators_run_for_every_change() -> None:
    workflow = load_yaml_dict(ROOT / ".github" / "workflows" / "validate.yml")
    used = [step["uses"] for job in workflow["jobs"].values() for step in job["steps"] if "uses" in step]
    names = {reference.partition("@")[0] for reference in used}
    assert {"home-assistant/actions/hassfest", "hacs/action"} <= names
    assert all(re.fullmatch(r"[0-9a-f]{40}", reference.partition("@")[2]) for reference in used)
    assert workflow["permissions"] == {"contents": "read"}
