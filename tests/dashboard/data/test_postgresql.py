"""A page shows the same over PostgreSQL as over SQLite: every table that it reads is equal, row by row."""

from collections.abc import Callable, Iterator
import json
from pathlib import Path

import pyarrow as pa
import pytest
from sqlalchemy import URL, insert, text
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard.access import Viewer
from dashboard.data.snapshot import NotReadableError, Snapshot, read_snapshot
from dashboard.data.snapshot_sql import QUERIES, Scope
from dashboard.data.warehouse import Warehouse
from dashboard.queries.units import units
from dashboard.settings import DATABASE_VARIABLE, Settings
from dashboard.signin.tokens import viewer_of_token
from meter_bridge.engine.access.tokens import StoredToken, compose_token, digest, new_secret
from meter_bridge.engine.maintenance.transfer import copy
from meter_bridge.protocol.messages import Role
from meter_bridge.storage import tables
from meter_bridge.storage.columns import AdbcError, columns_of
from meter_bridge.storage.database import open_writer, reading, snapshot
from meter_bridge.storage.location import DATABASE_NAME, written
from tests import postgresql_server
from tests.dashboard.sample_house import House, Unit, build, yesterday
from tests.dashboard.views.test_pages import PAGES, shown

pytestmark = [pytest.mark.postgresql, pytest.mark.sqlite("has both databases in any run")]
TOKEN_ID, SECRET = new_secret()
TOKEN = StoredToken(
    TOKEN_ID, "Tenant", Role.TENANT, frozenset(), frozenset({"one"}), digest(SECRET), 0, None, None
)
UNITS = (
    Unit(
        id="one",
        name="Flat 1",
        customer="Naïve €",
        days=40,
        debt=90_000_000,
        arrears=5_000_000,
        relay="confirmed",
        quarantine=True,
        alerts=(("low_credit", "credit is low"),),
        closed_alerts=3,
    ),
    Unit(id="two", name="Flat 2", days=12, hold="off", state="disconnected", reason="held_off"),
)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Return a house of which all but the last day was exported."""
    made = build(tmp_path_factory.mktemp("house"), UNITS)
    made.export(yesterday(made))
    engine = made.engine()
    with engine.begin() as connection:
        # A payment of which most went to a debt: its amount stands in its document alone.
        connection.execute(
            text("""UPDATE journal_entry SET detail = '{"split": {"debt:plan": 700, "balance": 300}}'
            WHERE seq = (SELECT max(seq) FROM journal_entry WHERE kind = 'top_up')""")
        )
        connection.execute(insert(tables.token), [TOKEN.row()])
    engine.dispose()
    return made


@pytest.fixture(scope="module")
def server(own: House) -> Iterator[URL]:
    """Return the address of the same house on PostgreSQL."""
    running = postgresql_server.shared()
    running.execute("CREATE DATABASE house")
    url = running.url("house")
    with reading(own.database) as reader, snapshot(reader) as source, open_writer(url).begin() as target:
        tables.metadata.create_all(target)
        copy(source, target)
    yield url
    running.execute("DROP DATABASE house WITH (FORCE)")


def rows(found: Snapshot) -> dict[str, list[dict[str, object]]]:
    """Return the tables of a snapshot; a table without an order of its own is put into one."""
    return {name: sorted(table.to_pylist(), key=repr) for name, table in found.tables.items()}


def types(found: Snapshot) -> dict[str, pa.Schema]:
    return {name: table.schema for name, table in found.tables.items()}


@pytest.mark.parametrize(
    "scope",
    [Scope(kind=kind, account_id="one" if kind == "unit" else "") for kind in QUERIES]
    + [Scope(kind="unit", account_id="one", own=True)],
    ids=lambda scope: f"{scope.kind}{' of a tenant' if scope.own else ''}",
)
def test_every_table_is_the_same(own: House, server: URL, scope: Scope) -> None:
    ours = read_snapshot(own.folder, scope)
    theirs = read_snapshot(own.folder, scope, written(server))
    assert rows(theirs) == rows(ours)
    assert types(theirs) == types(ours)
    assert (theirs.as_of, theirs.files, theirs.first_seq) == (ours.as_of, ours.files, ours.first_seq)
    assert any(table.num_rows for table in ours.tables.values())


def test_a_page_answers_the_same(own: House, server: URL) -> None:
    viewer = Viewer(every_site=True)
    over_sqlite = units(Warehouse(read_snapshot(own.folder)), viewer)
    assert units(Warehouse(read_snapshot(own.folder, database=written(server))), viewer) == over_sqlite
    assert len(over_sqlite) == len(UNITS)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_shows_the_same(
    open_page: Callable[..., AppTest], own: House, server: URL, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    over_sqlite = everything(open_page(own.folder, page, unit="one"))
    st.cache_resource.clear()
    database, hidden = own.folder / DATABASE_NAME, own.folder / "hidden.db"
    database.rename(hidden)  # so that nothing is read from it unseen
    monkeypatch.setenv(DATABASE_VARIABLE, written(server))
    try:
        over_postgresql = everything(open_page(own.folder, page, unit="one"))
    finally:
        hidden.rename(database)
    assert over_postgresql == over_sqlite


def everything(app: AppTest) -> tuple[str, list[object]]:
    """Return every text and chart of a page."""
    charts = [json.loads(each.proto.spec) for each in app.get("plotly_chart")]
    return shown(app), charts


def test_the_database_cannot_be_written_through_the_reader(server: URL) -> None:
    with columns_of(server) as columns, pytest.raises(AdbcError, match="read-only"):
        columns.table("UPDATE balance SET amount = 0")


def test_one_snapshot_sees_one_instant(own: House, server: URL) -> None:
    with columns_of(server) as columns:
        before = columns.table("SELECT sum(amount) AS n FROM balance")
        with open_writer(server).begin() as connection:
            connection.execute(text("UPDATE balance SET amount = amount + 1"))
        assert columns.table("SELECT sum(amount) AS n FROM balance") == before
    with open_writer(server).begin() as connection:
        connection.execute(text("UPDATE balance SET amount = amount - 1"))


def test_a_token_is_known_while_the_bridge_is_down(own: House, server: URL) -> None:
    given = Settings(data=own.folder, database=written(server), bridge="http://127.0.0.1:9")
    viewer = viewer_of_token(given, compose_token(TOKEN.id, SECRET))
    assert viewer is not None
    assert (viewer.role, viewer.accounts) == (Role.TENANT, ("one",))
    assert viewer_of_token(given, compose_token(TOKEN.id, "wrong")) is None


def test_a_server_that_is_not_there_is_told_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(NotReadableError, match="cannot be read") as told:
        read_snapshot(tmp_path, database="postgresql://bridge:hidden@127.0.0.1:9/prepaid")
    assert "hidden" not in str(told.value)
