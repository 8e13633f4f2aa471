"""Mutations: a seed draws the same again, each changes one place, and the nearest tests are asked first."""

import ast
from pathlib import Path
from textwrap import dedent

import pytest

from scripts.lib.mutation.__main__ import PROJECT, drawn, equivalents
from scripts.lib.mutation.finding import Copy, Verdict
from scripts.lib.mutation.mutations import mutations

HERE = Path("module.py")


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
    ],
)
def test_texts_types_and_logs_stay(source: str) -> None:
    assert changed(source) == set()


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
    return tmp_path


def test_a_test_that_fails_anyway_finds_nothing_and_hides_nothing(project: Path) -> None:
    copy = Copy.__new__(Copy)
    copy.folder = project
    module = Path("meter_bridge/core/rule.py")
    source = (project / module).read_bytes()
    compared = next(each for each in mutations(module, source) if each.replacement == "(x <= 5)")
    assert copy.try_to_find(compared, 200.0) == Verdict("killed", "tests/core/test_rule.py::test_low")
    assert (project / module).read_bytes() == source


def test_the_folder_of_a_module_is_asked_first() -> None:
    copy = Copy.__new__(Copy)
    copy.folder = PROJECT
    for module, folder in {
        "meter_bridge/core/rating/rating.py": "tests/core/rating",
        "meter_bridge/engine/supply/relays.py": "tests/engine/supply",
        "meter_bridge/cli.py": "",
        "dashboard/queries/sums.py": "tests/dashboard/queries",
        "custom_components/prepaid_meter/switch.py": "tests/component",
    }.items():
        assert copy.own_folder(Path(module)) == folder
    assert "tests/core/test_money.py" in [
        test for stage in copy.stages(Path("meter_bridge/core/money.py")) for test in stage
    ]
