"""``migrate`` takes no password from the command line, and says what it did."""

from pathlib import Path

import pytest

from meter_bridge.commands.parser import USAGE
from meter_bridge.storage.location import written
from tests import postgresql_server
from tests.commands.conftest import Command
from tests.storage.template import new_database


@pytest.mark.parametrize(
    "source,target,message",
    [
        ("bridge.db", "postgresql://bridge:hidden@db/prepaid", "exposes its password"),
        ("bridge.db", "env:NOT_SET", "NOT_SET is not set"),
        ("bridge.db", "bridge.db", "the same database"),
        ("bridge.db", "oracle://db", "is not the address of a database"),
    ],
)
def test_a_wrong_address_is_refused_with_a_remedy(
    run: Command, source: str, target: str, message: str
) -> None:
    code, _, err = run("migrate", source, target)
    assert code == USAGE
    assert message in err
    assert "hidden" not in err


@pytest.mark.postgresql
@pytest.mark.sqlite("has both databases in any run")
def test_the_tables_are_shown_with_what_proves_them_equal(
    run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = new_database(tmp_path)
    server = postgresql_server.shared()
    server.execute("CREATE DATABASE by_command")
    monkeypatch.setenv("TARGET", written(server.url("by_command")))
    code, out, err = run("migrate", str(source), "env:TARGET")
    assert (code, err) == (0, "")
    assert "journal_entry" in out
    assert "all tables equal, books correct" in out
    server.execute("DROP DATABASE by_command WITH (FORCE)")
