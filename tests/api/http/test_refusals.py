"""No refusal without a way on."""

import ast
from collections.abc import Iterator
from pathlib import Path

import meter_bridge

PACKAGE = Path(meter_bridge.__file__).parent
MENDS = {"remedy", "problems"}


def _refusals() -> Iterator[tuple[str, set[str | None]]]:
    """Yield where the code refuses, and what it names there."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "RequestRefused"
            ):
                place = f"{path.relative_to(PACKAGE)}:{node.lineno}"
                yield place, {keyword.arg for keyword in node.keywords}


def test_every_refusal_names_a_remedy() -> None:
    found = list(_refusals())
    assert len(found) > 50
    assert [place for place, named in found if not named & MENDS] == []
