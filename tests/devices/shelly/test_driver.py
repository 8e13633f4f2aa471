import json

import pytest

from meter_bridge.devices.base.driver import Discovered, Phase, Publish, Rejected, Report
from meter_bridge.devices.shelly.driver import ShellyDriver
from meter_bridge.protocol.vocabulary import RelayPosition
from tests.devices.support import read, reports, requests, without

PLUG = "shellyplusplugs-c049ef8b3a44"
MARKER = "0xc049ef8b3a44"
ADDRESS = f"shelly:{PLUG}/0"
ANSWERS = f"prepaid-meter-bridge/{PLUG}/rpc"
EVENTS = f"{PLUG}/events/rpc"
SWITCH = {
    "id": 0,
    "output": True,
    "apower": 1500.5,
    "voltage": 231.2,
    "current": 6.5,
    "freq": 50.0,
    "aenergy": {"total": 12345.678, "by_minute": [1.0, 2.0, 3.0], "minute_ts": 1_767_323_040},
}


@pytest.fixture
def driver() -> ShellyDriver:
    made = ShellyDriver()
    made.assign([ADDRESS])
    return made


def notify(method: str = "NotifyStatus", **components: object) -> str:
    params = {"ts": 1_767_323_045.67} | {
        name.replace("_", ":", 1): value for name, value in components.items()
    }
    return json.dumps({"src": PLUG, "dst": f"{PLUG}/events", "method": method, "params": params})


def answer(identity: int, result: object) -> str:
    return json.dumps({"id": identity, "src": PLUG, "dst": "prepaid-meter-bridge", "result": result})


def known(driver: ShellyDriver, **components: object) -> None:
    read(driver, f"{PLUG}/online", "true", retained=True)
    read(driver, ANSWERS, answer(1, {name.replace("_", ":", 1): value for name, value in components.items()}))
    read(driver, ANSWERS, answer(2, {"id": PLUG, "name": "Plug", "model": "SNPL-00112EU", "ver": "1.4.4"}))


def only(driver: ShellyDriver, topic: str, payload: str) -> Report:
    (report,) = reports(read(driver, topic, payload))
    return report


def test_two_installations_have_topics_of_their_own() -> None:
    assert ("house-two/#", 1) in ShellyDriver("house-two").filters()


def test_a_notification_becomes_exact_integers(driver: ShellyDriver) -> None:
    known(driver, switch_0=SWITCH)
    assert only(driver, EVENTS, notify(switch_0=SWITCH)) == Report(
        ADDRESS,
        register_wh=12_345,
        reset_marker=MARKER,
        power_mw=1_500_500,
        voltage_mv=231_200,
        current_ma=6500,
        frequency_mhz=50_000,
        relay=RelayPosition.CLOSED,
        online=True,
        measured_at_ms=1_767_323_045_670,
    )


@pytest.mark.parametrize(
    "name,value,field,kind",
    [
        ("apower", 1e300, "power_mw", "power_out_of_range"),
        ("apower", "12", "power_mw", "wrong_type"),
        ("voltage", -1, "voltage_mv", "voltage_out_of_range"),
        ("current", [6.5], "current_ma", "wrong_type"),
        ("freq", -50, "frequency_mhz", "frequency_out_of_range"),
        ("pf", 7, "power_factor_permille", "power_factor_out_of_range"),
        ("output", "on", "relay", "unknown_relay_word"),
        ("output", 1, "relay", "unknown_relay_word"),
    ],
)
def test_a_bad_value_drops_itself_and_not_the_register(
    driver: ShellyDriver, name: str, value: object, field: str, kind: str
) -> None:
    known(driver, switch_0=SWITCH)
    whole = only(driver, EVENTS, notify(switch_0=SWITCH))
    report, refused = read(driver, EVENTS, notify(switch_0=SWITCH | {name: value}))
    assert report == without(whole, field)
    assert isinstance(refused, Rejected)
    assert (refused.kind, refused.topic) == (kind, PLUG)


def test_a_bad_phase_or_returned_counter_drops_itself(driver: ShellyDriver) -> None:
    known(driver)
    three = {"a_act_power": 1e300, "b_act_power": 5, "a_voltage": "x", "b_voltage": 230.0}
    three["total_act_power"] = 7
    counted = {"total_act": 1234.5, "total_act_ret": -1}
    report, *refused = read(driver, EVENTS, notify(em_0=three, emdata_0=counted))
    assert isinstance(report, Report)
    assert (report.register_wh, report.returned_wh, report.power_mw) == (1234, None, 7000)
    assert [phase.power_mw for phase in report.phases] == [None, 5000, None]
    kinds = [each.kind for each in refused if isinstance(each, Rejected)]
    assert kinds == ["power_out_of_range", "wrong_type", "register_out_of_range"]


@pytest.mark.parametrize(
    "ts,kind", [("now", "wrong_type"), (12.5, "clock_not_set"), (1e300, "clock_not_set")]
)
def test_a_bad_clock_costs_the_time_and_not_the_reading(driver: ShellyDriver, ts: object, kind: str) -> None:
    known(driver, switch_0=SWITCH)
    report, refused = read(driver, EVENTS, notify(switch_0=SWITCH, ts=ts))
    assert isinstance(report, Report)
    assert isinstance(refused, Rejected)
    assert (report.register_wh, report.measured_at_ms, refused.kind) == (12_345, None, kind)


def test_a_device_that_misstates_its_uptime_tells_no_boot(driver: ShellyDriver) -> None:
    status = {"sys": {"unixtime": 1_767_323_045, "uptime": -4}, "switch:0": SWITCH}
    report, *_, refused = [
        item
        for item in read(driver, f"{PLUG}/online", "true") and read(driver, ANSWERS, answer(1, status))
        if isinstance(item, Report | Rejected)
    ]
    assert isinstance(report, Report)
    assert isinstance(refused, Rejected)
    assert (report.register_wh, report.boot_id, refused.kind) == (12_345, None, "time_out_of_range")


def test_an_unknown_device_is_asked_who_it_is_until_it_answers(driver: ShellyDriver) -> None:
    asked = requests(read(driver, EVENTS, notify(switch_0={"id": 0, "output": False})))
    assert [json.loads(sent.payload)["method"] for sent in asked] == [
        "Shelly.GetDeviceInfo",
        "Shelly.GetStatus",
    ]
    assert {sent.topic for sent in asked} == {f"{PLUG}/rpc"}
    assert json.loads(asked[0].payload)["src"] == f"prepaid-meter-bridge/{PLUG}"
    known(driver, switch_0=SWITCH)
    assert not requests(read(driver, EVENTS, notify(switch_0={"id": 0, "output": False})))


def test_a_device_is_offered_when_status_and_information_are_there(driver: ShellyDriver) -> None:
    read(driver, f"{PLUG}/online", "true")
    read(driver, ANSWERS, answer(2, {"id": PLUG, "name": "Plug", "model": "SNPL-00112EU", "ver": "1.4.4"}))
    items = read(
        driver, ANSWERS, answer(1, {"switch:0": SWITCH, "sys": {"uptime": 5, "unixtime": 1_767_323_045}})
    )
    assert items[0] == Discovered(ADDRESS, "Plug", "SNPL-00112EU", "1.4.4")


def test_a_partial_overlay_speaks_only_of_what_it_holds(driver: ShellyDriver) -> None:
    known(driver, switch_0=SWITCH)
    relay = only(driver, EVENTS, notify(switch_0={"id": 0, "output": False}))
    assert (relay.relay, relay.register_wh, relay.power_mw) == (RelayPosition.OPEN, None, None)
    energy = only(driver, EVENTS, notify(switch_0={"id": 0, "aenergy": {"total": 13_000.2}}))
    assert (energy.relay, energy.register_wh) == (None, 13_000)


def test_imported_energy_is_the_total_less_what_was_returned(driver: ShellyDriver) -> None:
    both = SWITCH | {
        "aenergy": {"total": 10_000, "minute_ts": 60},
        "ret_aenergy": {"total": 4000.5, "minute_ts": 60},
    }
    assert only(driver, EVENTS, notify("NotifyFullStatus", switch_0=both)).register_wh == 5999


def test_what_flowed_back_is_told_apart(driver: ShellyDriver) -> None:
    known(driver, switch_0=SWITCH)
    told = [
        only(driver, EVENTS, notify(switch_0={"aenergy": {"total": 9000}, "ret_aenergy": {"total": 4000.9}})),
        only(driver, EVENTS, notify(switch_0={"apower": 1})),
        only(driver, EVENTS, notify(em1data_0={"total_act_energy": 5.5, "total_act_ret_energy": 144.4})),
        only(driver, EVENTS, notify(emdata_0={"total_act": 5.5, "total_act_ret": 1000.0})),
    ]
    assert [(each.register_wh, each.returned_wh) for each in told] == [
        (4999, 4000),
        (None, None),
        (5, 144),
        (5, 1000),
    ]


def test_a_total_alone_waits_until_a_status_has_told_of_returned_energy(driver: ShellyDriver) -> None:
    first = only(driver, EVENTS, notify(switch_0={"id": 0, "aenergy": {"total": 10_000}}))
    assert first.register_wh is None


def test_counters_of_two_moments_are_never_subtracted(driver: ShellyDriver) -> None:
    both = SWITCH | {
        "aenergy": {"total": 10_000, "minute_ts": 60},
        "ret_aenergy": {"total": 4000, "minute_ts": 60},
    }
    known(driver, switch_0=both)
    items = read(driver, EVENTS, notify(switch_0={"id": 0, "aenergy": {"total": 10_100, "minute_ts": 120}}))
    assert reports(items)[0].register_wh is None
    assert [json.loads(sent.payload)["method"] for sent in requests(items)] == ["Shelly.GetStatus"]
    same = {"id": 0, "aenergy": {"total": 10_050, "minute_ts": 60}}
    assert only(driver, EVENTS, notify(switch_0=same)).register_wh == 6050


def test_a_status_topic_carries_one_component(driver: ShellyDriver) -> None:
    told = only(driver, f"{PLUG}/status/switch:0", json.dumps(SWITCH))
    assert (told.register_wh, told.relay) == (12_345, RelayPosition.CLOSED)
    assert not read(driver, f"{PLUG}/status/wifi", "{}")


def test_a_three_phase_meter_joins_its_two_components(driver: ShellyDriver) -> None:
    em = {
        "id": 0,
        "total_act_power": 559.0,
        "total_current": 3.8,
        "a_voltage": 229,
        "a_pf": 0.93,
        "a_current": 2.5,
        "a_act_power": 530.5,
        "b_voltage": 0,
        "c_voltage": 230,
    }
    data = {"id": 0, "total_act": 2_589_773.39, "total_act_ret": 1026.61}
    told = only(driver, EVENTS, notify("NotifyFullStatus", em_0=em, emdata_0=data))
    assert (told.address, told.register_wh, told.power_mw, told.voltage_mv) == (
        ADDRESS,
        2_589_773,
        559_000,
        0,
    )
    assert told.phases == (Phase(530_500, 229_000, 2_500, 930), Phase(None, 0), Phase(None, 230_000))


def test_a_clamp_has_an_address_of_its_own_and_may_count_its_id_in_words(driver: ShellyDriver) -> None:
    told = only(
        driver, EVENTS, notify(em1_1={"id": "1", "act_power": -332.2}, em1data_1={"total_act_energy": 1264.9})
    )
    assert (told.address, told.register_wh, told.power_mw) == (f"shelly:{PLUG}/em1:1", 1264, -332_200)
    assert not driver.switch(f"shelly:{PLUG}/em1:1", RelayPosition.OPEN)


def test_a_meter_without_relay(driver: ShellyDriver) -> None:
    known(driver, pm1_0={key: value for key, value in SWITCH.items() if key != "output"})
    told = only(driver, EVENTS, notify(pm1_0={"id": 0, "apower": 3.0}))
    assert (told.address, told.relay, told.power_mw) == (ADDRESS, None, 3000)


def test_the_boot_keeps_its_name_while_the_clock_is_corrected(driver: ShellyDriver) -> None:
    def boot(uptime: int, now: int) -> str | None:
        return only(
            driver,
            EVENTS,
            notify("NotifyFullStatus", switch_0=SWITCH, sys={"uptime": uptime, "unixtime": now}),
        ).boot_id

    assert boot(100, 1_767_323_100) == boot(200, 1_767_323_203)
    assert boot(5, 1_767_323_300) == "1767323295"


def test_the_last_will(driver: ShellyDriver) -> None:
    assert read(driver, f"{PLUG}/online", "false", retained=True) == ()
    read(driver, EVENTS, notify(switch_0=SWITCH))
    assert read(driver, f"{PLUG}/online", "false") == (Report(ADDRESS, online=False),)


def test_foreign_topics_that_end_in_online_are_left_alone(driver: ShellyDriver) -> None:
    assert not read(driver, "weather/online", "yes")
    assert not driver.matches("tele/kitchen/SENSOR")


def test_commands_and_questions(driver: ShellyDriver) -> None:
    (sent,) = driver.switch(ADDRESS, RelayPosition.OPEN)
    assert sent.topic == f"{PLUG}/rpc"
    assert json.loads(sent.payload) == {
        "id": 3,
        "src": f"prepaid-meter-bridge/{PLUG}",
        "method": "Switch.Set",
        "params": {"id": 0, "on": False},
    }
    (asked,) = driver.query(ADDRESS)
    assert isinstance(asked, Publish)
    assert json.loads(asked.payload)["method"] == "Shelly.GetStatus"


def test_a_prefix_with_a_slash_is_subscribed() -> None:
    driver = ShellyDriver()
    driver.assign(["shelly:house/kitchen/0"])
    assert ("house/kitchen/events/rpc", 1) in driver.filters()


@pytest.mark.parametrize(
    "payload,kind",
    [
        (notify(switch_0={"aenergy": {"total": "1"}}), "register_not_a_number"),
        (notify(switch_0={"aenergy": {"total": -1}, "ret_aenergy": {"total": 0}}), "register_out_of_range"),
        (notify(switch_0=[]), "wrong_type"),
        ('{"method":"NotifyStatus","params":3}', "wrong_type"),
        ("[]", "wrong_type"),
        ("{", "not_json"),
        (" " * 65_537, "too_large"),
    ],
)
def test_what_cannot_be_read_is_rejected_by_kind(driver: ShellyDriver, payload: str, kind: str) -> None:
    refused = read(driver, EVENTS, payload)[0]
    assert isinstance(refused, Rejected)
    assert refused.kind == kind


@pytest.mark.parametrize("code,kind", [(401, "authentication_required"), (404, "request_refused")])
def test_refused_requests_are_told(driver: ShellyDriver, code: int, kind: str) -> None:
    known(driver, switch_0=SWITCH)
    (refused,) = read(driver, ANSWERS, json.dumps({"id": 3, "error": {"code": code, "message": "no"}}))
    assert isinstance(refused, Rejected)
    assert refused.kind == kind


def test_answers_to_others_say_nothing(driver: ShellyDriver) -> None:
    assert not read(driver, "prepaid-meter-bridge/stranger/rpc", answer(1, {"switch:0": SWITCH}))
    known(driver, switch_0=SWITCH)
    assert not read(driver, ANSWERS, answer(3, {"was_on": True}))
    assert not read(driver, ANSWERS, answer(99, None))


@pytest.mark.parametrize("component", ["wifi", "input:0", "temperature:100", "data", "wifidata", ""])
def test_a_component_that_measures_nothing_makes_no_device_known(
    driver: ShellyDriver, component: str
) -> None:
    assert not driver.decode(f"plant/status/{component}", b"{}", retained=False)
    assert not read(driver, "plant/online", "false"), "a device is known that never spoke of a meter"
    assert reports(read(driver, "plant/status/switch:0", '{"output":true}'))
    assert reports(read(driver, "plant/online", "false"))


@pytest.mark.parametrize("topic", ["switch:0", "plant/switch:0", "status/switch:0", "em1data:0"])
def test_a_topic_without_a_status_is_of_nobody(driver: ShellyDriver, topic: str) -> None:
    assert not driver.decode(topic, b'{"output":true}', retained=False)


@pytest.mark.parametrize("component", ["em1data:0", "emdata:0"])
def test_the_counters_of_a_clamp_come_as_a_component_of_their_own(
    driver: ShellyDriver, component: str
) -> None:
    told = '{"total_act":1.5,"total_act_energy":1.5}'
    assert only(driver, f"plant/status/{component}", told).register_wh == 1


OTHER = "shellyplugsg3-a8032ab12345"


def sent_by(source: object, frame: str) -> str:
    return json.dumps(json.loads(frame) | {"src": source})


@pytest.mark.parametrize("source", [OTHER, "SomethingElse", None, 7])
def test_another_device_under_the_same_prefix_is_another_counter(
    driver: ShellyDriver, source: object
) -> None:
    """Its id tells, or else the MAC address in its status."""
    known(driver, switch_0=SWITCH)
    status = {"switch:0": SWITCH, "sys": {"mac": "A8032AB12345"}}
    first = only(driver, EVENTS, notify(switch_0=SWITCH))
    second = only(driver, ANSWERS, sent_by(source, answer(1, status)))
    assert (first.reset_marker, second.reset_marker) == (MARKER, "0xa8032ab12345")


def test_the_device_information_tells_the_mac_address_too(driver: ShellyDriver) -> None:
    read(driver, f"{PLUG}/online", "true")
    read(driver, ANSWERS, sent_by(None, answer(2, {"id": OTHER, "mac": "A8032AB12345"})))
    assert only(driver, f"{PLUG}/status/switch:0", json.dumps(SWITCH)).reset_marker == "0xa8032ab12345"


def test_a_message_that_does_not_say_whose_it_is_is_of_the_device_that_is_there(driver: ShellyDriver) -> None:
    known(driver, switch_0=SWITCH)
    assert only(driver, f"{PLUG}/status/switch:0", json.dumps(SWITCH)).reset_marker == MARKER
    assert only(driver, EVENTS, sent_by("", notify(switch_0=SWITCH))).reset_marker == MARKER


def test_after_a_device_went_a_message_that_does_not_say_whose_it_is_may_be_of_another(
    driver: ShellyDriver,
) -> None:
    known(driver, switch_0=SWITCH)
    read(driver, f"{PLUG}/online", "false")
    assert only(driver, f"{PLUG}/status/switch:0", json.dumps(SWITCH)).reset_marker is None
    assert only(driver, EVENTS, notify(switch_0=SWITCH)).reset_marker == MARKER


def test_what_flowed_back_through_the_device_before_is_not_taken_from_the_new_one(
    driver: ShellyDriver,
) -> None:
    known(driver, switch_0=SWITCH | {"ret_aenergy": {"total": 5000.0, "minute_ts": 1_767_323_040}})
    assert only(driver, EVENTS, notify(switch_0=SWITCH)).register_wh == 7_345
    items = read(driver, EVENTS, sent_by(OTHER, notify(switch_0=SWITCH)))
    assert reports(items)[0].register_wh is None, "it is asked first whether energy flowed back"
    assert [each.topic for each in requests(items)] == [f"{PLUG}/rpc"]
    assert only(driver, ANSWERS, sent_by(OTHER, answer(1, {"switch:0": SWITCH}))).register_wh == 12_345


@pytest.mark.parametrize("status", [{"sys": 5}, {"sys": {"mac": None}}, {"sys": {"mac": "nothing"}}, {}])
def test_who_says_nothing_of_itself_is_read_all_the_same(
    driver: ShellyDriver, status: dict[str, object]
) -> None:
    read(driver, f"{PLUG}/online", "true")
    report = only(driver, ANSWERS, sent_by(None, answer(1, {"switch:0": SWITCH, **status})))
    assert (report.register_wh, report.reset_marker) == (12_345, None)
