"""Each device its own topics, and the bridge all that its drivers use."""

import random
from typing import Final

from hypothesis import given, strategies as st
import pytest

from meter_bridge.devices.base.driver import Driver
from meter_bridge.devices.broker.access_list import BRIDGE, AccessListError, BrokerUser, FilterTree, users_of
from meter_bridge.devices.registry import broker_families, build_drivers
from meter_bridge.devices.simulators import simulated_meter
from meter_bridge.protocol.vocabulary import RelayPosition
from tests.devices.support import START_MS, requests

NAMES: Final = {
    "tasmota": ("kitchen", "house/kitchen"),
    "shelly": ("shellyplugsg3-aa", "house/shellyplugsg3-bb"),
    "zigbee2mqtt": ("Plug 7", "attic/Plug 8"),
    "mqtt": ("porch", "house/cellar"),
}
DEVICES: Final = {
    simulated_meter(name, family, load_w=100.0, interval_s=10.0, start_ms=START_MS).address: name
    for family in broker_families()
    for name in NAMES[family]
}
HOUSE: Final = list(DEVICES)


def matches(pattern: str, topic: str) -> bool:
    """Say whether a topic matches a filter, as MQTT 5 section 4.7 has it."""
    ours, theirs = pattern.split("/"), topic.split("/")
    for number, level in enumerate(ours):
        if level == "#":
            return True
        if number >= len(theirs) or level not in ("+", theirs[number]):
            return False
    return len(ours) == len(theirs)


def may(filters: tuple[str, ...], topic: str) -> bool:
    return any(matches(each, topic) for each in filters)


def user_of(address: str) -> BrokerUser:
    """Return the user of an address among those of the whole house."""
    wanted = users_of([address])[1].name
    return next(each for each in users_of(HOUSE) if each.name == wanted)


def test_every_family_has_rights() -> None:
    for family in broker_families():
        address = next(each for each in HOUSE if each.startswith(family))
        assert len(users_of([address])) == 2


@pytest.mark.parametrize("address", HOUSE)
def test_the_bridge_may_say_and_hear_all_that_a_driver_uses(address: str) -> None:
    bridge = users_of(HOUSE)[0]
    assert bridge.name == BRIDGE
    family = address.partition(":")[0]
    (driver,) = build_drivers(HOUSE, names=[family])
    for topic, _ in driver.filters():
        assert topic in bridge.reads
    for sent in (*driver.switch(address, RelayPosition.OPEN), *driver.query(address)):
        assert may(bridge.writes, sent.topic), sent.topic


@pytest.mark.parametrize("address", HOUSE)
def test_a_device_may_say_and_hear_all_that_it_must_and_nothing_of_another(address: str) -> None:
    family = address.partition(":")[0]
    meter = simulated_meter(DEVICES[address], family, load_w=100.0, interval_s=10.0, start_ms=START_MS)
    (driver,) = build_drivers([address], names=[family])
    own = user_of(address)
    others = [each for each in users_of(HOUSE)[1:] if each != own]
    said = [*meter.come_online(), *meter.step(20_000)]
    said += meter.gateway_greeting([meter])
    asked = list(driver.query(address)) + list(driver.switch(address, RelayPosition.OPEN))
    for each in said:
        asked += requests(driver.decode(each.topic, each.payload, retained=False))
    for question in asked:
        assert may(own.reads, question.topic), question.topic
        assert not any(may(other.writes, question.topic) for other in others)
        said += meter.handle(question.topic, question.payload)
    for each in said:
        if not each.topic.startswith("tasmota/discovery/"):
            assert may(own.writes, each.topic), each.topic
        assert not any(may(other.writes, each.topic) for other in others)


def test_nobody_may_announce_a_tasmota_that_is_another() -> None:
    topic = "tasmota/discovery/AABBCCDDEEFF/config"
    assert not any(may(each.writes, topic) for each in users_of(HOUSE))
    assert may(users_of(HOUSE)[0].reads, topic)


@pytest.mark.parametrize(
    "one,other",
    [
        ("tasmota:tele/1", "tasmota:stat/1"),
        ("tasmota:cmnd/1", "tasmota:tele/1"),
        ("shelly:tele/flat-1/0", "tasmota:flat-1/1"),
        ("zigbee2mqtt:Plug/state", "tasmota:zigbee2mqtt/1"),
    ],
)
def test_devices_whose_topics_meet_are_refused(one: str, other: str) -> None:
    with pytest.raises(AccessListError, match="rename one of them"):
        users_of([one, other])


def test_a_name_that_an_access_list_would_read_as_another_is_refused() -> None:
    with pytest.raises(AccessListError, match="space"):
        users_of(["shelly: plug/0"])


def test_names_that_look_alike_are_different_users() -> None:
    names = [each.name for each in users_of(["tasmota:a b/1", "tasmota:a/b/1", "tasmota:a-b/1"])]
    assert len(set(names)) == 4
    assert all(each.isascii() and " " not in each and "/" not in each for each in names)


LEVELS: Final = st.sampled_from(["a", "b", "+"])
FILTERS: Final = st.tuples(st.lists(LEVELS, min_size=1, max_size=3), st.booleans()).map(
    lambda made: "/".join([*made[0], "#"] if made[1] else made[0])
)


@given(one=FILTERS, other=FILTERS)
def test_filters_overlap_if_some_topic_matches_both(one: str, other: str) -> None:
    tree, owner = FilterTree(), BrokerUser("x", "x", (), ())
    tree.add(one, owner)
    topics = ["a", "b", "a/a", "a/b", "b/a", "b/b"]
    topics += [f"{each}/{last}" for each in topics[2:] for last in "ab"]
    topics += [f"{each}/{last}" for each in topics[6:] for last in "ab"]
    assert any(tree.overlapping(other)) is any(matches(one, each) and matches(other, each) for each in topics)


def test_ten_thousand_devices_are_kept_apart_in_one_pass() -> None:
    numbers = list(range(10_000))
    random.Random(1).shuffle(numbers)
    assert len(users_of(f"tasmota:meter-{each}/1" for each in numbers)) == 10_001


def test_a_driver_of_every_family_is_looked_at() -> None:
    drivers: list[Driver] = build_drivers()
    assert {each.family for each in drivers} == set(NAMES) == set(broker_families())
