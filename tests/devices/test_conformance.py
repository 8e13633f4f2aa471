"""Real payloads of real devices, from a folder beside the repository that is never copied into it.

They belong to others, so that these tests are an extra; what the families need is tested in their folders.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
import json
import os
from pathlib import Path
import re
from typing import cast

from homewizard_energy.models import Measurement
import pytest

from meter_bridge.devices.base.driver import Discovered, Item, Rejected, Report
from meter_bridge.devices.family import NO_SETTINGS, FamilySettings
from meter_bridge.devices.homewizard.readings import items_of
from meter_bridge.devices.registry import build_drivers
from meter_bridge.devices.shelly.digest import answer, read_challenge
from meter_bridge.devices.shelly.driver import ShellyDriver
from meter_bridge.devices.tasmota.driver import TasmotaDriver
from meter_bridge.devices.zigbee2mqtt.exposes import Definition, Expose, channels_of
from meter_bridge.protocol.vocabulary import RelayPosition
from tests.devices.support import read, reports, requests

type Json = Mapping[str, object]

ROOT = Path(__file__).parents[2]
VARIABLE = "PREPAID_FIXTURES"
FIXTURES = Path(os.environ.get(VARIABLE, ROOT.parent / "shared" / "fixtures"))
HERE = FIXTURES.is_dir()
ENERGY_MEMBERS = frozenset({"ENERGY", "SML", "ANALOG"})
AMBIGUOUS = "ha_list_totals"
"""A made-up message: a list without the power and today's energy that tell phases from tariffs."""
METERING = ("switch:", "pm1:", "em:", "em1:")


def named(family: str) -> list[Path]:
    return sorted((FIXTURES / family).glob("*.json"))


@pytest.fixture(autouse=True)
def fixtures() -> None:
    """Skip without the real payloads; a folder that was named has to be there."""
    if HERE:
        return
    message = f"real payloads are missing: no folder {FIXTURES}; name one with {VARIABLE}"
    if VARIABLE in os.environ:
        pytest.fail(message)
    pytest.skip(message)


def load(path: Path) -> object:
    return json.loads(path.read_text(encoding="utf-8"))


def content(path: Path) -> Json:
    return cast("Json", load(path))


def member(document: object, *path: str) -> object:
    for name in path:
        document = cast("Json", document)[name]
    return document


def tasmota_messages(document: Json) -> Iterator[tuple[str, Json]]:
    """Return topic and payload of each message of a file, whichever way the file writes them."""
    entries = cast("list[object]", document.get("messages", [document]))
    for entry in entries:
        told = cast("Json", json.loads(entry) if isinstance(entry, str) else entry)
        payload = cast("Json", told.get("payload", told))
        topic = str(told.get("topic", ""))
        status = "StatusSNS" in payload
        usual = "stat/device/STATUS8" if status else "tele/device/SENSOR"
        yield (usual if "<" in topic or not topic or " " in topic else topic), payload


def carries_energy(payload: Json) -> bool:
    sensor = cast("Json", payload.get("StatusSNS", payload.get("sn", payload)))
    return bool(ENERGY_MEMBERS & sensor.keys()) and ("ANALOG" not in sensor or "CTEnergy" in str(sensor))


def kwh(value: object) -> int:
    """Return kWh as whole Wh by decimal arithmetic alone."""
    whole, _, decimals = f"{cast('float', value):.6f}".partition(".")
    return int(whole) * 1000 + int(decimals[:3])


def test_the_folder_holds_all_three_families() -> None:
    assert len(named("tasmota")) >= 10
    assert len(named("shelly")) >= 25
    assert named("zigbee2mqtt")


@pytest.mark.parametrize(
    "path", [path for path in named("tasmota") if "discovery" not in path.stem], ids=lambda path: path.stem
)
def test_tasmota_energy_reads_without_rejection(path: Path) -> None:
    for topic, payload in tasmota_messages(content(path)):
        driver = TasmotaDriver()
        items = read(driver, topic, json.dumps(payload))
        refused = [item.kind for item in items if isinstance(item, Rejected)]
        assert refused == (["register_ambiguous"] if path.stem == AMBIGUOUS else [])
        if refused:
            continue
        if topic.startswith(("tele/", "stat/")) and carries_energy(payload) and not topic.endswith("STATE"):
            assert [report.register_wh for report in reports(items)] != []
            assert all(report.register_wh is not None for report in reports(items))


@pytest.mark.parametrize(
    "path",
    [path for path in named("tasmota") if "expect" in content(path) and path.stem != AMBIGUOUS],
    ids=lambda path: path.stem,
)
def test_tasmota_energy_equals_what_the_fixture_expects(path: Path) -> None:
    document = content(path)
    expected = document["expect"]
    messages = list(tasmota_messages(document))
    expectations = cast("list[object]", expected if isinstance(expected, list) else [expected])
    for (topic, payload), wanted in zip(messages, expectations, strict=True):
        (told,) = reports(read(TasmotaDriver(), topic, json.dumps(payload)))
        check_tasmota(told, wanted)


def check_tasmota(told: Report, wanted: object) -> None:
    if isinstance(wanted, list):
        assert told.register_wh == sum(kwh(value) for value in wanted)
        return
    values = cast("Mapping[str, float]", wanted)
    if "Phase1" in values:
        assert told.register_wh == sum(kwh(value) for value in values.values())
        return
    assert told.register_wh == kwh(values.get("total_kwh", values.get("import_kwh")))
    assert told.power_mw == round(values["power_w"] * 1000)


SETTINGS: Mapping[str, FamilySettings] = {
    "t05_tasmota6_2018_three_level_topic": {"tasmota": {"full topics": ["iot/sonoff/%prefix%/%topic%/"]}},
    "z05_aqara_t1_other_base": {"zigbee2mqtt": {"base topics": ["zigbee"]}},
}
"""What the site file has to say before a payload is read."""
UNREAD = {
    "t15_sml_dj_names": "names that somebody gave to the values of an optical head",
    "t17_sml_german_names_2025": "names that somebody gave to the values of an optical head",
    "t19_mt175_import_active_2026": "a name that somebody gave to an optical head",
    "t25_zigbee_bridge_energytotal_hex": "a Zigbee device behind Tasmota",
}
"""Payloads that are not read; why."""


BY_MODEL = {
    "t15_sml_dj_names": ("tasmota:sml/1", "mqtt:tasmota-sml/sml/main"),
    "t17_sml_german_names_2025": ("tasmota:tasmota_DC0386/1", "mqtt:tasmota-sml/tasmota_DC0386/main"),
    "t19_mt175_import_active_2026": ("tasmota:m/1", "mqtt:tasmota-sml/m/main"),
}
"""Those of them that a model reads: the address of the fixture, and that of the model."""
NO_METERS_OF_OURS = {
    "dlms": "requests of a client, for a protocol that is not spoken",
    "dlt645": "a protocol that is not spoken yet",
    "loads": "load profiles, no payloads",
    "modbus": "register maps, and a protocol that is not spoken yet",
    "tuya": "data-point maps, and a protocol that is not spoken yet",
}
"""Folders without a payload that any family reads; why."""


def test_every_folder_of_payloads_is_read_or_says_why_not() -> None:
    folders = {path.name for path in FIXTURES.iterdir() if path.is_dir()}
    read_here = {"tasmota", "shelly", "zigbee2mqtt", "openbeken", "homewizard", "payloads"}
    assert folders - read_here == NO_METERS_OF_OURS.keys() & folders
    assert BY_MODEL.keys() <= UNREAD.keys()


@pytest.mark.parametrize("stem", BY_MODEL)
def test_what_its_family_does_not_read_a_model_reads(stem: str) -> None:
    document = content(FIXTURES / "payloads" / f"{stem}.json")
    expected, address = BY_MODEL[stem]
    (driver,) = build_drivers([address], names=["mqtt"])
    (message,) = cast("list[Json]", document["messages"])
    (told,) = reports(read(driver, str(message["topic"]), str(message["payload"])))
    wanted = cast("Mapping[str, Json]", document["expect"])[expected]
    assert {name: getattr(told, name) for name in wanted} == wanted


@pytest.mark.parametrize("path", sorted((FIXTURES / "homewizard").glob("*_data.json")), ids=lambda p: p.stem)
def test_a_homewizard_reads_as_it_meant(path: Path) -> None:
    told = Measurement.from_json(path.read_text(encoding="utf-8"))
    items = items_of("homewizard:serial/main", told, None, "device")
    assert not [item for item in items if isinstance(item, Rejected)]
    (report,) = reports(items)
    document = cast("Mapping[str, float]", content(path))
    tariffs = [value for name, value in document.items() if re.fullmatch(r"total_power_import_t\d_kwh", name)]
    total = document.get("total_power_import_kwh", sum(tariffs))
    assert report.register_wh == kwh(total)
    assert report.power_mw == round(document["active_power_w"] * 1000)


def test_a_capture_of_openbeken_is_read_by_its_model_in_watt_hours() -> None:
    capture = cast("list[Json]", load(FIXTURES / "openbeken/host_sim_mqtt_capture.json"))
    (driver,) = build_drivers(["mqtt:openbeken/LinuxOBK/1"], names=["mqtt"])
    items = [
        item
        for message in capture
        if driver.matches(str(message["topic"]))
        for item in driver.decode(str(message["topic"]), str(message["payload"]).encode(), retained=False)
    ]
    assert not [item for item in items if isinstance(item, Rejected)]
    told = reports(items)
    # The capture counts 0.038 Wh, which is no kilowatt-hour.
    assert {each.register_wh for each in told if each.register_wh is not None} == {0}
    assert {each.power_mw for each in told if each.power_mw is not None} == {2_300_000}
    assert {each.relay for each in told if each.relay is not None} == {
        RelayPosition.OPEN,
        RelayPosition.CLOSED,
    }
    announced = [each for each in capture if "energycounter/get" in str(each["payload"])]
    assert all('"unit_of_meas":"Wh"' in str(each["payload"]) for each in announced)


@pytest.mark.parametrize("path", named("payloads"), ids=lambda path: path.stem)
def test_a_payload_of_the_field_reads_as_its_device_meant_it(path: Path) -> None:
    document = content(path)
    addresses, told = cast("list[str]", document["addresses"]), dict[str, dict[str, object]]()
    settings = SETTINGS.get(path.stem, NO_SETTINGS)
    (driver,) = build_drivers(addresses, names=[str(document["family"])], settings=settings)
    for message in cast("list[Json]", document["messages"]):
        topic, payload = str(message["topic"]), message["payload"]
        raw = payload.encode() if isinstance(payload, str) else json.dumps(payload).encode()
        heard = driver.decode(topic, raw, retained=bool(message["retained"])) if driver.matches(topic) else ()
        for report in reports(heard):
            known = {name: value for name, value in asdict(report).items() if value is not None}
            told.setdefault(report.address, {}).update(known)
    expected = cast("Mapping[str, Json]", document["expect"])
    if path.stem in UNREAD:
        assert not told
    for address, wanted in expected.items() if path.stem not in UNREAD else ():
        assert {name: told[address].get(name) for name in wanted} == wanted


def test_tasmota_relays_of_a_real_capture() -> None:
    messages = list(
        tasmota_messages(content(FIXTURES / "tasmota/tele_sensor_multi_relay_single_meter_2020.json"))
    )
    told = [
        report
        for topic, payload in messages
        for report in reports(read(TasmotaDriver(), topic, json.dumps(payload)))
    ]
    assert [(report.address, report.relay) for report in told[:2]] == [
        ("tasmota:shellyB/1", RelayPosition.OPEN),
        ("tasmota:shellyB/2", RelayPosition.OPEN),
    ]
    assert told[2].register_wh == 586


def test_tasmota_discovery_of_real_devices() -> None:
    driver = TasmotaDriver()
    config = content(FIXTURES / "tasmota/ha_discovery_config_default.json")
    sensors = content(FIXTURES / "tasmota/ha_list_sensor_config_sensors_discovery.json")
    assert not read(driver, str(config["topic"]), json.dumps(config["payload"]))
    topic = str(config["topic"]).replace("config", "sensors")
    (offered,) = read(driver, topic, json.dumps(sensors["payload"]))
    address = "tasmota:tasmota_49A3BC/1"
    assert offered == Discovered(address, "Tasmota", "Sonoff Basic", "8.4.0.2", has_relay=False)
    assert driver.query("tasmota:tasmota_49A3BC/1")[0].topic == "tasmota_49A3BC/cmnd/STATUS"


def shelly_status(path: Path) -> Json | None:
    """Return the full status in a file, if it holds one of Gen2 or later."""
    document = load(path)
    if not isinstance(document, dict):
        return None
    status = document.get("status", document)
    return status if isinstance(status, dict) and any(key.startswith(METERING) for key in status) else None


def deliver(driver: ShellyDriver, status: Json) -> list[Item]:
    """Answer a driver's question for the full status."""
    frame = {"id": 1, "src": "device", "dst": "prepaid-meter-bridge/device", "result": status}
    asked = requests(read(driver, "device/online", "true"))
    assert asked
    return list(read(driver, "prepaid-meter-bridge/device/rpc", json.dumps(frame)))


@pytest.mark.parametrize(
    "path", [path for path in named("shelly") if shelly_status(path)], ids=lambda path: path.stem
)
def test_shelly_statuses_read_without_rejection(path: Path) -> None:
    status = shelly_status(path)
    assert status is not None
    items = deliver(ShellyDriver(), status)
    assert not [item for item in items if isinstance(item, Rejected)]
    metering = {key for key in status if key.startswith(METERING)}
    assert len(reports(items)) == len(metering)
    for report in reports(items):
        component = next(
            key for key in metering if report.address.rpartition("/")[2] in {key, key.partition(":")[2]}
        )
        check_shelly(report, component, status)


def check_shelly(report: Report, component: str, status: Json) -> None:
    body = cast("Json", status[component])
    if "aenergy" in body:
        total = cast("float", member(body, "aenergy", "total"))
        returned = cast("float", member(body, "ret_aenergy", "total")) if "ret_aenergy" in body else 0.0
        assert report.register_wh == int(total * 1000 + 0.5 - returned * 1000) // 1000
    if component.startswith("em:"):
        assert report.register_wh == int(
            cast("float", member(status, f"emdata:{component[3:]}", "total_act"))
        )
    if "output" in body:
        assert report.relay is (RelayPosition.CLOSED if body["output"] else RelayPosition.OPEN)


def test_shelly_import_equals_what_the_fixture_expects() -> None:
    cases = cast("list[Json]", load(FIXTURES / "shelly/evcc_switch_energy_cases.json"))
    for case in cases:
        (told,) = reports(deliver(ShellyDriver(), {"switch:0": case["status"]}))
        assert told.register_wh == int(cast("float", case["expect_import_kwh"]) * 1000)


def test_shelly_captures_over_mqtt() -> None:
    partial = content(FIXTURES / "shelly/mqtt_notify_partial_pro4pm_2023.json")
    driver = ShellyDriver()
    items = [
        item
        for message in cast("list[Json]", partial["messages"])
        for item in read(driver, str(partial["topic"]), json.dumps(message))
    ]
    assert not [item for item in items if isinstance(item, Rejected)]
    assert [(report.address, report.relay) for report in reports(items)] == [
        ("shelly:shelly1/1", RelayPosition.OPEN),
        ("shelly:shelly1/0", RelayPosition.CLOSED),
        ("shelly:shelly1/3", None),
    ]
    whole = content(FIXTURES / "shelly/mqtt_status_switch0_1pmminig3.json")
    (told,) = reports(read(driver, str(whole["topic"]), json.dumps(whole["payload"])))
    assert (told.register_wh, told.power_mw, told.relay) == (913, 25_700, RelayPosition.CLOSED)


def test_shelly_answers_over_mqtt() -> None:
    capture = content(FIXTURES / "shelly/mqtt_rpc_getstatus_plugus.json")
    driver = ShellyDriver()
    read(driver, "shellyplugus-083af2018c80/online", "true")
    topic = "prepaid-meter-bridge/shellyplugus-083af2018c80/rpc"
    (told,) = reports(read(driver, topic, json.dumps(capture["reply_part"])))
    assert (told.register_wh, told.power_mw) == (46_791, 10_700)


def test_shelly_clamps_whose_id_is_a_string() -> None:
    capture = content(FIXTURES / "shelly/evcc_em1_em1data.json")
    driver = ShellyDriver()
    (power,) = reports(read(driver, "d/status/em1:0", json.dumps(capture["EM1.GetStatus"])))
    (energy,) = reports(read(driver, "d/status/em1data:0", json.dumps(capture["EM1Data.GetStatus"])))
    assert (power.power_mw, energy.register_wh) == (-332_200, 1264)


@pytest.mark.parametrize(
    "path", [path for path in named("shelly") if "GetDeviceInfo" in path.stem], ids=lambda p: p.stem
)
def test_shelly_device_information(path: Path) -> None:
    driver = ShellyDriver()
    deliver(driver, {"switch:0": {"id": 0, "output": False, "aenergy": {"total": 1.5}}})
    frame = {"id": 2, "src": "device", "result": content(path)}
    (offered,) = read(driver, "prepaid-meter-bridge/device/rpc", json.dumps(frame))
    assert isinstance(offered, Discovered)
    assert offered.model == content(path)["model"]


def test_shelly_challenge_of_a_real_device() -> None:
    refusal = content(FIXTURES / "shelly/rpc_shellyplus2pm_Cover.Close_auth_failure.json")
    challenge = read_challenge(str(member(refusal, "error", "message")))
    assert answer(challenge, "x", 1).realm == "shellyplus2pm-485519992590"


def exposed(entry: Json) -> Expose:
    simple = Expose(
        type=str(entry["type"]),
        name=str(entry["name"]),
        property=str(entry["prop"]),
        unit=cast("str | None", entry.get("unit")),
        access=cast("int", entry.get("access") or 0),
        value_on=cast("str | None", entry.get("on")),
        value_off=cast("str | None", entry.get("off")),
    )
    # The catalogue is flat, so a relay's binary stands alone there; on the wire it is inside a switch.
    return Expose(type="switch", features=[simple]) if entry["name"] == "state" else simple


def test_most_of_the_catalogue_of_switching_meters_can_be_used() -> None:
    models = cast("list[Json]", load(FIXTURES / "zigbee2mqtt/_catalogue_energy_and_switch_exposes.json"))
    usable = 0
    for model in models:
        channels = channels_of(
            Definition(exposes=[exposed(entry) for entry in cast("list[Json]", model["exposes"])])
        )
        usable += any(channel.register for channel in channels)
        assert len({channel.name for channel in channels}) == len(channels)
    assert usable >= 290
