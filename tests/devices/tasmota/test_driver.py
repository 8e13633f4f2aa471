import json

import pytest

from meter_bridge.devices.base.driver import Discovered, Publish, Rejected, Removed, Report
from meter_bridge.devices.tasmota.driver import TasmotaDriver
from meter_bridge.protocol.vocabulary import RelayPosition
from tests.devices.support import read, reports, requests, without

ENERGY = {
    "TotalStartTime": "2025-01-02T03:04:05",
    "Total": 12.34567,
    "Yesterday": 1.0,
    "Today": 0.5,
    "Power": 1500.5,
    "Factor": 0.98,
    "Frequency": 49.9,
    "Voltage": 231,
    "Current": 6.52,
}
CONFIG = {
    "dn": "Kitchen plug",
    "fn": ["Kitchen"],
    "hn": "tasmota-1",
    "mac": "AABBCCDDEEFF",
    "md": "Nous A1T",
    "sw": "14.4.1",
    "t": "kitchen",
    "ft": "%prefix%/%topic%/",
    "tp": ["cmnd", "stat", "tele"],
    "ofln": "Offline",
    "onln": "Online",
    "state": ["OFF", "ON", "TOGGLE", "HOLD"],
    "rl": [1, 0, 0, 0],
    "so": {"4": 0},
    "ver": 1,
}


@pytest.fixture
def driver() -> TasmotaDriver:
    made = TasmotaDriver()
    made.assign(["tasmota:kitchen/1"])
    return made


def sensor(**changes: object) -> str:
    return json.dumps({"Time": "2026-01-01T00:00:00", "ENERGY": ENERGY | changes})


def per_phase(total: list[float | None], **changes: object) -> str:
    """Return what ``SetOption129 1`` tells: total and today split by phase, as power always is."""
    split = {"Total": total, "Today": [0.5] * len(total), "Power": [10] * len(total)}
    return sensor(**split | changes)


def with_tariffs(*numbers: float, **changes: object) -> str:
    """Return what firmware before 8.5 told of a device with two tariffs."""
    return sensor(**{"Total": list(numbers), "Today": 8.286, "Power": 2} | changes)


def only(driver: TasmotaDriver, topic: str, payload: str, *, retained: bool = False) -> Report:
    (report,) = reports(read(driver, topic, payload, retained=retained))
    return report


def test_a_sensor_message_becomes_exact_integers(driver: TasmotaDriver) -> None:
    assert only(driver, "tele/kitchen/SENSOR", sensor()) == Report(
        "tasmota:kitchen/1",
        register_wh=12345,
        reset_marker="2025-01-02T03:04:05",
        power_mw=1_500_500,
        voltage_mv=231_000,
        current_ma=6520,
        frequency_mhz=49_900,
        online=True,
        register_modulus_wh=42_949_672,
        power_factor_permille=980,
    )


@pytest.mark.parametrize("told,wh", [(1.25, 1250), ([1.25, 0.5], 1750), ([1.0, None], None), (None, None)])
def test_what_flowed_back_is_told_apart(driver: TasmotaDriver, told: object, wh: int | None) -> None:
    power = [10, 20] if isinstance(told, list) else 30
    assert only(driver, "tele/kitchen/SENSOR", sensor(ExportActive=told, Power=power)).returned_wh == wh


def test_a_phase_on_its_own_tells_what_flowed_back_through_it() -> None:
    made = TasmotaDriver()
    made.assign(["tasmota:kitchen/phase2"])
    read(made, "tele/kitchen/SENSOR", sensor())
    told = reports(read(made, "tele/kitchen/SENSOR", per_phase([1, 2], ExportActive=[0.5, 0.25])))
    assert [(each.address, each.returned_wh) for each in told][1:] == [("tasmota:kitchen/phase2", 250)]


@pytest.mark.parametrize(
    "total,modulus", [(1.0, 42_949_672), ([1.0, 2.0, 3.0], None), ({"Phase1": 1.0}, None), (None, None)]
)
def test_the_end_of_the_register_is_known_where_one_counter_makes_it(
    driver: TasmotaDriver, total: object, modulus: int | None
) -> None:
    assert only(driver, "tele/kitchen/SENSOR", sensor(Total=total)).register_modulus_wh == modulus


def test_a_reset_is_witnessed_by_the_device_and_a_restart_by_its_count_of_boots(
    driver: TasmotaDriver,
) -> None:
    told = [
        only(driver, "tele/kitchen/SENSOR", sensor(TotalStartTime=start)).reset_marker
        for start in ("2025-01-02T03:04:05", "2026-02-03T04:05:06")
    ]
    assert told == ["2025-01-02T03:04:05", "2026-02-03T04:05:06"]
    assert only(driver, "tele/kitchen/INFO3", '{"Info3":{"BootCount":8}}').boot_id == "8"


def test_a_start_time_of_1970_tells_nothing_as_the_device_has_no_time_yet(driver: TasmotaDriver) -> None:
    report = only(driver, "tele/kitchen/SENSOR", sensor(TotalStartTime="1970-01-01T00:00:00"))
    assert (report.reset_marker, report.register_wh is None) == (None, False)


@pytest.mark.parametrize("number", ["8", "10", "0"])
def test_a_status_answer_reads_like_telemetry(driver: TasmotaDriver, number: str) -> None:
    told = only(driver, f"stat/kitchen/STATUS{number}", '{"StatusSNS":{"ENERGY":{"Total":1.5,"Power":3}}}')
    assert (told.register_wh, told.power_mw) == (1500, 3000)


@pytest.mark.parametrize("total,wh", [([1.2, 3.4], 4600), ([1.2, 3.4, 0.1], 4700), ([1.2, None], None)])
def test_a_total_per_phase_is_summed_and_never_in_part(
    driver: TasmotaDriver, total: list[float | None], wh: int | None
) -> None:
    assert only(driver, "tele/kitchen/SENSOR", per_phase(total)).register_wh == wh


@pytest.mark.parametrize("total,wh", [({"Phase1": 1.2, "Phase2": 3.4}, 4600), ([], None), (None, None)])
def test_a_total_by_name_is_summed_and_an_empty_one_is_none(
    driver: TasmotaDriver, total: object, wh: int | None
) -> None:
    assert only(driver, "tele/kitchen/SENSOR", sensor(Total=total)).register_wh == wh


@pytest.mark.parametrize("power", [2, [1, 1, 0]], ids=["one phase", "three phases"])
def test_a_total_with_its_tariffs_counts_once(driver: TasmotaDriver, power: object) -> None:
    """Firmware before 8.5; its second and third number need not add up to the first."""
    told = with_tariffs(33.736, 11.717, 16.978, Power=power, ExportActive=[5.5, 2.0, 3.0])
    report = only(driver, "tele/kitchen/SENSOR", told)
    assert (report.register_wh, report.returned_wh, report.register_step_wh) == (33_736, 5_500, 1)


def test_tariffs_are_no_registers_of_phases() -> None:
    driver = TasmotaDriver()
    driver.assign(["tasmota:kitchen/phase2"])
    read(driver, "tele/kitchen/SENSOR", sensor())
    told = with_tariffs(33.736, 11.717, 16.978, ExportActive=[5.5, 2.0, 3.0])
    phase = reports(read(driver, "tele/kitchen/SENSOR", told))[1]
    assert (phase.address, phase.register_wh, phase.returned_wh) == ("tasmota:kitchen/phase2", None, None)


@pytest.mark.parametrize(
    "payload",
    [
        '{"ENERGY":{"Total":[1.2,3.4]}}',
        '{"ENERGY":{"Total":[1.2,3.4,5.6]}}',
        '{"ENERGY":{"Total":[1.2,3.4],"Today":0.5,"Power":2}}',
        '{"ENERGY":{"Total":[1.2,3.4,5.6],"Today":[0.1,0.2,0.3],"Power":2}}',
        '{"ENERGY":{"Total":[1.2,3.4,5.6],"Today":[0.1,0.2],"Power":[1,2,3]}}',
    ],
)
def test_a_list_that_may_be_phases_or_tariffs_is_refused(driver: TasmotaDriver, payload: str) -> None:
    (refused,) = read(driver, "tele/kitchen/SENSOR", payload)
    assert isinstance(refused, Rejected)
    assert refused.kind == "register_ambiguous"


def test_a_returned_list_without_phases_is_dropped_and_told(driver: TasmotaDriver) -> None:
    _, report, refused = read(driver, "tele/kitchen/SENSOR", sensor(ExportActive=[1.25, 0.5]))
    assert isinstance(report, Report)
    assert isinstance(refused, Rejected)
    assert (report.register_wh, report.returned_wh, refused.kind) == (12_345, None, "returned_ambiguous")


@pytest.mark.parametrize(
    "changes,kind",
    [
        ({"Power": "x"}, "wrong_type"),
        ({"Power": 1e300}, "power_out_of_range"),
        ({"Power": True}, "wrong_type"),
        ({"Voltage": -1}, "voltage_out_of_range"),
        ({"Current": {"a": [1]}}, "wrong_type"),
        ({"Frequency": 1e6}, "frequency_out_of_range"),
        ({"Factor": 3.4}, "power_factor_out_of_range"),
        ({"ExportActive": -0.001}, "register_out_of_range"),
    ],
)
def test_a_bad_value_drops_itself_and_not_the_register(
    driver: TasmotaDriver, changes: dict[str, object], kind: str
) -> None:
    whole = only(driver, "tele/kitchen/SENSOR", sensor())
    report, refused = read(driver, "tele/kitchen/SENSOR", sensor(**changes))
    assert isinstance(report, Report)
    assert isinstance(refused, Rejected)
    names = {
        "Power": "power_mw",
        "Voltage": "voltage_mv",
        "Current": "current_ma",
        "Frequency": "frequency_mhz",
    }
    names |= {"Factor": "power_factor_permille", "ExportActive": "returned_wh"}
    assert report == without(whole, *(names[name] for name in changes))
    assert (refused.kind, refused.topic) == (kind, "kitchen")


def test_a_sum_with_a_bad_phase_is_no_sum(driver: TasmotaDriver) -> None:
    bad = sensor(Power=[10, 1e300, 30], Voltage=[230, -1, 232], Current=[1, None, 2])
    _, report, *refused = read(driver, "tele/kitchen/SENSOR", bad)
    assert isinstance(report, Report)
    assert (report.power_mw, report.voltage_mv, report.current_ma) == (None, 230_000, 3000)
    assert [phase.power_mw for phase in report.phases] == [10_000, None, 30_000]
    assert len(refused) == 2


def test_phase_lists_are_joined(driver: TasmotaDriver) -> None:
    told = only(
        driver,
        "tele/kitchen/SENSOR",
        sensor(Power=[10, 20.5, -5], Current=[1, 2, 3], Voltage=[230, 262, 231]),
    )
    assert (told.power_mw, told.current_ma, told.voltage_mv) == (25_500, 6000, 262_000)
    assert [phase.power_mw for phase in told.phases] == [10_000, 20_500, -5_000]
    assert [phase.power_factor_permille for phase in told.phases] == [980, 980, 980]


@pytest.mark.parametrize("told, permille", [(1.02, 1000), (-0.5, -500), (3.4, None), (None, None)])
def test_a_power_factor_that_cannot_be_does_not_cost_the_reading(
    driver: TasmotaDriver, told: float | None, permille: int | None
) -> None:
    (report,) = reports(read(driver, "tele/kitchen/SENSOR", sensor(Factor=told)))
    assert (report.power_factor_permille, report.register_wh) == (permille, 12345)


def test_a_phase_in_use_is_a_meter_of_its_own() -> None:
    driver = TasmotaDriver()
    driver.assign(["tasmota:duo/phase1", "tasmota:duo/phase2"])
    read(driver, "tele/duo/SENSOR", sensor())
    told = {
        report.address: report
        for report in reports(
            read(driver, "tele/duo/SENSOR", per_phase([1.5, 2.5], Power=[10, 20], Voltage=230))
        )
    }
    assert told["tasmota:duo/phase2"].register_wh == 2500
    assert told["tasmota:duo/phase2"].power_mw == 20_000
    assert told["tasmota:duo/phase2"].voltage_mv == 230_000
    moved = reports(read(driver, "stat/duo/RESULT", '{"POWER2":"OFF"}'))
    assert ("tasmota:duo/phase2", RelayPosition.OPEN) in [(report.address, report.relay) for report in moved]


def test_the_register_step_grows_with_the_float32_of_the_device(driver: TasmotaDriver) -> None:
    assert only(driver, "tele/kitchen/SENSOR", sensor(Total=20000.5)).register_step_wh == 2


@pytest.mark.parametrize(
    "topic,payload",
    [
        ("tele/kitchen/STATE", '{"POWER":"OFF","UptimeSec":12}'),
        ("stat/kitchen/RESULT", '{"POWER1":"OFF"}'),
        ("stat/kitchen/POWER", '{"POWER":"OFF"}'),
        ("stat/kitchen/POWER", "OFF"),
        ("stat/kitchen/POWER1", "OFF"),
        ("stat/kitchen/STATUS11", '{"StatusSTS":{"POWER":"OFF"}}'),
    ],
)
def test_the_relay_is_read_from_every_form(driver: TasmotaDriver, topic: str, payload: str) -> None:
    assert only(driver, topic, payload) == Report("tasmota:kitchen/1", relay=RelayPosition.OPEN, online=True)


def test_several_relays_have_an_address_each(driver: TasmotaDriver) -> None:
    told = reports(read(driver, "tele/kitchen/STATE", '{"POWER1":"ON","POWER2":"OFF"}'))
    assert [(report.address, report.relay) for report in told] == [
        ("tasmota:kitchen/1", RelayPosition.CLOSED),
        ("tasmota:kitchen/2", RelayPosition.OPEN),
    ]


@pytest.mark.parametrize("topic", ["tele/kitchen/MARGINS", "stat/kitchen/WARNING", "tele/kitchen/INFO1"])
def test_what_is_no_reading_says_nothing(driver: TasmotaDriver, topic: str) -> None:
    assert not read(driver, topic, '{"MaxPowerReached":3000}')


def test_a_result_without_relay_says_nothing(driver: TasmotaDriver) -> None:
    assert not read(driver, "stat/kitchen/RESULT", '{"TelePeriod":10}')


def test_a_retained_message_is_stale_and_no_sign_of_life(driver: TasmotaDriver) -> None:
    told = only(driver, "stat/kitchen/POWER", "ON", retained=True)
    assert told.stale
    assert told.online is None


def test_a_device_in_use_that_comes_online_is_asked_for_everything(driver: TasmotaDriver) -> None:
    items = read(driver, "tele/kitchen/LWT", "Online", retained=True)
    assert reports(items) == [Report("tasmota:kitchen/1", online=True, stale=True)]
    assert [(sent.topic, sent.payload) for sent in requests(items)] == [
        ("cmnd/kitchen/STATUS", b"1"),
        ("cmnd/kitchen/STATUS", b"10"),
        ("cmnd/kitchen/STATUS", b"11"),
    ]


def test_the_last_will_says_offline(driver: TasmotaDriver) -> None:
    assert read(driver, "tele/kitchen/LWT", "Offline") == (Report("tasmota:kitchen/1", online=False),)
    assert not read(driver, "tele/kitchen/LWT", "")


def test_a_boot_is_told_by_its_count(driver: TasmotaDriver) -> None:
    told = only(driver, "tele/kitchen/INFO3", '{"Info3":{"RestartReason":"Power On","BootCount":7}}')
    assert told.boot_id == "7"
    assert only(driver, "stat/kitchen/STATUS1", '{"StatusPRM":{"BootCount":8}}').boot_id == "8"


def test_a_fallen_uptime_makes_the_driver_ask_which_boot_this_is(driver: TasmotaDriver) -> None:
    assert not requests(read(driver, "tele/kitchen/STATE", '{"POWER":"ON","UptimeSec":500}'))
    asked = requests(read(driver, "tele/kitchen/STATE", '{"POWER":"ON","UptimeSec":4}'))
    assert asked == [Publish("cmnd/kitchen/STATUS", b"1")]


def test_commands_and_questions(driver: TasmotaDriver) -> None:
    assert driver.switch("tasmota:kitchen/1", RelayPosition.OPEN) == (Publish("cmnd/kitchen/POWER1", b"OFF"),)
    assert driver.switch("tasmota:kitchen/2", RelayPosition.CLOSED) == (
        Publish("cmnd/kitchen/POWER2", b"ON"),
    )
    assert driver.query("tasmota:kitchen/1") == (
        Publish("cmnd/kitchen/STATUS", b"10"),
        Publish("cmnd/kitchen/STATUS", b"11"),
    )


def test_a_layout_with_the_prefix_last_is_learnt_by_hearing_it(driver: TasmotaDriver) -> None:
    assert only(driver, "kitchen/tele/SENSOR", sensor()).register_wh == 12345
    assert driver.switch("tasmota:kitchen/1", RelayPosition.OPEN)[0].topic == "kitchen/cmnd/POWER1"


def test_discovery_offers_a_meter_once_its_sensors_are_known(driver: TasmotaDriver) -> None:
    assert not read(driver, "tasmota/discovery/AABBCCDDEEFF/config", json.dumps(CONFIG), retained=True)
    (offered,) = read(
        driver, "tasmota/discovery/AABBCCDDEEFF/sensors", json.dumps({"sn": json.loads(sensor()), "ver": 1})
    )
    assert offered == Discovered("tasmota:kitchen/1", "Kitchen plug", "Nous A1T", "14.4.1")


def test_a_device_without_energy_is_offered_as_a_relay_alone(driver: TasmotaDriver) -> None:
    read(driver, "tasmota/discovery/AABBCCDDEEFF/config", json.dumps(CONFIG | {"rl": [1, 1]}))
    offered = read(driver, "tasmota/discovery/AABBCCDDEEFF/sensors", '{"sn":{"Time":"x"},"ver":1}')
    assert [(one.address, one.has_register) for one in offered if isinstance(one, Discovered)] == [
        ("tasmota:kitchen/1", False),
        ("tasmota:kitchen/2", False),
    ]


def test_an_empty_announcement_withdraws_the_meter(driver: TasmotaDriver) -> None:
    read(driver, "tasmota/discovery/AABBCCDDEEFF/config", json.dumps(CONFIG))
    assert read(driver, "tasmota/discovery/AABBCCDDEEFF/config", "") == (Removed("tasmota:kitchen/1"),)
    assert not read(driver, "tasmota/discovery/000000000000/config", "")


def test_an_unusual_full_topic_is_subscribed_and_used(driver: TasmotaDriver) -> None:
    told = CONFIG | {"ft": "home/%topic%/x/%prefix%/", "tp": ["cmd", "st", "tl"], "state": ["AUS", "AN"]}
    read(driver, "tasmota/discovery/AABBCCDDEEFF/config", json.dumps(told))
    assert ("home/kitchen/x/tl/+", 1) in driver.filters()
    assert only(driver, "home/kitchen/x/tl/SENSOR", sensor()).register_wh == 12345
    assert only(driver, "home/kitchen/x/st/RESULT", '{"POWER":"AUS"}').relay is RelayPosition.OPEN
    assert driver.switch("tasmota:kitchen/1", RelayPosition.OPEN)[0].topic == "home/kitchen/x/cmd/POWER1"


def test_a_device_that_never_announced_itself_is_offered_by_its_first_reading() -> None:
    driver = TasmotaDriver()
    items = read(driver, "tele/unknown/SENSOR", sensor())
    assert items[0] == Discovered("tasmota:unknown/1", "unknown")
    assert len(read(driver, "tele/unknown/SENSOR", sensor())) == 1


@pytest.mark.parametrize(
    "payload,kind",
    [
        ('{"ENERGY":{"Total":"12.3"}}', "register_not_a_number"),
        ('{"ENERGY":{"Total":true}}', "register_not_a_number"),
        ('{"ENERGY":{"Total":1e999}}', "register_not_a_number"),
        ('{"ENERGY":{"Total":-0.001}}', "register_out_of_range"),
        ('{"ENERGY":{"Total":1e17}}', "register_out_of_range"),
        ('{"ENERGY":{"Total":[1.0,-1.0],"Power":[1,2]}}', "register_out_of_range"),
        ('{"ENERGY":{"Total":NaN}}', "not_json"),
        ("[]", "wrong_type"),
        ("", "not_json"),
        ("[" * 60_000, "wrong_type"),
        ('{"x":' + "[" * 30_000, "not_json"),
        (" " * 65_537, "too_large"),
    ],
)
def test_what_cannot_be_read_is_rejected_by_kind(driver: TasmotaDriver, payload: str, kind: str) -> None:
    (refused,) = read(driver, "tele/kitchen/SENSOR", payload)
    assert isinstance(refused, Rejected)
    assert refused.kind == kind
    assert refused.topic == "tele/kitchen/SENSOR"


@pytest.mark.parametrize(
    "topic,payload,kind",
    [
        ("stat/kitchen/POWER", "TOGGLE", "unknown_relay_word"),
        ("stat/kitchen/POWER", b"\xff\xfe", "not_json"),
        ("tele/kitchen/LWT", "maybe", "unknown_last_will"),
        (
            "tasmota/discovery/AABBCCDDEEFF/config",
            '{"t":"a/#","ft":"%prefix%/%topic%/"}',
            "unusable_full_topic",
        ),
        ("tasmota/discovery/AABBCCDDEEFF/config", '{"t":"a","ft":"%topic%"}', "unusable_full_topic"),
        ("tasmota/discovery/AABBCCDDEEFF/config", "{}", "wrong_type"),
    ],
)
def test_unknown_words_are_rejected(
    driver: TasmotaDriver, topic: str, payload: str | bytes, kind: str
) -> None:
    (refused,) = read(driver, topic, payload)
    assert isinstance(refused, Rejected)
    assert refused.kind == kind


def test_foreign_topics_are_left_to_others(driver: TasmotaDriver) -> None:
    assert not driver.matches("zigbee2mqtt/plug")
    assert not driver.matches("shellyplus1pm-1/events/rpc")
    assert not driver.decode("tele/kitchen/unknown", b"x", retained=False)


def test_unassigned_meters_do_not_stay_in_use(driver: TasmotaDriver) -> None:
    driver.assign([])
    assert not requests(read(driver, "tele/kitchen/LWT", "Online"))


def test_a_layout_of_any_depth_that_a_person_named_is_read_and_commanded() -> None:
    driver = TasmotaDriver(["iot/house/%prefix%/%topic%/", "%topic%/a/b/%prefix%"])
    driver.assign(["tasmota:pow/1", "tasmota:attic/pump/1", "tasmota:usual/1"])
    (told,) = reports(read(driver, "iot/house/tele/pow/SENSOR", '{"ENERGY":{"Total":1.5}}'))
    assert (told.address, told.register_wh) == ("tasmota:pow/1", 1500)
    assert driver.query("tasmota:pow/1")[0].topic == "iot/house/cmnd/pow/STATUS"
    (told,) = reports(read(driver, "attic/pump/a/b/stat/POWER", "OFF"))
    assert (told.address, told.relay) == ("tasmota:attic/pump/1", RelayPosition.OPEN)
    (switched,) = driver.switch("tasmota:attic/pump/1", RelayPosition.CLOSED)
    assert switched.topic == "attic/pump/a/b/cmnd/POWER1"
    assert reports(read(driver, "tele/usual/SENSOR", '{"ENERGY":{"Total":1.5}}'))
    names = {name for name, _ in driver.filters()}
    assert {"iot/house/tele/+/+", "iot/house/stat/+/+", "+/a/b/tele/+", "attic/pump/a/b/tele/+"} <= names
    assert "iot/house/tele/pow/+" in {name for name, _ in driver.own_filters()}
