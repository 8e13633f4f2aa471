"""Settings come from the environment and say what is wrong with them."""

from pathlib import Path

import pytest

from meter_bridge.config.settings import (
    KEEP_EVERYTHING,
    Settings,
    SettingsError,
    default_data,
    load_settings,
)
from meter_bridge.storage.location import shown


def refused(environment: dict[str, str]) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load_settings(environment)
    return caught.value


def test_nothing_has_to_be_set() -> None:
    settings = load_settings({"HOME": "/root"})
    assert settings.data == default_data({}).expanduser()
    assert (settings.broker, settings.listen) == (None, "127.0.0.1:8126")
    assert (settings.log_level, settings.export_every_s, settings.announce) == ("INFO", 900, False)
    assert (settings.keep_readings_days, settings.keep_events_days) == (KEEP_EVERYTHING, KEEP_EVERYTHING)
    assert settings.warnings == ()


def test_every_setting_has_a_variable(tmp_path: Path) -> None:
    file = tmp_path / "file.pem"
    file.touch()
    environment = {
        "PREPAID_METER_DATA": str(tmp_path),
        "PREPAID_METER_BROKER": "mqtts://user:word@broker.lan:8883",
        "PREPAID_METER_BROKER_CA": str(file),
        "PREPAID_METER_EMBEDDED_PORT": "0",
        "PREPAID_METER_LISTEN": "0.0.0.0:443",
        "PREPAID_METER_TLS_CERTIFICATE": str(file),
        "PREPAID_METER_TLS_KEY": str(file),
        "PREPAID_METER_ALLOW_PLAIN_HTTP": "no",
        "PREPAID_METER_ANNOUNCE": "yes",
        "PREPAID_METER_LOG_LEVEL": "debug",
        "PREPAID_METER_EXPORT_EVERY_S": "60",
        "PREPAID_METER_KEEP_READINGS_DAYS": "400",
        "PREPAID_METER_KEEP_EVENTS_DAYS": "62",
        "PREPAID_METER_DATABASE": "postgresql://bridge@db/prepaid",
        "PREPAID_METER_STANDBY": "yes",
    }
    assert load_settings(environment) == Settings(
        data=tmp_path,
        broker="mqtts://user:word@broker.lan:8883",
        broker_ca=file,
        embedded_port=0,
        listen="0.0.0.0:443",
        tls_certificate=file,
        tls_key=file,
        announce=True,
        log_level="DEBUG",
        export_every_s=60,
        keep_readings_days=400,
        keep_events_days=62,
        database="postgresql://bridge@db/prepaid",
        standby=True,
    )


@pytest.mark.parametrize("port", ["65536", "-1", "1883.0", "mqtt"])
def test_the_embedded_broker_listens_on_a_port(port: str) -> None:
    error = refused({"PREPAID_METER_EMBEDDED_PORT": port})
    assert (error.variable, error.message) == ("PREPAID_METER_EMBEDDED_PORT", "is not a port")


def test_a_keyword_comes_before_its_variable(tmp_path: Path) -> None:
    environment = {"PREPAID_METER_DATA": "/elsewhere", "PREPAID_METER_LISTEN": "127.0.0.1:1"}
    settings = load_settings(environment, data=tmp_path, listen=None, announce=True)
    assert (settings.data, settings.listen, settings.announce) == (tmp_path, "127.0.0.1:1", True)


@pytest.mark.parametrize(
    "setting, value, remedy",
    [
        ("BROKER", "http://broker", "mqtt://"),
        ("BROKER", "mqtt://", "mqtt://"),
        ("BROKER", "mqtt://h:99999", "mqtt://"),
        ("BROKER", "mqtt://h:port", "mqtt://"),
        ("BROKER_CA", "/no/such/file", "mqtts://"),
        ("LISTEN", "8126", "127.0.0.1:8126"),
        ("LISTEN", "127.0.0.1:70000", "127.0.0.1:8126"),
        ("LISTEN", "::1:8126", "[::1]:8126"),
        ("TLS_CERTIFICATE", "/no/such/file", "PREPAID_METER_TLS_KEY"),
        ("ANNOUNCE", "perhaps", "yes or no"),
        ("LOG_LEVEL", "LOUD", "WARNING"),
        ("EXPORT_EVERY_S", "15 min", "900"),
        ("EXPORT_EVERY_S", "0", "between 1"),
        ("EXPORT_EVERY", "60", "PREPAID_METER_EXPORT_EVERY_S"),
        ("KEEP_READINGS_DAYS", "61", "62 to 36500"),
        ("KEEP_READINGS_DAYS", "36501", "62 to 36500"),
        ("KEEP_READINGS_DAYS", "-400", "or 0 to keep all"),
        ("KEEP_READINGS_DAYS", "a year", "for example 400"),
        ("KEEP_READINGS_DAYS", "400.5", "for example 400"),
        ("KEEP_EVENTS_DAYS", "7", "62 to 36500"),
        ("DATABASE", "mysql://db/prepaid", "postgresql://"),
        ("DATABASE", "bridge.db", "data folder"),
        ("STANDBY", "yes", "PREPAID_METER_DATABASE"),
    ],
)
def test_a_wrong_setting_is_named_with_its_remedy(setting: str, value: str, remedy: str) -> None:
    error = refused({f"PREPAID_METER_{setting}": value})
    assert error.variable == f"PREPAID_METER_{setting}"
    assert error.value == value
    assert remedy in error.remedy
    assert error.variable in str(error)


@pytest.mark.parametrize("days", ["0", "62", "36500"])
def test_what_is_old_is_kept_for_two_months_or_longer_or_for_ever(days: str) -> None:
    environment = {"PREPAID_METER_KEEP_READINGS_DAYS": days, "PREPAID_METER_KEEP_EVENTS_DAYS": days}
    settings = load_settings(environment)
    assert (settings.keep_readings_days, settings.keep_events_days) == (int(days), int(days))


@pytest.mark.parametrize("listen", ["0.0.0.0:8126", "[::]:8126", "192.168.1.5:8126", "meter.lan:8126"])
def test_plain_http_beyond_this_machine_has_to_be_asked_for(listen: str) -> None:
    error = refused({"PREPAID_METER_LISTEN": listen})
    assert "plain text" in error.message
    assert "PREPAID_METER_ALLOW_PLAIN_HTTP" in error.remedy
    settings = load_settings({"PREPAID_METER_LISTEN": listen}, allow_plain_http=True)
    assert "without TLS" in settings.warnings[0]


@pytest.mark.parametrize(
    "listen, address",
    [("127.0.0.1:0", ("127.0.0.1", 0)), ("localhost:80", ("localhost", 80)), ("[::1]:8126", ("::1", 8126))],
)
def test_loopback_needs_no_tls(listen: str, address: tuple[str, int]) -> None:
    assert load_settings({}, listen=listen).address == address


def test_a_standby_needs_a_broker_that_both_reach() -> None:
    environment = {"PREPAID_METER_STANDBY": "yes", "PREPAID_METER_DATABASE": "postgresql://db/prepaid"}
    assert "PREPAID_METER_BROKER" in refused(environment).remedy


def test_the_databases_password_is_not_shown() -> None:
    address = "postgresql://bridge:secret@db/prepaid"
    assert "secret" not in repr(load_settings({"PREPAID_METER_DATABASE": address}))
    assert "secret" not in str(refused({"PREPAID_METER_DATABASE": f"{address}?nonsense=1"}))


def test_the_brokers_password_is_not_shown() -> None:
    settings = load_settings({}, broker="mqtt://user:p@ss@broker:1883")
    assert shown(settings.broker or "") == "mqtt://user:***@broker:1883"
    assert "p@ss" not in repr(settings)
    assert "p4ss" not in str(refused({"PREPAID_METER_BROKER": "ftp://user:p4ss@broker"}))


def test_the_embedded_broker_can_be_named() -> None:
    assert load_settings({"PREPAID_METER_BROKER": "embedded"}).broker is None


def test_a_devices_password_may_share_the_prefix() -> None:
    load_settings({"PREPAID_METER_FLAT_1_PASSWORD": "x"})


SERVICE_LINKS = {
    "PREPAID_METER_SERVICE_HOST": "10.0.0.1",
    "PREPAID_METER_SERVICE_PORT": "8126",
    "PREPAID_METER_SERVICE_PORT_API": "8126",
    "PREPAID_METER_PORT": "tcp://10.0.0.1:8126",
    "PREPAID_METER_PORT_8126_TCP": "tcp://10.0.0.1:8126",
    "PREPAID_METER_PORT_8126_TCP_PROTO": "tcp",
    "PREPAID_METER_PORT_8126_TCP_PORT": "8126",
    "PREPAID_METER_PORT_8126_TCP_ADDR": "10.0.0.1",
}


def test_the_variables_of_a_kubernetes_service_of_our_name_are_ignored() -> None:
    others = {name.replace("METER_", "METER_BRIDGE_"): value for name, value in SERVICE_LINKS.items()}
    assert load_settings(SERVICE_LINKS | others) == load_settings({})


@pytest.mark.parametrize("name", ["PREPAID_METER_PORT", "PREPAID_METER_EMBEDED_PORT", "PREPAID_METER_HOST"])
def test_a_misspelt_setting_is_still_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="is not a setting of the bridge"):
        load_settings({name: "18830"})
