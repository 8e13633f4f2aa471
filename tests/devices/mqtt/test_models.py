"""Models as data: each shipped one reads what its devices say, and what does not fit is told."""

import json
from typing import Any, Final

from hypothesis import given, strategies as st
import pytest

from meter_bridge.devices.base.driver import Publish, Rejected, Report, Unread
from meter_bridge.devices.family import Written
from meter_bridge.devices.mqtt.driver import ModelDriver
from meter_bridge.devices.mqtt.model import Model
from meter_bridge.devices.mqtt.model_list import shipped_models, shipped_texts
from meter_bridge.devices.mqtt.model_reader import read_model
from meter_bridge.devices.registry import build_drivers
from meter_bridge.devices.simulators import simulated_meter
from meter_bridge.protocol.vocabulary import RelayPosition
from tests.devices.support import START_MS, reports

NAMES: Final = {
    "chirpstack": "application/7/device/24e124148b494286",
    "the-things-stack": "v3/house@ttn/devices/socket-1",
    "homie-5": "homie/5/meter-1",
    "zigbee2mqtt-attribute": "zigbee2mqtt/Plug 7",
}
CLOSED, OPEN = RelayPosition.CLOSED, RelayPosition.OPEN
SAID: Final[list[tuple[str, str, str, dict[str, object]]]] = [
    ("esphome/kitchen/main", "kitchen/sensor/energy/state", "1234.567", {"register_wh": 1_234_567}),
    ("esphome/kitchen/main", "kitchen/sensor/power/state", "2300.5", {"power_mw": 2_300_500}),
    ("esphome/kitchen/main", "kitchen/switch/relay/state", "OFF", {"relay": OPEN}),
    ("esphome/kitchen/main", "kitchen/status", "offline", {"online": False}),
    # A Shelly 1PM of the first generation: 31,510,486 watt-minutes are 525.2 kWh (evcc, pull request 33111).
    ("shelly-gen1-1pm/s/0", "shellies/s/relay/0/energy", "31510486", {"register_wh": 525_174}),
    ("shelly-gen1-1pm/s/1", "shellies/s/relay/1", "on", {"relay": CLOSED}),
    ("shelly-gen1-plug/s/0", "shellies/s/relay/0/power", "12.30", {"power_mw": 12_300}),
    ("shelly-gen1-em/s/1", "shellies/s/emeter/1/total", "98765.4", {"register_wh": 98_765}),
    ("shelly-gen1-3em/s/2", "shellies/s/emeter/2/total_returned", "12.9", {"returned_wh": 12}),
    ("shelly-gen1-3em/s/relay", "shellies/s/relay/0", "off", {"relay": OPEN}),
    ("openbeken/obk/1", "obk/energycounter/get", "38.5", {"register_wh": 38}),
    ("openbeken-kwh/obk/1", "obk/energycounter/get", "38.5", {"register_wh": 38_500}),
    ("openbeken/obk/1", "obk/138/get", "50.00", {"frequency_mhz": 50_000}),
    ("openbeken/obk/2", "obk/2/get", "1", {"relay": CLOSED}),
    (
        "tasmota-sml/m/main",
        "stat/m/STATUS8",
        '{"StatusSNS":{"Time":"2026-07-21T18:59:19","MT175":{"ImportActive":9755.0,"ExportActive":12399.0,"Power":0}}}',
        {"register_wh": 9_755_000, "returned_wh": 12_399_000, "power_mw": 0},
    ),
    (
        "tasmota-sml/m/main",
        "tele/m/SENSOR",
        '{"Time":"2026-07-21T18:59:19","EHZ":{"Ein":4831.6445,"Eout":9007.7471,"P":200}}',
        {"register_wh": 4_831_644, "returned_wh": 9_007_747, "power_mw": 200_000},
    ),
    (
        "sonoff-spm/spm/6",
        "tele/spm/SENSOR",
        '{"SPM":{"Energy":[0,0,0,0,0,1.5],"ActivePower":[0,0,0,0,0,60],"Voltage":[1,1,1,1,1,231]}}',
        {"register_wh": 1500, "power_mw": 60_000, "voltage_mv": 231_000},
    ),
    ("sonoff-spm/spm/17", "stat/spm/RESULT", '{"POWER17":"OFF"}', {"relay": OPEN}),
    ("zigbee2mqtt-attribute/zigbee/x/state", "zigbee/x/energy", "5.61", {"register_wh": 5610}),
    ("zigbee2mqtt-attribute/zigbee/x/l2", "zigbee/x/state_l2", "ON", {"relay": CLOSED}),
    (
        "chirpstack/application/7/device/24e1/main",
        "application/7/device/24e1/event/up",
        '{"fCnt":7,"object":{"power_consumption":1110,"current":164,"power_factor":82,"socket_status":"on"}}',
        {"register_wh": 1110, "current_ma": 164, "power_factor_permille": 820, "relay": CLOSED},
    ),
    (
        "the-things-stack/v3/a@ttn/devices/d/main",
        "v3/a@ttn/devices/d/up",
        '{"uplink_message":{"f_port":85,"decoded_payload":{"power_sum":1110,"power":30,"state":"close"}}}',
        {"register_wh": 1110, "power_mw": 30_000, "relay": OPEN},
    ),
]  # fmt: skip


def name_of(model: str) -> str:
    return NAMES.get(model, "device-1")


def driver_for(*addresses: str) -> ModelDriver:
    driver = ModelDriver(shipped_models())
    driver.assign([f"mqtt:{address}" for address in addresses])
    return driver


def own(text: dict[str, Any]) -> Model:
    model, mistakes = read_model("own", text)
    assert model is not None, mistakes
    return model


@pytest.mark.parametrize("address, topic, payload, wanted", SAID)
def test_a_shipped_model_reads_what_its_device_says(
    address: str, topic: str, payload: str, wanted: dict[str, object]
) -> None:
    driver = driver_for(address)
    assert topic in {name for name, _ in driver.filters()}
    (told,) = reports(driver.decode(topic, payload.encode(), retained=False))
    assert told.address == f"mqtt:{address}"
    assert {name: getattr(told, name) for name in wanted} == wanted


@pytest.mark.parametrize("name", shipped_texts())
def test_a_simulated_device_of_each_model_is_read_switched_and_asked(name: str) -> None:
    meter = simulated_meter(
        name_of(name), "mqtt", model=name, load_w=3600, register_wh=1000, start_ms=START_MS
    )
    (driver,) = build_drivers([meter.address], names=["mqtt"])
    items = [
        item
        for each in (*meter.come_online(), *meter.step(3_600_000))
        for item in driver.decode(each.topic, each.payload, retained=False)
    ]
    assert not [item for item in items if isinstance(item, Rejected | Unread)]
    registers = [told.register_wh for told in reports(items) if told.register_wh is not None]
    assert registers == sorted(registers)
    assert 4580 <= registers[-1] <= 4600
    switched = driver.switch(meter.address, OPEN)
    channel = shipped_models()[name].channel(meter.address.rpartition("/")[2])
    assert channel is not None
    assert bool(switched) == (channel.command is not None)
    answers = [each for sent in switched for each in meter.handle(sent.topic, sent.payload)]
    told = [item for each in answers for item in driver.decode(each.topic, each.payload, retained=False)]
    assert {each.relay for each in reports(told)} == ({OPEN} if switched else set())
    assert all(meter.owns(sent.topic) for sent in (*switched, *driver.query(meter.address)))


def test_every_model_says_where_its_format_is_documented() -> None:
    for name, model in shipped_models().items():
        assert model.source.startswith("https://"), name
        assert model.no_register, name


def test_homie_reads_no_register_before_its_unit_is_announced() -> None:
    driver = driver_for("homie-5/homie/5/m/main")
    items = driver.decode("homie/5/m/main/energy", b"12.5", retained=False)
    assert [told.register_wh for told in reports(items)] == [None]
    assert [item.kind for item in items if isinstance(item, Rejected)] == ["unit_unknown"]
    described = {"nodes": {"main": {"properties": {"energy": {"unit": "Wh"}}}}}
    driver.decode("homie/5/m/$description", json.dumps(described).encode(), retained=True)
    (told,) = reports(driver.decode("homie/5/m/main/energy", b"12.5", retained=False))
    assert told.register_wh == 12
    assert not driver.decode("homie/5/m/$state", b"init", retained=False)


def test_the_network_server_is_told_which_device_it_is() -> None:
    driver = driver_for("chirpstack/application/7/device/24e1/main")
    assert driver.switch("mqtt:chirpstack/application/7/device/24e1/main", OPEN) == (
        Publish(
            "application/7/device/24e1/command/down",
            b'{"devEui":"24e1","confirmed":true,"fPort":85,"data":"CAAA/w=="}',
        ),
    )


def test_a_model_that_does_not_fit_says_which_path_found_nothing_and_shows_the_payload() -> None:
    driver = driver_for("chirpstack/application/7/device/d/main")
    payload = b'{"object":{"counter":7},"token":"abc","wifi_password":"horse"}'
    told, refused, unread = driver.decode("application/7/device/d/event/up", payload, retained=False)
    assert isinstance(told, Report)
    assert (told.online, told.register_wh) == (True, None)
    assert isinstance(refused, Rejected)
    assert refused.kind == "path_found_nothing"
    assert isinstance(unread, Unread)
    assert unread.path == "object.power_consumption or object.power_sum or object.energy_sum"
    assert unread.payload == '{"object":{"counter":7},"token":"…","wifi_password":"…"}'


def test_three_phases_are_summed_and_the_odd_voltage_is_shown() -> None:
    phases = [{"power": {"path": f"p[{n}]"}, "voltage": {"path": f"v[{n}]"}} for n in range(3)]
    model = own(
        {
            "topic": "{device}/state",
            "channels": {
                "main": {
                    "register": {"path": "wh", "unit": "Wh", "factor": "0.1", "step": "10 Wh"},
                    "phases": phases,
                    "reset marker": {"path": "since"},
                }
            },
        }
    )
    driver = ModelDriver({"own": model})
    driver.assign(["mqtt:own/x/main"])
    said = b'{"wh":"12345","p":[100,-20,30],"v":[230,231,180],"since":"2026-01-01"}'
    (told,) = reports(driver.decode("x/state", said, retained=False))
    assert (told.register_wh, told.register_step_wh, told.reset_marker) == (1234, 10, "2026-01-01")
    assert (told.power_mw, told.voltage_mv, len(told.phases)) == (110_000, 180_000, 3)
    (told,) = reports(driver.decode("x/state", b'{"wh":1,"p":[100,null,30],"v":[230]}', retained=False))
    assert told.power_mw is None


MINIMAL: Final = {"channels": {"main": {"register": {"topic": "{device}/e", "unit": "kWh"}}}}
WRONG: Final[list[tuple[Any, tuple[str | int, ...], str, str]]] = [
    ("text", (), "keys with values", "indented"),
    ({}, (), "'channels' is missing", "add channels:"),
    ({"chanels": {}}, ("chanels",), "unknown key 'chanels'", "did you mean 'channels'?"),
    (
        {"channels": {"main": {"register": {"topic": "{device}/e"}}}},
        ("channels", "main", "register"), "'unit' is missing", "unit: kWh",
    ),
    (
        {"channels": {"main": {"register": {"topic": "{device}/e", "unit": "kW"}}}},
        ("channels", "main", "register", "unit"), "no unit of energy", "Wh",
    ),
    (
        {"channels": {"main": {"register": {"topic": "meters/e", "unit": "kWh"}}}},
        ("channels", "main", "register", "topic"), "same for every device", "{device}",
    ),
    (
        {"channels": {"main": {"register": {"topic": "{device}/#", "unit": "kWh"}}}},
        ("channels", "main", "register", "topic"), "holds '#'", "without wildcards",
    ),
    (
        {"channels": {"main": {"register": {"topic": "{device}/{id}", "unit": "kWh"}}}},
        ("channels", "main", "register", "topic"), "{id} stands for nothing", "{device}",
    ),
    (
        {"channels": {"main": {"register": {"topic": "{device}/e", "path": "a..b", "unit": "kWh"}}}},
        ("channels", "main", "register", "path"), "'a..b' is no path", "SPM.Energy[0]",
    ),
    (
        {"channels": {"main": {"register": {"topic": "{device}/e", "unit": "kWh", "factor": "0"}}}},
        ("channels", "main", "register", "factor"), "above zero", "0.1",
    ),
    (
        {"channels": {"main": {"command": {"topic": "{device}/s", "closed": "1", "open": "0"}}}},
        ("channels", "main", "command"), "does not tell its position", "relay:",
    ),
    (
        {"channels": {"main": {"relay": {"topic": "{device}/s", "closed": "1", "open": "1"}}}},
        ("channels", "main", "relay"), "same word", "what the device says",
    ),
    (
        {"channels": {"a b": {"power": {"topic": "{device}/p"}}}},
        ("channels", "a b"), "cannot be a channel", "any",
    ),
]  # fmt: skip


@pytest.mark.parametrize("written, path, message, remedy", WRONG)
def test_what_is_wrong_with_a_model_is_named_with_place_and_remedy(
    written: Written, path: tuple[str | int, ...], message: str, remedy: str
) -> None:
    model, mistakes = read_model("own", written)
    assert model is None
    at_place = [each for each in mistakes if each.path == path]
    assert any(message in each.message and remedy in each.remedy for each in at_place), mistakes


HOSTILE: Final = [
    b'{"object":{"power_consumption":1e400}}',
    b'{"object":{"power_consumption":' + b"9" * 5000 + b"}}",
    b'{"object":{"power_consumption":-1}}',
    b'{"object":{"power_consumption":true}}',
    b'{"object":{"power_consumption":[1]}}',
    b'{"object":{"power_consumption":"1' + b"0" * 5000 + b'"}}',
    b'{"object":{"power_consumption":"1e99"}}',
    b"[" * 60_000,
    b'{"object":' * 9_000,
    b"\xff\xfe" * 500,
    b"x" * 100_000,
]


@pytest.mark.parametrize("payload", HOSTILE)
def test_a_hostile_payload_is_refused_by_name_and_charges_nothing(payload: bytes) -> None:
    items = driver_for("chirpstack/a/main").decode("a/event/up", payload, retained=False)
    assert [item for item in items if isinstance(item, Rejected)]
    assert not [told for told in reports(items) if told.register_wh is not None]


def test_a_path_with_a_star_visits_a_bounded_number_of_members_and_never_guesses() -> None:
    many = json.dumps({f"m{n}": {"x": n} for n in range(1_000)}).encode()
    driver = driver_for("tasmota-sml/m/main")
    (refused,) = driver.decode("tele/m/SENSOR", many, retained=False)
    assert isinstance(refused, Rejected)
    assert refused.kind == "too_many_members"
    (refused,) = driver.decode("tele/m/SENSOR", b'{"A":{"Total_in":1},"B":{"Total_in":2}}', retained=False)
    assert isinstance(refused, Rejected)
    assert refused.kind == "path_ambiguous"


@given(
    st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=9)
)
def test_whatever_a_device_says_is_a_whole_register_or_none(value: object) -> None:
    driver = driver_for("chirpstack/a/main", "esphome/a/main")
    for topic, payload in (
        ("a/event/up", json.dumps({"object": {"power_consumption": value, "state": value}})),
        ("a/sensor/energy/state", str(value)),
    ):
        for told in reports(driver.decode(topic, payload.encode(errors="replace"), retained=False)):
            assert told.register_wh is None or (type(told.register_wh) is int and told.register_wh >= 0)
