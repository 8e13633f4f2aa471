"""Energy that flows back is kept, told from creeping, and over after a day."""

from hypothesis import given, strategies as st

from meter_bridge.core.register.register import CREEP_WH, FLOW_ENDS_MS, ReverseEnergy, update_reverse_energy
from tests.core.builders import HOUR

NOON = 1_767_960_000_000


def test_the_first_reading_is_where_it_begins() -> None:
    assert update_reverse_energy(None, 7_000, NOON) == ReverseEnergy(7_000, 7_000)


def test_energy_flows_back_from_the_first_that_no_register_creeps() -> None:
    begun = update_reverse_energy(None, 7_000, NOON)
    crept = update_reverse_energy(begun, 7_000 + CREEP_WH - 1, NOON + HOUR)
    assert (crept.wh, crept.flowed_at) == (7_000 + CREEP_WH - 1, None)
    assert update_reverse_energy(crept, 7_000 + CREEP_WH, NOON + 2 * HOUR).flowed_at == NOON + 2 * HOUR


def test_it_is_over_after_a_day_without() -> None:
    flowing = update_reverse_energy(update_reverse_energy(None, 0, NOON), 500, NOON)
    assert update_reverse_energy(flowing, 510, NOON + FLOW_ENDS_MS - 1).flowed_at == NOON
    assert update_reverse_energy(flowing, 510, NOON + FLOW_ENDS_MS).flowed_at is None


def test_a_register_that_begins_anew_does_not_flow() -> None:
    flowing = update_reverse_energy(update_reverse_energy(None, 0, NOON), 500, NOON)
    assert update_reverse_energy(flowing, 3, NOON + FLOW_ENDS_MS) == ReverseEnergy(3, 3)


@given(st.lists(st.integers(0, CREEP_WH - 1), max_size=30))
def test_a_register_that_wavers_below_creeping_never_flows(values: list[int]) -> None:
    state = None
    for hour, wh in enumerate(sorted(values)):
        state = update_reverse_energy(state, wh, NOON + hour * HOUR)
        assert state.flowed_at is None
