"""The certificates that the documentation makes with openssl serve the API and a real broker."""

from collections.abc import Iterator
from pathlib import Path
import re
import ssl
import subprocess
from typing import Final

from aiohttp import ClientConnectorCertificateError, ClientSession, TCPConnector
import pytest

from meter_bridge.api.server import ApiServer, ListenSettings
from meter_bridge.devices.broker.session import BrokerSession
from meter_bridge.devices.broker.url import parse_broker_url
from tests.api.fake_bridge import StandIn
from tests.devices.support import Mosquitto, eventually

PAGE: Final = (Path(__file__).parents[2] / "docs" / "certificates.md").read_text()
AUTHORITY, SERVER = re.findall(r"```sh\n(openssl .*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Do what the page says, with an authority that has no password and a second one of somebody else's."""
    folder = tmp_path_factory.mktemp("certificates")
    unasked = AUTHORITY.replace("openssl req", "openssl req -noenc")
    stranger = unasked.replace("ca.key", "stranger.key").replace("ca.pem", "stranger.pem")
    for script in (unasked, SERVER, SERVER.replace("bridge", "broker"), stranger):
        subprocess.run(["sh", "-ec", script], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def broker(made: Path, tmp_path: Path) -> Iterator[Mosquitto]:
    """Run mosquitto with the lines of the page."""
    (lines,) = re.findall(r"```\nlistener 8883\n(.*?)```", PAGE, re.DOTALL)
    running = Mosquitto(
        tmp_path, extra=f"user root\nallow_anonymous true\n{lines.replace('/etc/mosquitto', str(made))}"
    )
    running.start()
    yield running
    running.kill()


async def status(url: str, authority: Path) -> int:
    """Return what the API's health answers over TLS."""
    trust = ssl.create_default_context(cafile=authority)
    async with (
        ClientSession(connector=TCPConnector(ssl=trust)) as session,
        session.get(f"{url}/health") as response,
    ):
        return response.status


async def test_the_api_is_trusted_with_its_authority_and_with_no_other(made: Path) -> None:
    listen = ListenSettings(
        host="127.0.0.1", port=0, tls_certificate=made / "bridge.pem", tls_key=made / "bridge.key"
    )
    server = ApiServer(StandIn().application(), listen)
    await server.start()
    try:
        for name in ("127.0.0.1", "localhost"):
            assert await status(f"https://{name}:{server.tcp_port}", made / "ca.pem") == 200
        with pytest.raises(ClientConnectorCertificateError):
            await status(f"https://127.0.0.1:{server.tcp_port}", made / "stranger.pem")
    finally:
        await server.stop()


def session(url: str, authority: Path) -> BrokerSession:
    return BrokerSession(
        parse_broker_url(url, ca_file=str(authority)),
        filters=list,
        on_message=lambda _topic, _payload, _retained: None,
        on_connected=lambda _connected: None,
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_the_broker_is_trusted_under_its_names(made: Path, broker: Mosquitto, host: str) -> None:
    trusting = session(f"mqtts://{host}:{broker.port}", made / "ca.pem")
    trusting.start()
    await eventually(lambda: trusting.connected, "connected over TLS")
    await trusting.stop()


async def test_the_broker_of_another_authority_is_not_spoken_to(made: Path, broker: Mosquitto) -> None:
    doubting = session(f"mqtts://127.0.0.1:{broker.port}", made / "stranger.pem")
    doubting.start()
    await eventually(lambda: doubting.problem is not None, "problem told")
    assert not doubting.connected
    assert "certificate" in str(doubting.problem).lower()
    await doubting.stop()
