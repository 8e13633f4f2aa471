"""What nobody executed on PostgreSQL is named; what is SQLite's own, or a test's, is not asked for."""

from pathlib import Path

from sqlalchemy import create_engine, text

from meter_bridge.storage import changeset
from tests.sql_coverage import WRITER, Recorder, main, missing, statements


def everything() -> set[str]:
    return {op.name for op in changeset._statements} | {f"{file}:{last}" for file, _, last, _ in statements()}


def test_an_operation_or_a_statement_that_nobody_executed_is_named_with_its_place() -> None:
    assert missing(everything()) == []
    file, first, last, words = next(each for each in statements() if each[0].endswith("engine/restore.py"))
    left = missing(everything() - {"insert posting", f"{file}:{last}"})
    assert left == ["insert posting", f"{file}:{first}: {words}"]


def test_the_writer_and_the_readers_are_asked_for_and_what_is_of_sqlite_is_not() -> None:
    files = {each[0] for each in statements()}
    assert {
        WRITER,
        "meter_bridge/engine/maintenance/verify.py",
        "meter_bridge/payments/orders/order_queries.py",
    } <= files
    assert not files & {"meter_bridge/storage/sqlite.py", "meter_bridge/engine/maintenance/backup.py"}
    assert not [words for _, _, _, words in statements() if "PRAGMA" in words]


def test_what_runs_on_sqlite_or_from_a_test_is_not_noted(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "noted")
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    engine.dispose()
    recorder.pytest_sessionfinish()
    assert [file.read_text() for file in (tmp_path / "noted").iterdir()] == [""]
    assert main(tmp_path / "noted") == 1
