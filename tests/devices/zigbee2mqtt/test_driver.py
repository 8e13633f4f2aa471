import json

import pytest

from meter_bridge.devices.base.driver import Discovered, Publish, Rejected, Removed, Report
from meter_bridge.devices.zigbee2mqtt.driver import Zigbee2MqttDriver
from meter_bridge.protocol.vocabulary import RelayPosition
from tests.devices.support import read, reports

SEEN = "2026-01-02T03:04:05.678Z"
SEEN_MS = 1_767_323_045_678


def switch(name: str = "state", access: int = 7, on: object = "ON", off: object = "OFF") -> dict[str, object]:
    state = {"type": "binary", "name": "state", "property": name, "access": access}
    return {"type": "switch", "features": [state | {"value_on": on, "value_off": off}]}


def numeric(name: str, unit: str) -> dict[str, object]:
    return {"type": "numeric", "name": name, "property": name, "unit": unit, "access": 1}


def listed(*devices: tuple[str, list[dict[str, object]]]) -> str:
    coordinator: dict[str, object] = {"friendly_name": "Coordinator", "type": "Coordinator"}
    others = [
        {"friendly_name": name, "definition": {"model": "TS011F", "vendor": "Tuya", "exposes": exposes}}
        for name, exposes in devices
    ]
    return json.dumps([coordinator, *others])


PLUG = [
    switch(),
    numeric("energy", "kWh"),
    numeric("power", "W"),
    numeric("voltage", "V"),
    numeric("current", "A"),
]


@pytest.fixture
def driver() -> Zigbee2MqttDriver:
    made = Zigbee2MqttDriver()
    read(made, "zigbee2mqtt/bridge/devices", listed(("Plug 7", PLUG)), retained=True)
    return made


def reading(**changes: object) -> str:
    content = {
        "energy": 12.34,
        "power": 1500,
        "voltage": 231,
        "current": 6.5,
        "state": "ON",
        "last_seen": SEEN,
    }
    return json.dumps(content | {"linkquality": 1, "update": {"state": None}} | changes)


def only(driver: Zigbee2MqttDriver, payload: str, *, retained: bool = False) -> Report:
    (report,) = reports(read(driver, "zigbee2mqtt/Plug 7", payload, retained=retained))
    return report


def test_what_flowed_back_is_told_apart() -> None:
    made = Zigbee2MqttDriver()
    exposes = [*PLUG, numeric("produced_energy", "kWh")]
    read(made, "zigbee2mqtt/bridge/devices", listed(("Plug 7", exposes)), retained=True)
    told = only(made, reading(produced_energy=1.25))
    assert (told.register_wh, told.returned_wh) == (12_340, 1_250)


def test_the_device_list_offers_what_has_a_register(driver: Zigbee2MqttDriver) -> None:
    lamp: list[dict[str, object]] = [
        {"type": "light", "features": [{"type": "binary", "name": "state", "property": "state"}]}
    ]
    items = read(driver, "zigbee2mqtt/bridge/devices", listed(("Plug 7", PLUG), ("Lamp", lamp)))
    assert items == (Discovered("zigbee2mqtt:Plug 7/state", "Plug 7", "TS011F"),)


def test_a_device_that_left_the_list_is_removed(driver: Zigbee2MqttDriver) -> None:
    assert read(driver, "zigbee2mqtt/bridge/devices", "[]") == (Removed("zigbee2mqtt:Plug 7/state"),)


def test_a_reading_becomes_exact_integers(driver: Zigbee2MqttDriver) -> None:
    assert only(driver, reading()) == Report(
        "zigbee2mqtt:Plug 7/state",
        register_wh=12_340,
        register_step_wh=10,
        power_mw=1_500_000,
        voltage_mv=231_000,
        current_ma=6500,
        relay=RelayPosition.CLOSED,
        online=True,
        measured_at_ms=SEEN_MS,
    )


@pytest.mark.parametrize(
    "seen,expected",
    [
        (SEEN, SEEN_MS),
        ("2026-01-02T05:04:05.678+02:00", SEEN_MS),
        (SEEN_MS, SEEN_MS),
        ("yesterday", None),
        ("2026-01-02T05:04:05", None),
        (-5, None),
        (1e300, None),
        (None, None),
    ],
)
def test_last_seen_is_read_in_every_configured_form(
    driver: Zigbee2MqttDriver, seen: object, expected: int | None
) -> None:
    assert only(driver, reading(last_seen=seen)).measured_at_ms == expected


def test_nulls_say_nothing(driver: Zigbee2MqttDriver) -> None:
    told = only(driver, reading(energy=None, power=None, state=None, voltage=None, current=None))
    assert (told.register_wh, told.power_mw, told.relay) == (None, None, None)


def test_the_optimistic_state_after_set_is_no_proof(driver: Zigbee2MqttDriver) -> None:
    only(driver, reading())
    told = only(driver, reading(state="OFF"))
    assert told.stale
    assert told.relay is RelayPosition.OPEN
    assert told.power_mw == 1_500_000
    proof = only(driver, reading(state="OFF", power=0, current=0, last_seen="2026-01-02T03:04:07.000Z"))
    assert not proof.stale
    assert proof.power_mw == 0


def test_without_last_seen_only_changed_measurements_are_fresh(driver: Zigbee2MqttDriver) -> None:
    assert not only(driver, reading(last_seen=None)).stale
    assert only(driver, reading(last_seen=None, state="OFF")).stale
    assert not only(driver, reading(last_seen=None, state="OFF", power=0)).stale


def test_a_repeat_stays_stale_over_a_new_device_list(driver: Zigbee2MqttDriver) -> None:
    only(driver, reading())
    read(driver, "zigbee2mqtt/bridge/devices", listed(("Plug 7", PLUG), ("New", PLUG)))
    assert only(driver, reading()).stale


def test_a_retained_reading_is_stale(driver: Zigbee2MqttDriver) -> None:
    assert only(driver, reading(), retained=True).stale


@pytest.mark.parametrize("payload", ['{"state":"offline"}', "offline"])
def test_availability_comes_as_json_or_plain(driver: Zigbee2MqttDriver, payload: str) -> None:
    items = read(driver, "zigbee2mqtt/Plug 7/availability", payload)
    assert items == (Report("zigbee2mqtt:Plug 7/state", online=False),)


@pytest.mark.parametrize("payload", ['{"state":"offline"}', "offline"])
def test_a_lost_gateway_loses_its_meters(driver: Zigbee2MqttDriver, payload: str) -> None:
    assert read(driver, "zigbee2mqtt/bridge/state", payload) == (
        Report("zigbee2mqtt:Plug 7/state", online=False),
    )
    assert not read(driver, "zigbee2mqtt/bridge/state", '{"state":"online"}')


def test_gangs_have_a_meter_each() -> None:
    driver = Zigbee2MqttDriver()
    exposes = [
        switch("state_l1"),
        switch("state_l2"),
        numeric("energy_l1", "kWh"),
        numeric("energy_l2", "Wh"),
        numeric("power_l1", "W"),
        numeric("voltage", "V"),
        numeric("current_l2", "mA"),
    ]
    items = read(driver, "zigbee2mqtt/bridge/devices", listed(("Duo", exposes)))
    assert [one.address for one in items if isinstance(one, Discovered)] == [
        "zigbee2mqtt:Duo/state_l1",
        "zigbee2mqtt:Duo/state_l2",
    ]
    payload = '{"energy_l1":1.5,"energy_l2":2500,"power_l1":7,"voltage":230,"current_l2":30,"state_l2":"OFF"}'
    first, second = reports(read(driver, "zigbee2mqtt/Duo", payload))
    assert (first.register_wh, first.power_mw, first.voltage_mv) == (1500, 7000, 230_000)
    assert (second.register_wh, second.current_ma, second.relay) == (2500, 30, RelayPosition.OPEN)


def test_gangs_that_share_a_register_offer_it_apart() -> None:
    driver = Zigbee2MqttDriver()
    exposes = [switch("state_left"), switch("state_right"), numeric("energy", "kWh")]
    items = read(driver, "zigbee2mqtt/bridge/devices", listed(("Duo", exposes)))
    assert [
        (one.address, one.has_register, one.has_relay) for one in items if isinstance(one, Discovered)
    ] == [
        ("zigbee2mqtt:Duo/state_left", False, True),
        ("zigbee2mqtt:Duo/state_right", False, True),
        ("zigbee2mqtt:Duo/energy", True, False),
    ]


def test_a_meter_in_use_is_read_before_its_gateway_lists_it() -> None:
    driver = Zigbee2MqttDriver()
    driver.assign(["zigbee2mqtt:house/Plug 8/state"])
    assert ("zigbee2mqtt/house/Plug 8", 1) in driver.filters()
    (told,) = reports(read(driver, "zigbee2mqtt/house/Plug 8", '{"energy":1.25,"state":"ON"}'))
    assert (told.address, told.register_wh) == ("zigbee2mqtt:house/Plug 8/state", 1250)


def test_commands_use_the_words_of_the_definition() -> None:
    driver = Zigbee2MqttDriver()
    odd = [switch("state", 3, on=True, off=False), numeric("energy", "kWh")]
    read(driver, "zigbee2mqtt/bridge/devices", listed(("Odd", odd), ("Plug 7", PLUG)))
    address = "zigbee2mqtt:Odd/state"
    assert driver.switch(address, RelayPosition.OPEN) == (Publish("zigbee2mqtt/Odd/set", b'{"state":false}'),)
    assert driver.query(address) == ()
    assert driver.query("zigbee2mqtt:Plug 7/state") == (Publish("zigbee2mqtt/Plug 7/get", b'{"state":""}'),)
    (told,) = reports(read(driver, "zigbee2mqtt/Odd", '{"state":false}'))
    assert told.relay is RelayPosition.OPEN


@pytest.mark.parametrize(
    "payload,kind",
    [
        (reading(energy="12.34"), "register_not_a_number"),
        (reading(energy=-1), "register_out_of_range"),
        (reading(energy=1e300), "register_out_of_range"),
        (reading(power=[1]), "wrong_type"),
        (reading(state="MAYBE"), "unknown_relay_word"),
        (" " * 65_537, "too_large"),
        ("{", "not_json"),
    ],
)
def test_what_cannot_be_read_is_rejected_by_kind(driver: Zigbee2MqttDriver, payload: str, kind: str) -> None:
    (refused,) = read(driver, "zigbee2mqtt/Plug 7", payload)
    assert isinstance(refused, Rejected)
    # The member's name stands in the decoder, so the path names it whatever the device calls it.
    assert refused.kind == kind


def test_the_device_list_may_be_large_but_not_endless(driver: Zigbee2MqttDriver) -> None:
    large = listed(*((f"Plug {number}", PLUG) for number in range(500)))
    assert len(large) > 65_536
    assert len(read(driver, "zigbee2mqtt/bridge/devices", large)) == 500
    (refused,) = read(driver, "zigbee2mqtt/bridge/devices", " " * (8 * 1024 * 1024 + 1))
    assert isinstance(refused, Rejected)
    assert refused.kind == "too_large"


def test_other_messages_of_the_gateway_say_nothing(driver: Zigbee2MqttDriver) -> None:
    for topic in ("bridge/info", "bridge/logging", "Plug 7/set", "unknown", "unknown/availability"):
        assert not read(driver, f"zigbee2mqtt/{topic}", "{}")
