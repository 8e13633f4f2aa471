"""What keeps a bridge from starting is said in two lines, never in a traceback."""

from pathlib import Path
import socket

import pytest

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


def test_a_certificate_that_cannot_be_used_is_named(
    run: Command, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREPAID_METER_EMBEDDED_PORT", "0")
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("neither certificate nor key")
    tls = ("--tls-certificate", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"))
    message = told(run("run", "--listen", "127.0.0.1:0", *tls))
    assert f"the certificate {tmp_path / 'cert.pem'}" in message
    assert "PEM" in message
