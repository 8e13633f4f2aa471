"""Every rule of the quality scale that is claimed as done has evidence: a test or a page."""

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
        "test_config_flow.py::test_every_error_has_its_own_message_and_can_be_corrected",
        "test_quality_scale.py::test_every_step_of_the_flow_is_tested",
    ],
    "dependency-transparency": ["test_manifest.py::test_home_assistant_loads_the_manifest"],
    "docs-actions": [
        "home-assistant/actions.md#actions",
        "test_documentation.py::test_the_page_lists_every_action_with_its_fields",
    ],
    "docs-conditions": [
        "home-assistant/conditions.md#conditions",
        "test_documentation.py::test_the_page_has_a_section_for_each_with_its_options_and_an_example",
    ],
    "docs-high-level-description": ["home-assistant.md#prepaid-meter-in-home-assistant"],
    "docs-installation-instructions": ["home-assistant/installation.md#install-the-integration"],
    "docs-removal-instructions": ["home-assistant/removal.md#removal"],
    "docs-triggers": [
        "home-assistant/triggers.md#triggers",
        "test_documentation.py::test_the_values_of_a_trigger_are_as_documented",
    ],
    "entity-event-setup": [
        "test_init.py::test_unloading_leaves_no_task_and_no_socket",
        "test_quality_scale.py::test_entities_subscribe_only_while_they_are_added",
    ],
    "entity-unique-id": ["test_platforms.py::test_entities_of_an_account"],
    "has-entity-name": ["test_quality_scale.py::test_entities_share_their_base"],
    "runtime-data": ["test_quality_scale.py::test_runtime_data_is_stored_in_the_entry"],
    "test-before-configure": [
        "test_config_flow.py::test_every_error_has_its_own_message_and_can_be_corrected"
    ],
    "test-before-setup": [
        "test_init.py::test_setup_is_retried_while_the_bridge_is_unreachable",
        "test_init.py::test_an_unknown_token_at_startup_starts_reauthentication",
    ],
    "unique-config-entry": ["test_config_flow.py::test_the_same_bridge_is_not_set_up_twice"],
    "action-exceptions": [
        "test_services.py::test_an_unreachable_bridge_is_reported",
        "test_services.py::test_a_tenant_gets_an_error_that_names_who_may_top_up",
    ],
    "config-entry-unloading": [
        "test_init.py::test_unloading_leaves_no_task_and_no_socket",
        "test_resilience.py::test_nothing_lingers_after_unloading_whether_the_bridge_is_reachable_or_not",
    ],
    "docs-installation-parameters": [
        "home-assistant/installation.md#connect-the-bridge",
        "test_documentation.py::test_every_setup_parameter_is_documented",
    ],
    "entity-unavailable": [
        "test_init.py::test_entities_are_unavailable_while_the_connection_is_lost_and_recover_without_a_reload"
    ],
    "integration-owner": ["test_manifest.py::test_the_manifest_meets_the_requirements_of_hassfest_and_hacs"],
    "log-when-unavailable": [
        "test_resilience.py::test_an_hour_without_network_is_logged_once_changes_states_once_and_is_caught_up"
    ],
    "parallel-updates": ["test_quality_scale.py::test_every_platform_sets_parallel_updates"],
    "reauthentication-flow": [
        "test_config_flow.py::test_a_new_token_is_accepted_without_a_new_setup",
        "test_init.py::test_a_revoked_token_starts_reauthentication",
    ],
    "test-coverage": [
        "test_quality_scale.py::test_branches_of_the_integration_are_measured",
    ],
    "devices": ["test_devices.py::test_account_devices_are_connected_via_their_bridge"],
    "diagnostics": ["test_diagnostics.py::test_diagnostics_contain_the_state_but_no_names_or_secrets"],
    "discovery": ["test_config_flow.py::test_a_discovered_bridge_requires_only_a_token"],
    "discovery-update-info": [
        "test_config_flow.py::test_a_discovery_updates_the_address_of_a_lost_bridge_but_never_disables_tls"
    ],
    "docs-data-update": ["home-assistant/data-updates.md#how-data-is-updated"],
    "docs-examples": [
        "home-assistant/use-cases.md#use-cases-and-examples",
        "home-assistant/blueprints.md#blueprints",
        "test_documentation.py::test_home_assistant_accepts_every_example",
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
        "test_documentation.py::test_every_repair_issue_is_documented",
    ],
    "docs-use-cases": ["home-assistant/use-cases.md#use-cases-and-examples"],
    "dynamic-devices": ["test_devices.py::test_an_account_is_added_renamed_removed_and_added_again"],
    "entity-category": ["test_platforms.py::test_entities_of_an_account"],
    "entity-device-class": ["test_platforms.py::test_entities_of_an_account"],
    "entity-disabled-by-default": [
        "test_documentation.py::test_exactly_the_entities_that_the_page_calls_disabled_are_disabled"
    ],
    "entity-translations": [
        "test_manifest.py::test_every_entity_has_a_name_and_an_icon",
        "test_languages.py::test_a_language_has_every_text_with_the_same_placeholders",
    ],
    "exception-translations": ["test_manifest.py::test_every_translated_error_has_its_text"],
    "icon-translations": [
        "test_manifest.py::test_every_entity_has_a_name_and_an_icon",
        "test_hassfest.py::test_everything_in_the_editors_is_valid_named_and_has_an_icon",
    ],
    "reconfiguration-flow": [
        "test_config_flow.py::test_the_connection_can_be_changed_and_keeps_its_token",
        "test_config_flow.py::test_the_connection_cannot_be_changed_to_another_bridge",
    ],
    "repair-issues": [
        "test_repairs.py::test_a_quarantine_is_decided_in_the_fix_flow",
        "test_init.py::test_an_incompatible_bridge_is_reported_and_set_up_once_it_is_compatible",
    ],
    "stale-devices": [
        "test_devices.py::test_devices_deleted_while_home_assistant_was_not_running_are_removed",
        "test_devices.py::test_a_device_can_be_deleted_only_if_the_bridge_no_longer_has_it",
    ],
    "async-dependency": ["test_quality_scale.py::test_the_client_blocks_nowhere"],
    "inject-websession": ["test_quality_scale.py::test_the_client_is_given_its_session"],
    "strict-typing": ["test_quality_scale.py::test_types_are_checked_strictly"],
}


def status(rule: str) -> str:
    state = RULES[rule]
    return state if isinstance(state, str) else str(state["status"])


def why_missing(evidence: str) -> str | None:
    """Return what is wrong with a piece of evidence, or None if it exists."""
    file, _, test = evidence.partition("::")
    if test:
        path = Path(__file__).with_name(file)
        exists = path.is_file() and re.search(
            rf"^(?:async )?def {test}\(", path.read_text("utf-8"), re.MULTILINE
        )
        return None if exists else f"no test {evidence}"
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
    assert [why for evidence in EVIDENCE[rule] if (why := why_missing(evidence))] == []


@pytest.mark.parametrize(
    "invented", ["test_init.py::test_that_nobody_wrote", "home-assistant.md#no-such-heading", "no/file.py"]
)
def test_missing_evidence_is_detected(invented: str) -> None:
    assert why_missing(invented)


def test_the_manifest_claims_only_the_achieved_level() -> None:
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


def test_entities_subscribe_only_while_they_are_added() -> None:
    text = source("entity.py")
    assert "async_added_to_hass" in text
    assert text.count("async_on_remove(") >= text.count("coordinator.async_on_") - text.count("import")


def test_runtime_data_is_stored_in_the_entry() -> None:
    assert "type PrepaidMeterConfigEntry = ConfigEntry[" in source("coordinator.py")
    assert "entry.runtime_data = " in source("__init__.py")
    assert not any("hass.data[" in path.read_text("utf-8") for path in FOLDER.rglob("*.py"))


def test_every_step_of_the_flow_is_tested() -> None:
    tests = Path(__file__).with_name("test_config_flow.py").read_text(encoding="utf-8")
    for started in ("SOURCE_USER", "SOURCE_ZEROCONF", "start_reauth_flow", "start_reconfigure_flow"):
        assert started in tests


def test_every_platform_sets_parallel_updates() -> None:
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
