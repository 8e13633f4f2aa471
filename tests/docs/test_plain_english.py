"""What users read is plain English: no surface contains a phrase of the list in ``phrases.py``.

A surface is a function that yields every text of one kind with the place where it is. To add one, write the
function and list it in ``SURFACES``. A surface that is not clean yet is named in ``PENDING``; as soon as it
is clean, its test fails until the name is removed there, so that it stays clean.
"""

import argparse
import ast
from collections.abc import Callable, Iterator
import itertools
import json
from pathlib import Path
import re
import tomllib
from typing import Final

from babel.messages.pofile import read_po
import pytest

from meter_bridge.api.app import ENDPOINTS
from meter_bridge.api.routes.openapi import build_openapi
from meter_bridge.cli import EXAMPLES, INTRODUCTION, SUMMARIES, command
from meter_bridge.commands.parser import Parser
from tests.docs.phrases import objections

ROOT: Final = Path(__file__).parents[2]
ENGLISH_OF_HOME_ASSISTANT: Final = ROOT / "custom_components" / "prepaid_meter" / "translations" / "en.json"
LITERAL: Final = re.compile(r"^```.*?^```$|`[^`]*`|\]\([^)]*\)", re.MULTILINE | re.DOTALL)
"""Parts of a page that are not prose: blocks, code in a line, targets of links."""
QUOTED: Final = {
    "command-line.md": re.compile(r"^\| `[a-z-]+` \| [^|]+ \|$", re.MULTILINE),
    "troubleshooting.md": re.compile(r"^\| [^|]+ \|", re.MULTILINE),
}
"""Parts of a page that quote another surface: summaries of commands, titles of repair issues."""

type Text = tuple[str, str]
"""A place, and the text that users read there."""


def pages() -> Iterator[Text]:
    """Yield the paragraphs of every page of the documentation."""
    for page in [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]:
        written = page.read_text("utf-8")
        if page.name in QUOTED:
            written = QUOTED[page.name].sub("", written)
        prose = LITERAL.sub(lambda found: "\n" * found[0].count("\n") + "…", written)
        line = 1
        for paragraph in re.split(r"(\n\n+|\n(?=\|))", prose):
            yield f"{page.relative_to(ROOT)}:{line}", paragraph
            line += paragraph.count("\n")


def comments_of_deployment() -> Iterator[Text]:
    """Yield the comments and texts of files that users copy."""
    for file in [*sorted((ROOT / "deploy").iterdir()), *sorted((ROOT / "docs" / "watching").iterdir())]:
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
            if found := re.search(r"(?:^|\s)# (.*)|\"?(?:description|summary|title)\"?: (.*)", line):
                yield f"{file.relative_to(ROOT)}:{number}", found[1] or found[2]


def examples() -> Iterator[Text]:
    """Yield the comments of the site files to copy, and the blueprints of Home Assistant."""
    for file in sorted((ROOT / "docs" / "examples").rglob("*.yaml")):
        yield file.name, " ".join(re.findall(r"(?:^|\s)# ?(.*)", file.read_text("utf-8")))
    for file in sorted((ROOT / "blueprints").rglob("*.yaml")):
        written = re.sub(r"\{[{%].*?[%}]\}", "", file.read_text("utf-8"), flags=re.DOTALL)
        for paragraph in re.split(r"\n(?=\s*\w+:)", written):
            yield file.name, paragraph


def help_of_commands() -> Iterator[Text]:
    """Yield the introduction, summaries, descriptions and options of the command line."""
    yield "meter-bridge", INTRODUCTION
    yield "meter-bridge", EXAMPLES
    for name, summary in SUMMARIES.items():
        yield name, summary
        described = command(name)
        yield name, described.epilog or ""
        parser = Parser(prog=name)
        described.add_to(parser)
        yield from _help_of(parser)


def _help_of(parser: argparse.ArgumentParser) -> Iterator[Text]:
    yield parser.prog, parser.description or ""
    yield parser.prog, parser.epilog or ""
    for action in parser._actions:
        yield f"{parser.prog} {action.dest}", action.help or ""
        if isinstance(action, argparse._SubParsersAction):
            for choice in action._choices_actions:
                yield f"{parser.prog} {choice.dest}", choice.help or ""
            for inner in set(action.choices.values()):
                yield from _help_of(inner)


def help_of_scripts() -> Iterator[Text]:
    """Yield the introductions of the scripts, which are their help."""
    for file in [ROOT / ".ci" / "run", *sorted((ROOT / "scripts").iterdir())]:
        if file.is_file():
            for line in itertools.takewhile(
                lambda line: line[:1] == "#", file.read_text("utf-8").splitlines()
            ):
                yield file.name, line


def messages() -> Iterator[Text]:
    """Yield the texts in the source but docstrings and keys: errors, remedies, lines of the log, labels."""
    for folder in ("meter_bridge", "dashboard", "custom_components"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            nodes = list(ast.walk(ast.parse(file.read_text("utf-8"))))
            docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
            keys = {id(key) for node in nodes if isinstance(node, ast.Dict) for key in node.keys}
            for node in nodes:
                if (
                    isinstance(node, ast.Constant)
                    and isinstance(node.value, str)
                    and id(node) not in docstrings | keys
                ):
                    yield f"{file.relative_to(ROOT)}:{node.lineno}", node.value


def openapi() -> Iterator[Text]:
    """Yield every summary and description of the OpenAPI document."""
    yield from _described("openapi", build_openapi(ENDPOINTS))


def _described(place: str, node: object) -> Iterator[Text]:
    if isinstance(node, dict):
        for key, inner in node.items():
            if key in {"summary", "description"} and isinstance(inner, str):
                yield place, inner
            else:
                yield from _described(f"{place}/{key}", inner)
    elif isinstance(node, (list, tuple)):
        for inner in node:
            yield from _described(place, inner)


def home_assistant() -> Iterator[Text]:
    """Yield the English texts of the integration."""
    yield from _leaves("", json.loads(ENGLISH_OF_HOME_ASSISTANT.read_text("utf-8")))


def notices() -> Iterator[Text]:
    """Yield the English texts of notices, receipts and statements."""
    yield from _english("bridge", ROOT / "meter_bridge" / "notify" / "words" / "en.json")


def tenant_page() -> Iterator[Text]:
    """Yield the English texts of the tenant's page."""
    yield from _english("page", ROOT / "meter_bridge" / "tenant_page" / "static" / "words.en.json")


def dashboard() -> Iterator[Text]:
    """Yield the English texts of the dashboard, which are the keys of its translations."""
    yield from _translated("dashboard")
    file = ROOT / "dashboard" / "text" / "languages" / "de.toml"
    if file.exists():
        yield from _keys(tomllib.loads(file.read_text("utf-8")))


def _english(domain: str, file: Path) -> Iterator[Text]:
    """Yield the English texts of a catalogue, from a file of words or the ids of its German translation."""
    if file.exists():
        yield from _leaves(file.name, json.loads(file.read_text("utf-8")))
    yield from _translated(domain)


def _translated(domain: str) -> Iterator[Text]:
    for translation in sorted(ROOT.glob(f"*/**/locale/de/**/{domain}.po")):
        with translation.open("rb") as opened:
            for message in read_po(opened):
                for text in message.id if isinstance(message.id, (list, tuple)) else (message.id,):
                    yield domain, str(text)


def _leaves(place: str, node: object) -> Iterator[Text]:
    if isinstance(node, dict):
        for key, inner in node.items():
            yield from _leaves(f"{place}.{key}".removeprefix("."), inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _leaves(place, inner)
    elif isinstance(node, str):
        yield place, node


def _keys(node: dict[str, object]) -> Iterator[Text]:
    for key, inner in node.items():
        if isinstance(inner, dict):
            yield from _keys(inner)
        else:
            yield "dashboard", key


SURFACES: Final[dict[str, Callable[[], Iterator[Text]]]] = {
    "pages": pages,
    "comments of deployment": comments_of_deployment,
    "examples": examples,
    "help of commands": help_of_commands,
    "help of scripts": help_of_scripts,
    "messages": messages,
    "openapi": openapi,
    "home assistant": home_assistant,
    "notices": notices,
    "tenant page": tenant_page,
    "dashboard": dashboard,
}
PENDING: Final[frozenset[str]] = frozenset()
"""Surfaces that still contain such phrases. Remove a name as soon as its surface is clean."""


@pytest.mark.parametrize("name", SURFACES)
def test_a_surface_is_written_in_plain_english(name: str) -> None:
    texts = list(SURFACES[name]())
    assert len(texts) > 20, "there is something to read"
    found = [f"{place}: {objection}" for place, text in texts for objection in objections(text)]
    if name in PENDING:
        assert found, f"{name!r} is clean: remove it from PENDING"
    else:
        assert not found, "\n".join(found)


def test_only_surfaces_that_exist_are_pending() -> None:
    assert SURFACES.keys() >= PENDING


@pytest.mark.parametrize(
    "text",
    [
        "A meter is not heard of since noon.",
        "It goes\non anew.",
        "Ask whoever sold it.",
        "What the device tells is kept.",
        "At most so many.",
    ],
)
def test_a_phrase_of_the_list_is_found(text: str) -> None:
    assert objections(text)


@pytest.mark.parametrize(
    "text", ["The meter is offline.", "Renewed, amended, recommended.", "It has its own page."]
)
def test_plain_english_is_not_objected_to(text: str) -> None:
    assert objections(text) == []
