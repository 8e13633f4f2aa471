"""The blueprint files can be imported by Home Assistant, and the import links point to them."""

from pathlib import Path
import re
from typing import Any
from urllib.parse import parse_qs, urlparse

from homeassistant.components.automation.config import AUTOMATION_BLUEPRINT_SCHEMA
from homeassistant.components.blueprint.importer import _get_github_import_url
from homeassistant.components.blueprint.models import Blueprint
from homeassistant.util.yaml import load_yaml_dict
import pytest

from tests.component.blueprints import FOLDER, NAMES

ROOT = FOLDER.parents[2]
REPOSITORY = "https://github.com/prepaid-meter/prepaid-meter/blob/main"
PAGE = ROOT / "docs" / "home-assistant" / "blueprints.md"


def loaded(name: str) -> Blueprint:
    data: dict[str, Any] = load_yaml_dict(FOLDER / f"{name}.yaml")
    return Blueprint(data, expected_domain="automation", path=name, schema=AUTOMATION_BLUEPRINT_SCHEMA)


@pytest.mark.parametrize("name", NAMES)
def test_the_blueprint_is_valid_for_home_assistants_schema(name: str) -> None:
    blueprint = loaded(name)
    assert blueprint.validate() is None
    assert blueprint.domain == "automation"
    assert blueprint.metadata["homeassistant"]["min_version"] == "2026.10.0"
    assert len(blueprint.metadata["description"]) > 80


@pytest.mark.parametrize("name", NAMES)
def test_every_input_has_a_name_and_is_used(name: str) -> None:
    inputs = loaded(name).inputs
    used = set(re.findall(r"!input (\w+)", (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")))
    assert set(inputs) == used
    assert all(field["name"] and field["selector"] for field in inputs.values())


@pytest.mark.parametrize("name", NAMES)
def test_the_source_url_matches_the_path_of_the_file(name: str) -> None:
    source = loaded(name).metadata["source_url"]
    assert source == f"{REPOSITORY}/{(FOLDER / f'{name}.yaml').relative_to(ROOT)}"
    assert _get_github_import_url(source).startswith("https://raw.githubusercontent.com/prepaid-meter/")


@pytest.mark.parametrize("name", NAMES)
def test_the_page_has_an_import_link_for_every_blueprint(name: str) -> None:
    links = re.findall(
        r"\((https://my\.home-assistant\.io/redirect/blueprint_import/[^)]+)\)", PAGE.read_text()
    )
    leading = [parse_qs(urlparse(link).query)["blueprint_url"] for link in links]
    assert [f"{REPOSITORY}/blueprints/automation/prepaid_meter/{name}.yaml"] in leading


def test_the_folder_contains_only_tested_blueprints() -> None:
    runs = Path(__file__).with_name("test_blueprint_runs.py").read_text(encoding="utf-8")
    assert {path.stem for path in FOLDER.iterdir()} == set(NAMES)
    spoken = {"answer_by_voice"}  # needs a conversation agent, so tests/e2e runs it
    assert all(f'"{name}"' in runs for name in set(NAMES) - spoken)
