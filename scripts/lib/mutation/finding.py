"""Which tests are asked to find a mutation, and whether one does: those nearest to it first."""

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import batched
from pathlib import Path
import re
import shutil
import subprocess
import time
from typing import Final

from scripts.lib.mutation.contained import TIME_IS_UP
from scripts.lib.mutation.mutations import Mutation
from scripts.lib.mutation.reach import Reach
from scripts.lib.mutation.runs import run

PACKAGES: Final = {
    "meter_bridge": "tests",
    "dashboard": "tests/dashboard",
    "custom_components": "tests/component",
}
WIDER: Final = {
    "meter_bridge/core": ("tests/core", "tests/engine"),
    "meter_bridge/engine": ("tests/engine", "tests/api", "tests/payments", "tests/commands"),
    "meter_bridge/devices": ("tests/devices", "tests/engine"),
    "meter_bridge/config": ("tests/config", "tests/commands", "tests/engine"),
    "meter_bridge/protocol": ("tests/contract", "tests/api", "tests/docs"),
    "meter_bridge/storage": ("tests/storage", "tests/engine", "tests/commands"),
    "meter_bridge/payments": ("tests/payments", "tests/cluster", "tests/api", "tests/commands"),
    "meter_bridge/cluster": ("tests/cluster", "tests/api", "tests/commands"),
    "meter_bridge": ("tests/engine", "tests/api", "tests/commands", "tests/text", "tests/docs"),
    "dashboard": ("tests/dashboard",),
    "custom_components": ("tests/component",),
}
"""Tests that reach a room from further away; the longest name that fits counts."""
SLOW: Final = ("tests/e2e/", "tests/crash/", "tests/simulation/", "tests/oracles/", "tests/benchmarks/")
"""Real programs and whole lives, which take minutes for each mutation; they are never asked."""
FIRST: Final = 25
"""So many tests are asked at once; many mutations are found by one of the first."""
THEN: Final = 400
SHORTEST_LIMIT_S: Final = 60.0
"""A test that takes longer, and ten times as long as it did, has found a loop without an end."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutation."""

    outcome: str
    """``killed``, ``survived``, or ``undecided`` where time was up."""
    by: str = ""
    """The test that found it."""
    asked: int = 0
    """How many tests looked for it."""


class Copy:
    """A copy of the project in which mutations are made; the environments are those of the original."""

    def __init__(self, project: Path, folder: Path, kept: Path) -> None:
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
        self._reach = Reach(folder, kept)

    def try_to_find(self, mutation: Mutation, limit_s: float, *, nearest: bool = False) -> Verdict:
        """Make a mutation, let the tests look for it, and undo it; what is recorded first costs no time."""
        path = self.folder / mutation.path
        source = path.read_bytes()
        left_s, asked = limit_s, 0
        for files in self.stages(mutation.path, nearest=nearest):
            self._reach.record(files)
            for some in _batches(self._tests(mutation, files)):
                began = time.monotonic()
                path.write_bytes(mutation.applied(source))
                try:
                    verdict = self._found_by(some, left_s)
                finally:
                    path.write_bytes(source)
                left_s -= time.monotonic() - began
                asked += len(some)
                if verdict is not None:
                    return Verdict(verdict.outcome, verdict.by, asked)
        return Verdict("survived", asked=asked)

    def _found_by(self, tests: Sequence[str], seconds: float) -> Verdict | None:
        """Return what some tests say of the mutation that stands in the copy; None if all pass."""
        limit = max(SHORTEST_LIMIT_S, 10 * self._reach.seconds_of(tests))
        result = run(self.folder, ["-x", f"--timeout={limit:.0f}"], tests, seconds)
        if result.passed:
            return None
        if result.failed:
            return Verdict("killed", result.failed)
        return (
            Verdict("undecided")
            if result.code == TIME_IS_UP
            else Verdict("killed", "the collection of tests")
        )

    def _tests(self, mutation: Mutation, files: Sequence[str]) -> list[str]:
        """Return the tests that execute what is mutated, or use the file where no function holds it."""
        function = function_at(mutation, (self.folder / mutation.path).read_bytes())
        path = mutation.path.as_posix()
        known = {
            each
            for name in files
            for executed in self._reach.files[name].reached.values()
            for each in executed
            if each.startswith(f"{path}::")
        }
        if function:
            own = f"{path}::{function}"
            wanted = [each for each in known if each == own or each.startswith(f"{own}.<locals>.")]
            return self._reach.tests_of(files, wanted)
        found = self._reach.tests_of(files, sorted(known))
        importing = set(self._importing(mutation.path))
        others = [
            test
            for name in files
            if name in importing
            for test in self._reach.files[name].seconds
            if test not in self._reach.files[name].failing
        ]
        return list(dict.fromkeys(found + others))

    def stages(self, module: Path, *, nearest: bool = False) -> Iterator[list[str]]:
        """Yield the files of tests to ask: those of the module's folder, who import it, those of its room."""
        asked: set[str] = set()
        wider = () if nearest else self._within(_wider(module))
        for stage in (self._within([self.own_folder(module)]), self._importing(module), wider):
            files = [name for name in stage if name not in asked and not name.startswith(SLOW)]
            asked.update(files)
            if files:
                yield files

    def _within(self, folders: Iterable[str]) -> list[str]:
        return [
            path.relative_to(self.folder).as_posix()
            for folder in filter(None, folders)
            for path in sorted((self.folder / folder).rglob("test_*.py"))
        ]

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


def function_at(mutation: Mutation, source: bytes) -> str:
    """Return the name of the innermost function around a mutation, as ``code.co_qualname`` has it, if any."""
    before = source[: mutation.begin]
    line, column = before.count(b"\n") + 1, mutation.begin - (before.rfind(b"\n") + 1)
    return max(_functions_around((line, column), ast.parse(source), ""), key=len, default="")


def _functions_around(place: tuple[int, int], node: ast.AST, prefix: str) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _functions_around(place, child, prefix)
        elif (child.lineno, child.col_offset) <= place < (child.end_lineno or 0, child.end_col_offset or 0):
            name = f"{prefix}{child.name}"
            if isinstance(child, ast.ClassDef):
                yield from _functions_around(place, child, f"{name}.")
            else:
                yield name
                yield from _functions_around(place, child, f"{name}.<locals>.")


def _batches(tests: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the first few tests, and then many at once; those of one environment at a time."""
    for component in (True, False):
        asked = [test for test in tests if test.startswith("tests/component/") is component]
        if asked:
            yield asked[:FIRST]
            yield from batched(asked[FIRST:], THEN, strict=False)


def _wider(module: Path) -> Sequence[str]:
    name = module.as_posix()
    return WIDER[max((each for each in WIDER if name.startswith(f"{each}/")), key=len)]
