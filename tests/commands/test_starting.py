"""What keeps a bridge from starting is said in two lines, never in a traceback."""

from pathlib import Path
import socket
import subprocess
import sys
import time

import pytest

from meter_bridge.api.http.listener import SOCKET_NAME
from meter_bridge.storage.database import DATABASE_NAME
from tests.commands.conftest import Command


def told(answer: tuple[int, str, str]) -> str:
    """Return the two lines of a refusal to start."""
    code, _, err = answer
    assert code == 3
    what, remedy = [line for line in err.splitlines() if line.startswith(("error: ", "  "))]
    return f"{what}; {remedy.strip()}"


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    """Let the embedded broker want a port that is taken."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    monkeypatch.setenv("PREPAID_METER_EMBEDDED_PORT", str(listener.getsockname()[1]))
    return listener


def test_a_taken_port_of_the_embedded_broker_names_the_setting(
    run: Command, data: Path, taken: socket.socket
) -> None:
    with taken:
        message = told(run("run", "--listen", "127.0.0.1:0"))
    assert "is taken" in message
    assert "set PREPAID_METER_EMBEDDED_PORT to a free port" in message


@pytest.mark.parametrize("command", [("run", "--listen", "127.0.0.1:0"), ("accounts",)])
def test_a_damaged_database_names_the_way_out(
    run: Command, data: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREPAID_METER_EMBEDDED_PORT", "0")
    (data / DATABASE_NAME).write_text("no database at all, whatever its name says")
    message = told(run(*command))
    assert f"{data / DATABASE_NAME} cannot be read" in message
    assert "restore the newest backup" in message


@pytest.mark.parametrize("text", ["neither certificate nor key", None], ids=["unusable", "missing"])
def test_supply_is_served_without_a_usable_certificate_and_an_alert_says_why(
    run: Command, data: Path, text: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREPAID_METER_EMBEDDED_PORT", "0")
    files = [data / "cert.pem", data / "key.pem"]
    for file in files if text else ():
        file.write_text(str(text))
    tls = ("--tls-certificate", str(files[0]), "--tls-key", str(files[1]))
    bridge = subprocess.Popen(
        [sys.executable, "-m", "meter_bridge.cli", "run", "--listen", "127.0.0.1:0", *tls],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert bridge.stderr is not None
        said = next(line for line in bridge.stderr if "A mistake turns a part of the bridge off" in line)
        while not (data / SOCKET_NAME).exists():
            assert bridge.poll() is None
            time.sleep(0.05)
        code, out, _ = run("alerts")
    finally:
        bridge.terminate()
        bridge.communicate(timeout=60)
    assert (code, bridge.returncode) == (0, 0)
    for told in (said, out):
        assert f"the certificate {files[0]} and its key {files[1]} cannot be used" in told
        assert "PEM" in told
