"""Which tests are asked to find a mutation, and whether one does: those nearest to it first."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
import os
from pathlib import Path
import re
import shutil
import signal
import subprocess
import time
from typing import Final

from scripts.lib.mutation.mutations import Mutation

PACKAGES: Final = {
    "meter_bridge": "tests",
    "dashboard": "tests/dashboard",
    "custom_components": "tests/component",
}
WIDER: Final = {
    "meter_bridge/core": ("tests/core", "tests/engine", "tests/simulation"),
    "meter_bridge/engine": ("tests/engine", "tests/payments", "tests/commands", "tests/simulation"),
    "meter_bridge/devices": ("tests/devices", "tests/simulation"),
    "meter_bridge/config": ("tests/config", "tests/commands", "tests/engine/sites"),
    "meter_bridge/protocol": ("tests/contract", "tests/api", "tests/docs"),
    "meter_bridge": ("tests/engine", "tests/api", "tests/commands", "tests/text", "tests/docs"),
    "dashboard": ("tests/dashboard",),
    "custom_components": ("tests/component",),
}
"""Tests that reach a room from further away; the longest name that fits counts."""
FAILED: Final = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
AGAIN_S: Final = 600.0
NO_TESTS: Final = 5
"""Pytest's exit code where it ran none."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutation."""

    outcome: str
    """``killed``, ``survived``, or ``undecided`` where time was up."""
    by: str = ""
    """The test that found it."""


class Copy:
    """A copy of the project in which mutations are made; the environments are those of the original."""

    def __init__(self, project: Path, folder: Path) -> None:
        """Copy what Git knows of the project, as it is now."""
        self.folder = folder
        listed = subprocess.run(  # nosec B603, B607 - Git, with fixed words
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=project,
            capture_output=True,
            check=True,
        )
        for name in filter(None, listed.stdout.decode().split("\0")):
            source, target = project / name, folder / name
            if source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
        (folder / ".venvs").symlink_to((project / ".venvs").resolve())

    def try_to_find(self, mutation: Mutation, limit_s: float) -> Verdict:
        """Make a mutation, let the tests look for it, and undo it."""
        path, ends = self.folder / mutation.path, time.monotonic() + limit_s
        source = path.read_bytes()
        broken: list[str] = []
        for tests in self.stages(mutation.path):
            while True:
                path.write_bytes(mutation.applied(source))
                try:
                    found = self._first_failure(tests, ends - time.monotonic(), broken)
                except subprocess.TimeoutExpired:
                    return Verdict("undecided")
                finally:
                    path.write_bytes(source)
                if found is None:
                    break
                if self._passes(found):
                    return Verdict("killed", found)
                broken.append(found)  # it fails without the mutation as well: the others are asked
        return Verdict("survived")

    def stages(self, module: Path) -> Iterator[Sequence[str]]:
        """Yield the tests to ask: those of the module's folder, those that import it, those of its room."""
        asked: set[str] = set()
        for stage in ([self.own_folder(module)], self._importing(module), _wider(module)):
            tests = [each for each in stage if each and each not in asked and (self.folder / each).exists()]
            asked |= set(tests)
            if tests:
                yield tests

    def own_folder(self, module: Path) -> str:
        """Return the folder that mirrors the module's, or the nearest above it."""
        package, *inner = module.parts[:-1]
        if package == "custom_components":
            return PACKAGES[package]
        folder = Path(PACKAGES[package], *inner)
        while len(folder.parts) > 1 and not any((self.folder / folder).glob("test_*.py")):
            folder = folder.parent
        return "" if folder == Path("tests") else folder.as_posix()

    def _importing(self, module: Path) -> list[str]:
        """Return the test files that name a module."""
        dotted = ".".join(module.with_suffix("").parts).removesuffix(".__init__")
        package, _, name = dotted.rpartition(".")
        named = re.compile(rf"{re.escape(dotted)}\b|from {re.escape(package)} import .*\b{name}\b")
        return [
            path.relative_to(self.folder).as_posix()
            for path in sorted((self.folder / "tests").rglob("test_*.py"))
            if named.search(path.read_text(encoding="utf-8"))
        ]

    def _passes(self, test: str) -> bool:
        """Return whether a test passes without a mutation: one that fails anyway has found nothing."""
        try:
            return self._first_failure([test], AGAIN_S) is None
        except subprocess.TimeoutExpired:
            return False

    def _first_failure(self, tests: Sequence[str], seconds: float, but: Sequence[str] = ()) -> str | None:
        """Return the first test that fails, or that is stopped by the limit of a test; None if all pass."""
        environment = "component" if tests[0].startswith("tests/component") else "bridge"
        command = [
            str(self.folder / ".venvs" / environment / "bin" / "python"), "-m", "pytest", "-x", "-q", "-rfE",
            "--no-header", "-p", "no:cacheprovider", *tests, *(f"--deselect={each}" for each in but),
        ]  # fmt: skip
        program = subprocess.Popen(  # nosec B603 - pytest over tests of this project
            command,
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = program.communicate(timeout=max(seconds, 0.1))
        finally:
            with suppress(ProcessLookupError):  # what the tests started ends with them
                os.killpg(program.pid, signal.SIGKILL)
        if program.returncode in (0, NO_TESTS):
            return None
        failed = FAILED.search(output)
        return tests[0] if failed is None else failed[1]


def _wider(module: Path) -> Sequence[str]:
    name = module.as_posix()
    return WIDER[max((each for each in WIDER if name.startswith(f"{each}/")), key=len)]
