"""What a mutation is: one small change of an expression or statement, as a slip of a programmer's would be.

Not mutated are texts, types, assertions, what is logged, and sizes of drawings: no behaviour hangs on them.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

COMPARISONS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
OPERATORS: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
}
NAMES: Final = {"min": "max", "max": "min", "any": "all", "all": "any"}
SIZES: Final = frozenset(
    {
        "b",
        "bargap",
        "bottom",
        "height",
        "l",
        "opacity",
        "pad",
        "r",
        "size",
        "t",
        "thickness",
        "width",
        "x",
        "xshift",
        "y",
        "yshift",
    }
)
"""Keywords and keys whose number is a matter of looks, in the dashboard."""
LOGGERS: Final = frozenset({"_LOGGER", "logging", "warnings"})


@dataclass(frozen=True, slots=True)
class Mutation:
    """A change of one place of a file."""

    path: Path
    """Relative to the project."""
    line: int
    begin: int
    end: int
    """The bytes of the file that are replaced."""
    replacement: str

    def applied(self, source: bytes) -> bytes:
        """Return the file with the change."""
        return source[: self.begin] + self.replacement.encode() + source[self.end :]

    def lines(self, source: bytes) -> tuple[str, str]:
        """Return the changed lines before and after."""
        first = source.rfind(b"\n", 0, self.begin) + 1
        last = source.find(b"\n", self.end)
        last = len(source) if last < 0 else last
        before, after = source[first:last], self.applied(source)[first:]
        after = after[: len(after) - (len(source) - last)]
        return before.decode().strip(), after.decode().strip()


def mutations(path: Path, source: bytes) -> list[Mutation]:
    """Return every mutation of a file, in the order of its places."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    tree = ast.parse(source)
    looks = set(_looks(tree)) if path.parts[0] == "dashboard" else set[ast.expr]()
    found = [
        Mutation(
            path,
            node.lineno,
            starts[node.lineno - 1] + node.col_offset,
            starts[cast("int", node.end_lineno) - 1] + cast("int", node.end_col_offset),
            replacement,
        )
        for node, replacement in _changes(tree)
        if node not in looks
    ]
    return sorted(found, key=lambda each: (each.begin, each.end, each.replacement))


def _changes(node: ast.AST) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    """Yield the nodes below one that can be changed, each with its new text."""
    for child in _behaviour(node):
        if isinstance(child, ast.expr):
            yield from ((child, f"({text})") for text in _changed_expression(child))
        elif isinstance(child, ast.stmt):
            yield from ((child, text) for text in _changed_statement(child))
        if isinstance(child, ast.If | ast.While) and isinstance(
            child.test, ast.Name | ast.Attribute | ast.Call
        ):
            yield child.test, f"(not {ast.unparse(child.test)})"
        yield from _changes(child)


def _behaviour(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the children of a node on which behaviour hangs."""
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "type_params", "decorator_list", "bases", "pattern"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _only_told(child):
                yield child


def _looks(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield the numbers of a drawing's sizes."""
    for node in ast.walk(tree):
        given: Iterable[tuple[str | None, ast.expr]] = ()
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and node.func.attr == "columns":
                yield from (each for each in ast.walk(node) if isinstance(each, ast.Constant))
            given = ((each.arg, each.value) for each in node.keywords)
        elif isinstance(node, ast.Dict):
            given = (
                (key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else None, value)
                for key, value in zip(node.keys, node.values, strict=True)
            )
        for name, value in given:
            number = value.operand if isinstance(value, ast.UnaryOp) else value
            if name in SIZES and isinstance(number, ast.Constant):
                yield from (value, number)


def _only_told(node: ast.AST) -> bool:
    """Return whether a node is about texts, types or logs alone."""
    if isinstance(node, ast.Expr):
        logs = isinstance(node.value, ast.Call) and _root(node.value.func) in LOGGERS
        return logs or isinstance(node.value, ast.Constant)
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return True
    kinds = (ast.Assert, ast.Import, ast.ImportFrom, ast.JoinedStr, ast.TemplateStr, ast.TypeAlias, ast.Raise)
    return isinstance(node, kinds)


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _changed_expression(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            yield ast.unparse(ast.Compare(left, [COMPARISONS[type(operator)]()], [right]))
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in OPERATORS:
            if not _is_text(left) and not _is_text(right):
                yield ast.unparse(ast.BinOp(left, OPERATORS[type(operator)](), right))
        case ast.BoolOp(op=operator, values=values):
            yield ast.unparse(ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), values))
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield ast.unparse(operand)
        case ast.IfExp(test=test, body=body, orelse=other):
            yield ast.unparse(ast.IfExp(test, other, body))
        case ast.Constant(value=bool(value)):
            yield str(not value)
        case ast.Constant(value=int(number)):
            yield str(number + 1)
        case ast.Call(func=ast.Name(id=name), args=[_, *_] as arguments, keywords=keywords) if name in NAMES:
            yield ast.unparse(ast.Call(ast.Name(NAMES[name]), arguments, keywords))


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _changed_statement(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.Expr(value=ast.Call() | ast.Await()):
            yield "pass"
        case ast.AugAssign(target=target, op=operator, value=value) if type(operator) in OPERATORS:
            yield ast.unparse(ast.AugAssign(target, OPERATORS[type(operator)](), value))
        case ast.Return(value=ast.expr() as value) if not _is_nothing(value):
            yield "return None"
        case ast.Continue():
            yield "break"
        case ast.Break():
            yield "continue"


def _is_nothing(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None
