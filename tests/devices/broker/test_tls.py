"""The connection to a real mosquitto over TLS, with user and password."""

from collections.abc import Iterator
from pathlib import Path
import subprocess

import pytest

from meter_bridge.devices.broker.session import BrokerSession
from meter_bridge.devices.broker.url import parse_broker_url
from tests.certificates import certificate
from tests.devices.support import MOSQUITTO, Mosquitto, eventually


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """Run a mosquitto that wants TLS and a password."""
    assert MOSQUITTO is not None
    cert, key = certificate(tmp_path)
    passwords = tmp_path / "passwords"
    tool = str(Path(MOSQUITTO).with_name("mosquitto_passwd"))
    tool = tool if Path(tool).exists() else "mosquitto_passwd"
    subprocess.run([tool, "-b", "-c", str(passwords), "bridge", "s3cret/#"], check=True, capture_output=True)
    running = Mosquitto(
        tmp_path,
        extra=f"certfile {cert}\nkeyfile {key}\nuser root\n"
        f"allow_anonymous false\npassword_file {passwords}\n",
    )
    running.start()
    yield running
    running.kill()


def session(url: str, ca_file: Path | None) -> BrokerSession:
    """Return a session that subscribes to nothing."""
    return BrokerSession(
        parse_broker_url(url, ca_file=None if ca_file is None else str(ca_file)),
        filters=list,
        on_message=lambda _topic, _payload, _retained: None,
        on_connected=lambda _connected: None,
    )


async def test_a_broker_with_the_named_authority_and_password_is_spoken_to(
    broker: Mosquitto, tmp_path: Path
) -> None:
    made = session(f"mqtts://bridge:s3cret%2F%23@127.0.0.1:{broker.port}", tmp_path / "cert.pem")
    made.start()
    await eventually(lambda: made.connected, "connected over TLS")
    await made.stop()


async def test_an_authority_that_comes_later_is_taken_up(broker: Mosquitto, tmp_path: Path) -> None:
    later = tmp_path / "later.pem"
    made = session(f"mqtts://bridge:s3cret%2F%23@127.0.0.1:{broker.port}", later)
    made.start()
    await eventually(lambda: "cannot be read: No such file" in str(made.problem), "told")
    later.write_text("nonsense")
    await eventually(lambda: "holds no certificate" in str(made.problem), "told otherwise")
    assert not made.connected
    later.write_bytes((tmp_path / "cert.pem").read_bytes())
    await eventually(lambda: made.connected, "connected over TLS")
    assert made.problem is None
    await made.stop()


async def test_an_authority_that_is_renewed_is_read_for_the_next_connection(
    broker: Mosquitto, tmp_path: Path
) -> None:
    authority = tmp_path / "authority.pem"
    authority.write_bytes((tmp_path / "cert.pem").read_bytes())
    made = session(f"mqtts://bridge:s3cret%2F%23@127.0.0.1:{broker.port}", authority)
    made.start()
    await eventually(lambda: made.connected, "connected over TLS")
    broker.kill()
    await eventually(lambda: not made.connected, "lost")
    certificate(tmp_path)
    broker.start()
    await eventually(lambda: "certificate" in str(made.problem), "not vouched for")
    authority.write_bytes((tmp_path / "cert.pem").read_bytes())
    await eventually(lambda: made.connected, "connected again")
    await made.stop()


async def test_a_broker_that_nobody_vouches_for_is_not_spoken_to(broker: Mosquitto) -> None:
    made = session(f"mqtts://bridge:s3cret%2F%23@127.0.0.1:{broker.port}", None)
    made.start()
    await eventually(lambda: made.problem is not None, "problem told")
    assert not made.connected
    assert "certificate" in str(made.problem).lower()
    await made.stop()


async def test_a_wrong_password_is_told_without_repeating_it(broker: Mosquitto, tmp_path: Path) -> None:
    made = session(f"mqtts://bridge:wrong-one@127.0.0.1:{broker.port}", tmp_path / "cert.pem")
    made.start()
    await eventually(lambda: made.problem is not None, "problem told")
    assert not made.connected
    assert "wrong-one" not in str(made.problem)
    await made.stop()
