"""The command line itself: help that teaches, exit codes, settings, and bridges that are not there."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
import subprocess
import sys

import pytest

from meter_bridge import app
from meter_bridge.api.http.listener import SOCKET_NAME
from meter_bridge.cli import SUMMARIES, main
from meter_bridge.commands import client
from meter_bridge.commands.client import BridgeClient, ConnectionLostError, StorageUnavailableError
from meter_bridge.commands.output import duration, plain, table
from meter_bridge.config.settings import Settings
from meter_bridge.runtime.application import Application
from meter_bridge.storage.database import DATABASE_NAME, InstallationLock
from tests.api.fake_bridge import StandIn
from tests.commands.conftest import Command


@pytest.mark.parametrize("name", list(SUMMARIES))
def test_the_help_of_each_command_teaches(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert f"meter-bridge {name}" in out
    assert "examples:" in out
    assert "exit codes:" in out
    assert "--data" in out


def test_the_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    out = capsys.readouterr().out
    assert all(f"    {name} " in out and summary in out for name, summary in SUMMARIES.items())


def test_the_help_loads_neither_engine_nor_api() -> None:
    program = (
        "import sys, meter_bridge.cli as c\n"
        "try: c.main(['--help'])\n"
        "except SystemExit: print(sorted({'aiohttp', 'sqlalchemy', 'msgspec'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "[]"


def test_a_command_of_a_running_bridge_loads_no_engine() -> None:
    program = "import sys, meter_bridge.commands.top_up; print('sqlalchemy' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout == "False\n"


def test_the_installation_of_another_user_is_exit_code_3(
    run: Command, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(client, "is_listening", refuse)
    code, _, err = run("accounts")
    assert code == 3
    assert "belongs to another user" in err


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("fly",),
        ("top-up",),
        ("top-up", "flat-1"),
        ("supply", "flat-1", "explode"),
        ("token",),
        ("accounts", "--jso"),
        ("token", "create", "--name", "x"),
        ("token", "create", "--name", "x", "--role", "god"),
    ],
)
def test_a_slip_on_the_command_line_is_exit_code_2(run: Command, arguments: tuple[str, ...]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    what, remedy = err.splitlines()
    assert what.startswith("error: ")
    assert "--help'" in remedy


def test_a_wrong_setting_is_exit_code_2(run: Command, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREPAID_METER_LISTEN", "nonsense")
    code, _, err = run("accounts")
    assert code == 2
    assert "PREPAID_METER_LISTEN" in err


@pytest.mark.parametrize("arguments", [("accounts",), ("token", "list"), ("verify",), ("backup", "x.db")])
def test_without_an_installation_nothing_is_made(
    run: Command, data: Path, arguments: tuple[str, ...]
) -> None:
    code, _, err = run(*arguments)
    assert code == 3
    assert err.startswith(f"error: there is no installation in {data}\n")
    assert list(data.iterdir()) == []


def test_the_folder_may_be_named_before_or_after_the_command(run: Command, data: Path) -> None:
    other = data / "other"
    for arguments in (
        ("--data", str(other), "accounts"),
        ("accounts", "--data", str(other)),
        ("token", "list", "--data", str(other)),
    ):
        assert str(other) in run(*arguments)[2]


def test_without_a_running_bridge_the_engine_answers_in_the_process(
    run: Command, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = StandIn()

    @asynccontextmanager
    async def offline(_settings: Settings) -> AsyncGenerator[Application]:
        yield port.application()

    monkeypatch.setattr("meter_bridge.commands.offline.offline", offline)
    (data / DATABASE_NAME).touch()
    assert run("top-up", "flat-1", "1.00")[0] == 0
    assert port.touched == [("top_up", "local operator", "flat-1")]
    assert not (data / SOCKET_NAME).exists()


def test_an_installation_that_is_locked_is_exit_code_3(run: Command, data: Path) -> None:
    (data / DATABASE_NAME).touch()
    lock = InstallationLock(data)
    lock.acquire()
    try:
        code, _, err = run("accounts")
    finally:
        lock.release()
    assert code == 3
    assert "in use by process" in err


def test_a_second_bridge_is_exit_code_3(run: Command, data: Path) -> None:
    lock = InstallationLock(data)
    lock.acquire()
    try:
        code, _, err = run("run", "--log-level", "ERROR")
    finally:
        lock.release()
    assert code == 3
    assert "stop the other bridge" in err


def test_run_passes_its_options_on(run: Command, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Settings] = []
    monkeypatch.setattr(app, "run", seen.append)
    monkeypatch.setenv("PREPAID_METER_LISTEN", "127.0.0.1:9000")
    kept = ("--keep-readings-days", "400", "--keep-events-days", "90")
    assert run("run", "--broker", "mqtt://broker:1883", "--announce", "--export-every-s", "60", *kept)[0] == 0
    assert seen == [
        Settings(
            data=data,
            broker="mqtt://broker:1883",
            listen="127.0.0.1:9000",
            announce=True,
            export_every_s=60,
            keep_readings_days=400,
            keep_events_days=90,
        )
    ]


def test_a_bridge_that_goes_away_is_exit_code_3(run: Command, data: Path) -> None:
    program = (
        "import socket, sys\n"
        "listener = socket.socket(socket.AF_UNIX)\n"
        "listener.bind(sys.argv[1]); listener.listen(); print('ready', flush=True)\n"
        "while True: listener.accept()[0].close()\n"
    )
    path = str(data / SOCKET_NAME)
    with subprocess.Popen([sys.executable, "-c", program, path], stdout=subprocess.PIPE) as silent:
        assert silent.stdout is not None
        silent.stdout.readline()
        try:
            code, _, err = run("accounts")
        finally:
            silent.kill()
    assert code == 3
    assert "the bridge did not answer" in err


def test_a_top_up_without_an_answer_names_the_key_to_repeat_it_with(
    run: Command, bridge: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: list[str] = []

    async def lose(*_arguments: object, headers: dict[str, str], **_options: object) -> None:
        keys.append(headers["Idempotency-Key"])
        raise ConnectionLostError("the bridge did not answer", "ask again", 3)

    monkeypatch.setattr(BridgeClient, "post", lose)
    code, _, err = run("top-up", "flat-1", "1.00")
    assert code == 3
    assert len(keys) == 2
    assert keys[0] == keys[1]
    assert f"--key {keys[0]}" in err


def test_a_top_up_that_could_not_be_stored_names_the_key_to_repeat_it_with(
    run: Command, bridge: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_arguments: object, **_options: object) -> None:
        raise StorageUnavailableError("it may or may not have been booked", "ask again", 3)

    monkeypatch.setattr(BridgeClient, "post", refuse)
    code, _, err = run("top-up", "flat-1", "1.00", "--key", "k")
    assert code == 3
    assert err.endswith("ask again; repeat the command with '--key k', which counts only once\n")


def test_a_table_is_aligned_and_has_no_trailing_blanks() -> None:
    assert table(("A", "BB"), [("x", "1"), ("long", "22")], right=("BB",)) == "A     BB\nx      1\nlong  22"


@pytest.mark.parametrize(
    "seconds,text",
    [(None, "–"), (0, "0 h 00 min"), (3_725, "1 h 02 min"), (86_400, "1 d 0 h"), (190_000, "2 d 4 h")],
)
def test_a_time_to_come_is_told_in_two_units(seconds: int | None, text: str) -> None:
    assert duration(seconds) == text


def test_a_name_cannot_move_the_cursor() -> None:
    assert plain("a\x1b[2Jb") == "a�[2Jb"


def test_a_reader_that_has_enough_is_no_error(data: Path) -> None:
    program = "import sys; from meter_bridge.cli import main; sys.exit(main(['check', sys.argv[1]]))"
    example = Path(__file__).parents[2] / "docs" / "examples" / "household.yaml"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(example)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        err = process.stderr.read()
        process.wait(30)
    assert err == b""
    assert process.returncode == 0
