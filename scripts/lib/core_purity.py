"""Check that meter_bridge.core does no input or output and reads no clock.

Time, ids and transports are passed in, so that the whole daemon runs under a simulated clock and one stream
of readings always ends in the same journal. What the core may import is in importlinter.ini.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
import sys

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "meter_bridge" / "core"
INPUT_OUTPUT = frozenset({"__import__", "breakpoint", "eval", "exec", "input", "open", "print"})
CLOCKS = frozenset({"date", "datetime"})
CLOCK_READINGS = frozenset({"now", "today", "utcnow"})

type Finding = tuple[int, str]


def findings(tree: ast.AST) -> Iterator[Finding]:
    """Yield the line and the name of all that is not pure."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in INPUT_OUTPUT:
                yield node.lineno, f"calls {name}()"
            case (
                ast.Attribute(attr=attribute, value=ast.Name(id=owner))
                | ast.Attribute(attr=attribute, value=ast.Attribute(attr=owner))
            ) if owner in CLOCKS and attribute in CLOCK_READINGS:
                yield node.lineno, f"reads the clock with {owner}.{attribute}"


def main() -> int:
    """Print every finding as FILE:LINE and return the exit code."""
    errors = [
        f"{path.relative_to(ROOT)}:{line}: the core {finding}"
        for path in sorted(CORE.rglob("*.py"))
        for line, finding in findings(ast.parse(path.read_text(encoding="utf-8")))
    ]
    print(*errors, sep="\n", end="\n" if errors else "", file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
