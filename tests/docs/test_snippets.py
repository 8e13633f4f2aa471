"""What the documentation shows works: site files, simulations, command lines, links and pictures."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
import re
import shlex
from typing import Final
from urllib.parse import unquote

import pytest

from meter_bridge.cli import SUMMARIES, build_parser
from meter_bridge.commands.parser import CommandError
from meter_bridge.config.site_file import load
from meter_bridge.devices.simulators.cli import build_meters

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLE: Final = ROOT / "docs" / "examples" / "house-with-flats.yaml"
FENCE: Final = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE: Final = re.compile(r"`(meter-bridge [^`]+)`")
LINK: Final = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")
HEADING: Final = re.compile(r"^#+ (.+)$", re.MULTILINE)
CALL: Final = re.compile(r"(?:^|[\s/=])meter-bridge (?P<arguments>.+)$")
NO_COMMANDS: Final = frozenset({"yaml", "mermaid", "python", "json"})
ELSEWHERE: Final = ("http://", "https://", "mailto:")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        """Return where the block stands, for the name of a test."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True, slots=True)
class Call:
    """A use of ``meter-bridge`` on a page."""

    place: str
    line: str


def blocks() -> Iterator[Block]:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for found in FENCE.finditer(text):
            yield Block(page, text.count("\n", 0, found.start()) + 1, found[1], found[2])


def yaml_blocks(first_level: str) -> list[Block]:
    """Return the YAML blocks that have a key at their left edge."""
    key = re.compile(rf"^{first_level}:", re.MULTILINE)
    return [block for block in blocks() if block.language == "yaml" and key.search(block.text)]


def calls() -> Iterator[Call]:
    """Yield the command lines in blocks; what stands after ``$`` where a block shows answers as well."""
    for block in blocks():
        if block.language in NO_COMMANDS:
            continue
        prompt = "$ " if block.language == "console" else ""
        for line in block.text.replace("\\\n", " ").splitlines():
            found = CALL.search(line.removeprefix(prompt)) if line.startswith(prompt) else None
            if found and not line.lstrip().startswith("#"):
                yield Call(block.place, found["arguments"])


def arguments_of(line: str) -> list[str]:
    """Return the arguments of a command line, without comments, redirections and what follows."""
    words = shlex.split(line, comments=True)
    ends = [index for index, word in enumerate(words) if word in {"&", "|", ">", "&&", "<"}]
    return words[: ends[0]] if ends else words


def why_refused(arguments: list[str]) -> str | None:
    """Return what the command line has against arguments, or None if it takes them."""
    try:
        build_parser().parse_args(arguments)
    except CommandError as error:
        return error.what
    except SystemExit as ended:
        return f"ended with {ended.code}" if ended.code else None  # '--help' is right
    return None


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings as GitHub makes them."""
    names = HEADING.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", name.lower()).replace(" ", "-") for name in names}


def links() -> list[tuple[Path, str]]:
    found = []
    for page in PAGES:
        text = FENCE.sub("", page.read_text(encoding="utf-8"))
        targets = (first or second for first, second in LINK.findall(text))
        found += [(page, target) for target in targets if not target.startswith(ELSEWHERE)]
    return found


def test_there_is_something_to_look_at() -> None:
    assert len(yaml_blocks("sites")) >= 3
    assert len(list(calls())) > 30
    assert len(links()) > 100


@pytest.mark.parametrize("block", yaml_blocks("sites"), ids=lambda block: block.place)
def test_every_site_file_shown_is_right(block: Block) -> None:
    assert load(block.text).sites


@pytest.mark.parametrize("block", yaml_blocks("meters"), ids=lambda block: block.place)
def test_every_simulation_shown_can_be_run(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "meters.yaml"
    path.write_text(block.text, encoding="utf-8")
    assert build_meters(build_parser().parse_args(["simulate", "--file", str(path)]), 0)


def test_the_part_of_the_example_in_first_steps_is_the_example() -> None:
    shown = next(block.text for block in yaml_blocks("sites") if "rose-street" in block.text)
    example = iter(EXAMPLE.read_text(encoding="utf-8").splitlines())
    missing = [line for line in shown.splitlines() if line and line not in example]
    assert not missing


@pytest.mark.parametrize("call", calls(), ids=lambda call: f"{call.place} {call.line}")
def test_every_command_line_shown_is_understood(call: Call) -> None:
    assert why_refused(arguments_of(call.line)) is None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_and_option_that_is_mentioned_exists(
    page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for mention in INLINE.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        words = shlex.split(mention)[1:]
        if words[0] in {"COMMAND", "…"} or words[0].startswith("-"):
            continue
        assert words[0] in SUMMARIES, mention
        action = words[1:2] if words[0] == "token" and not words[1].startswith("-") else []
        with pytest.raises(SystemExit):
            build_parser().parse_args([words[0], *action, "--help"])
        known = capsys.readouterr().out
        options = [word.partition("=")[0] for word in words[1:] if word.startswith("--")]
        assert all(option in known for option in options), mention


@pytest.mark.parametrize("page, target", links(), ids=lambda value: str(value).removeprefix(f"{ROOT}/"))
def test_every_link_and_picture_is_there(page: Path, target: str) -> None:
    path, _, anchor = unquote(target).partition("#")
    there = page.parent / path if path else page
    assert there.exists()
    if anchor:
        assert anchor in anchors(there)


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs" / "index.md"
    named = {(index.parent / target.partition("#")[0]).resolve() for page, target in links() if page == index}
    assert set((ROOT / "docs").rglob("*.md")) - {index} <= named


def test_decisions_are_numbered_without_gaps_and_have_their_four_parts() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [page.name[:4] for page in pages] == [f"{number:04}" for number in range(1, len(pages) + 1)]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {page.name[:4]} ")
        for part in ("Context", "Choice", "What was measured", "What would change it"):
            assert f"\n## {part}\n" in text, page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_script_that_is_mentioned_exists(page: Path) -> None:
    for name in re.findall(r"\bscripts/([a-z][\w/.-]*\w)", page.read_text(encoding="utf-8")):
        assert (ROOT / "scripts" / name).exists(), name
