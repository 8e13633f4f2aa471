"""Rows of segments are put in the order of unit and time as Arrow's own sort by many columns does."""

from hypothesis import given, strategies as st
import pyarrow as pa

from meter_bridge.engine.export.segment_order import in_order

NAMES = ("account_id", "meter_id")
INSTANTS = ("start_ms", "end_ms")
text = st.sampled_from(["", "a", "b", "b1", "ä", "flat-1", "flat-10", "z"])
near = st.integers(0, 5)
far = st.one_of(near, st.integers(0, 1 << 41))
row = st.tuples(text, st.one_of(text, st.none()), far, near)


@given(st.lists(row, max_size=60))
def test_rows_come_in_the_order_of_unit_and_time_and_equal_ones_as_they_were(
    rows: list[tuple[str, str | None, int, int]],
) -> None:
    numbered = [(*each, place) for place, each in enumerate(rows)]
    schema = pa.schema(
        [(name, pa.string()) for name in NAMES]
        + [(name, pa.int64()) for name in INSTANTS]
        + [("place", pa.int64())]
    )
    columns = list(zip(*numbered, strict=True)) or [()] * len(schema)
    arrays = [pa.array(each, field.type) for each, field in zip(columns, schema, strict=True)]
    table = pa.Table.from_arrays(arrays, schema=schema)
    expected = table.sort_by([(name, "ascending") for name in (*NAMES, *INSTANTS, "place")])
    assert table.take(in_order(table, NAMES, INSTANTS))["place"].to_pylist() == expected["place"].to_pylist()


def test_more_names_than_one_number_holds_beside_their_instants_are_told_apart() -> None:
    many = 3_000
    names = [f"unit-{each:05d}" for each in range(many)]
    table = pa.table(
        {
            "account_id": names[::-1],
            "meter_id": names,
            "start_ms": pa.array([each % 2 * (1 << 41) for each in range(many)], pa.int64()),
        }
    )
    assert table.take(in_order(table, NAMES, ("start_ms",)))["account_id"].to_pylist() == names
