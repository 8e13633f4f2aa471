"""A part of the site file is declared once; what is read and what is said about its keys follow from it."""

from dataclasses import dataclass, field

import pytest

from meter_bridge.config.parts import Part, into, key, list_of, narrowed, part, read_part
from meter_bridge.config.problems import InvalidValueError, Mistake, ProblemCode
from meter_bridge.config.quantities import amount_text, volts, whole
from meter_bridge.config.scalars import flag, optional, text


class Wires(Part):
    low: int | None = key(optional(volts), default=None)
    high: int | None = key(optional(volts), default=None)


class Shared(Part):
    wires: Wires = key(part(Wires), default=Wires())
    is_new: bool = key(flag, default=False)


class House(Shared):
    floors: int = key(whole(1, 9), example="floors: 2")
    prices: tuple[int, ...] = key(list_of(amount_text), name="prices per day", default=())


def mistakes_in(value: object) -> set[Mistake]:
    with pytest.raises(InvalidValueError) as caught:
        read_part(House, value, "ZAR")
    return set(caught.value.mistakes)


def test_a_key_is_named_like_its_field_unless_it_says_otherwise() -> None:
    assert set(House.keys) == {"wires", "is new", "floors", "prices per day"}


def test_what_is_not_written_has_its_default() -> None:
    house = read_part(House, {"floors": "2", "prices per day": ["1.50"]}, "ZAR")
    assert (house.floors, house.prices, house.is_new) == (2, (1_500_000,), False)
    assert house.written == {"floors", "prices per day"}


def test_all_mistakes_are_found_at_once_each_with_its_place() -> None:
    missing, unknown = ProblemCode.MISSING_KEY, ProblemCode.UNKNOWN_KEY
    found = mistakes_in({"prices per day": ["1", "x", "-1"], "is_new": "no", "wires": {"hihg": "9 V"}})
    assert {(mistake.code, mistake.path) for mistake in found if mistake.code is not missing} == {
        (ProblemCode.WRONG_VALUE, ("prices per day", 1)),
        (ProblemCode.WRONG_VALUE, ("prices per day", 2)),
        (unknown, ("is_new",)),
        (unknown, ("wires", "hihg")),
    }
    assert Mistake("unknown key 'is_new'", "did you mean 'is new'?", unknown, ("is_new",)) in found
    assert Mistake("'floors' is missing", "add floors: 2", missing, ("floors",)) in found


@pytest.mark.parametrize("value", [None, "", "two", ["floors"]])
def test_a_part_has_keys(value: object) -> None:
    assert [mistake.message for mistake in mistakes_in(value)] == ["keys with values are expected here"]


def test_a_password_is_not_repeated() -> None:
    assert "hunter2" not in repr(mistakes_in({"floors": "1", "password": "hunter2"}))


def test_a_part_inherits_what_it_does_not_say_and_its_own_parts_key_by_key() -> None:
    shared = read_part(Shared, {"is new": "yes", "wires": {"low": "200 V", "high": "250 V"}})
    house = read_part(House, {"floors": "1", "wires": {"high": "none"}}, inherited=shared)
    assert (house.is_new, house.wires.low, house.wires.high) == (True, 200_000, None)
    assert house.written == {"floors", "wires", "is new"}


@dataclass(frozen=True, slots=True)
class Plan:
    voltage_mv: int = 230_000
    rooms: tuple[str, ...] = field(default_factory=tuple)
    name: str = ""


class Planned(Part, models=(Plan,)):
    voltage_mv: int = key(volts, name="voltage")
    rooms: tuple[str, ...] = key(list_of(text))
    floor: int = key(whole(1, 9), default=1)


def test_a_key_has_the_default_of_the_plan_and_its_value_goes_there() -> None:
    written = read_part(Planned, {"voltage": "110 V"})
    assert into(Plan, written, name="house") == Plan(110_000, (), "house")
    assert into(Plan, Planned(), name="house") == Plan(name="house")


def test_what_neither_the_part_has_nor_is_derived_cannot_be_planned() -> None:
    with pytest.raises(AttributeError, match="name"):
        into(Plan, Planned())
    with pytest.raises(KeyError, match="unplanned"):
        type("Other", (Part,), {"unplanned": key(text)}, models=(Plan,))


def test_a_narrowed_part_says_nothing_under_other_keys() -> None:
    house = read_part(House, {"floors": "1", "is new": "yes"})
    assert narrowed(Shared, house) == Shared(is_new=True, written=frozenset({"is new"}))
