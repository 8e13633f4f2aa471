import json

import pytest

from meter_bridge.devices.base.driver import Discovered, Phase, Publish, Rejected, Removed, Report
from meter_bridge.devices.zigbee2mqtt.driver import Zigbee2MqttDriver
from meter_bridge.protocol.vocabulary import RelayPosition
from tests.devices.support import read, reports, without

SEEN = "2026-01-02T03:04:05.678Z"
SEEN_MS = 1_767_323_045_678


def switch(name: str = "state", access: int = 7, on: object = "ON", off: object = "OFF") -> dict[str, object]:
    state = {"type": "binary", "name": "state", "property": name, "access": access}
    return {"type": "switch", "features": [state | {"value_on": on, "value_off": off}]}


def numeric(name: str, unit: str) -> dict[str, object]:
    return {"type": "numeric", "name": name, "property": name, "unit": unit, "access": 1}


def entry(name: str, exposes: list[dict[str, object]], ieee: str = "") -> dict[str, object]:
    definition = {"model": "TS011F", "vendor": "Tuya", "exposes": exposes}
    return {"friendly_name": name, "ieee_address": ieee, "definition": definition}


def listed(*devices: tuple[str, list[dict[str, object]]]) -> str:
    return gateway(*(entry(*device) for device in devices))


def gateway(*entries: dict[str, object]) -> str:
    return json.dumps([{"friendly_name": "Coordinator", "type": "Coordinator"}, *entries])


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
        (" " * 65_537, "too_large"),
        ("{", "not_json"),
    ],
)
def test_what_cannot_be_read_is_rejected_by_kind(driver: Zigbee2MqttDriver, payload: str, kind: str) -> None:
    (refused,) = read(driver, "zigbee2mqtt/Plug 7", payload)
    assert isinstance(refused, Rejected)
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


def told_of(items: object) -> list[str]:
    """Return the kinds of what was refused."""
    assert isinstance(items, tuple)
    return [item.kind for item in items if isinstance(item, Rejected)]


@pytest.mark.parametrize(
    "name,value,field",
    [
        ("power", -32768, "power_mw"),
        ("power", -3276.8, "power_mw"),
        ("power", -8388608, "power_mw"),
        ("power", -838860.8, "power_mw"),
        ("power", -8388.61, "power_mw"),
        ("power", -2147483648, "power_mw"),
        ("voltage", 65535, "voltage_mv"),
        ("voltage", 6553.5, "voltage_mv"),
        ("voltage", 655.35, "voltage_mv"),
        ("current", 65535, "current_ma"),
        ("current", 65.535, "current_ma"),
        ("current", 65.54, "current_ma"),
        ("energy", 281474976710655, "register_wh"),
        ("energy", 281474976710.655, "register_wh"),
        ("energy", 28147497671.07, "register_wh"),
        ("energy", 4294967295, "register_wh"),
        ("energy", 42949672.95, "register_wh"),
        ("produced_energy", 281474976710.655, "returned_wh"),
    ],
)
def test_a_marker_of_zigbee_is_no_value(name: str, value: float, field: str) -> None:
    driver = Zigbee2MqttDriver()
    exposes = [*PLUG, numeric("produced_energy", "kWh")]
    read(driver, "zigbee2mqtt/bridge/devices", listed(("Plug 7", exposes)))
    whole = only(driver, reading(produced_energy=1.25))
    items = read(driver, "zigbee2mqtt/Plug 7", reading(**{"produced_energy": 1.25, name: value}))
    assert reports(items) == [without(whole, field)]
    assert told_of(items) == ["no_value"]


def test_the_marker_is_known_before_the_unit_is_applied() -> None:
    driver = Zigbee2MqttDriver()
    exposes = [switch(), numeric("energy", "kWh"), numeric("power", "kW"), numeric("current", "mA")]
    read(driver, "zigbee2mqtt/bridge/devices", listed(("Plug 7", exposes)))
    told = only(driver, reading(power=-3276.8, current=65535))
    assert (told.power_mw, told.current_ma, told.register_wh) == (None, None, 12_340)


@pytest.mark.parametrize(
    "name,value",
    [("power", 32768), ("power", -32767), ("voltage", 230.5), ("current", 6.55), ("energy", 4294.97)],
)
def test_a_usual_number_is_no_marker(driver: Zigbee2MqttDriver, name: str, value: float) -> None:
    assert not told_of(read(driver, "zigbee2mqtt/Plug 7", reading(**{name: value})))


@pytest.mark.parametrize(
    "name,value,field,kind",
    [
        ("power", [1], "power_mw", "wrong_type"),
        ("power", "12", "power_mw", "wrong_type"),
        ("power", 1e300, "power_mw", "power_out_of_range"),
        ("voltage", -3, "voltage_mv", "voltage_out_of_range"),
        ("current", True, "current_ma", "wrong_type"),
        ("last_seen", [3], "measured_at_ms", "time_out_of_range"),
        ("energy", "12.34", "register_wh", "register_not_a_number"),
        ("energy", True, "register_wh", "register_not_a_number"),
        ("energy", -1, "register_wh", "register_out_of_range"),
        ("energy", 1e300, "register_wh", "register_out_of_range"),
    ],
)
def test_a_bad_value_drops_itself_alone_and_is_told_by_its_name(
    driver: Zigbee2MqttDriver, name: str, value: object, field: str, kind: str
) -> None:
    whole = only(driver, reading())
    items = read(driver, "zigbee2mqtt/Plug 7", reading(**{name: value}))
    assert reports(items) == [without(whole, field)]
    assert told_of(items) == [kind]
    assert name in next(each.detail for each in items if isinstance(each, Rejected))


@pytest.mark.parametrize("word", ["MAYBE", ["ON"], 7, True])
def test_an_unknown_word_of_the_relay_costs_the_relay_alone(driver: Zigbee2MqttDriver, word: object) -> None:
    report, refused = read(driver, "zigbee2mqtt/Plug 7", reading(state=word))
    assert isinstance(report, Report)
    assert (report.relay, report.register_wh, report.stale) == (None, 12_340, False)
    assert isinstance(refused, Rejected)
    assert (refused.kind, "state" in refused.detail) == ("unknown_relay_word", True)


def phase_properties(*suffixes: str) -> list[dict[str, object]]:
    units = {"power": "W", "voltage": "V", "current": "A"}
    return [numeric(f"{name}{suffix}", unit) for suffix in suffixes for name, unit in units.items()]


@pytest.mark.parametrize(
    "suffixes",
    [
        ("_a", "_b", "_c"),
        ("_l1", "_l2", "_l3"),
        ("_phase_a", "_phase_b", "_phase_c"),
        ("", "_phase_b", "_phase_c"),
    ],
)
def test_a_three_phase_meter_is_read_whole(suffixes: tuple[str, ...]) -> None:
    driver = Zigbee2MqttDriver()
    exposes = [switch(), numeric("energy", "kWh"), *phase_properties(*suffixes)]
    factors = [numeric(f"power_factor{suffix}", "%") for suffix in suffixes]
    read(driver, "zigbee2mqtt/bridge/devices", listed(("Plug 7", [*exposes, *factors])))
    values: dict[str, object] = {"energy": 12.34, "state": "ON"}
    for number, suffix in enumerate(suffixes):
        values |= {f"power{suffix}": 100 + number, f"voltage{suffix}": 230 + 20 * (number == 1)}
        values |= {f"current{suffix}": 0.5, f"power_factor{suffix}": 98}
    told = only(driver, json.dumps(values))
    assert told.phases == (
        Phase(100_000, 230_000, 500, 980),
        Phase(101_000, 250_000, 500, 980),
        Phase(102_000, 230_000, 500, 980),
    )
    assert (told.register_wh, told.power_mw, told.voltage_mv, told.current_ma) == (
        12_340,
        303_000,
        250_000,
        1500,
    )


def test_a_whole_power_goes_before_the_sum_and_a_missing_phase_makes_none() -> None:
    driver = Zigbee2MqttDriver()
    exposes = [numeric("energy", "kWh"), numeric("power", "W"), *phase_properties("_a", "_b")]
    read(driver, "zigbee2mqtt/bridge/devices", listed(("Plug 7", exposes)))
    told = only(driver, '{"energy":1,"power":7,"power_a":3,"power_b":3,"current_a":1,"current_b":null}')
    assert (told.power_mw, told.current_ma, len(told.phases)) == (7000, None, 2)


def test_a_meter_of_one_named_phase_has_no_phases() -> None:
    driver = Zigbee2MqttDriver()
    exposes = [switch(), numeric("energy", "kWh"), *phase_properties("_a")]
    read(driver, "zigbee2mqtt/bridge/devices", listed(("Plug 7", exposes)))
    told = only(driver, '{"energy":1,"power_a":3,"voltage_a":230,"current_a":0.5,"state":"OFF"}')
    assert (told.power_mw, told.voltage_mv, told.current_ma, told.phases) == (3000, 230_000, 500, ())


@pytest.mark.parametrize("first,second", [("_a", "_b"), ("_l1", "_l2"), ("_phase_a", "_phase_b")])
def test_two_clamps_are_two_meters(first: str, second: str) -> None:
    driver = Zigbee2MqttDriver()
    units = {"energy": "kWh", "energy_produced": "kWh", "power": "W", "current": "A"}
    parts = [numeric(f"{name}{part}", unit) for name, unit in units.items() for part in (first, second)]
    other = [numeric("voltage", "V"), numeric("power_ab", "W"), numeric("energy_today", "kWh")]
    items = read(driver, "zigbee2mqtt/bridge/devices", listed(("Duo", [*parts, *other])))
    assert [
        (item.address, item.has_register, item.has_relay) for item in items if isinstance(item, Discovered)
    ] == [
        (f"zigbee2mqtt:Duo/energy{first}", True, False),
        (f"zigbee2mqtt:Duo/energy{second}", True, False),
    ]
    values = {f"energy{first}": 1.5, f"power{first}": 10, f"energy_produced{first}": 0.25, "voltage": 231}
    values |= {f"energy{second}": 2.5, f"power{second}": 20, f"energy_produced{second}": 0.5}
    one, two = reports(read(driver, "zigbee2mqtt/Duo", json.dumps(values)))
    assert (one.register_wh, one.power_mw, one.returned_wh, one.voltage_mv) == (1500, 10_000, 250, 231_000)
    assert (two.register_wh, two.power_mw, two.returned_wh, two.voltage_mv) == (2500, 20_000, 500, 231_000)
    assert one.phases == two.phases == ()


def test_gangs_are_no_phases_of_the_register_that_they_share() -> None:
    driver = Zigbee2MqttDriver()
    exposes = [
        switch("state_l1"),
        switch("state_l2"),
        numeric("energy", "kWh"),
        *phase_properties("_l1", "_l2"),
    ]
    read(driver, "zigbee2mqtt/bridge/devices", listed(("Duo", exposes)))
    told = reports(read(driver, "zigbee2mqtt/Duo", '{"energy":1,"power_l1":10,"power_l2":20}'))
    assert [(each.power_mw, each.phases) for each in told] == [(10_000, ()), (20_000, ()), (None, ())]


PERENIO = [switch(), numeric("rms_voltage", "V"), numeric("active_power", "W"), numeric("used_energy", "Wh")]


@pytest.mark.parametrize("unit,wh", [("Wh", 1234), ("kWh", 1_234_000), ("MWh", 1_234_000_000)])
def test_a_named_channel_takes_its_unit_from_the_list(unit: str, wh: int) -> None:
    driver = Zigbee2MqttDriver()
    driver.assign(["zigbee2mqtt:Plug 7/used_energy"])
    read(
        driver,
        "zigbee2mqtt/bridge/devices",
        listed(("Plug 7", [*PERENIO[:-1], numeric("used_energy", unit)])),
    )
    assert only(driver, '{"used_energy":1234}').register_wh == wh


@pytest.mark.parametrize(
    "channel,why",
    [("used_energy", "unit is kJ"), ("other_energy", "lists no such number"), ("energy_text", "no such")],
)
def test_a_named_channel_that_counts_no_energy_is_refused_and_told(channel: str, why: str) -> None:
    driver = Zigbee2MqttDriver()
    driver.assign([f"zigbee2mqtt:Plug 7/{channel}"])
    text: dict[str, object] = {"type": "text", "property": "energy_text"}
    exposes = [*PERENIO[:-1], numeric("used_energy", "kJ"), text]
    for items in (
        read(driver, "zigbee2mqtt/bridge/devices", listed(("Plug 7", exposes))),
        read(driver, "zigbee2mqtt/Plug 7", json.dumps({channel: 1234})),
    ):
        refused = items[-1]
        assert isinstance(refused, Rejected)
        assert (refused.kind, refused.topic) == ("no_energy_register", f"zigbee2mqtt:Plug 7/{channel}")
        assert why in refused.detail
        assert all(report.register_wh is None for report in reports(items))


def test_a_channel_of_unknown_unit_waits_for_the_list() -> None:
    driver = Zigbee2MqttDriver()
    driver.assign(["zigbee2mqtt:Plug 7/used_energy", "zigbee2mqtt:Plug 8/energy_l1"])
    items = read(driver, "zigbee2mqtt/Plug 7", '{"used_energy":1234}')
    assert [report.register_wh for report in reports(items)] == [None]
    assert told_of(items) == ["unit_unknown"]
    (usual,) = reports(read(driver, "zigbee2mqtt/Plug 8", '{"energy_l1":1.5}'))
    assert usual.register_wh == 1500
    read(driver, "zigbee2mqtt/bridge/devices", listed(("Plug 7", PERENIO)))
    assert only(driver, '{"used_energy":1235}').register_wh == 1235


def test_a_relay_without_a_register_takes_its_words_from_the_list() -> None:
    driver = Zigbee2MqttDriver()
    driver.assign(["zigbee2mqtt:Relay/state_l3"])
    read(driver, "zigbee2mqtt/bridge/devices", listed(("Relay", [switch("state_l3", 3, on=True, off=False)])))
    assert driver.query("zigbee2mqtt:Relay/state_l3") == ()
    (told,) = reports(read(driver, "zigbee2mqtt/Relay", '{"state_l3":false}'))
    assert told.relay is RelayPosition.OPEN


ADDRESS = "zigbee2mqtt:Plug 7/state"
IEEE = "0x00158d0001a2b3c4"
OTHER = "0x00158d0001a2b3c5"


def in_use(*addresses: str) -> Zigbee2MqttDriver:
    driver = Zigbee2MqttDriver()
    driver.assign(addresses)
    read(
        driver,
        "zigbee2mqtt/bridge/devices",
        gateway(entry("Plug 7", PLUG, IEEE), entry("Plug 8", PLUG, OTHER)),
    )
    return driver


def test_a_renamed_device_is_followed_and_told() -> None:
    driver = in_use(ADDRESS)
    assert only(driver, reading()).address == ADDRESS
    items = read(driver, "zigbee2mqtt/bridge/devices", gateway(entry("Kitchen", PLUG, IEEE)))
    renamed = next(item for item in items if isinstance(item, Rejected))
    assert (renamed.kind, renamed.topic) == ("device_renamed", "Plug 7")
    assert "Kitchen" in renamed.detail
    assert IEEE in renamed.detail
    assert Removed(ADDRESS) not in items
    (told,) = reports(read(driver, "zigbee2mqtt/Kitchen", reading()))
    assert (told.address, told.register_wh) == (ADDRESS, 12_340)
    assert told.stale, "what was measured before is remembered under the new name"
    assert driver.switch(ADDRESS, RelayPosition.OPEN)[0].topic == "zigbee2mqtt/Kitchen/set"
    assert driver.query(ADDRESS)[0].topic == "zigbee2mqtt/Kitchen/get"
    assert ("zigbee2mqtt/Kitchen", 1) in driver.own_filters()
    offline = read(driver, "zigbee2mqtt/Kitchen/availability", "offline")
    assert offline == (Report(ADDRESS, online=False),)


def test_another_device_under_the_old_name_is_not_charged_to_its_account() -> None:
    driver = in_use(ADDRESS)
    swapped = gateway(entry("Plug 8", PLUG, IEEE), entry("Plug 7", PLUG, OTHER))
    read(driver, "zigbee2mqtt/bridge/devices", swapped)
    (own,) = reports(read(driver, "zigbee2mqtt/Plug 8", reading(energy=1)))
    (foreign,) = reports(read(driver, "zigbee2mqtt/Plug 7", reading(energy=2)))
    assert own.address == ADDRESS
    assert foreign.address == f"zigbee2mqtt:{OTHER}/state"


def test_a_device_named_by_its_ieee_address_is_read_whatever_its_name() -> None:
    address = f"zigbee2mqtt:{IEEE}/state"
    driver = in_use(address)
    assert only(driver, reading()).address == address
    assert not told_of(read(driver, "zigbee2mqtt/bridge/devices", gateway(entry("Kitchen", PLUG, IEEE))))
    (told,) = reports(read(driver, "zigbee2mqtt/Kitchen", reading(energy=13)))
    assert (told.address, told.register_wh) == (address, 13_000)
    assert driver.switch(address, RelayPosition.OPEN)[0].topic == "zigbee2mqtt/Kitchen/set"


def test_two_names_of_one_device_are_both_read() -> None:
    driver = in_use(ADDRESS, f"zigbee2mqtt:{IEEE}/state")
    told = reports(read(driver, "zigbee2mqtt/Plug 7", reading()))
    assert {each.address for each in told} == {ADDRESS, f"zigbee2mqtt:{IEEE}/state"}


def test_a_device_that_was_replaced_under_its_name_is_read() -> None:
    driver = in_use(ADDRESS)
    first = only(driver, reading())
    new = gateway(entry("Plug 7", PLUG, "0x00158d0001a2b3ff"))
    assert not told_of(read(driver, "zigbee2mqtt/bridge/devices", new))
    second = only(driver, reading(energy=99))
    assert (first.address, first.reset_marker) == (ADDRESS, IEEE)
    assert (second.address, second.reset_marker) == (ADDRESS, "0x00158d0001a2b3ff"), "another counter"


def test_a_device_that_is_still_being_interviewed_is_another_counter_already() -> None:
    driver = in_use(ADDRESS)
    only(driver, reading())
    new = entry("Plug 7", [], "0x00158d0001a2b3ff") | {"definition": None}
    read(driver, "zigbee2mqtt/bridge/devices", gateway(new))
    assert only(driver, reading(energy=99)).reset_marker == "0x00158d0001a2b3ff"


def test_a_device_in_use_that_the_gateway_does_not_list_is_told() -> None:
    driver = Zigbee2MqttDriver()
    driver.assign(["zigbee2mqtt:Plg 7/state"])
    items = read(driver, "zigbee2mqtt/bridge/devices", gateway(entry("Plug 7", PLUG, IEEE)))
    assert told_of(items) == ["device_not_listed"]


def test_two_gateways_have_devices_of_the_same_name() -> None:
    driver = Zigbee2MqttDriver("zigbee2mqtt", "zigbee/garage")
    house, garage = "zigbee2mqtt:Plug 7/state", "zigbee2mqtt:zigbee/garage/Plug 7/state"
    driver.assign([house, garage])
    offered = read(driver, "zigbee/garage/bridge/devices", listed(("Plug 7", PLUG), ("Pump", PLUG)))
    assert [each.address for each in offered if isinstance(each, Discovered)] == [
        garage,
        "zigbee2mqtt:zigbee/garage/Pump/state",
    ]
    (told,) = reports(read(driver, "zigbee/garage/Plug 7", reading(energy=3)))
    assert (told.address, told.register_wh) == (garage, 3000)
    (told,) = reports(read(driver, "zigbee2mqtt/Plug 7", reading()))
    assert (told.address, told.register_wh) == (house, 12_340)
    assert driver.switch(garage, RelayPosition.OPEN) == (
        Publish("zigbee/garage/Plug 7/set", b'{"state":"OFF"}'),
    )
    assert driver.query(house)[0].topic == "zigbee2mqtt/Plug 7/get"
    assert ("zigbee/garage/bridge/devices", 1) in driver.filters()
    assert ("zigbee/garage/Plug 7/availability", 1) in driver.own_filters()
    assert not driver.matches("zigbee/other/Plug 7")
    gone = reports(read(driver, "zigbee/garage/bridge/state", '{"state":"offline"}'))
    assert {each.address for each in gone} == {garage, "zigbee2mqtt:zigbee/garage/Pump/state"}
