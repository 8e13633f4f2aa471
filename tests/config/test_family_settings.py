"""Settings of meter families in the site file: read, refused with line and remedy, shown if they change."""

import pytest

from meter_bridge.config import codec
from meter_bridge.config.diff import compare
from meter_bridge.config.site_file import SiteFileError, load
from meter_bridge.devices.broker.access_list import users_of
from meter_bridge.devices.registry import families

SETTINGS = """\
families:
  tasmota:
    full topics: [house/%prefix%/meters/%topic%/]
  shelly:
    answer topic: house/bridge
  zigbee2mqtt:
    base topics: [zigbee2mqtt, zigbee-garage]
"""
WRONG = [
    ("tasmota:", "tasmotta:", 2, "families.tasmotta", "did you mean 'tasmota'?"),
    ("full topics:", "fulltopics:", 3, "families.tasmota.fulltopics", "did you mean 'full topics'?"),
    ("house/%prefix%/meters/%topic%/", "house/%prefix%/", 3, "families.tasmota.full topics[0]", "%topic%"),
    (
        "house/%prefix%",
        "house/%hostname%/%prefix%",
        3,
        "families.tasmota.full topics[0]",
        "as its topics have it",
    ),
    ("house/%prefix%", "house/+/%prefix%", 3, "families.tasmota.full topics[0]", "leave it out"),
    ("house/bridge", "house/#", 5, "families.shelly.answer topic", "leave it out"),
    ("house/bridge", "[a, b]", 5, "families.shelly.answer topic", "without wildcards"),
    ("answer topic: house/bridge", "password: x", 5, "families.shelly.password", "environment"),
    ("zigbee-garage", "zigbee2mqtt/garage", 7, "families.zigbee2mqtt.base topics[1]", "of its own"),
    ("zigbee-garage", "/garage", 7, "families.zigbee2mqtt.base topics[1]", "write it like"),
    ("[zigbee2mqtt, zigbee-garage]", "[]", 7, "families.zigbee2mqtt.base topics", "at least one"),
]


def test_settings_reach_the_plan_and_survive_its_storage(site_file: str) -> None:
    plan = load(SETTINGS + site_file)
    assert plan.families["shelly"] == {"answer topic": "house/bridge"}
    stored = codec.encode(plan)
    assert codec.decode_plan(stored) == plan
    assert codec.decode_families(stored) == plan.families
    assert not load(site_file).families


@pytest.mark.parametrize("written, instead, line, field, remedy", WRONG)
def test_a_wrong_setting_is_named_with_its_line_and_the_remedy(
    site_file: str, written: str, instead: str, line: int, field: str, remedy: str
) -> None:
    with pytest.raises(SiteFileError) as caught:
        load(SETTINGS.replace(written, instead, 1) + site_file)
    (problem,) = caught.value.problems
    assert (problem.line, problem.field) == (line, field)
    assert remedy in problem.remedy


def test_what_changes_is_shown(site_file: str) -> None:
    before, after = load(site_file), load(SETTINGS + site_file)
    assert [each for each in compare(before, after, 0).lines if "topic" in each] == [
        "~ tasmota full topics none \u2192 house/%prefix%/meters/%topic%/",
        "~ shelly answer topic none \u2192 house/bridge",
        "~ zigbee2mqtt base topics none \u2192 zigbee2mqtt, zigbee-garage",
    ]
    assert compare(after, after, 0).changes == ()


def test_rights_at_the_broker_follow_the_settings(site_file: str) -> None:
    settings = load(SETTINGS + site_file).families
    addresses = [
        "tasmota:k/1",
        "shelly:s/0",
        "zigbee2mqtt:Plug/state",
        "zigbee2mqtt:zigbee-garage/Plug/state",
    ]
    users = {each.name: each for each in users_of(addresses, settings)}
    assert "house/tele/meters/k/+" in users["tasmota-k"].writes
    assert "house/cmnd/meters/k/+" in users["tasmota-k"].reads
    assert "house/bridge/s/rpc" in users["shelly-s"].writes
    assert users["zigbee-garage"].writes == ("zigbee-garage/#",)
    bridge = users["prepaid-meter"]
    assert {"house/cmnd/meters/+/+", "zigbee-garage/+/set", "zigbee2mqtt/+/get"} <= set(bridge.writes)
    assert {"house/tele/meters/+/+", "house/bridge/#", "zigbee-garage/bridge/devices"} <= set(bridge.reads)


def test_every_family_explains_its_settings() -> None:
    """``docs/site-file.md`` is checked for the keys in ``test_site_file_docs.py``."""
    assert {each.name: each.settings for each in families().values() if each.settings} == {
        "tasmota": ("full topics",),
        "shelly": ("answer topic",),
        "zigbee2mqtt": ("base topics",),
        "mqtt": ("models",),
    }
