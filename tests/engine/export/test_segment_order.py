"""Rows of exported files come in the order of unit and time, as Arrow's own sort by many columns has it."""

from collections.abc import Iterator, Sequence

import duckdb
from hypothesis import given, strategies as st
import pyarrow as pa
import pytest

from meter_bridge.engine.export.parquet_file import ROLLUP_ORDER, SEGMENT_ORDER, open_duckdb

NAMES = ("account_id", "meter_id")
INSTANTS = ("start_ms", "end_ms")
text = st.sampled_from(["", "a", "b", "b1", "ä", "flat-1", "flat-10", "z"])
near = st.integers(0, 5)
far = st.one_of(near, st.integers(0, 1 << 41))
row = st.tuples(text, st.one_of(text, st.none()), far, near)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_duckdb(tmp_path_factory.mktemp("export")) as opened:
        yield opened


def ordered(database: duckdb.DuckDBPyConnection, table: pa.Table, order: str) -> pa.Table:
    """Return rows in an order of exported files."""
    database.register("given", table)
    return database.sql(f"FROM given ORDER BY {order}").to_arrow_table()


@given(st.lists(row, max_size=60))
def test_rows_come_in_the_order_of_unit_and_time_and_equal_ones_as_they_were(
    database: duckdb.DuckDBPyConnection, rows: list[tuple[str, str | None, int, int]]
) -> None:
    numbered = [(*each, place) for place, each in enumerate(rows)]
    table = table_of(numbered, (*NAMES, *INSTANTS))
    # Equal rows were booked one after the other, as their entries are numbered.
    numbers = pa.array(range(len(rows)), pa.int64())
    table = table.append_column("entry_seq", numbers).append_column(
        "n", pa.array([0] * len(rows), pa.int32())
    )
    expected = table.sort_by([(name, "ascending") for name in (*NAMES, "start_ms", "place")])
    assert ordered(database, table, SEGMENT_ORDER)["place"].to_pylist() == expected["place"].to_pylist()


@given(st.lists(row, max_size=60))
def test_daily_sums_come_in_the_order_of_unit_and_time(
    database: duckdb.DuckDBPyConnection, rows: list[tuple[str, str | None, int, int]]
) -> None:
    numbered = [(*each, place) for place, each in enumerate(rows)]
    table = table_of(numbered, ("account_id", "supply_id", *INSTANTS))
    table = table.filter(pa.compute.is_valid(table["supply_id"]))
    for name in ("kind", "band", "version_id"):
        table = table.append_column(name, table["account_id"])
    table = table.append_column("block", table["place"])
    expected = table.sort_by(
        [(name, "ascending") for name in ("account_id", "supply_id", *INSTANTS, "place")]
    )
    assert ordered(database, table, ROLLUP_ORDER)["place"].to_pylist() == expected["place"].to_pylist()


def table_of(rows: Sequence[tuple[object, ...]], names: Sequence[str]) -> pa.Table:
    """Return rows as a table: two texts, two instants, and the place of each row."""
    types = [pa.string()] * 2 + [pa.int64()] * 3
    schema = pa.schema(list(zip((*names, "place"), types, strict=True)))
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [pa.array(each, field.type) for each, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def test_many_names_are_told_apart_whatever_their_instants(database: duckdb.DuckDBPyConnection) -> None:
    many = 3_000
    names = [f"unit-{each:05d}" for each in range(many)]
    table = pa.table(
        {
            "account_id": names[::-1],
            "meter_id": names,
            "start_ms": pa.array([each % 2 * (1 << 41) for each in range(many)], pa.int64()),
            "entry_seq": pa.array(range(many), pa.int64()),
            "n": pa.array([0] * many, pa.int32()),
        }
    )
    assert ordered(database, table, SEGMENT_ORDER)["account_id"].to_pylist() == names
