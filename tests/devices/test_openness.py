"""A meter family is a folder: nothing outside it knows its name, and a new one works at once."""

import argparse
import ast
import asyncio
from collections.abc import Iterator
from pathlib import Path
import re
import sys
from types import SimpleNamespace
from typing import Any, Final, cast

import pytest

from meter_bridge import devices
from meter_bridge.config.site_file import SiteFileError, load
from meter_bridge.core.supply.local_cutoff import CutOffRequest
from meter_bridge.devices.addresses import (
    AddressError,
    has_relay,
    parse_address,
    unsupported_reason,
)
from meter_bridge.devices.broker.access_list import users_of
from meter_bridge.devices.family import Address
from meter_bridge.devices.registry import build_drivers, families
from meter_bridge.devices.simulators.cli import add_arguments, build_meters
from meter_bridge.engine.gateway import Gateway
from meter_bridge.engine.state.model import CutOffSlot
from meter_bridge.protocol.vocabulary import RelayPosition
from tests.config.conftest import SITE_FILE
from tests.devices.support import START_MS, eventually

PACKAGE: Final = Path(devices.__file__).parents[1]
COMPONENT: Final = PACKAGE.parent / "custom_components" / "prepaid_meter"
DASHBOARD: Final = PACKAGE.parent / "dashboard"
EXAMPLES: Final = {
    "commands/broker_acl.py": ("--new-password tasmota-flat-1",),
    "commands/meters.py": ("--address tasmota:new/1",),
    "commands/simulate.py": ("simulate --tasmota 1", "simulate --shelly 20"),
    "config/parts.py": ("password variable: SHELLY_PASSWORD",),
    "config/scalars.py": ("a name such as SHELLY_PASSWORD",),
    "config/site_parts.py": ("meters: [tasmota:kitchen/1]", "address: tasmota:kitchen/1"),
    "devices/simulators/cli.py": ("{family: tasmota,", "{family: shelly,", "{family: zigbee2mqtt,"),
}
"""What people are shown as an example."""
PROTOCOL: Final = "mqtt"
"""A family with the name of its protocol: what names the family is an address or a module."""
OTHERS: Final = [name for name in families() if name != PROTOCOL]
NAMED: Final = re.compile(
    "|".join([*OTHERS, rf"\b{PROTOCOL}:(?!//)", rf"devices[./]{PROTOCOL}\b"]), re.IGNORECASE
)
MADE_UP: Final = '''
"""A made-up family."""

import re

from meter_bridge.devices.family import BrokerRights, Family, SettingMistake
from meter_bridge.devices.base.simulated_meter import SimulatedMeter

told = []


class Driver:
    family = "madeup"

    def __init__(self, settings):
        self.word = settings.get("word", "set")

    def filters(self):
        return (("madeup/+", 1),)

    own_filters = filters

    def matches(self, topic):
        return topic.startswith("madeup/")

    def decode(self, topic, payload, *, retained):
        return ()

    def assign(self, addresses):
        self.assigned = addresses


class Link:
    connected = True

    def __init__(self, host, addresses, password):
        self.addresses = addresses
        told.append(("link", host, tuple(addresses), password))

    async def run(self, sink):
        sink(())

    async def switch(self, address, position):
        told.append(("switch", address, str(position)))

    async def query(self, address):
        told.append(("query", address))

    async def ask_cut_off(self, address, slot):
        told.append(("ask", address, slot))

    async def write_cut_off(self, address, slot, relay_address, limit_wh):
        told.append(("write", address, slot, relay_address, limit_wh))

    async def withdraw_cut_off(self, address, slot):
        told.append(("withdraw", address, slot))


class Meter(SimulatedMeter):
    family = "madeup"
    name_form = "madeup-{}"
    commands = ("madeup/+/set",)
    address = owns = report = relay_report = answer = None
    greeting = farewell = birth_messages = will_messages = None


FAMILY = Family(
    name="madeup",
    title="Made Up",
    channel=re.compile("[ab]"),
    channel_meaning="a or b",
    example="madeup:one/a",
    has_relay=lambda address, settings: address.channel == "b",
    settings=("word",),
    check_settings=lambda settings: (
        [SettingMistake(("word",), "'no' is no word", "write yes")] if settings.get("word") == "no" else []
    ),
    driver=Driver,
    rights=lambda device, settings: BrokerRights(
        f"Made Up {device}", (f"madeup/{device}",), (f"madeup/{device}/set",)
    ),
    commands=lambda device, settings: (f"madeup/{device}/{settings.get('word', 'set')}",),
    link=Link,
    local_cut_off=lambda energy, relay: None if relay == "b" else "wrong relay",
    simulator=lambda: Meter,
)
'''


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[object, ...]]]:
    """Put the made-up family's folder beside the others; return what its links are told."""
    (tmp_path / "madeup").mkdir()
    (tmp_path / "madeup" / "__init__.py").write_text(MADE_UP, encoding="utf-8")
    monkeypatch.setattr(devices, "__path__", [*devices.__path__, str(tmp_path)])
    families.cache_clear()
    made_up = cast("Any", families()["madeup"].driver)
    yield sys.modules[made_up.__module__].told
    families.cache_clear()


def test_a_new_family_is_known_by_its_folder_alone(told: list[tuple[object, ...]]) -> None:
    assert list(families())[-1] == "madeup"
    assert parse_address("madeup:one/b") == Address("madeup", "one", "b")
    with pytest.raises(AddressError, match="a madeup channel is a or b, for example madeup:one/a"):
        parse_address("madeup:one/c")
    assert (has_relay("madeup:one/a"), has_relay("madeup:one/b")) == (False, True)
    assert unsupported_reason("madeup:one/a", "madeup:one/b") is None
    assert unsupported_reason("madeup:one/a", "madeup:one/a") == "wrong relay"
    assert build_drivers(["madeup:one/a"])[-1].family == "madeup"


def test_a_new_family_has_rights_at_the_broker(told: list[tuple[object, ...]]) -> None:
    bridge, device = users_of(["madeup:one/a"])
    assert (device.name, device.what) == ("madeup-one", "Made Up one")
    assert (device.writes, device.reads) == (("madeup/one",), ("madeup/one/set",))
    assert "madeup/+/set" in bridge.writes
    assert "madeup/+" in bridge.reads


def test_a_new_family_has_settings_in_the_site_file(told: list[tuple[object, ...]]) -> None:
    plan = load(SITE_FILE + "families:\n  madeup: {word: other}\n")
    (driver,) = build_drivers(names=["madeup"], settings=plan.families)
    assert cast("Any", driver).word == "other"
    assert "madeup/+/other" in users_of(["madeup:one/a"], plan.families)[0].writes
    with pytest.raises(SiteFileError, match=r"line 31, column 18, families\.madeup\.word: 'no' is no word"):
        load(SITE_FILE + "families:\n  madeup: {word: no}\n")


def test_settings_that_a_site_file_changes_reach_the_driver(told: list[tuple[object, ...]]) -> None:
    used = SimpleNamespace(by_energy_address=[], by_relay_address=[], meters={}, families={})
    gateway = Gateway(None, lambda _items: None, lambda _connected: None)
    gateway.start(cast("Any", used))
    before = dict(gateway._drivers)
    used.families = {"madeup": {"word": "other"}}
    gateway.set_meters(cast("Any", used))
    after = gateway._drivers
    assert cast("Any", after["madeup"]).word == "other"
    assert {name for name in after if after[name] is not before[name]} == {"madeup"}


def test_a_new_family_can_be_simulated(told: list[tuple[object, ...]]) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    (meter,) = build_meters(parser.parse_args(["--madeup", "1"]), START_MS)
    assert (meter.family, meter.name) == ("madeup", "madeup-1")


async def test_the_gateway_speaks_to_a_device_of_a_new_family_without_a_broker(
    told: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONE_PASSWORD", "horse")
    plan = SimpleNamespace(
        host="192.0.2.1",
        password_env="ONE_PASSWORD",
        energy_address="madeup:one/a",
        relay_address="madeup:one/b",
    )
    meter = cast("Any", SimpleNamespace(plan=plan))
    used = SimpleNamespace(
        by_energy_address=["madeup:one/a"],
        by_relay_address=["madeup:one/b"],
        meters={"one": meter},
        families={},
    )
    gateway = Gateway(None, lambda _items: None, lambda _connected: None)
    gateway.start(cast("Any", used))
    place = CutOffSlot("madeup:one/a", 3)
    assert gateway.switch(meter, RelayPosition.OPEN)
    assert gateway.query(meter)
    assert gateway.cut_off(place, CutOffRequest.ASK, "madeup:one/b", None)
    assert gateway.cut_off(place, CutOffRequest.WRITE, "madeup:one/b", 5_000)
    assert gateway.cut_off(place, CutOffRequest.WITHDRAW, "madeup:one/b", None)
    await eventually(lambda: len(told) == 6)
    await asyncio.wait_for(gateway.stop(), 10)
    assert told == [
        ("link", "192.0.2.1", ("madeup:one/a", "madeup:one/b"), "horse"),
        ("switch", "madeup:one/b", "open"),
        ("query", "madeup:one/a"),
        ("ask", *place),
        ("write", *place, "madeup:one/b", 5_000),
        ("withdraw", *place),
    ]


def test_no_family_is_named_outside_its_folder() -> None:
    names = NAMED
    own = tuple(f"devices/{name}/" for name in families())
    named = []
    for path in PACKAGE.rglob("*.py"):
        file = path.relative_to(PACKAGE).as_posix()
        if not file.startswith(own):
            text = path.read_text(encoding="utf-8")
            for each in EXAMPLES.get(file, ()):
                assert each in text, f"{file} shows {each!r} no more: take it out of EXAMPLES"
                text = text.replace(each, "")
            named += [f"{file}: {line.strip()}" for line in text.splitlines() if names.search(line)]
    assert named == []


def test_the_integration_names_no_family() -> None:
    names = NAMED
    files = {path.name: path.read_text(encoding="utf-8") for path in COMPONENT.rglob("*.py")}
    assert [name for name, text in files.items() if names.search(text)] == []


def test_the_dashboard_names_no_family() -> None:
    names = NAMED
    sources = {path: path.read_text(encoding="utf-8") for path in DASHBOARD.rglob("*.py")}
    assert [path for path, text in sources.items() if names.search(text)] == []


def test_a_folder_says_what_its_family_is_without_loading_driver_or_simulator() -> None:
    for name in families():
        tree = ast.parse((PACKAGE / "devices" / name / "__init__.py").read_text(encoding="utf-8"))
        imported = {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
        assert {each for each in imported if each and each.startswith("meter_bridge")} == {
            "meter_bridge.devices.family",
            f"meter_bridge.devices.{name}.names",
            "meter_bridge.text.marks",  # loads nothing
        }
