"""What holds for every command: its options, its exit codes, and what a program reads of it."""

from collections.abc import Iterator
import json
from pathlib import Path
import re
import shlex

import pytest

from meter_bridge.cli import SUMMARIES, build_parser, command
from meter_bridge.commands.command import Argument, Command, Group
from meter_bridge.commands.parser import EXIT_CODES
from tests.commands.conftest import EXAMPLE, Command as Run

DOCS = Path(__file__).parents[2] / "docs" / "command-line.md"
WITHOUT_JSON = {"access labels", "completion", "run", "simulate", "statement", "tariff show"}
WITHOUT_INSTALLATION = {
    "broker-acl",
    "check",
    "completion",
    "migrate",
    "model list",
    "model show",
    "model try",
    "notify check",
    "payments check",
    "restore",
    "tariff check",
    "tariff price",
    "tariff show",
}
"""Commands that need no installation."""
EXAMPLE_LINE = re.compile(
    r"  (?:\w+=\S+ )?(?:sudo (?:-u \S+ )?)?meter-bridge (?:--data \S+ +)?(.+?)(?:  +.*)?"
)
ENDS_WITH = {
    "completion": 0,
    "model list": 0,
    "model show": 0,
    "notify check": 0,
    "payments check": 0,
    "restore": 1,
}
"""Exit codes of their examples where the files are missing that those name; 2 where it is not here."""
CREATING = {"apply", "token create"}
UNTIL_STOPPED = {"run", "simulate"}


def leaves(name: str, found: Command, inherited: tuple[str, ...] = ()) -> Iterator[tuple[str, set[str]]]:
    """Yield a command, or its actions, with its options."""
    own = (*inherited, *(option for item in found.arguments for option in options(item)))
    if found.run is not None:
        yield name, set(own)
    for word, action in found.actions.items():
        yield from leaves(f"{name} {word}", action, own)


def options(item: object) -> Iterator[str]:
    if isinstance(item, Group):
        yield from (name for argument in item.arguments for name in argument.names)
    elif isinstance(item, Argument):
        yield from item.names


LEAVES = dict(leaf for name in SUMMARIES for leaf in leaves(name, command(name)))


def examples() -> Iterator[tuple[str, str]]:
    """Yield every example of the help with the command that it shows."""
    for name in SUMMARIES:
        found = command(name)
        # In order, as every worker has to collect the same tests.
        for epilog in dict.fromkeys((found.epilog, *(action.epilog for action in found.actions.values()))):
            for line in str(epilog).replace("\\\n", " ").splitlines():
                call = EXAMPLE_LINE.fullmatch(line)
                if call:
                    words = [word for word in call[1].split()[:2] if re.fullmatch(r"[a-z-]+", word)]
                    two = " ".join(words)
                    yield two if two in LEAVES else words[0] if words else "?", call[1]


EXAMPLES = [each for each in examples() if each[0] not in UNTIL_STOPPED | CREATING]


def test_every_command_answers_programs_or_is_named_as_one_that_does_not() -> None:
    assert {name for name, known in LEAVES.items() if "--json" not in known} == WITHOUT_JSON
    text = DOCS.read_text(encoding="utf-8")
    section = text[text.index("Every command accepts `--json`") : text.index("| exit code |")]
    named = set(re.findall(r"`([a-z -]+)`", section[: section.index("If such")]))
    assert named - {"--json", "--format json"} == WITHOUT_JSON


@pytest.mark.parametrize("name", sorted(LEAVES))
def test_an_unknown_option_is_exit_code_2(run: Run, data: Path, name: str) -> None:
    code, _, err = run(*name.split(), "--no-such-option")
    assert (code, err.startswith("error: ")) == (2, True)


@pytest.mark.parametrize("name,line", EXAMPLES, ids=[f"{name}-{n}" for n, (name, _) in enumerate(EXAMPLES)])
def test_an_example_without_installation_and_files_ends_with_the_code_of_the_table(
    run: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line.partition(" >")[0], comments=True)
    build_parser().parse_args(words)
    code, out, err = run(*words)
    what, remedy = err.splitlines()[:2] if code else ("error: ", "  remedy")
    assert (what[:7], remedy[:2]) == ("error: ", "  ")
    if name in WITHOUT_INSTALLATION:
        assert code == ENDS_WITH.get(name, 2)
    elif name == "payments reconcile":
        assert code == 2
    else:
        assert code == 3
        said = "no bridge is running" if name.startswith("clock") else "there is no installation"
        assert f"{said} in" in err
    if code and "--json" in words:
        assert json.loads(out)["error"]


def test_the_help_and_the_page_name_the_same_codes() -> None:
    codes = re.findall(r"^  (\d+)  ", EXIT_CODES, re.MULTILINE)
    assert re.findall(r"^\| (\d+) \| ", DOCS.read_text(encoding="utf-8"), re.MULTILINE) == codes


def test_a_program_reads_where_each_mistake_of_a_site_file_is(run: Run, data: Path) -> None:
    path = data / "wrong.yaml"
    path.write_text(EXAMPLE.read_text().replace("rating: 3x63 A", "rating: lots"))
    for command_line in (("check",), ("apply", "--yes"), ("tariff", "check"), ("broker-acl",)):
        code, out, _ = run(*command_line, str(path), "--json")
        answer = json.loads(out)
        if command_line == ("tariff", "check"):
            assert (code, answer["problems"]) == (0, [])
        else:
            (problem,) = answer["problems"]
            assert (code, problem["field"].endswith("rating"), problem["line"] > 1) == (1, True, True)


def test_times_name_their_zone(run: Run, installed: Path) -> None:
    assert run("top-up", "flat-1", "10.00")[0] == 0
    minute, second = r"\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?(.{4})", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(.{4})"
    for line, written in (
        (("ledger", "flat-1"), minute),
        (("explain", "flat-1", "entry-1"), minute),
        (("statement", "flat-1"), minute),
        (
            ("alerts",),
            second,
        ),  # without what the texts of alerts say in local time, such as when supply is cut
    ):
        times = re.findall(written, run(*line)[1])
        assert times
        assert all(rest.startswith(("+02:", " UTC")) for rest in times), line
