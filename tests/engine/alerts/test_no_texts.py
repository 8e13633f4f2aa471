"""No alert is raised with a text: only facts are stored, and what a person reads is made where it is read."""

import ast
from collections.abc import Iterator
from pathlib import Path
import re
from typing import Final

import pytest

import meter_bridge

PACKAGE: Final = Path(meter_bridge.__path__[0])
FACTS_ARGUMENT: Final = {"set_alert": 4, "set_installation_alert": 2, "record_past_alert": 3, "OpenAlert": 1}
SENTENCE: Final = re.compile(r"\w\s+\w")
EDGES: Final = {"alerts/view.py", "state/events.py", "status.py"}
"""Where the engine shows alerts: on the wire, in the log, as the reasons of its health."""


def modules(folder: Path, *words: str) -> Iterator[tuple[str, ast.Module]]:
    """Yield the modules of a folder in which one of the words occurs."""
    for path in sorted(folder.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        if any(word in source for word in words):
            yield path.relative_to(folder).as_posix(), ast.parse(source)


def raised_facts(tree: ast.Module) -> Iterator[ast.expr]:
    """Yield what is given as the facts of alerts."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            index = FACTS_ARGUMENT.get(getattr(node.func, "id", getattr(node.func, "attr", "")))
            if index is not None:
                yield node.args[index]


def sources(tree: ast.Module, name: str) -> Iterator[ast.expr]:
    """Yield what a module assigns to a name, or what its function of that name returns or yields."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                yield value
            case ast.AnnAssign(target=ast.Name(id=target), value=ast.expr() as value) if target == name:
                yield value
            case ast.FunctionDef(name=target) if target == name:
                for part in ast.walk(node):
                    if isinstance(part, ast.Return | ast.Yield) and part.value is not None:
                        yield part.value


def texts_in(tree: ast.Module, node: ast.AST, seen: frozenset[str] = frozenset()) -> list[str]:
    """Return the texts that an expression is made of, also by way of names of its module."""
    match node:
        case ast.JoinedStr():
            return [ast.unparse(node)]
        case ast.Constant(value=str(text)):
            return [text] if SENTENCE.search(text) else []
        case ast.Call(func=ast.Name(id="AlertKey")):
            return []
        case ast.Name(id=name) | ast.Attribute(attr=name) if name not in seen:
            seen |= {name}
            return [text for source in sources(tree, name) for text in texts_in(tree, source, seen)]
    return [text for child in ast.iter_child_nodes(node) for text in texts_in(tree, child, seen)]


def test_no_alert_is_raised_with_a_text() -> None:
    found = modules(PACKAGE, *FACTS_ARGUMENT)
    raised = [(name, tree, facts) for name, tree in found for facts in raised_facts(tree)]
    assert len(raised) > 20
    assert {name: texts for name, tree, facts in raised if (texts := texts_in(tree, facts))} == {}


@pytest.mark.parametrize(
    "source",
    [
        "set_alert(a, b, c, d, {'case': f'{x} is off'})",
        "facts = {'why': 'supply is off'}\nset_installation_alert(a, b, facts if c else None)",
        "def _facts():\n    return {'why': 'supply is off'}\nset_alert(a, b, c, d, _facts())",
    ],
)
def test_a_text_would_be_noticed(source: str) -> None:
    tree = ast.parse(source)
    (facts,) = raised_facts(tree)
    assert len(texts_in(tree, facts)) == 1


def test_texts_are_made_only_where_the_engine_shows_alerts() -> None:
    makers = {
        name
        for name, tree in modules(PACKAGE / "engine", "text.alerts")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "meter_bridge.text.alerts"
    }
    assert makers == EDGES
