"""Which functions of the product each test executes: a pytest plugin, and the programs that tests start.

Loaded with ``-p scripts.lib.mutation.recorder``. What a fixture that tests share executes is noted for the
file or for all of them, and so is what is executed while tests are collected.
"""

from collections import defaultdict
from collections.abc import Iterator
import json
import os
from pathlib import Path
import sys
from types import CodeType
from typing import Final

import pytest

FOLDER: Final = "PREPAID_MUTATION_REACHED"
"""Names the folder in which it is written down."""
CURRENT: Final = "PREPAID_MUTATION_TEST"
"""Names the test to a program that it starts."""
PROJECT: Final = f"{Path(__file__).resolve().parents[3]}/"
PRODUCT: Final = tuple(
    PROJECT + package for package in ("meter_bridge/", "dashboard/", "custom_components/prepaid_meter/")
)
ALL: Final = "*"
_TOOL: Final = 4
"""A number that neither a debugger, nor a profiler, nor coverage uses."""


class Recorder:
    """Notes for whom each function of the product was started; each once."""

    def __init__(self) -> None:
        """Begin to listen."""
        self.reached: defaultdict[str, set[str]] = defaultdict(set)
        self.whose = ALL
        sys.monitoring.use_tool_id(_TOOL, "mutations")
        sys.monitoring.register_callback(_TOOL, sys.monitoring.events.PY_START, self._started)
        sys.monitoring.set_events(_TOOL, sys.monitoring.events.PY_START)

    def _started(self, code: CodeType, _: int) -> object:
        if code.co_filename.startswith(PRODUCT):
            self.reached[self.whose].add(f"{code.co_filename.removeprefix(PROJECT)}::{code.co_qualname}")
        return sys.monitoring.DISABLE

    def note_for(self, whose: str) -> str:
        """Note from now on for another test, file or all; return for whom it was so far."""
        before, self.whose = self.whose, whose
        os.environ[CURRENT] = whose
        if before != whose:
            sys.monitoring.restart_events()
        return before


class Plugin:
    """Tells the recorder which test runs, and writes down what it noted, and which tests failed."""

    def __init__(self, folder: Path) -> None:
        """Begin to listen."""
        self._folder = folder
        self._recorder = Recorder()
        self._passed: dict[str, bool] = {}
        self._seconds: defaultdict[str, float] = defaultdict(float)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Note for a test."""
        self._recorder.note_for(test_of(item.nodeid))
        try:
            return (yield)
        finally:
            self._recorder.note_for(ALL)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object]) -> Iterator[None]:
        """Note what a shared fixture executes for all that share it."""
        shared = {"function": self._recorder.whose, "session": ALL, "package": ALL}
        before = self._recorder.note_for(shared.get(fixturedef.scope, self._recorder.whose.split("::", 1)[0]))
        try:
            return (yield)
        finally:
            self._recorder.note_for(before)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note whether a test passes, and how long it takes."""
        test = test_of(report.nodeid)
        self._passed[test] = self._passed.get(test, True) and not report.failed
        self._seconds[test] += report.duration

    def pytest_sessionfinish(self) -> None:
        """Write everything down."""
        told = {
            "reached": {whose: sorted(functions) for whose, functions in self._recorder.reached.items()},
            "passed": self._passed,
            "seconds": self._seconds,
        }
        (self._folder / "session.json").write_text(json.dumps(told), encoding="utf-8")


def test_of(nodeid: str) -> str:
    """Return the name of a test without its parameters."""
    return nodeid.split("[", 1)[0]


def pytest_configure(config: pytest.Config) -> None:
    """Listen in the process that runs the tests."""
    if FOLDER in os.environ and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Plugin(Path(os.environ[FOLDER])))
