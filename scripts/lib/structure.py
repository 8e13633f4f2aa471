"""Print the structure of the product's packages as a Markdown table: `structure.py [CHECKOUT...]`.

For each checkout one column: the packages, files and lines, the largest folder, how deep imports
go (the longest chain of modules, each of which imports the next), and how many circles there are between
modules and between the children of a package, each child with all that is in it. Imports are read from the
source; those below `if TYPE_CHECKING` count as well.
"""

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
import sys

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("meter_bridge", "dashboard")

type Graph = Mapping[str, frozenset[str]]


def modules(root: Path) -> dict[str, Path]:
    """Return the modules of the product by their dotted names."""
    return {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for package in PRODUCT
        for path in sorted((root / package).rglob("*.py"))
    }


def imports(known: Mapping[str, Path]) -> Graph:
    """Return which modules each module imports."""

    def named(node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in known else node.module

    def of(name: str, path: Path) -> frozenset[str]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        return frozenset(target for node in ast.walk(tree) for target in named(node) if target in known) - {
            name
        }

    return {name: of(name, path) for name, path in known.items()}


def among_siblings(graph: Graph) -> Iterator[Graph]:
    """Yield for each package which of its children, with all that is in them, import each other."""
    packages = {name.rpartition(".")[0] for name in graph} - {""}
    for package in sorted(packages):
        children: defaultdict[str, set[str]] = defaultdict(set)
        for name, targets in graph.items():
            child = _child(package, name)
            if child:
                children[child] |= {_child(package, target) for target in targets} - {"", child}
        yield {child: frozenset(targets) for child, targets in children.items()}


def _child(package: str, name: str) -> str:
    """Return the child of a package in which a module is, or an empty text."""
    inside = name.removeprefix(f"{package}.")
    return "" if inside == name else inside.partition(".")[0]


def circles(graph: Graph) -> list[frozenset[str]]:
    """Return the sets of nodes that reach each other, largest first (Tarjan's algorithm)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    cycles: list[frozenset[str]] = []

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for target in graph[node]:
            if target not in order:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], order[target])
        if low[node] == order[node]:
            at = stack.index(node)
            cycles.append(frozenset(stack[at:]))
            del stack[at:]

    for node in graph:
        if node not in order:
            visit(node)
    return sorted((cycle for cycle in cycles if len(cycle) > 1), key=len, reverse=True)


def longest_chain(graph: Graph) -> int:
    """Return the number of modules in the longest chain of imports; a circle counts as one."""
    part = {node: each for each in circles(graph) for node in each}
    node_of = {node: min(part.get(node, {node})) for node in graph}

    @cache
    def depth(node: str) -> int:
        members = part.get(node, frozenset({node}))
        targets = {node_of[target] for member in members for target in graph[member]} - {node}
        return 1 + max(map(depth, targets), default=0)

    return max(depth(each) for each in set(node_of.values()))


def figures(root: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and the value of each figure of a checkout."""
    known = modules(root)
    graph = imports(known)
    folders: defaultdict[str, int] = defaultdict(int)
    for path in known.values():
        folders[str(path.parent.relative_to(root))] += path.name != "__init__.py"
    largest = max(folders, key=lambda folder: folders[folder])
    yield "packages", str(len(folders))
    yield "files", f"{len(known):,}"
    yield "lines", f"{sum(path.read_text(encoding='utf-8').count('\n') for path in known.values()):,}"
    yield "largest folder", f"`{largest}`, {folders[largest]} files"
    yield "longest chain of imports", f"{longest_chain(graph)} modules"
    yield "circles of modules", _counted(circles(graph))
    yield (
        "circles among siblings",
        _counted(each for found in among_siblings(graph) for each in circles(found)),
    )


def _counted(cycles: Iterable[frozenset[str]]) -> str:
    sizes = [str(len(cycle)) for cycle in cycles]
    return f"{len(sizes)} (of {', '.join(sizes)})" if sizes else "0"


def main() -> int:
    """Print the table for the named checkouts, or for this one."""
    sys.setrecursionlimit(10_000)
    roots = [Path(each) for each in sys.argv[1:]] or [ROOT]
    columns = [dict(figures(root)) for root in roots]
    print("| |", " | ".join(root.resolve().name for root in roots), "|")
    print("| --- |", " | ".join("---" for _ in roots), "|")
    for name in columns[0]:
        print(f"| {name} |", " | ".join(column[name] for column in columns), "|")
    return 0


if __name__ == "__main__":
    sys.exit(main())
