from pathlib import Path
import ssl

import pytest

from meter_bridge.devices.broker.url import BrokerSettingsError, parse_broker_url


def test_a_url_names_host_port_and_credentials() -> None:
    settings = parse_broker_url("mqtt://anna:p%40ss@broker.lan:1884", client_id="house")
    assert (settings.host, settings.port) == ("broker.lan", 1884)
    assert (settings.username, settings.password) == ("anna", "p@ss")
    assert settings.client_id == "house"
    assert "p@ss" not in repr(settings)
    assert settings.place() == "mqtt://broker.lan:1884"
    assert settings.context() is None


def test_ports_and_client_ids_have_defaults() -> None:
    assert parse_broker_url("mqtt://b").port == 1883
    assert parse_broker_url("mqtts://b").port == 8883
    assert parse_broker_url("mqtt://b").client_id != parse_broker_url("mqtt://b").client_id


def test_tls_verifies_unless_told_otherwise() -> None:
    context = parse_broker_url("mqtts://b").context()
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    careless = parse_broker_url("mqtts://b", verify=False).context()
    assert careless is not None
    assert careless.verify_mode == ssl.CERT_NONE


@pytest.mark.parametrize(
    "url,lesson",
    [
        ("http://b", "begin with mqtt://"),
        ("mqtt://", "names no host: write for example mqtt://"),
        ("mqtt://b:99999", "no usable port"),
        ("mqtt://b/topic", "goes on after the port"),
        ("b:1883", "begin with mqtt://"),
    ],
)
def test_a_wrong_url_is_refused_with_its_remedy(url: str, lesson: str) -> None:
    with pytest.raises(BrokerSettingsError, match=lesson):
        parse_broker_url(url)


def test_an_error_never_shows_the_password() -> None:
    with pytest.raises(BrokerSettingsError) as caught:
        parse_broker_url("mqtt://anna:secret@b:99999")
    assert "secret" not in str(caught.value)


def test_a_ca_file_needs_tls_and_a_certificate(tmp_path: Path) -> None:
    with pytest.raises(BrokerSettingsError, match="begin with mqtts://"):
        parse_broker_url("mqtt://b", ca_file="ca.pem")
    with pytest.raises(BrokerSettingsError, match="cannot be read: No such file"):
        parse_broker_url("mqtts://b", ca_file=str(tmp_path / "none.pem")).context()
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate")
    with pytest.raises(BrokerSettingsError, match="holds no certificate"):
        parse_broker_url("mqtts://b", ca_file=str(empty)).context()


def test_a_client_id_has_a_sensible_length() -> None:
    with pytest.raises(BrokerSettingsError, match="1 to 64 characters"):
        parse_broker_url("mqtt://b", client_id="x" * 65)
