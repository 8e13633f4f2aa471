"""Which of the bridge's statements a run executed on PostgreSQL, and which it did not.

``scripts/test`` runs every test on SQLite, but on PostgreSQL only those marked ``both_databases``. Each
process that runs tests notes the places in ``meter_bridge`` from which it executed something there, and the
operations of the one writer by name; ``python -m tests.sql_coverage FOLDER`` adds up what they noted and
names what nobody executed. Migrations are no part of it: a database of either kind is made by them all.
"""

import ast
from collections.abc import Iterable, Iterator
import os
from pathlib import Path
import sys
from types import FrameType

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExecutionContext

from meter_bridge.storage import changeset

ROOT = Path(__file__).parents[1]
BRIDGE = ROOT / "meter_bridge"
MIGRATIONS = BRIDGE / "storage" / "migrations"
WRITER = "meter_bridge/storage/writer.py"
METHODS = {"execute", "exec_driver_sql"}
ELSEWHERE = {"cursor", "whole"}
"""Who executes elsewhere: the cursor of a driver of columns, and a database in memory for old segments."""
OF_SQLITE = ("PRAGMA", "BEGIN")
INTO_SQLITE = {
    (
        "meter_bridge/engine/maintenance/transfer.py",
        "target.execute(insert(table), [row._asdict() for row in rows])",
    ),
    (
        "meter_bridge/storage/writer.py",
        "connection.exec_driver_sql(op.sqlite_named, cast('list[dict[str, object]]', rows))",
    ),
}
"""What goes another way to a server."""


class Recorder:
    """A plugin of pytest that notes what its process executes on PostgreSQL."""

    def __init__(self, folder: Path) -> None:
        """Listen to every engine of the process; what was noted is left in a folder."""
        self._folder = folder
        self._seen: set[str] = set()
        self._names = {id(op.postgresql): op.name for op in changeset._statements}
        self._texts = {op.postgresql_text: op.name for op in changeset._statements if op.driver_sql}
        event.listen(Engine, "before_cursor_execute", self._note)

    def pytest_sessionfinish(self) -> None:
        """Leave what was noted beside what other processes leave, and listen no more."""
        event.remove(Engine, "before_cursor_execute", self._note)
        self._folder.mkdir(exist_ok=True)
        noted = "".join(f"{each}\n" for each in sorted(self._seen))
        (self._folder / f"{os.getpid()}.txt").write_text(noted)

    def _note(
        self,
        connection: Connection,
        _cursor: object,
        statement: str,
        _parameters: object,
        context: ExecutionContext | None,
        _many: bool,  # noqa: FBT001 - as SQLAlchemy calls it
    ) -> None:
        """Note from where a statement comes."""
        if connection.dialect.name != "postgresql":
            return
        place = _place(sys._getframe(1))
        if place is None:
            return
        self._seen.add(place)
        if place.startswith(WRITER):
            name = self._names.get(id(getattr(context, "invoked_statement", None)))
            self._seen.add(name or self._texts.get(statement, ""))


def _place(frame: FrameType | None) -> str | None:
    """Return the file and line of the bridge that executes, None where a test does."""
    while frame is not None and "site-packages" in frame.f_code.co_filename:
        frame = frame.f_back
    if frame is None or not frame.f_code.co_filename.startswith(str(BRIDGE)):
        return None
    return f"{Path(frame.f_code.co_filename).relative_to(ROOT)}:{frame.f_lineno}"


def missing(noted: Iterable[str]) -> list[str]:
    """Return the operations, and the statements with file and line, that nobody noted."""
    seen = set(noted)
    names = [op.name for op in changeset._statements if op.name not in seen]
    return names + [
        f"{file}:{first}: {words}"
        for file, first, last, words in statements()
        if not any(f"{file}:{line}" in seen for line in range(first, last + 1))
    ]


def statements() -> Iterator[tuple[str, int, int, str]]:
    """Yield the file, first and last line, and words of all that executes on a server."""
    for path in sorted(BRIDGE.rglob("*.py")):
        if MIGRATIONS in path.parents:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _on_server(node):
                file, words = str(path.relative_to(ROOT)), ast.unparse(node)
                if (file, words) not in INTO_SQLITE:
                    yield file, node.lineno, node.end_lineno or node.lineno, words


def _on_server(call: ast.Call) -> bool:
    """Say whether a call executes a statement where that may be on PostgreSQL."""
    function = call.func
    if not isinstance(function, ast.Attribute) or function.attr not in METHODS or not call.args:
        return False
    if isinstance(function.value, ast.Name) and function.value.id in ELSEWHERE:
        return False
    first = call.args[0]
    if function.attr == "execute" and isinstance(first, ast.Constant | ast.JoinedStr):
        return False  # SQLAlchemy takes no bare text, so it is SQLite's own driver
    texts = [str(each.value) for each in ast.walk(first) if isinstance(each, ast.Constant)]
    return not any(each.startswith(OF_SQLITE) for each in texts)


def main(folder: Path) -> int:
    """Name what no process executed; return an exit code."""
    noted = [line for file in folder.glob("*.txt") for line in file.read_text().splitlines()]
    left = missing(noted)
    for each in left:
        print(f"no test ran this on PostgreSQL: {each}", file=sys.stderr)  # noqa: T201 - for scripts/test
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
