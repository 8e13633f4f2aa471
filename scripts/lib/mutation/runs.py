"""Runs of pytest in a copy of the project."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import os
from pathlib import Path
import re
import subprocess
import sys
import tempfile
from typing import Final

from scripts.lib.mutation import contained

FAILED: Final = re.compile(r"^(?:FAILED|ERROR) ([^\s\[]+)", re.MULTILINE)
NO_TESTS: Final = 5
"""Pytest's exit code where it ran none."""
SPARE_S: Final = 30.0
"""So long may what contains a run take to end it."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a run of tests ended."""

    code: int
    """Pytest's exit code, or ``contained.TIME_IS_UP``."""
    failed: str = ""
    """The first test that failed, without its parameters."""

    @property
    def passed(self) -> bool:
        """Return whether nothing failed."""
        return self.code in (0, NO_TESTS)


def run(
    project: Path,
    arguments: Sequence[str],
    tests: Sequence[str],
    seconds: float,
    more: Mapping[str, str] | None = None,
) -> Result:
    """Run tests of a copy, all of one environment, for so many seconds at most."""
    environment = "component" if tests[0].startswith("tests/component") else "bridge"
    path = os.pathsep.join((str(project), str(project / "scripts/lib/mutation/started")))
    with tempfile.TemporaryDirectory(prefix="mutation-", ignore_cleanup_errors=True) as temporary:
        Path(temporary).chmod(0o755)  # a PostgreSQL server, which is not run as root, may lie in it
        variables = {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": temporary} | dict(
            more or {}
        )
        command = [
            sys.executable, contained.__file__, str(max(seconds, 0.1)),
            str(project / ".venvs" / environment / "bin" / "python"), "-m", "pytest",
            "-q", "-rfE", "--no-header", "-p", "no:cacheprovider", *arguments, *tests,
        ]  # fmt: skip
        done = subprocess.run(  # nosec B603 - pytest over tests of this project
            command,
            cwd=project,
            env=os.environ | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=seconds + SPARE_S,
            check=False,
        )
    failed = FAILED.search(done.stdout.decode(errors="replace"))
    return Result(done.returncode, "" if failed is None else failed[1])
