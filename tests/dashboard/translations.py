"""Every English sentence that the dashboard says, found in its source: what a translator gets."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import dashboard

ROOT = Path(dashboard.__file__).parent
CALLS = frozenset({"say", "counted", "Word", "Kind", "show_paged", "_listed"})
"""Functions whose texts are said."""
WITH_FIRST = frozenset({"Word"})
"""Of these only the first text is said; the others are icon and tone."""
NAMED = {
    "actions/asking.py": {"DECISIONS", "METHODS"},
    "app.py": {"STAFF"},
    "charts/ageing.py": {"AGES"},
    "charts/heat.py": {"WEEKDAYS"},
    "charts/waterfall.py": {"NAMES"},
    "parts/page.py": {"CHECK", "NO_UNITS", "RUN"},
    "parts/period.py": {"LAST", "LAST_MONTH", "OTHER", "THIS_MONTH"},
    "parts/tariff_editor.py": {"EDIT", "NOUNS", "OTHER", "TEXT"},
    "parts/unit_table.py": {"ORDERS"},
    "parts/what_if.py": {"EVERY", "OF_TARIFF", "SOME"},
    "parts/where_it_went.py": {"SPANS"},
    "reconciling/reading.py": {"ORDERS"},
    "views/debt.py": {"EVERY", "ORDERS"},
    "views/energy_balance.py": {"HOW"},
    "views/system.py": {"ABOUT"},
    "views/tariffs.py": {"NONE_YET"},
    "views/top_ups.py": {"HEADERS"},
    "views/unit.py": {"RANGES"},
    "words.py": {"CAUSES", "METHODS", "OUTCOMES", "POSITIONS", "REASONS", "SPLITS"},
}
"""Constants whose texts are said."""
MADE = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    *("{number} d ago", "{number} h ago", "Off-peak", "Standard", "Peak", "Block", "Band", "Day", "Hour"),
    *(
        "per day",
        "per week",
        "per month",
        "Units",
        "In force",
        "Source",
    ),
    *("Standing", "Demand", "Minimum", "Standing charge", "Cash", "Transfer", "Card", "Voucher"),
    *("Last top-up", "14 days", "overdrawn", "this machine"),
)
"""What is put together of names in code: months, bands, terms."""
KEYED = frozenset({"LAST", "ORDERS", "SPANS"})
"""Of these the keys are said, of other dictionaries the values."""


def spoken() -> dict[str, str]:
    """Return every sentence with the file that says it."""
    found: dict[str, str] = {}
    for file in sorted(ROOT.rglob("*.py")):
        name = file.relative_to(ROOT).as_posix()
        for text in _of_file(ast.parse(file.read_text(encoding="utf-8")), NAMED.get(name, set())):
            found.setdefault(text, name)
    return found | dict.fromkeys(MADE, "made of names")


def _of_file(tree: ast.Module, named: Iterable[str]) -> Iterator[str]:
    """Yield the sentences of a file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _of_call(node)
    for node in tree.body:
        target = node.target if isinstance(node, ast.AnnAssign) else None
        if isinstance(node, ast.AnnAssign) and isinstance(target, ast.Name) and target.id in named:
            yield from _of_constant(node.value, target.id)


def _of_call(call: ast.Call) -> Iterator[str]:
    """Yield what a call says."""
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    if name not in CALLS:
        return
    arguments = call.args[:1] if name in WITH_FIRST or name == "say" else call.args
    for argument in arguments:
        if isinstance(argument, ast.Constant | ast.IfExp | ast.Tuple):
            yield from _texts(argument)


def _of_constant(value: ast.expr | None, name: str) -> Iterator[str]:
    """Yield what a constant holds to be said."""
    if isinstance(value, ast.Dict):
        for part in value.keys if name in KEYED else value.values:
            yield from _texts(part)
    elif isinstance(value, ast.Call):  # a mapping around a dictionary
        yield from _of_constant(value.args[0], name)
    elif name == "STAFF" and isinstance(value, ast.Tuple):
        for page in value.elts:
            assert isinstance(page, ast.Tuple)
            yield from _texts(page.elts[1])
    else:
        yield from _texts(value)


def _texts(node: ast.expr | None) -> Iterator[str]:
    """Yield the texts within an expression, without those of conditions."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.strip():
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)
    elif isinstance(node, ast.Tuple):
        for part in node.elts:
            yield from _texts(part)
