"""A bridge that runs beside the commands: the real API over a stand-in engine, on a Unix socket."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
import shutil
import tempfile
from threading import Event, Thread

import pytest

from meter_bridge.api.http.listener import SOCKET_NAME
from meter_bridge.cli import main
from tests.api.fake_bridge import StandIn
from tests.api.serving import serving_locally
from tests.storage.template import ON_POSTGRESQL, settings_of

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "house-with-flats.yaml"
type Answer = tuple[int, str, str]
type Command = Callable[..., Answer]


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return an empty folder of an installation, named by the environment."""
    with tempfile.TemporaryDirectory(prefix="pm-") as name:
        monkeypatch.setenv("PREPAID_METER_DATA", name)
        yield Path(name)


@pytest.fixture
def own_database(data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the environment name the database of this run, where it is no file."""
    with settings_of(data) as settings:
        if settings.database is not None:
            monkeypatch.setenv("PREPAID_METER_DATABASE", settings.database)
        yield


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that the command made of the documentation's example; it is copied, never used."""
    folder = tmp_path_factory.mktemp("example")
    assert main(("apply", str(EXAMPLE), "--yes", "--data", str(folder))) == 0
    return folder


@pytest.fixture
def installed(run: Command, data: Path, own_database: None, request: pytest.FixtureRequest) -> Path:
    """Return the folder of an installation made from the example of the documentation."""
    if ON_POSTGRESQL:
        assert run("apply", str(EXAMPLE), "--yes")[0] == 0
    else:
        shutil.copytree(request.getfixturevalue("example"), data, dirs_exist_ok=True)
    return data


@pytest.fixture
def bridge(data: Path) -> Iterator[StandIn]:
    """Run a bridge in a thread, as the commands have an event loop of their own."""
    port, started, loop, stop = StandIn(), Event(), asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with serving_locally(port, data / SOCKET_NAME):
            started.set()
            await stop.wait()

    thread = Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert started.wait(60)
    yield port
    loop.call_soon_threadsafe(stop.set)
    thread.join(60)
    loop.close()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Command:
    """Return what runs a command and returns its exit code, output and errors."""

    def command(*arguments: str) -> Answer:
        capsys.readouterr()  # what a fixture printed is no output of this command
        code = main(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return command
