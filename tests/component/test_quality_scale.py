"""Every rule of the quality scale that is claimed as done has evidence: a test, or a page that says it."""

import json
from pathlib import Path
import re
from typing import Any, Final

from homeassistant.const import Platform
from homeassistant.util.yaml import load_yaml_dict
import pytest

from custom_components.prepaid_meter.const import PLATFORMS

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "custom_components" / "prepaid_meter"
RULES: Final[dict[str, Any]] = load_yaml_dict(FOLDER / "quality_scale.yaml")["rules"]

TIERS: Final = {
    "bronze": """
        action-setup appropriate-polling brands common-modules config-flow config-flow-test-coverage
        dependency-transparency docs-actions docs-conditions docs-high-level-description
        docs-installation-instructions docs-removal-instructions docs-triggers entity-event-setup
        entity-unique-id has-entity-name runtime-data test-before-configure test-before-setup
        unique-config-entry
    """,
    "silver": """
        action-exceptions config-entry-unloading docs-configuration-parameters docs-installation-parameters
        entity-unavailable integration-owner log-when-unavailable parallel-updates reauthentication-flow
        test-coverage
    """,
    "gold": """
        devices diagnostics discovery discovery-update-info docs-data-update docs-examples
        docs-known-limitations docs-supported-devices docs-supported-functions docs-troubleshooting
        docs-use-cases dynamic-devices entity-category entity-device-class entity-disabled-by-default
        entity-translations exception-translations icon-translations reconfiguration-flow repair-issues
        stale-devices
    """,
    "platinum": "async-dependency inject-websession strict-typing",
}

# A test is FILE::NAME in tests/component, a page is PAGE#heading in docs, all else a file of the project.
EVIDENCE: Final = {
    "action-setup": ["test_quality_scale.py::test_actions_are_registered_without_a_bridge"],
    "appropriate-polling": [
        "test_quality_scale.py::test_nothing_is_polled",
        "test_init.py::test_an_update_changes_only_its_account",
    ],
    "brands": ["test_manifest.py::test_brand_images_have_their_sizes"],
    "common-modules": [
        "custom_components/prepaid_meter/coordinator.py",
        "custom_components/prepaid_meter/entity.py",
        "test_quality_scale.py::test_entities_share_their_base",
    ],
    "config-flow": [
        "test_config_flow.py::test_a_user_connects_a_bridge",
        "test_manifest.py::test_every_field_of_the_flow_is_described",
    ],
    "config-flow-test-coverage": [
        "test_config_flow.py::test_every_refusal_has_its_own_words_and_can_be_mended",
        "test_quality_scale.py::test_every_step_of_the_flow_is_tested",
    ],
    "dependency-transparency": ["test_manifest.py::test_home_assistant_loads_the_manifest"],
    "docs-actions": [
        "home-assistant/actions.md#actions",
        "test_documentation.py::test_the_page_lists_every_action_with_its_fields",
    ],
    "docs-conditions": [
        "home-assistant/conditions.md#conditions",
        "test_documentation.py::test_the_page_has_a_section_of_each_with_its_options_and_an_example",
    ],
    "docs-high-level-description": ["home-assistant.md#prepaid-meter-in-home-assistant"],
    "docs-installation-instructions": ["home-assistant/installation.md#install-the-integration"],
    "docs-removal-instructions": ["home-assistant/removal.md#removal"],
    "docs-triggers": [
        "home-assistant/triggers.md#triggers",
        "test_documentation.py::test_the_values_of_a_trigger_are_those_that_the_page_names",
    ],
    "entity-event-setup": [
        "test_init.py::test_unloading_leaves_no_task_and_no_socket",
        "test_quality_scale.py::test_entities_follow_the_bridge_only_while_they_are_there",
    ],
    "entity-unique-id": ["test_platforms.py::test_entities_of_an_account"],
    "has-entity-name": ["test_quality_scale.py::test_entities_share_their_base"],
    "runtime-data": ["test_quality_scale.py::test_what_runs_is_kept_at_the_entry"],
    "test-before-configure": ["test_config_flow.py::test_every_refusal_has_its_own_words_and_can_be_mended"],
    "test-before-setup": [
        "test_init.py::test_a_bridge_that_is_away_is_tried_again",
        "test_init.py::test_an_unknown_token_at_start_asks_for_another",
    ],
    "unique-config-entry": ["test_config_flow.py::test_the_same_bridge_is_not_set_up_twice"],
    "action-exceptions": [
        "test_services.py::test_a_bridge_that_is_away_is_said_so",
        "test_services.py::test_a_tenant_is_told_who_may_top_up",
    ],
    "config-entry-unloading": [
        "test_init.py::test_unloading_leaves_no_task_and_no_socket",
        "test_resilience.py::test_nothing_lingers_after_unloading_whether_the_bridge_is_there_or_away",
    ],
    "docs-installation-parameters": [
        "home-assistant/installation.md#connect-the-bridge",
        "test_documentation.py::test_every_parameter_of_the_set_up_is_explained",
    ],
    "entity-unavailable": [
        "test_init.py::test_entities_are_unavailable_while_the_connection_is_lost_and_recover_without_a_reload"
    ],
    "integration-owner": ["test_manifest.py::test_the_manifest_is_as_hassfest_and_hacs_want_it"],
    "log-when-unavailable": [
        "test_resilience.py::test_an_hour_without_network_is_one_line_and_one_change_and_is_caught_up"
    ],
    "parallel-updates": ["test_quality_scale.py::test_every_platform_says_how_many_may_act_at_once"],
    "reauthentication-flow": [
        "test_config_flow.py::test_a_new_token_is_taken_without_setting_up_anew",
        "test_init.py::test_a_revoked_token_asks_for_another",
    ],
    "test-coverage": [
        "test_quality_scale.py::test_branches_of_the_integration_are_measured",
    ],
    "devices": ["test_devices.py::test_accounts_hang_below_their_bridge"],
    "diagnostics": ["test_diagnostics.py::test_diagnostics_tell_the_state_but_no_name_and_no_secret"],
    "discovery": ["test_config_flow.py::test_a_discovered_bridge_wants_only_a_token"],
    "discovery-update-info": [
        "test_config_flow.py::test_a_discovery_moves_a_bridge_that_is_away_but_never_out_of_tls"
    ],
    "docs-data-update": ["home-assistant/data-updates.md#how-data-is-updated"],
    "docs-examples": [
        "home-assistant/use-cases.md#use-cases-and-examples",
        "home-assistant/blueprints.md#blueprints",
        "test_documentation.py::test_home_assistant_takes_every_example",
    ],
    "docs-known-limitations": ["home-assistant/known-limits.md#known-limits"],
    "docs-supported-devices": ["home-assistant.md#supported-devices"],
    "docs-supported-functions": [
        "home-assistant.md#supported-functions",
        "home-assistant/entities.md#entities",
        "test_documentation.py::test_the_page_lists_every_kind_of_entity_and_no_other",
    ],
    "docs-troubleshooting": [
        "home-assistant/troubleshooting.md#troubleshooting",
        "test_documentation.py::test_every_repair_issue_is_in_the_troubleshooting",
    ],
    "docs-use-cases": ["home-assistant/use-cases.md#use-cases-and-examples"],
    "dynamic-devices": ["test_devices.py::test_an_account_appears_is_renamed_goes_and_comes_back"],
    "entity-category": ["test_platforms.py::test_entities_of_an_account"],
    "entity-device-class": ["test_platforms.py::test_entities_of_an_account"],
    "entity-disabled-by-default": [
        "test_documentation.py::test_entities_that_the_page_calls_disabled_are_and_no_other"
    ],
    "entity-translations": [
        "test_manifest.py::test_every_entity_has_a_name_and_an_icon",
        "test_languages.py::test_a_language_has_every_text_with_the_same_placeholders",
    ],
    "exception-translations": ["test_manifest.py::test_every_translated_error_has_its_text"],
    "icon-translations": [
        "test_manifest.py::test_every_entity_has_a_name_and_an_icon",
        "test_hassfest.py::test_what_an_editor_offers_is_valid_named_and_has_icons",
    ],
    "reconfiguration-flow": [
        "test_config_flow.py::test_the_connection_can_be_changed_and_keeps_its_token",
        "test_config_flow.py::test_the_connection_cannot_be_changed_to_another_bridge",
    ],
    "repair-issues": [
        "test_repairs.py::test_a_quarantine_is_decided_in_place",
        "test_init.py::test_a_bridge_that_does_not_fit_is_reported_and_taken_up_once_it_does",
    ],
    "stale-devices": [
        "test_devices.py::test_devices_that_left_while_home_assistant_was_away_are_dropped",
        "test_devices.py::test_a_device_can_be_deleted_only_once_it_is_gone",
    ],
    "async-dependency": ["test_quality_scale.py::test_the_client_blocks_nowhere"],
    "inject-websession": ["test_quality_scale.py::test_the_client_is_given_its_session"],
    "strict-typing": ["test_quality_scale.py::test_types_are_checked_strictly"],
}


def status(rule: str) -> str:
    state = RULES[rule]
    return state if isinstance(state, str) else str(state["status"])


def why_missing(evidence: str) -> str | None:
    """Return what is wrong with a piece of evidence, None if it is there."""
    file, _, test = evidence.partition("::")
    if test:
        path = Path(__file__).with_name(file)
        found = path.is_file() and re.search(
            rf"^(?:async )?def {test}\(", path.read_text("utf-8"), re.MULTILINE
        )
        return None if found else f"no test {evidence}"
    page, _, anchor = evidence.partition("#")
    if not anchor:
        return None if (ROOT / evidence).is_file() else f"no file {evidence}"
    path = ROOT / "docs" / page
    return None if path.is_file() and anchor in anchors(path) else f"no heading {evidence}"


def anchors(page: Path) -> set[str]:
    names = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", name.lower()).replace(" ", "-") for name in names}


def test_all_54_rules_are_judged_and_none_besides() -> None:
    names = [rule for tier in TIERS.values() for rule in tier.split()]
    assert len(names) == len(set(names)) == 54
    assert set(RULES) == set(names)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_that_is_done_has_evidence_and_one_that_is_exempt_a_reason(rule: str) -> None:
    if status(rule) == "exempt":
        assert len(RULES[rule]["comment"]) > 40
        assert rule not in EVIDENCE
        return
    assert status(rule) == "done"
    assert EVIDENCE.get(rule), f"{rule} is claimed, and nothing shows it"
    assert [why for each in EVIDENCE[rule] if (why := why_missing(each))] == []


@pytest.mark.parametrize(
    "invented", ["test_init.py::test_that_nobody_wrote", "home-assistant.md#no-such-heading", "no/file.py"]
)
def test_evidence_that_is_not_there_is_found_out(invented: str) -> None:
    assert why_missing(invented)


def test_the_manifest_claims_no_more_than_is_done() -> None:
    claimed = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))["quality_scale"]
    tiers = list(TIERS)[: list(TIERS).index(claimed) + 1]
    assert all(status(rule) in {"done", "exempt"} for tier in tiers for rule in TIERS[tier].split())
    assert sum(status(rule) == "exempt" for rule in RULES) <= 2


def source(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def test_actions_are_registered_without_a_bridge() -> None:
    before_entries = source("__init__.py").partition("async def async_setup_entry")[0]
    assert "async_setup_services(hass)" in before_entries


def test_nothing_is_polled() -> None:
    assert "_attr_should_poll = False" in source("entity.py")
    assert not any("update_interval" in path.read_text("utf-8") for path in FOLDER.rglob("*.py"))


def test_entities_share_their_base() -> None:
    assert source("entity.py").count("_attr_has_entity_name = True") == 2  # of an account, of the bridge
    for platform in PLATFORMS:
        text = source(f"{platform}.py")
        assert re.search(r"from \.entity import", text), platform
        assert "_attr_name" not in text, platform


def test_entities_follow_the_bridge_only_while_they_are_there() -> None:
    text = source("entity.py")
    assert "async_added_to_hass" in text
    assert text.count("async_on_remove(") >= text.count("coordinator.async_on_") - text.count("import")


def test_what_runs_is_kept_at_the_entry() -> None:
    assert "type PrepaidMeterConfigEntry = ConfigEntry[" in source("coordinator.py")
    assert "entry.runtime_data = " in source("__init__.py")
    assert not any("hass.data[" in path.read_text("utf-8") for path in FOLDER.rglob("*.py"))


def test_every_step_of_the_flow_is_tested() -> None:
    tests = Path(__file__).with_name("test_config_flow.py").read_text(encoding="utf-8")
    for started in ("SOURCE_USER", "SOURCE_ZEROCONF", "start_reauth_flow", "start_reconfigure_flow"):
        assert started in tests


def test_every_platform_says_how_many_may_act_at_once() -> None:
    assert set(PLATFORMS) <= set(Platform)
    for platform in PLATFORMS:
        assert re.search(r"^PARALLEL_UPDATES(?:: Final)? = [01]$", source(f"{platform}.py"), re.MULTILINE)


def test_the_client_blocks_nowhere() -> None:
    for path in (FOLDER / "client").glob("*.py"):
        blocking = r"^(?:import|from) (?:requests|socket|time|urllib\.request|http\.client|subprocess)\b"
        assert not re.search(blocking, path.read_text(encoding="utf-8"), re.MULTILINE), path.name


def test_the_client_is_given_its_session() -> None:
    assert "async_get_clientsession(" in source("coordinator.py")
    assert "async_get_clientsession(" in source("config_flow.py")
    for path in (FOLDER / "client").glob("*.py"):
        assert "ClientSession(" not in path.read_text(encoding="utf-8"), path.name


def test_types_are_checked_strictly() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(r"^\[tool\.mypy\]\nstrict = true$", project, re.MULTILINE)
    lint = (ROOT / "scripts" / "lint").read_text(encoding="utf-8")
    assert "with_python custom_components tests/component" in lint


def test_branches_of_the_integration_are_measured() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    measured = project.partition("[tool.coverage.run]")[2].partition("\n[")[0]
    assert "branch = true" in measured
    assert '"custom_components"' in measured
