"""Alerts: they open, stay open without flapping, and close by themselves."""

from hypothesis import given, strategies as st
import pytest

from meter_bridge.core.supply.alerts import (
    AlertFacts,
    AlertKey,
    ElectricalLimits,
    alert_changes,
    is_normal,
    overloaded,
    voltage_alarm,
)
from meter_bridge.protocol.members import known_members
from meter_bridge.protocol.vocabulary import AlertKind

keys = st.builds(
    AlertKey,
    st.sampled_from(known_members(AlertKind)),
    st.none() | st.sampled_from("ab"),
    st.none() | st.sampled_from("mn"),
    st.sampled_from(["", "10"]),
)
OVER, UNDER, OUTAGE = AlertKind.OVER_VOLTAGE, AlertKind.UNDER_VOLTAGE, AlertKind.POWER_OUTAGE


@given(st.frozensets(keys), st.dictionaries(keys, st.fixed_dictionaries({"wh": st.integers()})))
def test_exactly_the_wanted_alerts_are_open_afterwards_and_none_opens_twice(
    present: frozenset[AlertKey], wanted: dict[AlertKey, AlertFacts]
) -> None:
    changes = alert_changes(present, wanted)
    assert present.isdisjoint(changes.opened)
    assert present.issuperset(changes.closed)
    assert (present | set(changes.opened)) - set(changes.closed) == set(wanted)
    assert all(wanted[key] == facts for key, facts in changes.opened.items())
    assert alert_changes(frozenset(wanted), wanted).opened == {}


@pytest.mark.parametrize(
    "millivolts, present, alarm",
    [
        (230_000, None, None),
        (253_000, None, None),
        (253_001, None, OVER),
        (251_001, OVER, OVER),
        (251_000, OVER, None),
        (207_000, None, None),
        (206_999, None, UNDER),
        (208_999, UNDER, UNDER),
        (209_000, UNDER, None),
        (253_001, UNDER, OVER),
        (206_999, OVER, UNDER),
        (0, None, OUTAGE),
        (50_000, UNDER, OUTAGE),
        (50_001, OUTAGE, UNDER),
        (230_000, OUTAGE, None),
        (None, OVER, OVER),
        (None, None, None),
    ],
)
def test_a_voltage_alarm_opens_beyond_its_limit_and_closes_inside_its_hysteresis(
    millivolts: int | None, present: AlertKind | None, alarm: AlertKind | None
) -> None:
    assert voltage_alarm(ElectricalLimits(), millivolts, present, relay_open=False) is alarm


def test_no_voltage_behind_an_open_relay_is_no_outage() -> None:
    assert voltage_alarm(ElectricalLimits(), 0, UNDER, relay_open=True) is None


def test_limits_that_are_not_watched_raise_and_keep_nothing() -> None:
    unwatched = ElectricalLimits(over_voltage_mv=None, under_voltage_mv=None)
    for millivolts in (50_001, 100_000, 230_000, 400_000):
        for present in (None, OVER, UNDER):
            assert voltage_alarm(unwatched, millivolts, present, relay_open=False) is None
    assert not overloaded(ElectricalLimits(), 10**9, present=True)
    assert not overloaded(ElectricalLimits(), None, present=True)


@pytest.mark.parametrize(
    "milliwatts, present, found",
    [
        (10_000_000, False, False),
        (10_000_001, False, True),
        (9_500_001, True, True),
        (9_500_000, True, False),
        (None, True, True),
        (None, False, False),
    ],
)
def test_an_overload_opens_beyond_its_limit_and_closes_five_per_cent_below(
    *,
    milliwatts: int | None,
    present: bool,
    found: bool,
) -> None:
    assert overloaded(ElectricalLimits(overload_mw=10_000_000), milliwatts, present=present) is found


@given(values=st.lists(st.integers(251_001, 253_000), max_size=20), open_before=st.booleans())
def test_a_voltage_that_wavers_inside_the_hysteresis_changes_nothing(
    *, values: list[int], open_before: bool
) -> None:
    present = OVER if open_before else None
    assert {voltage_alarm(ElectricalLimits(), value, present, relay_open=False) for value in values} <= {
        present
    }


@given(
    st.none() | st.integers(0, 300_000),
    st.none() | st.integers(0, 20_000_000),
    st.none() | st.just(10_000_000),
    st.none() | st.just(207_000),
)
def test_values_that_are_called_unremarkable_open_nothing(
    millivolts: int | None, milliwatts: int | None, load: int | None, low: int | None
) -> None:
    limits = ElectricalLimits(overload_mw=load, under_voltage_mv=low)
    opened = voltage_alarm(limits, millivolts, None, relay_open=False) or overloaded(
        limits, milliwatts, present=False
    )
    assert not (is_normal(limits, millivolts, milliwatts) and opened)
