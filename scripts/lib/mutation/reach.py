"""Which tests execute a function: recorded once for each file of tests, and kept until that file changes."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
import hashlib
import json
from pathlib import Path
import tempfile
from typing import Final, Self, cast

from scripts.lib.mutation.recorder import ALL, FOLDER
from scripts.lib.mutation.runs import run

SECONDS: Final = 3600.0
"""So long may one room's tests take while they are recorded."""


@dataclass(slots=True)
class TestFile:
    """What was recorded of a file of tests."""

    digest: str
    reached: dict[str, list[str]] = field(default_factory=dict)
    """The functions that each test executes; under the file's own name those of what its tests share."""
    seconds: dict[str, float] = field(default_factory=dict)
    failing: list[str] = field(default_factory=list)
    """Tests that fail without any mutation."""


class Reach:
    """What every test executes, as far as it was asked for."""

    def __init__(self, project: Path, kept: Path) -> None:
        """Read what an earlier run recorded."""
        self._project = project
        self._kept = kept
        self.files: dict[str, TestFile] = {}
        if kept.is_file():
            stored = json.loads(kept.read_text(encoding="utf-8"))
            self.files = {name: TestFile(**told) for name, told in stored.items()}

    def record(self, names: Iterable[str]) -> Self:
        """Record those files of tests that are new or have changed."""
        changed = [
            name for name in names if self._digest(name) != getattr(self.files.get(name), "digest", "")
        ]
        for component in (True, False):
            asked = [name for name in changed if name.startswith("tests/component/") is component]
            if asked:
                self._record(asked)
                self._keep()
        return self

    def _record(self, names: Sequence[str]) -> None:
        with tempfile.TemporaryDirectory(prefix="reached-") as folder:
            run(
                self._project,
                ["-p", "scripts.lib.mutation.recorder"],
                names,
                SECONDS,
                {FOLDER: folder},
            )
            told = json.loads((Path(folder) / "session.json").read_text(encoding="utf-8"))
            reached = defaultdict(set, {whose: set(each) for whose, each in told["reached"].items()})
            for started in Path(folder).glob("*.started"):
                for line in started.read_text(encoding="utf-8").splitlines():
                    whose, _, function = line.partition("\t")
                    reached[whose].add(function)
        for name in names:
            self.files[name] = TestFile(self._digest(name))
        for test, seconds in told["seconds"].items():
            self.files[_file(test)].seconds[test] = round(seconds, 3)
        for test, passed in cast("dict[str, bool]", told["passed"]).items():
            if not passed:
                self.files[_file(test)].failing.append(test)
        shared = {function for function in reached.pop(ALL, set()) if not function.endswith("::<module>")}
        for whose, functions in reached.items():
            self.files[_file(whose)].reached[whose] = sorted(functions)
        for name in names:
            own = set(self.files[name].reached.get(name, ()))
            self.files[name].reached[name] = sorted(own | shared)

    def _keep(self) -> None:
        stored = {
            name: {
                "digest": each.digest,
                "reached": each.reached,
                "seconds": each.seconds,
                "failing": each.failing,
            }
            for name, each in sorted(self.files.items())
        }
        self._kept.parent.mkdir(parents=True, exist_ok=True)
        self._kept.write_text(json.dumps(stored), encoding="utf-8")

    def _digest(self, name: str) -> str:
        return hashlib.sha256((self._project / name).read_bytes()).hexdigest()

    def tests_of(self, names: Iterable[str], functions: Sequence[str]) -> list[str]:
        """Return the tests of some files that execute one of some functions, the quick and specific first.

        Specific is a test that executes it itself, not by what it shares with others, and little else. Only
        those that pass without a mutation are asked.
        """
        wanted, found = set(functions), dict[str, tuple[int, int, int]]()
        for name in names:
            file = self.files[name]
            by_all = bool(wanted & set(file.reached.get(name, ())))
            for test in file.seconds:
                executed = file.reached.get(test, [])
                directly = not wanted.isdisjoint(executed)
                if test not in file.failing and (directly or by_all):
                    seconds = int(file.seconds[test])
                    found[test] = (0 if directly else 1, seconds.bit_length(), len(executed))
        return sorted(found, key=lambda test: (*found[test], test))

    def seconds_of(self, tests: Iterable[str]) -> float:
        """Return how long the longest of some tests took when it was recorded."""
        return max((self.files[_file(test)].seconds[test] for test in tests), default=0.0)


def _file(test: str) -> str:
    return test.split("::", 1)[0]
