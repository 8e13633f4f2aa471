"""Sums of amounts are exact, also beyond 64 bits."""

from hypothesis import HealthCheck, given, settings, strategies as st
import pytest
from sqlalchemy import Cast, cast, literal, select, union_all
from sqlalchemy.types import BigInteger

from meter_bridge.core.money import MAX_AMOUNT
from meter_bridge.storage.database import reading
from meter_bridge.storage.exact_sum import HALF, exact_sum
from meter_bridge.storage.location import Location

pytestmark = pytest.mark.both_databases

AMOUNTS = st.lists(
    st.integers(-MAX_AMOUNT, MAX_AMOUNT) | st.sampled_from([HALF, -HALF, HALF - 1]), max_size=40
)


def _whole(number: int) -> Cast[int]:
    return cast(literal(number, BigInteger), BigInteger)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(AMOUNTS)
def test_a_sum_is_what_python_adds_up(location: Location, amounts: list[int]) -> None:
    rows = [(-1, 0), *enumerate(amounts)]
    selects = [select(_whole(n).label("n"), _whole(amount).label("amount")) for n, amount in rows]
    table = union_all(*selects).subquery().c
    query = select(exact_sum(table.amount), exact_sum(table.amount + table.n)).where(table.n >= 0)
    with reading(location) as reader, reader.connect() as connection:
        found = connection.execute(query).one()
    if not amounts:
        assert found == (None, None)
    else:
        assert found == (sum(amounts), sum(amounts) + sum(range(len(amounts))))
