"""Mutations: a seed draws the same again, each changes one place, and the nearest tests are asked first."""

import ast
from pathlib import Path
import shutil
import sys
from textwrap import dedent

import psutil
import pytest

from scripts.lib.mutation import contained
from scripts.lib.mutation.__main__ import PROJECT, drawn, equivalents
from scripts.lib.mutation.finding import Copy, Verdict, function_at
from scripts.lib.mutation.mutations import Mutation, mutations
from scripts.lib.mutation.reach import Reach

HERE = Path("module.py")
RULE = Path("meter_bridge/core/rule.py")


def changed(source: str) -> set[str]:
    """Return the changed lines of every mutation of a source."""
    raw = dedent(source).encode()
    return {mutation.lines(raw)[1] for mutation in mutations(HERE, raw)}


@pytest.mark.parametrize(
    "source, expected",
    [
        ("x = a < b", {"x = (a <= b)"}),
        ("x = a + 2", {"x = (a - 2)", "x = a + (3)"}),
        ("x = a and not b", {"x = (a or not b)", "x = a and (b)"}),
        ("x = min(a, b)", {"x = (max(a, b))"}),
        ("x = a if b else c", {"x = (c if b else a)"}),
        ("x += y", {"x -= y"}),
        ("save(x)", {"pass"}),
        ("if ready:\n    go = y", {"if (not ready):"}),
        ("def f():\n    return x", {"return None"}),
        ("x: Final[Literal[3]] = True", {"x: Final[Literal[3]] = (False)"}),
    ],
)
def test_a_slip_of_each_kind_is_made(source: str, expected: set[str]) -> None:
    assert changed(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        '"""1 + 2."""',
        "def f(x: Annotated[int, 3]) -> Literal[4]: ...",
        "_LOGGER.warning('%d', 3)",
        "assert x > 3",
        "raise ValueError(3)",
        "x = f'{y + 1}'",
        "import a",
        "if TYPE_CHECKING:\n    x = 3",
        "__all__ = ['a']",
    ],
)
def test_texts_types_and_logs_stay(source: str) -> None:
    assert changed(source) == set()


def test_how_large_something_is_drawn_stays() -> None:
    source = b"a.columns([1, 2])\nb = chart(height=3, title=dict(size=4))\nc = {'width': 5}\n"
    drawn_as = {mutation.lines(source)[1] for mutation in mutations(Path("dashboard/charts/a.py"), source)}
    assert drawn_as == {"pass"}
    assert len(mutations(Path("meter_bridge/a.py"), source)) == 6


def test_every_mutation_of_the_product_is_a_program() -> None:
    for number, (mutation, source) in zip(range(500), drawn(1, ["meter_bridge", "dashboard"]), strict=False):
        assert ast.parse(mutation.applied(source)).body, number
        before, after = mutation.lines(source)
        assert before != after


def test_a_seed_draws_the_same_again_and_another_seed_others() -> None:
    first, again, other = (
        [mutation for mutation, _ in drawn(seed, ["meter_bridge/core/money.py"])] for seed in (1, 1, 2)
    )
    assert first == again != other
    assert set(first) == set(other)


def test_an_equivalent_mutation_is_still_there_and_has_a_reason() -> None:
    for each in equivalents():
        found = {mutation.lines(source) for mutation, source in drawn(1, [each.file])}
        assert (each.before, each.after) in found, each
        assert each.reason


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a small project with a rule, its test, and a test that always fails."""
    files = {
        "meter_bridge/__init__.py": "",
        "meter_bridge/core/__init__.py": "",
        "meter_bridge/core/rule.py": "def is_low(x):\n    return x < 5\n",
        "tests/core/test_broken.py": "def test_broken():\n    raise OSError\n",
        "tests/core/test_rule.py": "from meter_bridge.core.rule import is_low\n\n\n"
        "def test_low():\n    assert not is_low(5)\n",
        "pyproject.toml": "[tool.pytest.ini_options]\naddopts = ['--import-mode=importlib']\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / ".venvs").symlink_to((PROJECT / ".venvs").resolve())
    shutil.copytree(PROJECT / "scripts/lib/mutation", tmp_path / "scripts/lib/mutation")
    return tmp_path


def compared_in(project: Path) -> Mutation:
    """Return the mutation that only a test at the limit finds."""
    source = (project / RULE).read_bytes()
    return next(each for each in mutations(RULE, source) if each.replacement == "(x <= 5)")


def copy_of(project: Path) -> Copy:
    """Return the small project itself as the copy in which mutations are made."""
    copy = Copy.__new__(Copy)
    copy.folder = project
    copy._reach = Reach(project, project / "kept.json")
    return copy


def test_a_test_that_fails_anyway_finds_nothing_and_hides_nothing(project: Path) -> None:
    source = (project / RULE).read_bytes()
    verdict = copy_of(project).try_to_find(compared_in(project), 200.0)
    assert (verdict.outcome, verdict.by) == ("killed", "tests/core/test_rule.py::test_low")
    assert (project / RULE).read_bytes() == source


def test_a_test_of_another_folder_finds_it(project: Path) -> None:
    (project / "tests/core/test_rule.py").rename(project / "tests/elsewhere_rule.py")
    assert copy_of(project).try_to_find(compared_in(project), 200.0) == Verdict("survived")
    (project / "tests/engine").mkdir()
    (project / "tests/elsewhere_rule.py").rename(project / "tests/engine/test_more.py")
    assert copy_of(project).try_to_find(compared_in(project), 200.0).outcome == "killed"


def test_a_program_that_a_test_starts_counts_as_the_tests(project: Path) -> None:
    (project / "tests/core/test_rule.py").write_text(
        "import subprocess, sys\n\n\n"
        "def test_program():\n"
        "    program = 'from meter_bridge.core.rule import is_low; assert not is_low(5)'\n"
        "    subprocess.run([sys.executable, '-c', program], check=True)\n"
    )
    verdict = copy_of(project).try_to_find(compared_in(project), 200.0)
    assert (verdict.outcome, verdict.by) == ("killed", "tests/core/test_rule.py::test_program")


def test_a_function_that_no_test_executes_is_told(project: Path) -> None:
    (project / "tests/core/test_rule.py").write_text("def test_nothing():\n    pass\n")
    assert copy_of(project).try_to_find(compared_in(project), 200.0) == Verdict("survived", asked=0)


def test_what_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    started = tmp_path / "started"
    program = (
        "import os, pathlib, subprocess, sys, time\n"
        "alone = 'import os, time; os.setsid(); time.sleep(600)'\n"
        "other = subprocess.Popen([sys.executable, '-c', alone], stdout=subprocess.DEVNULL)\n"
        f"pathlib.Path({str(started)!r}).write_text(str(other.pid))\n"
        "time.sleep(600)\n"
    )
    code = contained.main_of([sys.executable, "-c", program], seconds=5.0)
    assert code == contained.TIME_IS_UP
    assert not psutil.pid_exists(int(started.read_text()))


def test_the_function_around_a_mutation_is_named_as_python_names_it() -> None:
    source = b"class A:\n    def b(self):\n        def c():\n            return x < 1\n\n\nd = y < 2\n"
    named = {each.replacement: function_at(each, source) for each in mutations(RULE, source)}
    assert named["(x <= 1)"] == "A.b.<locals>.c"
    assert named["(y <= 2)"] == ""


def test_the_folder_of_a_module_is_asked_and_who_imports_it() -> None:
    copy = copy_of(PROJECT)
    for module, folder in {
        "meter_bridge/core/rating/rating.py": "tests/core/rating",
        "meter_bridge/engine/supply/relays.py": "tests/engine/supply",
        "meter_bridge/cli.py": "",
        "dashboard/queries/sums.py": "tests/dashboard/queries",
        "custom_components/prepaid_meter/switch.py": "tests/component",
    }.items():
        assert copy.own_folder(Path(module)) == folder
    first, then, last = copy.stages(Path("dashboard/pricing/audit.py"))
    assert "tests/dashboard/pricing/test_pricing.py" in first
    assert "tests/cluster/test_exporting.py" in then
    assert "tests/dashboard/views/test_pages.py" in last
    assert list(copy.stages(Path("dashboard/pricing/audit.py"), nearest=True)) == [first, then]
