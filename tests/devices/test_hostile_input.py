"""Whatever arrives: no exception, and no register that is not a whole number of Wh from zero up."""

import json

from hypothesis import given, strategies as st
import pytest

from meter_bridge.devices.base.driver import Driver
from meter_bridge.devices.registry import broker_families, build_drivers
from tests.devices.support import reports

ADDRESSES = ["tasmota:k/1", "tasmota:k/phase2", "shelly:s/0", "shelly:s/em1:0", "zigbee2mqtt:z/state"]
TOPICS = [
    "tele/k/SENSOR",
    "tele/k/STATE",
    "tele/k/LWT",
    "tele/k/INFO3",
    "stat/k/RESULT",
    "stat/k/POWER",
    "stat/k/STATUS10",
    "tasmota/discovery/AABBCCDDEEFF/config",
    "tasmota/discovery/AABBCCDDEEFF/sensors",
    "s/events/rpc",
    "s/online",
    "s/status/switch:0",
    "s/status/em1data:0",
    "prepaid-meter-bridge/s/rpc",
    "zigbee2mqtt/z",
    "zigbee2mqtt/z/availability",
    "zigbee2mqtt/bridge/devices",
    "zigbee2mqtt/bridge/state",
]
MEMBERS = [
    "ENERGY", "Total", "TotalStartTime", "Power", "Voltage", "POWER", "POWER1", "UptimeSec",
    "StatusSNS", "StatusSTS", "SML", "Total_in", "ANALOG", "CTEnergy1", "Energy", "Info3",
    "BootCount", "t", "ft", "tp", "state", "rl", "fn", "sn", "method", "params", "result", "id",
    "error", "code", "ts", "switch:0", "em:0", "emdata:0", "em1data:0", "aenergy", "ret_aenergy",
    "total", "total_act", "total_act_energy", "output", "apower", "sys", "unixtime", "uptime",
    "energy", "power", "voltage", "current", "last_seen", "friendly_name", "definition", "exposes",
    "type", "features", "name", "property", "unit", "access",
]  # fmt: skip
NUMBERS = st.one_of(
    st.integers(), st.floats(), st.sampled_from([-1, 0, 1e308, -1e308, 2**63, 2**64, 10**400, -0.0001, 1e12])
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    NUMBERS,
    st.text(max_size=20),
    st.sampled_from(
        ["ON", "OFF", "Online", "NotifyStatus", "NotifyFullStatus", "online", "kWh", "switch", "numeric"]
    ),
)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=6)
    ),
    max_leaves=25,
)


@pytest.fixture(scope="module")
def drivers() -> list[Driver]:
    return build_drivers(ADDRESSES)


def check(drivers: list[Driver], topic: str, payload: bytes, *, retained: bool) -> None:
    for driver in drivers:
        driver.matches(topic)
        for report in reports(driver.decode(topic, payload, retained=retained)):
            for value in (report.register_wh, report.voltage_mv, report.frequency_mhz):
                assert value is None or (type(value) is int and value >= 0)
            for signed in (report.power_mw, report.current_ma, report.measured_at_ms):
                assert signed is None or type(signed) is int
            assert type(report.register_step_wh) is int
            assert report.register_step_wh >= 1


@given(topic=st.sampled_from(TOPICS), payload=st.binary(max_size=300), retained=st.booleans())
def test_random_bytes_never_raise(drivers: list[Driver], topic: str, payload: bytes, retained: bool) -> None:  # noqa: FBT001
    check(drivers, topic, payload, retained=retained)


@given(topic=st.sampled_from(TOPICS), document=DOCUMENTS, retained=st.booleans())
def test_random_documents_never_raise(
    drivers: list[Driver],
    topic: str,
    document: object,
    retained: bool,  # noqa: FBT001
) -> None:
    check(drivers, topic, json.dumps(document).encode(), retained=retained)


@given(topic=st.text(max_size=60), payload=st.binary(max_size=60))
def test_random_topics_never_raise(drivers: list[Driver], topic: str, payload: bytes) -> None:
    check(drivers, topic, payload, retained=False)


@given(number=NUMBERS)
def test_random_registers_are_refused_or_whole(drivers: list[Driver], number: float) -> None:
    text = json.dumps(number)
    check(
        drivers, "tele/k/SENSOR", f'{{"ENERGY":{{"Total":{text},"Power":{text}}}}}'.encode(), retained=False
    )
    check(drivers, "tele/k/SENSOR", f'{{"ENERGY":{{"Total":[{text},{text}]}}}}'.encode(), retained=False)
    check(drivers, "s/status/switch:0", f'{{"aenergy":{{"total":{text}}}}}'.encode(), retained=False)
    check(
        drivers,
        "s/events/rpc",
        f'{{"method":"NotifyStatus","params":{{"ts":{text}}}}}'.encode(),
        retained=False,
    )
    check(drivers, "zigbee2mqtt/z", f'{{"energy":{text},"last_seen":{text}}}'.encode(), retained=False)


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize(
    "payload",
    [b"[" * 60_000, b'{"a":' * 10_000, b'{"ENERGY":' * 6_000, b"\xff" * 1000, b"1" * 60_000, b"x" * 10**7],
)
def test_deep_and_huge_payloads_never_raise(drivers: list[Driver], topic: str, payload: bytes) -> None:
    check(drivers, topic, payload, retained=False)


def test_a_flood_of_devices_ends_at_a_limit() -> None:
    tasmota, shelly, *_ = build_drivers()
    for number in range(20_050):
        tasmota.decode(f"tele/m{number}/LWT", b"Online", retained=False)
        shelly.decode(f"m{number}/online", b"true", retained=False)
    assert "too_many_devices" in str(tasmota.decode("tele/one-more/LWT", b"Online", retained=False))
    assert "too_many_devices" in str(shelly.decode("one-more/online", b"true", retained=False))


@pytest.mark.parametrize(
    "address,topic,payload",
    [
        ("tasmota:ours/1", "tele/ours/SENSOR", b'{"ENERGY":{"Total":1.5}}'),
        ("shelly:ours/0", "ours/status/switch:0", b'{"output":true,"aenergy":{"total":1500}}'),
        ("zigbee2mqtt:ours/state", "zigbee2mqtt/ours", b'{"energy":1.5}'),
    ],
)
@pytest.mark.parametrize("flood_first", [False, True])
def test_a_flood_keeps_no_meter_in_use_out(
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    topic: str,
    payload: bytes,
    flood_first: bool,  # noqa: FBT001
) -> None:
    monkeypatch.setattr("meter_bridge.devices.base.quantities.DEVICE_LIMIT", 10)
    names = [each for each in broker_families() if address.startswith(each)]
    (driver,) = build_drivers([] if flood_first else [address], names=names)
    for number in range(20):
        driver.decode(f"tele/m{number}/LWT", b"Online", retained=True)
        driver.decode(f"m{number}/online", b"true", retained=True)
    driver.assign([address])
    assert [each.register_wh for each in reports(driver.decode(topic, payload, retained=False))] == [1500]


@pytest.mark.parametrize(
    "topic,payload",
    [
        (f"tele/{'x' * 5000}/LWT", b"Online"),
        (f"{'x' * 5000}/online", b"true"),
        ("tele/k/INFO3", b'{"Info3":{"BootCount":' + b"1" * 4000 + b"}}"),
        ("s/status/switch:" + "1" * 5000, b'{"output":true}'),
        ("zigbee2mqtt/bridge/devices", b'[{"friendly_name":"' + b"x" * 5000 + b'","definition":{}}]'),
        ("zigbee2mqtt/bridge/devices", b'[{"friendly_name":"a/#","definition":{}}]'),
    ],
)
def test_nothing_endless_is_kept(drivers: list[Driver], topic: str, payload: bytes) -> None:
    for driver in drivers:
        assert not reports(driver.decode(topic, payload, retained=False))
        assert all(len(name) < 300 for name, _ in driver.filters())


@pytest.mark.parametrize("started", ["x" * 5000, "2025-01-02T03:04:05." + "0" * 5000])
def test_no_endless_start_time_is_kept(drivers: list[Driver], started: str) -> None:
    payload = json.dumps({"ENERGY": {"Total": 1, "TotalStartTime": started}}).encode()
    report, _phase = reports(drivers[0].decode("tele/k/SENSOR", payload, retained=False))
    assert (report.register_wh, report.reset_marker) == (1000, None)
