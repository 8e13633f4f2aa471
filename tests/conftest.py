"""What every suite shares, in whichever environment it runs."""

from collections.abc import Iterator
import gc
import os
from pathlib import Path

from hypothesis import settings
import pytest
from xdist.remote import Producer
from xdist.workermanage import WorkerController

from tests.suite_order import ByFile, ordered

# Examples are the same on every run of CI, so that a red run can be repeated; at a desk they keep exploring.
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("desk", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "desk")


def pytest_configure(config: pytest.Config) -> None:
    """Note what is executed on PostgreSQL, where ``scripts/test`` asks for it."""
    folder = os.environ.get("PREPAID_TEST_EXECUTED")
    if folder:
        from tests.sql_coverage import Recorder  # noqa: PLC0415 - the component's tests have no bridge

        config.pluginmanager.register(Recorder(Path(folder)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile | None:
    """Give out files as tests/suite_order.py says, where files are given out."""
    return ByFile(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerController) -> None:
    """Tell a worker, which does not see the option, whether files are given out."""
    node.workerinput["by file"] = node.config.getoption("dist") == "loadfile"


def pytest_collection_finish() -> None:
    """Leave out what the collection of thousands of tests made whenever garbage is looked for."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is about SQLite itself where the run is on PostgreSQL; put long files first."""
    if getattr(config, "workerinput", {}).get("by file"):
        items[:] = ordered(items)
    if os.environ.get("PREPAID_TEST_DATABASE") == "postgresql":
        about_sqlite = [item for item in items if _reason(item)]
        config.hook.pytest_deselected(items=about_sqlite)
        items[:] = [item for item in items if not _reason(item)]


def _reason(item: pytest.Item) -> str:
    """Return why a test is about SQLite alone; nothing for all others."""
    marker = item.get_closest_marker("sqlite")
    if marker is None:
        return ""
    if not marker.args:
        raise pytest.UsageError(f"{item.nodeid} is marked 'sqlite' without a reason; write it in brackets")
    return str(marker.args[0])


@pytest.fixture(autouse=True)
def _no_database_left() -> Iterator[None]:
    """Drop what a test made on the PostgreSQL server."""
    yield
    if os.environ.get("PREPAID_TEST_DATABASE") == "postgresql":
        from tests.storage.template import forget  # noqa: PLC0415 - the component's tests have no bridge

        forget()
