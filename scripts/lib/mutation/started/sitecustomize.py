"""Loaded by every Python that a recorded test starts: what it executes is noted for the test.

A program may be ended at any instant, so each function is written down when it first starts.
"""

import os
from pathlib import Path
import sys
from types import CodeType

_FOLDER = os.environ.get("PREPAID_MUTATION_REACHED")
_TEST = os.environ.get("PREPAID_MUTATION_TEST")


def _listen(folder: Path, test: str) -> None:
    project = f"{Path(__file__).resolve().parents[4]}/"
    product = tuple(project + package for package in ("meter_bridge/", "dashboard/", "custom_components/"))
    told = (folder / f"{os.getpid()}.started").open("a", encoding="utf-8", buffering=1)

    def started(code: CodeType, _: int) -> object:
        if code.co_filename.startswith(product):
            told.write(f"{test}\t{code.co_filename.removeprefix(project)}::{code.co_qualname}\n")
        return sys.monitoring.DISABLE

    sys.monitoring.use_tool_id(4, "mutations")
    sys.monitoring.register_callback(4, sys.monitoring.events.PY_START, started)
    sys.monitoring.set_events(4, sys.monitoring.events.PY_START)


if _FOLDER and _TEST:
    _listen(Path(_FOLDER), _TEST)
